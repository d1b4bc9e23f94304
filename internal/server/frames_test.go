package server_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// A frameObserver sees the goroutine of each call of a store. The context
// that it gives to the call is asked for its end before the call waits for
// anything: database/sql does so in front of the driver, and the committer
// when it has queued a write. Then the frames of ours are counted.
type frameObserver struct {
	sqlstore.Unobserved
	mu      sync.Mutex
	deepest map[string][]string // by call: our functions, the innermost first
}

// A frameContext is the context of an observed call.
type frameContext struct {
	context.Context
	call     string
	observer *frameObserver
}

// Call implements [sqlstore.Observer].
func (o *frameObserver) Call(ctx context.Context, name string) (context.Context, func(error)) {
	return frameContext{ctx, name, o}, func(error) {}
}

// Done implements [context.Context].
func (c frameContext) Done() <-chan struct{} {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	var ours []string
	served := false
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if at, ok := strings.CutPrefix(frame.Function, "github.com/platenhq/platen/"); ok {
			ours = append(ours, at)
			served = served || strings.HasSuffix(at, "(*Server).ServeHTTP")
		}
	}
	if served {
		c.observer.see(c.call, ours)
	}
	return c.Context.Done()
}

func (o *frameObserver) see(call string, frames []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(frames) > len(o.deepest[call]) {
		o.deepest[call] = frames
	}
}

// TestFrames counts the functions of ours between the socket and the database
// of a list that is read, and the queue of the committer of one that is
// written. What only passes a call on does not belong there.
func TestFrames(t *testing.T) { onEach(t, testFrames) }

func testFrames(t *testing.T) {
	observer := &frameObserver{deepest: make(map[string][]string)}
	s := startOn(t, openStore(t, sqlstore.ObservedBy(observer)))
	s.importSet(`{"id":4242421,"jobs":[{"id":4242422}]}`)
	s.properties(platen.Job, 4242422)
	s.setProperties(platen.Job, 4242422, platen.NameValue{Name: "a", Value: "b"})
	observer.mu.Lock()
	defer observer.mu.Unlock()
	for call, most := range map[string]int{"list": 5, "replace": 5} {
		frames := observer.deepest[call]
		slices.Reverse(frames)
		t.Log(call, frames)
		if len(frames) < 4 || len(frames) > most || frames[0] != "internal/server.(*Server).ServeHTTP" {
			t.Errorf("%s: %d frames, want %d at most, from ServeHTTP on: %v", call, len(frames), most, frames)
		}
	}
}
