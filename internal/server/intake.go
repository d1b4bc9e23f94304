package server

import (
	"net/http"

	"github.com/platenhq/platen/internal/olrest"
)

// intake answers with what came in by the hour or day.
func (s *Server) intake(w *response, r *http.Request, _ target) error {
	now, err := s.Store.Now(r.Context())
	if err != nil {
		return err
	}
	query, err := olrest.ReadIntakeQuery(r.URL.Query(), now)
	if err != nil {
		return err
	}
	parts, err := s.Store.Intake(r.Context(), query)
	if err != nil {
		return err
	}
	olrest.ReplyIntake(w, query, parts)
	return nil
}
