package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/operation"
	"github.com/platenhq/platen/internal/storage"
)

// previewed is how many entities a preview shows.
const previewed = 100

var errSlowUpdate = platen.Errorf(platen.Unavailable, "to find the entities took too long: narrow the filter, or update them set by set")

// updateMany sets and removes names in lists of many entities.
func (s *Server) updateMany(w *response, r *http.Request, _ target) error {
	err := olrest.CheckNoMatch(r.Header, olrest.MatchInBody)
	if err == nil {
		err = olrest.CheckQuery(r.URL.Query())
	}
	if err != nil {
		return err
	}
	asked, err := decode(s, w, r, olrest.ReadBulkUpdate)
	if err != nil {
		return err
	}
	permit := func(kinds platen.KindSet) error { return s.permit(w, r, platen.Editor, kinds) }
	if err := permit(asked.Kinds()); err != nil {
		return err
	}
	if err := s.take(admission.Searches); err != nil {
		return err
	}
	defer s.slots[admission.Searches].Give(1)
	ctx, cancel := context.WithTimeoutCause(r.Context(), s.Timeouts.Find, errSlowUpdate)
	defer cancel()
	if asked.ValidateOnly {
		result, previews, err := s.Store.PreviewBulk(ctx, &asked.BulkUpdate, permit, previewed)
		if err != nil {
			return slowUpdate(ctx, err)
		}
		size := 0
		for i := range previews {
			for facet := range previews[i].Before {
				size += len(previews[i].Before[facet]) + len(previews[i].After[facet])
			}
		}
		if err := s.hold(w, int64(2*size)); err != nil { // the lists, and the answer
			return err
		}
		olrest.ReplyPreview(w, &result, previews)
		return nil
	}
	if asked.InParts {
		return s.updateInParts(ctx, w, r, asked)
	}
	result, err := s.Store.UpdateBulk(ctx, &asked.BulkUpdate, permit)
	if large, ok := errors.AsType[*storage.LargeError](err); ok {
		return s.beginUpdate(w, r, asked, large.Entities)
	}
	if err != nil {
		return slowUpdate(ctx, err)
	}
	s.logChange(r.Context(), "lists updated", "matched", result.Matched, "changed", result.Changed, "changes", result.Changes)
	olrest.ReplyUpdated(w, &result)
	return nil
}

// slowUpdate returns the cause of an error that comes from the end of the time.
func slowUpdate(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && platen.ErrorCode(err) == platen.Internal {
		return context.Cause(ctx)
	}
	return err
}

// updateInParts begins an operation for an update that may be small.
func (s *Server) updateInParts(ctx context.Context, w *response, r *http.Request, asked *olrest.BulkUpdate) error {
	entities := int64(len(asked.Entities))
	if asked.Entities == nil {
		page, err := s.Store.ListPage(ctx, &platen.Listing{Kind: asked.Kind, Rule: asked.Rule, Size: 1})
		if err != nil {
			return slowUpdate(ctx, err)
		}
		entities = page.Total
	}
	return s.beginUpdate(w, r, asked, entities)
}

// beginUpdate begins an operation that makes an update in parts, and answers.
func (s *Server) beginUpdate(w *response, r *http.Request, asked *olrest.BulkUpdate, entities int64) error {
	for i := range asked.Entities {
		if asked.Entities[i].Match != [platen.FacetCount]*platen.Match{} {
			return platen.Errorf(platen.TooLarge, "an update with tags is one transaction, which has lists of up to %d bytes together: name fewer entities, without inParts", platen.MaxBulkBytes)
		}
	}
	if err := s.take(admission.Operations); err != nil {
		return err
	}
	begun, err := s.operations.Begin(r.Context(), operation.Task{
		Type:  olrest.Updating,
		Steps: entities,
		Run: func(ctx context.Context, running *operation.Running) error {
			permit := func(kinds platen.KindSet) error { return auth.CallOf(ctx).Permit(platen.Editor, kinds) }
			result, err := s.Store.UpdateInParts(ctx, &asked.BulkUpdate, permit, running.ID, running.Steps)
			s.logChange(ctx, "lists updated in parts", "matched", result.Matched, "changed", result.Changed, "operation", running.ID)
			return err
		},
		Close: func() { s.slots[admission.Operations].Give(1) },
	})
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "operation begun", "operation", begun.ID)
	olrest.ReplyUpdating(w, &begun)
	return nil
}

func (s *Server) operationsRunning(w *response, r *http.Request, _ target) error {
	ended, err := olrest.ReadEnded(r.URL.Query())
	if err != nil {
		return err
	}
	running, err := s.operations.Running(r.Context(), ended)
	if err != nil {
		return err
	}
	olrest.ReplyNativeOperations(w, running)
	return nil
}

func (s *Server) readOperation(w *response, r *http.Request, to target) error {
	found, err := s.operations.Operation(r.Context(), to.name)
	if err != nil {
		return err
	}
	olrest.ReplyOperation(w, &found)
	return nil
}

// cancelOperation ends an operation, which is then there to be read.
func (s *Server) cancelOperation(w *response, r *http.Request, to target) error {
	if _, err := decode(s, w, r, olrest.ReadNothing); err != nil {
		return err
	}
	by := auth.CallOf(r.Context()).User
	if by == "" {
		by = "a caller without a name"
	}
	if err := s.operations.End(r.Context(), to.name, "it was cancelled by "+by); err != nil {
		return err
	}
	s.logChange(r.Context(), "operation cancelled", "operation", to.name)
	return s.readOperation(w, r, to)
}
