package server

import (
	"net/http"
	"time"

	"github.com/platenhq/platen/internal/olrest"
)

// A streamCheck looks again and again whether the caller of a stream may have it: a
// token may have expired, been revoked or restricted, or its user be gone or have
// another role.
type streamCheck struct {
	s     *Server
	w     *response
	r     *http.Request
	every time.Duration
	last  time.Time
}

func (s *Server) streamCheck(w *response, r *http.Request) streamCheck {
	return streamCheck{s: s, w: w, r: r, every: s.Timeouts.Stall / 3, last: time.Now()}
}

// again returns the error that the stream ends with. It looks if the stream is quiet
// just now, and while it is not as often as a quiet one would.
func (c *streamCheck) again(quiet bool) error {
	if !quiet && time.Since(c.last) < c.every {
		return nil
	}
	c.last = time.Now()
	if err := c.s.Guard.Check(c.r); err != nil {
		return err
	}
	m := c.w.route(c.r)
	return c.s.permit(c.w, c.r, m.role, m.kinds)
}

// drop tells the client of a stream why it ends.
func (s *Server) drop(w *response, err error) {
	s.Log.Info("a listener is dropped", "reason", err, "request", w.call.RequestID)
	_, _ = w.Write(olrest.AppendDropped(nil, err))
}
