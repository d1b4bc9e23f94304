package server

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen/internal/admission"
)

// A response counts what is answered, for the log, and lets a stream last as
// long as its client goes on taking it.
type response struct {
	http.ResponseWriter
	start  time.Time
	stall  time.Duration // how long the client may take for one write
	status int
	bytes  int64

	conn     *admission.Conn // nil: of a listener without limits
	held     int64           // of Server.inFlight, until the request ends
	stopping *atomic.Bool
	unread   bool // the body of the request is to be thrown away
	headOnly bool // the body is thrown away

	extended time.Time // when the deadline was last moved
}

// WriteHeader implements [http.ResponseWriter].
func (r *response) WriteHeader(status int) {
	r.begin(status)
	r.extend()
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *response) Write(b []byte) (int, error) {
	r.begin(http.StatusOK)
	if r.headOnly {
		return r.skip(b)
	}
	r.extend()
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// begin is told of the status before anything is sent.
func (r *response) begin(status int) {
	if r.status != 0 {
		return
	}
	r.status = status
	if r.stopping.Load() {
		r.Header().Set("Connection", "close")
	}
}

// skip throws away what answers a HEAD. A long answer is not worked out to its
// end: errHeadOnly ends it.
func (r *response) skip(b []byte) (int, error) {
	if r.bytes += int64(len(b)); r.bytes > admission.SmallBytes {
		return 0, errHeadOnly
	}
	return len(b), nil
}

// errHeadOnly says that nobody asked for the rest of an answer.
var errHeadOnly = errors.New("the body of an answer to HEAD is not sent")

// responseOf returns the response that w is.
func responseOf(w http.ResponseWriter) *response {
	for {
		switch inner := w.(type) {
		case *response:
			return inner
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			panic("server: an answer that did not come through ServeHTTP")
		}
	}
}

// extend moves the deadline of the write, if the request has lasted a while.
func (r *response) extend() {
	lasted := r.stall / 6 // so that the deadline is never near
	now := time.Now()
	if now.Sub(r.start) < lasted || now.Sub(r.extended) < lasted {
		return
	}
	r.extended = now
	_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(now.Add(r.stall))
}

// Unwrap is for [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// requestIDs gives each request an id: that of the client if it sends a
// decent one, else the next of this process.
type requestIDs struct {
	prefix string
	last   *atomic.Int64
}

func newRequestIDs() requestIDs {
	return requestIDs{prefix: rand.Text()[:6] + "-", last: new(atomic.Int64)}
}

func (ids requestIDs) of(r *http.Request) string {
	if sent := r.Header.Get("X-Request-Id"); sent != "" && len(sent) <= 64 && decent(sent) {
		return sent
	}
	return ids.prefix + strconv.FormatInt(ids.last.Add(1), 10)
}

func decent(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
