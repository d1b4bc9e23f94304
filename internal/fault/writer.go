package fault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/platenhq/platen"
)

// ErrCut is the error of a write to a connection that a fault breaks.
var ErrCut = errors.New("a fault of the sandbox breaks the connection")

// Wait waits as long as a fault says, or until the request ends or must end.
func (h *Hit) Wait(ctx context.Context, long time.Duration) {
	if long == 0 {
		return
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.Released:
	case <-ctx.Done():
	}
}

// Hold waits until the client leaves, or the request must end.
func (h *Hit) Hold(ctx context.Context) {
	select {
	case <-h.Released:
	case <-ctx.Done():
	}
}

// A Writer is the answer to a request that a fault acts on.
type Writer struct {
	http.ResponseWriter
	hit  *Hit
	ctx  context.Context
	sent int64
	cut  bool
}

// Writer returns a writer that sends the body as slowly as the fault says, and
// breaks off where it says.
func (h *Hit) Writer(ctx context.Context, w http.ResponseWriter) *Writer {
	return &Writer{ResponseWriter: w, hit: h, ctx: ctx}
}

// Cut reports whether the connection is to be broken: the body had more bytes than
// the fault lets through, or as many.
func (w *Writer) Cut() bool { return w.cut || w.hit.Cut && w.sent >= w.hit.CutAfter }

// Unwrap is for [http.ResponseController].
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements [http.ResponseWriter].
func (w *Writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		part := b
		if w.hit.Cut {
			part = part[:min(int64(len(part)), w.hit.CutAfter-w.sent)]
		}
		if rate := w.hit.Bandwidth; rate > 0 {
			part = part[:min(int64(len(part)), max(1, rate/partsEach))]
		}
		if len(part) == 0 {
			w.cut = true
			w.flush()
			return n, ErrCut
		}
		var did int
		did, err = w.ResponseWriter.Write(part)
		n, b, w.sent = n+did, b[did:], w.sent+int64(did)
		if rate := w.hit.Bandwidth; rate > 0 && err == nil {
			w.flush()
			w.hit.Wait(w.ctx, time.Duration(did)*time.Second/time.Duration(rate))
			err = w.ctx.Err()
		}
	}
	return n, err
}

// partsEach is how many parts of a slow body are sent in a second.
const partsEach = 20

// flush sends what was written, however long the answer takes.
func (w *Writer) flush() {
	control := http.NewResponseController(w.ResponseWriter)
	_ = control.SetWriteDeadline(time.Now().Add(platen.MaxFaultWait))
	_ = control.Flush()
}
