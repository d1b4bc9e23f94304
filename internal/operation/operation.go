// Package operation runs work that goes on after the request that began it has
// been answered. The store remembers each operation, for other servers and
// after a restart; what only lives with this process is kept here.
package operation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/storage"
)

// reportEvery is how often other servers are told how far an operation is,
// and asked whether one of them has cancelled it.
const reportEvery = time.Second

// A Task is what an operation does.
type Task struct {
	Type  string // of the operation, see [platen.Operation]
	Steps int64  // how many times Run calls [Running.Step]
	// Run does the work, and records its result in the transaction that makes
	// it. ctx ends when the operation is cancelled.
	Run func(ctx context.Context, running *Running) error
	// Close releases what the task holds. It is called once, whether Run was
	// called or not.
	Close func()
}

// A Running operation.
type Running struct {
	ID     string
	task   Task
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	steps  atomic.Int64  // taken so far
}

// Step says that one of the steps is done.
func (r *Running) Step() { r.Steps(1) }

// Steps says that so many of the steps are done.
func (r *Running) Steps(n int) { r.steps.Add(int64(n)) }

// Restart says that the steps begin anew.
func (r *Running) Restart() { r.steps.Store(0) }

// percent returns how far it is: 100 only when it has ended.
func (r *Running) percent() int {
	if r.task.Steps == 0 {
		return 0
	}
	return int(min(99, r.steps.Load()*100/r.task.Steps))
}

// A Runner runs operations. All its methods may be called at once.
type Runner struct {
	store storage.Operations
	log   *slog.Logger
	clock *clock.Clock

	mu      sync.Mutex
	running map[string]*Running
	stopped bool
	ended   sync.WaitGroup
}

// NewRunner returns a runner that runs nothing yet.
func NewRunner(store storage.Operations, log *slog.Logger, clock *clock.Clock) *Runner {
	return &Runner{store: store, log: log, clock: clock, running: make(map[string]*Running)}
}

var errStopping = platen.Errorf(platen.Unavailable, "the server is stopping")

// Begin begins an operation and returns it as it is stored. It does not end with ctx.
// Unavailable: the runner has stopped.
func (r *Runner) Begin(ctx context.Context, task Task) (platen.Operation, error) {
	begun, err := r.begin(ctx, task)
	if err != nil {
		task.Close()
	}
	return begun, err
}

func (r *Runner) begin(ctx context.Context, task Task) (begun platen.Operation, err error) {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	running := &Running{ID: uuid.NewString(), task: task, cancel: cancel, done: make(chan struct{})}
	begun = platen.Operation{ID: running.ID, Type: task.Type, Started: r.clock.Now().Truncate(time.Millisecond)}
	if err := r.store.BeginOperation(ctx, begun); err != nil {
		cancel()
		return begun, err
	}
	if !r.add(running) {
		cancel()
		return begun, errors.Join(errStopping, r.store.ForgetOperation(ctx, running.ID))
	}
	go r.run(working, running)
	return begun, nil
}

func (r *Runner) run(ctx context.Context, running *Running) {
	defer r.remove(running)
	defer running.task.Close()
	go r.report(ctx, running)
	err := runBefore(ctx)
	if err == nil {
		err = running.task.Run(ctx, running)
	}
	if err == nil {
		return
	}
	message := "the server failed to do this; its log says why"
	if shown, ok := errors.AsType[*platen.Error](err); ok {
		message = shown.Message
	} else if ctx.Err() != nil {
		message = "the server was stopped before the operation had ended; begin it again"
	} else {
		r.log.Error("operation failed", "error", err, "operation", running.ID)
	}
	if err := r.store.FailOperation(context.WithoutCancel(ctx), running.ID, message, running.percent()); err != nil {
		r.log.Error("the end of an operation is not recorded", "error", err, "operation", running.ID)
	}
}

// beforeKey is the key of what [Before] keeps in a context.
type beforeKey struct{}

// Before has an operation that is begun with a context do something first. If
// that fails, so does the operation.
func Before(ctx context.Context, do func(ctx context.Context) error) context.Context {
	return context.WithValue(ctx, beforeKey{}, do)
}

func runBefore(ctx context.Context) error {
	do, ok := ctx.Value(beforeKey{}).(func(context.Context) error)
	if !ok {
		return nil
	}
	return do(ctx)
}

// report tells other servers how far an operation is, until it has ended or
// one of them has cancelled it.
func (r *Runner) report(ctx context.Context, running *Running) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-running.done:
			return
		case <-ticker.C:
		}
		if err := r.store.ReportOperation(ctx, running.ID, running.percent()); platen.ErrorCode(err) == platen.NotFound {
			running.cancel()
			return
		}
	}
}

func (r *Runner) add(running *Running) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.running[running.ID] = running
	r.ended.Add(1)
	return true
}

