package server

import (
	"io"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// importers take documents in, and store them, by kind of set.
var importers = map[platen.Kind]func(s *Server, r *http.Request, document io.Reader) (platen.Created, error){
	platen.DataSet: func(s *Server, r *http.Request, document io.Reader) (platen.Created, error) {
		set, err := s.Spool.NewDataSet()
		if err != nil {
			return platen.Created{}, err
		}
		defer set.Close()
		if err := olrest.ReadDataSet(document, set); err != nil {
			return platen.Created{}, refused{err}
		}
		return s.Store.CreateDataSet(r.Context(), set)
	},
	platen.ContentSet: func(s *Server, r *http.Request, document io.Reader) (platen.Created, error) {
		set, err := s.Spool.NewContentSet()
		if err != nil {
			return platen.Created{}, err
		}
		defer set.Close()
		if err := olrest.ReadContentSet(document, set); err != nil {
			return platen.Created{}, refused{err}
		}
		return s.Store.CreateContentSet(r.Context(), set)
	},
	platen.JobSet: func(s *Server, r *http.Request, document io.Reader) (platen.Created, error) {
		set, err := s.Spool.NewJobSet()
		if err != nil {
			return platen.Created{}, err
		}
		defer set.Close()
		if err := olrest.ReadJobSet(document, set); err != nil {
			return platen.Created{}, refused{err}
		}
		return s.Store.CreateJobSet(r.Context(), set, storage.JobSetOptions{})
	},
}

// refused is an error that came while a document was read.
type refused struct{ error }

// importSet stores a document. It is taken in whole before the store sees any
// of it, so that a slow client holds up nobody.
func (s *Server) importSet(w *response, r *http.Request, to target) error {
	if err := checkMedia(r); err != nil {
		return err
	}
	ctx, end := s.whileRoom(r.Context())
	document, err := s.importBody(ctx, w, r)
	if err != nil {
		return end(err)
	}
	made, err := importers[to.Kind](s, r.WithContext(ctx), document)
	err = end(err)
	if unread, ok := err.(refused); ok {
		return document.refuse(w, unread.error)
	}
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "set imported", "kind", to.Kind.String(), "id", made.ID, "children", len(made.Children))
	olrest.ReplyCreated(w, to.Kind, made)
	return nil
}

// exportSet streams a set as a document.
func (s *Server) exportSet(w *response, r *http.Request, to target) error {
	ctx := r.Context()
	jobs, set := olrest.NewJobSetWriter(w), olrest.NewSetWriter(w)
	switch to.Kind {
	case platen.DataSet:
		return stream(w, func(begin func()) error {
			return s.Store.ReadDataSet(ctx, to.ref.ID, func(source transfer.SourceSet, schema *platen.Table) error {
				begin()
				return set.BeginDataSet(source, schema)
			}, set.Record)
		}, set.Close)
	case platen.ContentSet:
		return stream(w, func(begin func()) error {
			return s.Store.ReadContentSet(ctx, to.ref.ID, func(source transfer.SourceSet) error {
				begin()
				return set.BeginContentSet(source)
			}, set.Item)
		}, set.Close)
	}
	return stream(w, func(begin func()) error {
		return s.Store.ReadJobSet(ctx, to.ref.ID, func(e *transfer.Element) error {
			begin()
			return jobs.Write(e)
		})
	}, jobs.Close)
}
