package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/telemetry"
)

// decodedFactor is about how many bytes of memory a byte of a body takes,
// with what is decoded from it.
const decodedFactor = 6

// limited is what a server has in hand, within its [admission.Limits].
type limited struct {
	inFlight *admission.Bytes
	slots    map[admission.Reason]*admission.Budget
	decoding chan struct{} // holds an element for each large body that is decoded
	stopping atomic.Bool
}

// decodedAtOnce returns how many large bodies are decoded at once. The others
// wait, so that they leave processors to the many small requests.
func decodedAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// limit makes the limits of the settings hold, and shows in the metrics how
// much of each is taken.
func (s *Server) limit() {
	if s.Limits.InFlightBytes == 0 {
		s.Limits = admission.Defaults
	}
	s.decoding = make(chan struct{}, decodedAtOnce())
	s.inFlight = admission.NewBytes(s.Limits.InFlightBytes)
	s.slots = map[admission.Reason]*admission.Budget{
		admission.Imports:    admission.NewBudget(int64(s.Limits.Imports)),
		admission.Operations: admission.NewBudget(int64(s.Limits.Operations)),
		admission.Searches:   admission.NewBudget(int64(s.Limits.Searches)),
	}
	for _, gauge := range []struct {
		name, help string
		value      func() int64
	}{
		{"platen_inflight_bytes", "Memory that counts for bodies and answers in flight.", s.inFlight.Used},
		{"platen_imports_running", "Imports under way.", s.slots[admission.Imports].Used},
		{"platen_searches_running", "Searches that run, or wait for their turn.", s.slots[admission.Searches].Used},
		{"platen_operations_running", "Operations under way in this process.", s.slots[admission.Operations].Used},
	} {
		s.Telemetry.Gauge(gauge.name, gauge.help, gauge.value)
	}
	s.Telemetry.WatchReady(s.Ready)
}

// refused counts a refusal and returns the error to answer with.
func (s *Server) refused(reason admission.Reason, code platen.Code, format string, args ...any) error {
	s.Telemetry.Refused(reason)
	return platen.Errorf(code, format, args...)
}

// refuse answers a request that must not be served: its connection is over a
// limit, or the server stops. Whether the server is well can always be asked.
func (s *Server) refuse(w *response, r *http.Request) bool {
	over := w.conn.Over()
	if over == "" && !s.stopping.Load() {
		return false
	}
	w.Header().Set("Connection", "close")
	switch r.URL.Path {
	case "/healthz", "/readyz", telemetry.Path:
		return false
	}
	switch over {
	case "":
		s.Telemetry.Refused(admission.Stopping)
		s.fail(w, r, errStopping)
	case admission.PerAddress:
		s.fail(w, r, platen.Errorf(platen.TooManyAttempts, "this address has %d connections open, which are all it may have (--max-connections-per-address)", s.Limits.ConnectionsPerAddress))
	default:
		s.fail(w, r, platen.Errorf(platen.Unavailable, "the server has all the connections open that it may have (--max-connections): try again later"))
	}
	return true
}

// known tells the connection of a request that its credentials are good.
func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		responseOf(w).conn.Known()
		next.ServeHTTP(w, r)
	})
}

// admitted returns the handler of an action, within the limits of its kind of
// work.
func (s *Server) admitted(action olrest.Action, handle handler) handler {
	switch action {
	case olrest.Import, olrest.CreateStructure:
		return s.withRoom(s.inSlot(admission.Imports, "imports", handle))
	case olrest.CreateDefault:
		return s.withRoom(handle)
	}
	return handle
}

// take takes a slot for some work, which the caller gives back. Unavailable:
// there is none.
func (s *Server) take(of admission.Reason, what string) error {
	if s.slots[of].Take(1) {
		return nil
	}
	return s.refused(of, platen.Unavailable, "the server has as many %s under way as it may (--max-%s): try again later", what, what)
}

// inSlot returns a handler that holds a slot meanwhile.
func (s *Server) inSlot(of admission.Reason, what string, handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.take(of, what); err != nil {
			turnAway(w, r)
			return err
		}
		defer s.slots[of].Give(1)
		return handle(w, r)
	}
}

// turnAway is for a request that is refused before its body is read. Many
// clients send all of it before they look for an answer, so it is read and
// thrown away after the answer.
func turnAway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	if r.ProtoMajor == 1 && r.Header.Get("Expect") == "" {
		res := responseOf(w)
		res.unread = http.NewResponseController(res.ResponseWriter).EnableFullDuplex() == nil
	}
}

// drain throws away the body of a request that was turned away, up to the
// size that it might have.
func (s *Server) drain(w *response, r *http.Request) {
	if http.NewResponseController(w.ResponseWriter).Flush() == nil {
		_, _ = io.CopyN(io.Discard, yieldingReader{r.Body}, s.MaxBody)
	}
}

// A yieldingReader reads a large body. One that arrives as fast as it is read
// never waits, and would keep its processor for a whole time slice; so other
// requests run after each read.
type yieldingReader struct{ body io.Reader }

// Read implements [io.Reader].
func (y yieldingReader) Read(b []byte) (int, error) {
	n, err := y.body.Read(b[:min(len(b), admission.SmallBytes)])
	runtime.Gosched()
	return n, err
}

