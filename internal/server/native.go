package server

import (
	"context"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
)

func (s *Server) undelete(w *response, r *http.Request, to target) error {
	if _, err := decode(s, w, r, olrest.ReadNothing); err != nil {
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
	facts := olrest.ServerFacts{Started: s.started}
	if s.About != nil {
		facts = s.About()
	}
	facts.Version, facts.APIVersion, facts.Started = s.Version, s.APIVersion, s.started
	s.condition(r.Context(), &facts)
	olrest.ReplyServer(w, facts)
	return nil
}

// condition fills in whether the server can do its work now.
func (s *Server) condition(ctx context.Context, facts *olrest.ServerFacts) {
	if err := s.Ready(ctx); err != nil {
		facts.Problem = olrest.ShownError(err).Message
	}
	for _, dir := range s.Limits.Disks {
		if free, err := admission.FreeDisk(dir); err == nil {
			facts.Disks = append(facts.Disks, olrest.Disk{Path: dir, Free: free, Needed: s.Limits.MinFreeDisk})
		}
	}
	// Those that the clean-up has begun with come first, since they are the oldest.
	sets, err := s.Store.Deleted(ctx, platen.DeletedSet{}, 1)
	if err == nil && len(sets) > 0 {
		facts.OldestDeleted = sets[0].Deleted
		if s.CleanupAfter >= 0 {
			facts.Purge = sets[0].Deleted.Add(s.CleanupAfter)
		}
	}
}