func (r *Runner) remove(running *Running) {
	running.cancel()
	r.mu.Lock()
	delete(r.running, running.ID)
	r.mu.Unlock()
	close(running.done)
	r.ended.Done()
}

func (r *Runner) get(id string) *Running {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[id]
}

// Stop cancels what runs, and lets nothing begin any more.
func (r *Runner) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for _, running := range r.running {
		running.cancel()
	}
}

// Wait waits for what runs to end, and reports whether it has before ctx does.
func (r *Runner) Wait(ctx context.Context) bool {
	r.mu.Lock()
	idle := len(r.running) == 0
	r.mu.Unlock()
	if idle && ctx.Err() != nil {
		return true // what there was to wait for is over, although the time is, too
	}
	ended := make(chan struct{})
	go func() {
		r.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// Running returns the operations that run, here and on other servers, by
// their start, and up to ended of those that have ended, the last one first.
func (r *Runner) Running(ctx context.Context, ended int) ([]platen.Operation, error) {
	stored, err := r.store.Operations(ctx, ended)
	for i := range stored {
		if running := r.get(stored[i].ID); running != nil {
			stored[i].Percent = running.percent()
		}
	}
	return stored, err
}

// Operation returns what is known of an operation. NotFound: there is none of that
// ID.
func (r *Runner) Operation(ctx context.Context, id string) (platen.Operation, error) {
	running := r.get(id) // first: it may end meanwhile
	operation, err := r.store.Operation(ctx, id)
	if running != nil {
		operation.Percent = running.percent()
	}
	return operation, err
}

// Progress returns how far an operation is, and whether it has ended.
// NotFound: there is none of that ID.
func (r *Runner) Progress(ctx context.Context, id string) (percent int, ended bool, err error) {
	operation, err := r.Operation(ctx, id)
	return operation.Percent, !operation.Ended.IsZero(), err
}

// Result returns what an operation has made. NotFound: there is none of that
// ID, or it has not ended. Failed: it made nothing.
func (r *Runner) Result(ctx context.Context, id string) (platen.ID, error) {
	operation, err := r.store.Operation(ctx, id)
	if err != nil {
		return 0, err
	}
	switch {
	case operation.Ended.IsZero():
		err := platen.Errorf(platen.NotFound, "operation %s is still running: it has no result yet", operation.ID)
		err.Param = operation.ID
		return 0, err
	case operation.Result == 0 && operation.Message == "":
		err := platen.Errorf(platen.NotFound, "operation %s has no such result: it was an update of entities", operation.ID)
		err.Param = operation.ID
		return 0, err
	case operation.Result == 0:
		err := platen.Errorf(platen.Failed, "the operation failed: %s", operation.Message)
		err.Param = operation.ID
		return 0, err
	}
	return operation.Result, nil
}

// End stops an operation, whatever server runs it, and says why: what it has done
// by then stays. NotFound: there is none of that ID, or it had ended.
func (r *Runner) End(ctx context.Context, id, message string) error {
	running, percent := r.get(id), 0
	if running != nil {
		percent = running.percent()
	}
	err := r.store.EndOperation(ctx, id, message, percent)
	if platen.ErrorCode(err) == platen.NotFound && err != nil {
		operation, err := r.store.Operation(ctx, id)
		if err != nil {
			return err
		}
		return endedError(operation)
	}
	if err != nil || running == nil {
		return err // another server sees it at the next part, or with its next report
	}
	running.cancel()
	select {
	case <-running.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cancel stops an operation and forgets it: after it has ended, so that
// nothing of it is left. NotFound: there is none of that ID, or it had ended.
func (r *Runner) Cancel(ctx context.Context, id string) error {
	running := r.get(id)
	if running == nil {
		return r.cancelElsewhere(ctx, id)
	}
	running.cancel()
	select {
	case <-running.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	operation, err := r.store.Operation(ctx, id)
	if err != nil {
		return err
	}
	if operation.Result != 0 {
		return endedError(operation)
	}
	return r.store.ForgetOperation(ctx, id)
}

// cancelElsewhere stops an operation that another server runs, or none: it
// can no longer store what it makes, and the server that runs it soon notices.
func (r *Runner) cancelElsewhere(ctx context.Context, id string) error {
	operation, err := r.store.Operation(ctx, id)
	if err != nil {
		return err
	}
	if operation.Ended.IsZero() {
		err := r.store.CancelOperation(ctx, id)
		if platen.ErrorCode(err) != platen.NotFound { // nil, too
			return err
		}
		if operation, err = r.store.Operation(ctx, id); err != nil { // it has ended meanwhile
			return err
		}
	}
	return endedError(operation)
}

func endedError(operation platen.Operation) error {
	err := platen.Errorf(platen.NotFound, "operation %s has ended; there is nothing left to cancel", operation.ID)
	if operation.Result != 0 {
		err.Message += ": it made job set " + operation.Result.String()
	}
	err.Param = operation.ID
	return err
}
