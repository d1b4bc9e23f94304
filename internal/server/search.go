package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// find searches, for a bounded time. What is found is kept until the search
// has ended: it must not wait for its client.
func (s *Server) find(w *response, r *http.Request, _ target) error {
	search, err := decode(s, w, r, olrest.ReadSearch)
	if err == nil {
		err = s.permit(w, r, platen.Viewer, olrest.KindsOfSearch(search))
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeouts.Find)
	defer cancel()
	answer := s.Spool.NewAnswer()
	defer answer.Close()
	err = s.findInto(ctx, answer, search)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		message := "the search took longer than " + s.Timeouts.Find.String() + " and was stopped: restrict it with setIds, or with a rule that fewer entities fulfil"
		if errors.Is(err, storage.ErrIndexBehind) {
			message = "the search waited longer than " + s.Timeouts.Find.String() + " for the index to be brought up to date with what was written: try again"
		}
		return &platen.Error{Code: platen.Unavailable, Message: message, Err: err}
	}
	if err != nil {
		return err
	}
	olrest.BeginSized(w, answer.Size())
	_, _ = answer.WriteTo(w) // an error is the client's leaving
	return nil
}

// findInto searches in a slot, which it gives back before the client takes the
// answer.
func (s *Server) findInto(ctx context.Context, answer *spool.Answer, search *platen.Search) error {
	if err := s.take(admission.Searches); err != nil {
		return err
	}
	defer s.slots[admission.Searches].Give(1)
	found := olrest.NewFoundWriter(answer)
	if err := s.Store.Find(ctx, search, found.Write); err != nil {
		return err
	}
	return found.Close()
}

// statistics reads the counts of the job set first, since the sums come first
// in the answer. Then it reads the documents only if they are asked for.
func (s *Server) statistics(w *response, r *http.Request, to target) error {
	level, err := olrest.ParseStatisticsLevel(r.URL.Query())
	if err != nil {
		return err
	}
	counts := olrest.NewStatistics()
	if err := s.Store.CountJobSet(r.Context(), to.ref.ID, false, counts.Count); err != nil {
		return err
	}
	statistics, err := counts.Writer(w, to.ref.ID, level)
	if err != nil {
		return err
	}
	return stream(w, func(begin func()) error {
		if level == olrest.DocumentSetOnly {
			return s.Store.CountJobSet(r.Context(), to.ref.ID, true, func(c *transfer.Counts) error {
				begin()
				return statistics.WriteCounts(c)
			})
		}
		return s.Store.ReadDocuments(r.Context(), to.ref.ID, func(e *transfer.Element) error {
			begin()
			return statistics.Write(e)
		})
	}, statistics.Close)
}
