package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
)

// cancelledFor is how long requests and operations may take to end after they
// have been cancelled.
const cancelledFor = time.Second

var errStopping = platen.Errorf(platen.Unavailable, "the server is stopping")

// Serve answers what comes in at the listener until ctx ends. Then it takes
// no more, and gives what is under way some seconds to end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	requests, cancelRequests := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancelRequests(nil)
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.Timeouts.Header,
		ReadTimeout:       s.Timeouts.Stall,
		WriteTimeout:      s.Timeouts.Stall,
		IdleTimeout:       s.Timeouts.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext:       admission.ConnContext,
		HTTP2:             s.http2Config(),

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is a request like others
	}
	listener = s.listen(listener)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.Log.Info("stopping")
	return s.stop(server, cancelRequests)
}

// stop takes no more requests from its first moment on, and cancels
// operations. Requests are cancelled when their time is over; what does not
// end even then is left behind.
func (s *Server) stop(server *http.Server, cancelRequests context.CancelCauseFunc) error {
	s.stopping.Store(true)
	s.operating.cancel()
	cancelling := time.AfterFunc(s.Timeouts.Stop, func() {
		s.Log.Warn("requests that have not ended in time are cancelled")
		cancelRequests(errStopping)
	})
	defer cancelling.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeouts.Stop+cancelledFor)
	defer cancel()
	err := server.Shutdown(ctx)
	if !s.operating.wait(ctx) {
		s.Log.Warn("operations have not ended in time; the next start reports them as stopped")
	}
	if err != nil {
		s.Log.Warn("some requests did not end in time and are cut off", "error", err)
		return server.Close()
	}
	return nil
}
