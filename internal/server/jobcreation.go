package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/operation"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// createStructure creates a job set from an explicit structure. Of that only
// the levels and the content items count.
func (s *Server) createStructure(w *response, r *http.Request, _ target) error {
	if err := checkMedia(r); err != nil {
		return err
	}
	set, err := s.Spool.NewStructure(s.MaxPages)
	if err != nil {
		return err
	}
	begun := false
	defer func() {
		if !begun {
			_ = set.Close() // it holds nothing that is needed
		}
	}()
	ctx, end := s.whileRoom(r.Context())
	document, err := s.importBody(ctx, w, r)
	if err == nil {
		if err = olrest.ReadJobSet(document, set); err != nil {
			err = document.refuse(w, err)
		}
	}
	if err = end(err); err != nil {
		return err
	}
	missing, err := s.Store.MissingItem(r.Context(), set)
	if err != nil {
		return err
	}
	if missing != 0 {
		return platen.NotFoundError(platen.Ref{Kind: platen.ContentItem, ID: missing})
	}
	begun = true
	return s.beginCreation(w, r, set.JobSet, set.Pages(), nil)
}

// createDefault creates a job set from content sets.
func (s *Server) createDefault(w *response, r *http.Request, to target) error {
	ids := []platen.ID{to.ref.ID}
	if to.ref.ID == 0 {
		var err error
		if ids, err = decode(s, w, r, olrest.ReadIdentifiersBody); err != nil {
			return err
		}
	}
	pages, err := s.defaultPages(r.Context(), to, ids)
	if err != nil {
		return err
	}
	set, err := s.Spool.NewJobSet()
	if err != nil {
		return err
	}
	return s.beginCreation(w, r, set, pages, func(ctx context.Context) error {
		return set.FillDefault(ctx, ids, s.Store.Contents)
	})
}

// defaultPages returns how many pages the job set of content sets has. It
// takes a bounded time.
func (s *Server) defaultPages(ctx context.Context, to target, ids []platen.ID) (pages int64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeouts.Find, errSlowSets)
	defer cancel()
	for _, id := range ids {
		contents, err := s.Store.Contents(ctx, platen.Ref{Kind: platen.ContentSet, ID: id})
		if platen.ErrorCode(err) == platen.NotFound {
			unknown := platen.Errorf(platen.NotFound, "the specified Content Set refers to a missing resource: content set %d not found", id)
			if to.ref.ID == 0 {
				unknown.Code = platen.Invalid
			}
			unknown.Param = id.String()
			return 0, unknown
		}
		if err != nil {
			return 0, errors.Join(context.Cause(ctx), err)
		}
		if pages += contents.Count; pages > s.MaxPages {
			return 0, spool.TooManyPages(s.MaxPages)
		}
	}
	return pages, nil
}

var errSlowSets = platen.Errorf(platen.Unavailable, "to look the content sets up took too long: name fewer of them")

// beginCreation begins an operation that creates the job set, of so many
// pages, and answers. fill is what it does first; nil for nothing. The
// operation closes set.
func (s *Server) beginCreation(w *response, r *http.Request, set *spool.JobSet, pages int64, fill func(context.Context) error) error {
	if err := s.take(admission.Operations); err != nil {
		return errors.Join(err, set.Close())
	}
	begun, err := s.operations.Begin(r.Context(), operation.Task{
		Type:  olrest.JobCreation,
		Steps: pages,
		Run: func(ctx context.Context, running *operation.Running) error {
			if fill != nil {
				if err := fill(ctx); err != nil {
					return err
				}
			}
			return s.createJobSet(ctx, set, running)
		},
		Close: func() {
			_ = set.Close() // nothing that it holds is needed any more
			s.slots[admission.Operations].Give(1)
		},
	})
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "operation begun", "operation", begun.ID)
	olrest.ReplyAccepted(w, begun.ID)
	return nil
}

// createJobSet creates a job set as the result of an operation.
func (s *Server) createJobSet(ctx context.Context, set *spool.JobSet, running *operation.Running) error {
	within, end := s.whileRoom(ctx)
	made, err := s.Store.CreateJobSet(within, counted{set, running}, storage.JobSetOptions{Existing: true, Operation: running.ID})
	if err = end(err); err == nil {
		s.logChange(ctx, "job set created", "id", made.ID, "operation", running.ID)
	}
	return err
}

// A counted source is one of which each page is a step of an operation.
type counted struct {
	transfer.JobSetSource
	running *operation.Running
}

// Read implements [transfer.JobSetSource].
func (c counted) Read(v transfer.JobSetVisitor) error {
	c.running.Restart()
	return c.JobSetSource.Read(counter{v, c.running})
}

type counter struct {
	transfer.JobSetVisitor
	running *operation.Running
}

// Page implements [transfer.JobSetVisitor].
func (c counter) Page(set int, page *transfer.Page) error {
	c.running.Step()
	return c.JobSetVisitor.Page(set, page)
}

func (s *Server) createPreset(_ *response, _ *http.Request, to target) error {
	return platen.Errorf(platen.NotFound, "job preset %.80q not found: platen has no file store and knows no presets; without one, POST the ids of content sets to …/jobcreation/default, or a Job Set Structure to …/jobcreation", to.name).About(to.name)
}

func (s *Server) listOperations(w *response, r *http.Request, _ target) error {
	running, err := s.operations.Running(r.Context(), 0)
	if err != nil {
		return err
	}
	var list []olrest.RunningOperation
	for _, operation := range running {
		if operation.Type == olrest.JobCreation {
			list = append(list, olrest.RunningOperation{Operation: operation, Doing: "Creating"})
		}
	}
	olrest.ReplyOperations(w, list)
	return nil
}

func (s *Server) progress(w *response, r *http.Request, to target) error {
	percent, ended, err := s.operations.Progress(r.Context(), to.name)
	if err != nil {
		return err
	}
	olrest.ReplyProgress(w, percent, ended)
	return nil
}

func (s *Server) result(w *response, r *http.Request, to target) error {
	made, err := s.operations.Result(r.Context(), to.name)
	if err != nil {
		return err
	}
	olrest.ReplyText(w, made.String())
	return nil
}

func (s *Server) cancel(w *response, r *http.Request, to target) error {
	if err := s.operations.Cancel(r.Context(), to.name); err != nil {
		return err
	}
	s.logChange(r.Context(), "operation cancelled", "operation", to.name)
	olrest.ReplyDone(w)
	return nil
}
