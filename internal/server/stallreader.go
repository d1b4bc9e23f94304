package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
)

// A stallReader reads the body of an import, of any size within the limit, and
// extends the read deadline while the body keeps arriving.
type stallReader struct {
	server  *Server
	ctx     context.Context
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration // how long the next part may take
	rate    int64         // the least bytes in a second
	moved   time.Time     // when the deadline was last moved
	since   int64         // bytes that have come since
	err     error         // the first error that is not the end
}

// importBody returns the reader of the body of an import, which is broken off when ctx
// ends. TooLarge: its length is over the limit, so none of it has to be read.
func (s *Server) importBody(ctx context.Context, w *response, r *http.Request) (*stallReader, error) {
	b := &stallReader{server: s, ctx: ctx, body: r.Body, control: http.NewResponseController(w), stall: s.Timeouts.Stall, rate: s.Limits.MinBodyRate}
	if limit := s.Limits.ImportBytes; limit > 0 {
		if r.ContentLength > limit {
			turnAway(w)
			return nil, s.importTooLarge(limit)
		}
		b.body = http.MaxBytesReader(w, r.Body, limit)
	}
	return b, nil
}

func (s *Server) importTooLarge(limit int64) error {
	return s.refused(admission.ImportSize, platen.TooLarge, "the import is over the limit of %d bytes (--max-import-bytes)", limit)
}

// Read implements [io.Reader].
func (b *stallReader) Read(buf []byte) (int, error) {
	// Not with bytes: a decoder passes over an error as long as it gets some.
	if b.err == nil && b.ctx.Err() != nil {
		b.err = context.Cause(b.ctx) // the server stops, or has no room
	}
	if b.err != nil {
		return 0, b.err
	}
	now := time.Now()
	if b.moved.IsZero() {
		b.move(now)
	}
	n, err := b.body.Read(buf)
	b.since += int64(n)
	now = time.Now()
	switch {
	case err == io.EOF:
		// From here on net/http reads to see the client leave, and takes a deadline for that.
		_ = b.control.SetReadDeadline(time.Time{})
	case err == nil && now.Sub(b.moved) > b.stall/6 && b.since >= int64(now.Sub(b.moved).Seconds()*float64(b.rate)):
		b.move(now)
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// move extends the read deadline.
func (b *stallReader) move(now time.Time) {
	b.moved, b.since = now, 0
	_ = b.control.SetReadDeadline(now.Add(b.stall))
}

// refuse returns the error to answer with when the document is not good, or
// does not arrive.
func (b *stallReader) refuse(w *response, err error) error {
	// The rest of a refused document may be of any size.
	w.Header().Set("Connection", "close")
	if b.err == nil {
		return err
	}
	if over, ok := errors.AsType[*http.MaxBytesError](b.err); ok {
		return b.server.importTooLarge(over.Limit)
	}
	err = bodyError(w, b.err)
	if platen.ErrorCode(err) == platen.Timeout {
		return b.server.refused(admission.BodyRate, platen.Timeout, "the body did not arrive in time: %d bytes a second are the least, over %v (--min-body-rate)", b.rate, b.stall)
	}
	return err
}
