package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
)

// refuseFor is how long a server that stops still answers, with a refusal, what
// comes in by connections that it has; then it closes those that are idle.
const refuseFor = 500 * time.Millisecond

// cancelledFor is how long requests and operations may take to end after they
// have been cancelled.
const cancelledFor = time.Second

var errStopping = platen.Errorf(platen.Unavailable, "the server is stopping")

// Serve answers what comes in at the listener until ctx ends. Then it takes
// no more, and gives what is under way some seconds to end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	requests, cancelRequests := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancelRequests(nil)
	var connections atomic.Int64
	server := s.connections(s)
	server.BaseContext = func(net.Listener) context.Context { return requests }
	server.ConnContext = admission.ConnContext
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			connections.Add(-1)
		}
	}
	defer s.sendWebhooks(ctx)()
	listener = s.listen(listener)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.Log.Info("stopping")
	s.stopping.Store(true)
	s.endStreams()
	if s.Journal != nil {
		s.Journal.Close() // streams of it end
	}
	_ = listener.Close()
	s.operations.Stop()
	return s.stop(server, &connections, cancelRequests)
}

// connections returns what reads requests for a handler from connections, within
// the bounds of the server.
func (s *Server) connections(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.Timeouts.Header,
		ReadTimeout:       s.Timeouts.Stall,
		WriteTimeout:      2 * s.Timeouts.Stall, // for what is left of the body, which net/http waits for first, and for the answer
		IdleTimeout:       s.Timeouts.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		HTTP2:             s.http2Config(),

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is a request like others
	}
}

// Front returns what serves a listener for a handler that passes requests on to
// servers, which come and go ([Server.Begin]) while the connections stay.
func (s *Server) Front(listener net.Listener, handler http.Handler) (*http.Server, net.Listener) {
	return s.connections(handler), s.listen(listener)
}

// Begin begins what a server does besides answering requests, for a caller that
// calls [Server.ServeHTTP] itself. end ends it, after [Server.EndStreams] and the
// last request.
func (s *Server) Begin(ctx context.Context) (end func()) {
	stop := s.sendWebhooks(ctx)
	return func() {
		s.EndStreams()
		s.operations.Stop()
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelledFor)
		defer cancel()
		s.operations.Wait(ctx)
	}
}

// EndStreams ends the requests that only follow what happens.
func (s *Server) EndStreams() { s.endStreams() }

// stop waits for what is under way to end. Requests are cancelled when their
// time is over; what does not end even then is left behind.
func (s *Server) stop(server *http.Server, connections *atomic.Int64, cancelRequests context.CancelCauseFunc) error {
	cancelling := time.AfterFunc(s.Timeouts.Stop, func() {
		s.Log.Warn("requests that have not ended in time are cancelled")
		cancelRequests(errStopping)
	})
	defer cancelling.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeouts.Stop+cancelledFor)
	defer cancel()
	// Shutdown would close connections with a request on its way unanswered.
	for start := time.Now(); connections.Load() > 0 && time.Since(start) < refuseFor; {
		time.Sleep(10 * time.Millisecond)
	}
	err := server.Shutdown(ctx)
	if errors.Is(err, net.ErrClosed) { // the listener, which Serve has closed
		err = nil
	}
	if !s.operations.Wait(ctx) {
		s.Log.Warn("operations have not ended in time; the next start reports them as stopped")
	}
	if err != nil {
		s.Log.Warn("some requests did not end in time and are cut off", "error", err)
		return server.Close()
	}
	return nil
}
