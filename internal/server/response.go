package server

import (
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
)

// unwritten is a deadline for the write of what is not written yet. It is none in
// effect; without one net/http would make another timer for the answer, which could
// outlast the stream.
const unwritten = 365 * 24 * time.Hour

// headBytes is how much of a body is made for HEAD, which gets none of it:
// net/http takes the length of a shorter one from it.
const headBytes = 4096

// A response records the status and size of an answer, and extends the write
// deadline while the client keeps reading. It also has what is known of its
// request.
type response struct {
	http.ResponseWriter
	start  time.Time
	stall  time.Duration // how long the client may take for one write
	head   bool          // the client wants no body
	status int
	bytes  int64

	conn     *admission.Conn // nil: of a listener without limits
	held     int64           // of Server.inFlight, until the request ends
	stopping *atomic.Bool

	extended time.Time // when the deadline was last moved

	multiplexed bool // HTTP/2: other requests are on the connection

	body     requestBody
	call     auth.Call
	path     string    // of the request, as it was sent
	endpoint *endpoint // found by the mux
	aborted  bool      // the answer is broken off
	fault    string    // of a sandbox, that has acted; "" for none

	shown     *platen.Error      // that is answered, nil for none
	recording *journal.Recording // nil: none
}

// A requestBody knows whether it was read to its end.
type requestBody struct {
	io.ReadCloser
	ended bool
}

// Read implements [io.Reader].
func (b *requestBody) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	b.ended = b.ended || err == io.EOF
	return n, err
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
	r.extend()
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	if r.recording != nil && !r.head {
		r.recording.Answered(b[:n])
	}
	if r.head && r.bytes > headBytes && err == nil {
		err = http.ErrBodyNotAllowed // who writes a long body need not go on
	}
	return n, err
}

// begin is told of the status before anything is sent.
func (r *response) begin(status int) {
	if r.status != 0 {
		return
	}
	r.status = status
	switch {
	case r.multiplexed:
		delete(r.Header(), "Connection") // to end it would end the others; what is left of the body is reset
	case r.stopping.Load():
		r.Header().Set("Connection", "close")
	}
}

// extend moves the deadline of the write, if the request has lasted a while. With
// HTTP/2 it has none before the answer.
func (r *response) extend() {
	lasted := r.stall / 6 // so that the deadline is never near
	now := time.Now()
	first := r.multiplexed && r.extended.IsZero()
	if !first && (now.Sub(r.start) < lasted || now.Sub(r.extended) < lasted) {
		return
	}
	r.extended = now
	_ = http.NewResponseController(r.ResponseWriter).SetWriteDeadline(now.Add(r.stall))
}

// Unwrap is for [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// requestIDs gives each request an id: that of the client if it sends a
// valid one, else the next of this process.
type requestIDs struct {
	prefix string
	last   *atomic.Int64
}

func newRequestIDs() requestIDs {
	return requestIDs{prefix: rand.Text()[:6] + "-", last: new(atomic.Int64)}
}

func (ids requestIDs) of(r *http.Request) string {
	if sent := r.Header.Get("X-Request-Id"); validRequestID(sent) {
		return sent
	}
	return ids.next()
}

func (ids requestIDs) next() string { return ids.prefix + strconv.FormatInt(ids.last.Add(1), 10) }

// validRequestID reports whether a client's id may stand in the log: 1 to 64
// letters, digits and marks. In a path, which has the ids of the journal, clients take
// one or two dots for a step up.
func validRequestID(id string) bool {
	if id == "" || len(id) > 64 || id == "." || id == ".." {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
