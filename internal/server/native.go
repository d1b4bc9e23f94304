package server

import (
	"net/http"

	"github.com/platenhq/platen/internal/olrest"
)

func (s *Server) undelete(w *response, r *http.Request, to target) error {
	if err := olrest.CheckQuery(r.URL.Query()); err != nil {
		return err
	}
	ref, err := s.Store.Undelete(r.Context(), to.ref.ID)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "set undeleted", "kind", ref.Kind.String(), "id", ref.ID)
	olrest.ReplyRef(w, ref)
	return nil
}

func (s *Server) listDeleted(w *response, r *http.Request, _ target) error {
	size, after, err := olrest.ReadDeletedPage(r.URL.Query())
	if err != nil {
		return err
	}
	found, err := s.Store.Deleted(r.Context(), after, size+1)
	if err != nil {
		return err
	}
	more := len(found) > size
	olrest.ReplyDeletedSets(w, found[:min(len(found), size)], s.CleanupAfter, more)
	return nil
}

func (s *Server) readServer(w *response, r *http.Request, _ target) error {
	if err := olrest.CheckQuery(r.URL.Query()); err != nil {
		return err
	}
	facts := olrest.ServerFacts{Started: s.started}
	if s.About != nil {
		facts = s.About()
	}
	facts.APIVersion, facts.Started = s.APIVersion, s.started
	olrest.ReplyServer(w, facts)
	return nil
}
