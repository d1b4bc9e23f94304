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
		admission.Listeners:  admission.NewBudget(int64(s.Limits.Listeners)),
	}
	for _, gauge := range []struct {
		name, help string
		value      func() int64
	}{
		{"platen_inflight_bytes", "Memory that counts for bodies and answers in flight.", s.inFlight.Used},
		{"platen_imports_running", "Imports under way.", s.slots[admission.Imports].Used},
		{"platen_searches_running", "Searches that run, or wait for their turn.", s.slots[admission.Searches].Used},
		{"platen_listeners", "Clients that follow events or requests.", s.slots[admission.Listeners].Used},
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

// refuse returns the error for a request that must not be served: its
// connection is over a limit, or the server stops. Whether the server is well
// can always be asked.
func (s *Server) refuse(w *response, r *http.Request) error {
	over := w.conn.Over()
	if over == "" && !s.stopping.Load() {
		return nil
	}
	w.Header().Set("Connection", "close")
	switch r.URL.Path {
	case "/healthz", "/readyz", telemetry.Path:
		return nil
	}
	switch over {
	case "":
		s.Telemetry.Refused(admission.Stopping)
		return errStopping
	case admission.PerAddress:
		return platen.Errorf(platen.TooManyAttempts, "this address has %d connections open, which are all it may have (--max-connections-per-address)", s.Limits.ConnectionsPerAddress)
	}
	return platen.Errorf(platen.Unavailable, "the server has all the connections open that it may have (--max-connections): try again later")
}

// admit lets a request begin what its method does, within the limits of that
// kind of work. If it takes a slot, the caller gives that back.
func (s *Server) admit(w *response, r *http.Request, m *method) error {
	var err error
	if m.disk {
		err = s.checkDisk()
	}
	if err == nil && m.slot != "" {
		err = s.take(m.slot)
	}
	if err != nil {
		turnAway(w)
	}
	return err
}

// take takes a slot for some work, which the caller gives back. Unavailable:
// there is none.
func (s *Server) take(of admission.Reason) error {
	if s.slots[of].Take(1) {
		return nil
	}
	return s.refused(of, platen.Unavailable, "the server has as many %s under way as it may (--max-%[1]s): try again later", of)
}

// turnAway is for a request that is refused for want of room: it is answered before
// any of its body is read. Otherwise net/http reads up to 256 KiB first, so that the
// connection can be kept.
func turnAway(w *response) { w.Header().Set("Connection", "close") }

// maxDrained is how much of a body is thrown away at most.
const maxDrained = 256 << 20

// drain throws away what is left of the body of a request that was refused, after the
// answer. Many clients send all of it before they look for an answer, and would find
// that the connection is broken instead of why. It takes no longer than the body may
// take anyway, since its deadline stays. A body that net/http throws away itself is left
// to it, so that the log and the journal have the request before the client has the answer.
func (s *Server) drain(w *response, r *http.Request) {
	short := r.ContentLength >= 0 && r.ContentLength <= maxRefusedBody && w.Header().Get("Connection") == ""
	if w.multiplexed || w.body.ended || short {
		return
	}
	s.release(w)
	if http.NewResponseController(w.ResponseWriter).Flush() == nil {
		_, _ = io.CopyN(io.Discard, yieldingReader{r.Body}, maxDrained)
	}
}

// drainStream is drain for HTTP/2, before the answer: with its end net/http resets the
// stream, and most clients that still send find the reset instead of the answer. Who
// is not done soon gets that, and who waits for a 100 Continue the answer at once.
func (s *Server) drainStream(w *response, r *http.Request) {
	if r.ContentLength == 0 || r.Header.Get("Expect") != "" {
		return
	}
	s.release(w)
	_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(s.Timeouts.Stall / 6))
	_, _ = io.CopyN(io.Discard, r.Body, maxDrained)
}

// checkDisk returns Unavailable if a disk has too little room left.
func (s *Server) checkDisk() error {
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

// diskEvery is how often an import looks whether there is still room. It is a small
// part of the time in which one can fill the least room.
const diskEvery = 200 * time.Millisecond

// whileRoom returns a context for an import or a job creation that is cancelled once a
// disk has too little room left, so that one that is larger than the disk does not take
// the room of the updates of others, and of its own removal. end ends that, and returns
// the error of the import, or what cancelled it.
func (s *Server) whileRoom(ctx context.Context) (within context.Context, end func(error) error) {
	within, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(diskEvery)
		defer ticker.Stop()
		for {
			select {
			case <-within.Done():
				return
			case <-ticker.C:
				if err := s.checkDisk(); err != nil {
					cancel(err)
				}
			}
		}
	}()
	return within, func(err error) error {
		defer cancel(nil)
		if _, told := errors.AsType[*platen.Error](err); !told && errors.Is(err, context.Canceled) && ctx.Err() == nil {
			return context.Cause(within)
		}
		return err
	}
}

// hold counts bytes of memory for a request until it ends. Unavailable: there
// are too many in flight.
func (s *Server) hold(w *response, bytes int64) error {
	if s.inFlight.Grow(&w.held, bytes) {
		return nil
	}
	return s.refused(admission.InFlight, platen.Unavailable, "the server has too many large requests in hand (--max-inflight-bytes): try again later")
}

// release gives back the memory that is counted for a request.
func (s *Server) release(w *response) {
	s.inFlight.Give(w.held)
	w.held = 0
}
