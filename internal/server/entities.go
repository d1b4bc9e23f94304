package server

import (
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
)

// readEntity answers for any identifier of any kind.
func (s *Server) readEntity(w *response, r *http.Request, to target) error {
	e, err := s.Store.Entity(r.Context(), to.ref.ID)
	if err != nil {
		return err
	}
	if err := s.permit(w, r, platen.Viewer, platen.KindsOf(e.Kind)); err != nil {
		return err
	}
	size := 0
	for _, list := range e.Lists {
		size += len(list)
	}
	if size > admission.SmallBytes {
		if err := s.hold(w, int64(size)); err != nil {
			return err
		}
	}
	return olrest.ReplyEntity(w, r.Header, e)
}

// deleteEntity deletes a set.
func (s *Server) deleteEntity(w *response, r *http.Request, to target) error {
	kind, err := s.Store.KindOf(r.Context(), to.ref.ID)
	if err != nil {
		return err
	}
	if !kind.Info().Set {
		err := platen.Errorf(platen.Invalid, "%d is a %s: only sets can be deleted, with all that is in them", to.ref.ID, kind)
		err.Param = to.ref.ID.String()
		return err
	}
	if err := s.permit(w, r, platen.Editor, olrest.KindsWithin(kind)); err != nil {
		return err
	}
	to.ref.Kind = kind
	return done(w, s.deleteSet(r, to.ref))
}

// deleteSet deletes a set, if that is what the headers of the request name.
func (s *Server) deleteSet(r *http.Request, ref platen.Ref) error {
	match, err := olrest.ReadMatch(r.Header)
	if err != nil {
		return err
	}
	if err := s.Store.DeleteIf(r.Context(), ref, match); err != nil {
		return err
	}
	s.logChange(r.Context(), "set deleted", "kind", ref.Kind.String(), "id", ref.ID)
	return nil
}

// entityChildren answers with a page of what an entity contains.
func (s *Server) entityChildren(w *response, r *http.Request, to target) error {
	size, position, err := olrest.ReadChildrenPage(r.URL.Query(), to.ref)
	if err != nil {
		return err
	}
	if to.ref.Kind, err = s.Store.KindOf(r.Context(), to.ref.ID); err != nil {
		return err
	}
	found, err := s.Store.ChildrenAt(r.Context(), to.ref, position, size+1)
	if err != nil {
		return err
	}
	var more bool
	found.IDs, more = firstOf(found.IDs, int64(size))
	olrest.ReplyChildren(w, to.ref, found.Kind, position, found.Total, found.IDs, more)
	return nil
}

// entityPages answers with a page of the pages of a document or a content item.
func (s *Server) entityPages(w *response, r *http.Request, to target) error {
	size, position, err := olrest.ReadPagesPage(r.URL.Query(), to.ref)
	if err != nil {
		return err
	}
	if to.ref.Kind, err = s.Store.KindOf(r.Context(), to.ref.ID); err != nil {
		return err
	}
	if err := s.permit(w, r, platen.Viewer, olrest.KindsWithin(to.ref.Kind)); err != nil {
		return err
	}
	pages := olrest.NewDocumentPagesWriter(to.ref, position, size)
	if err := s.Store.Pages(r.Context(), to.ref, position, pages.Write); err != nil {
		return err
	}
	if err := s.hold(w, int64(pages.Len())); err != nil {
		return err
	}
	return pages.Reply(w)
}

// firstOf returns the first ids of runs, and whether there are more.
func firstOf(runs []platen.IDRange, most int64) (first []platen.IDRange, more bool) {
	for _, run := range runs {
		if most == 0 {
			return first, true
		}
		if run.Len() > most {
			run.Last, more = run.First+platen.ID(most)-1, true
		}
		first, most = append(first, run), most-run.Len()
		if more {
			break
		}
	}
	return first, more
}
