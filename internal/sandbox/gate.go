package sandbox

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/platenhq/platen"
)

const (
	// drainFor is how long requests under way may take to end by themselves when
	// the sandbox is reset, and cancelledFor how long they may after that.
	drainFor     = 250 * time.Millisecond
	cancelledFor = 2 * time.Second
)

var errReset = platen.Errorf(platen.Unavailable, "the sandbox was reset while this was under way: nothing of it is left")

// A gate lets requests through, and can be shut until all of them have ended.
type gate struct {
	mu     sync.Mutex
	under  int           // requests under way
	open   chan struct{} // closed while the gate is open
	idle   chan struct{} // closed when the last request ends; nil: nobody waits
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	g.ctx, g.cancel = context.WithCancelCause(context.Background())
	return g
}

// pass waits until the gate is open. The request that it returns is to be served,
// then leave is to be called. nil: the client has left.
func (g *gate) pass(r *http.Request) (through *http.Request, leave func()) {
	for {
		g.mu.Lock()
		open := g.open
		select {
		case <-open:
			g.under++
			ctx, cancel := context.WithCancelCause(r.Context())
			shut := g.ctx
			g.mu.Unlock()
			stop := context.AfterFunc(shut, func() { cancel(context.Cause(shut)) })
			return r.WithContext(ctx), func() {
				stop()
				cancel(nil)
				g.left()
			}
		default:
		}
		g.mu.Unlock()
		select {
		case <-open:
		case <-r.Context().Done():
			return nil, nil
		}
	}
}

func (g *gate) left() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.under--; g.under == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// shut keeps requests waiting that come from now on, and waits for those under
// way; what has not ended after some time is cancelled for a reason. reopen lets
// the others through.
func (g *gate) shut(reason error) (reopen func()) {
	g.mu.Lock()
	g.open = make(chan struct{})
	idle := make(chan struct{})
	if g.under == 0 {
		close(idle)
	} else {
		g.idle = idle
	}
	cancel := g.cancel
	g.mu.Unlock()
	for _, limit := range []time.Duration{drainFor, cancelledFor} {
		timer := time.NewTimer(limit)
		select {
		case <-idle:
		case <-timer.C:
			cancel(reason)
		}
		timer.Stop()
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		cancel(reason) // of those that are left behind
		g.ctx, g.cancel = context.WithCancelCause(context.Background())
		close(g.open)
	}
}
