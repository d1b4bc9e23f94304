package server

import (
	"context"
	"net/http"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/fault"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/operation"
)

// beginning are the actions that may begin an operation.
var beginning = map[olrest.Action]bool{olrest.CreateStructure: true, olrest.CreateDefault: true, olrest.UpdateMany: true}

// faulted puts the faults of a sandbox in front of a handler. Without a sandbox
// the handler stands alone. The console meets none: it is where people look at what
// the faults do, and take them away.
func faulted(handle handler) handler {
	return func(s *Server, w *response, r *http.Request, to target) error {
		if r.Header.Get(auth.ConsoleHeader) == auth.ConsoleName {
			return handle(s, w, r, to)
		}
		hit := s.Sandbox.Faults().Find(&fault.Request{
			Method: r.Method, Route: to.Path, Path: r.URL.Path, User: w.call.User,
			Token: !w.call.Expires.IsZero() || w.call.Token != "", Begins: beginning[to.Action],
		})
		if hit == nil {
			return handle(s, w, r, to)
		}
		w.fault = hit.Name
		return s.misbehave(w, r, hit, func(r *http.Request) error { return handle(s, w, r, to) })
	}
}

// misbehave answers a request as a fault says. handle is the handler.
func (s *Server) misbehave(w *response, r *http.Request, hit *fault.Hit, handle func(*http.Request) error) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer context.AfterFunc(s.ended, cancel)()
	defer cancel()
	if hit.Latency > 0 || hit.NoAnswer {
		// So that it is noticed when the client leaves.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(platen.MaxFaultWait + s.Timeouts.Stall))
	}
	hit.Wait(ctx, hit.Latency)
	if err := context.Cause(r.Context()); err != nil {
		return err
	}
	if hit.NoAnswer {
		if w.recording != nil {
			s.readRefused(w, r)
		}
		hit.Hold(ctx)
		return olrest.Aborted(platen.Errorf(platen.Unavailable, "there is no answer: the fault %s", hit.Name))
	}
	writer := hit.Writer(ctx, w.ResponseWriter)
	w.ResponseWriter = writer
	var err error
	switch {
	case hit.ExpireToken:
		err = platen.Errorf(platen.Expired, "the token has expired: log in again (the fault %s)", hit.Name)
	case hit.Status != 0 || hit.RetryAfter != 0:
		w.shown = platen.Errorf(platen.Internal, "the fault %s", hit.Name)
		if w.recording != nil {
			s.readRefused(w, r)
		}
		olrest.ReplyFaulty(w, &hit.Fault)
	default:
		err = handle(withOperation(r, hit))
	}
	if err != nil && w.status == 0 {
		s.fail(w, r, err)
		err = nil
	}
	if writer.Cut() {
		_ = http.NewResponseController(w).Flush()
		w.aborted = true
		w.shown = platen.Errorf(platen.Unavailable, "the connection is broken: the fault %s", hit.Name)
	}
	return err
}

// withOperation has the operation that a request begins be slow, or fail.
func withOperation(r *http.Request, hit *fault.Hit) *http.Request {
	if hit.OperationDelay == 0 && hit.OperationError == "" {
		return r
	}
	return r.WithContext(operation.Before(r.Context(), func(ctx context.Context) error {
		hit.Wait(ctx, hit.OperationDelay)
		if hit.OperationError != "" {
			return platen.Errorf(platen.Failed, "%s", hit.OperationError)
		}
		return ctx.Err()
	}))
}