// withRoom returns a handler for what takes much room on the disk.
func (s *Server) withRoom(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.room(); err != nil {
			turnAway(w, r)
			return err
		}
		return handle(w, r)
	}
}

// room returns Unavailable if a disk has too little room left.
func (s *Server) room() error {
	if s.Limits.MinFreeDisk == 0 {
		return nil
	}
	for _, dir := range s.Limits.Disks {
		free, err := admission.FreeDisk(dir)
		if err != nil || free >= s.Limits.MinFreeDisk {
			continue // what can not be asked is found out when it is full
		}
		s.Log.Warn("a disk has too little room for imports and job creations", "directory", dir, "free", free, "wanted", s.Limits.MinFreeDisk)
		return s.refused(admission.DiskSpace, platen.Unavailable, "the disk of the server has less than %d bytes free (--min-free-disk): imports and job creations have to wait", s.Limits.MinFreeDisk)
	}
	return nil
}

// hold counts bytes of memory for a request until it ends. Unavailable: there
// are too many in flight.
func (s *Server) hold(w http.ResponseWriter, bytes int64) error {
	if s.inFlight.Grow(&responseOf(w).held, bytes) {
		return nil
	}
	return s.refused(admission.InFlight, platen.Unavailable, "the server has too many large requests in hand (--max-inflight-bytes): try again later")
}

// heldBody returns the reader of a body that is read into memory. What it
// takes there is counted beforehand, or as it comes if its length is not known.
func (s *Server) heldBody(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	body := http.MaxBytesReader(w, r.Body, s.MaxBody)
	if r.ContentLength < 0 {
		return &heldReader{server: s, w: w, r: r, body: body}, nil
	}
	if err := s.hold(w, r.ContentLength*decodedFactor); err != nil {
		turnAway(w, r)
		return nil, err
	}
	return body, nil
}

// inTurn runs fn, which decodes a body of so many bytes. Large ones wait for
// their turn.
func (s *Server) inTurn(ctx context.Context, bytes int, fn func() error) error {
	if bytes > admission.SmallBytes {
		select {
		case s.decoding <- struct{}{}:
			defer func() { <-s.decoding }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fn()
}

// A heldReader counts the memory of a body of unknown length.
type heldReader struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	body   io.Reader
	read   int64
}

// Read implements [io.Reader].
func (h *heldReader) Read(b []byte) (int, error) {
	n, err := h.body.Read(b)
	h.read += int64(n)
	if held := h.server.hold(h.w, h.read*decodedFactor); held != nil {
		turnAway(h.w, h.r)
		return n, held
	}
	return n, err
}

// A patientReader reads the body of an import, of any size within the limit,
// for as long as it goes on coming.
type patientReader struct {
	server  *Server
	ctx     context.Context
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration // how long the next part may take
	rate    int64         // the least bytes in a second
	moved   time.Time     // when the deadline was last moved
	since   int64         // bytes that have come since
	looked  int64         // bytes that have come since the disk was looked at
	err     error         // the first error that is not the end
}

// lookEvery is after how many bytes of an import the disk is looked at again.
const lookEvery = 16 << 20

// document returns the reader of the body of an import.
func (s *Server) document(w http.ResponseWriter, r *http.Request) *patientReader {
	p := &patientReader{server: s, ctx: r.Context(), body: r.Body, control: http.NewResponseController(w), stall: s.Timeouts.Stall, rate: s.Limits.MinBodyRate}
	if limit := s.Limits.ImportBytes; limit > 0 {
		p.body = http.MaxBytesReader(w, r.Body, limit)
	}
	return p
}

// Read implements [io.Reader].
func (p *patientReader) Read(b []byte) (int, error) {
	now := time.Now()
	if p.moved.IsZero() {
		p.move(now)
	}
	n, err := p.body.Read(b)
	p.since += int64(n)
	p.looked += int64(n)
	if now = time.Now(); now.Sub(p.moved) > p.stall/6 && p.since >= int64(now.Sub(p.moved).Seconds()*float64(p.rate)) {
		p.move(now)
	}
	if p.looked >= lookEvery && err == nil {
		p.looked, err = 0, p.server.room()
	}
	if err == nil && p.ctx.Err() != nil {
		err = context.Cause(p.ctx) // the server stops
	}
	if err != nil && err != io.EOF && p.err == nil {
		p.err = err
	}
	return n, err
}

// move gives the body another while.
func (p *patientReader) move(now time.Time) {
	p.moved, p.since = now, 0
	_ = p.control.SetReadDeadline(now.Add(p.stall))
}

// refuse returns the error to answer with when the document is not good, or
// does not arrive.
func (p *patientReader) refuse(w http.ResponseWriter, err error) error {
	// The rest of a refused document may be of any size.
	w.Header().Set("Connection", "close")
	if p.err == nil {
		return err
	}
	if over, ok := errors.AsType[*http.MaxBytesError](p.err); ok {
		return p.server.refused(admission.ImportSize, platen.TooLarge, "the import is over the limit of %d bytes (--max-import-bytes)", over.Limit)
	}
	err = bodyError(w, p.err)
	if platen.ErrorCode(err) == platen.Timeout {
		return p.server.refused(admission.BodyRate, platen.Timeout, "the body did not arrive in time: %d bytes a second are the least, over %v (--min-body-rate)", p.rate, p.stall)
	}
	return err
}
