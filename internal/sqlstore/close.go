package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Close is bounded: a process that is told to stop must be gone soon.
const (
	closeFor = 1500 * time.Millisecond // until running and queued work has ended by itself
	killFor  = time.Second             // until the rest has been rolled back
)

// Close implements [storage.Maintenance]. Accepted writes are stored if that ends
// within closeFor. The others are rolled back, and their callers get an error. An
// error of Close says that a transaction has not ended even then.
func (s *Store) Close() error {
	s.entry.Lock()
	s.cancel()
	s.entry.Unlock()
	var err error
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.running.Wait()
		_ = s.writers.keepTimes() // otherwise a time is that of the first of several changes, as after a crash
		s.committer.Close()
		if s.batcher != nil {
			s.batcher.close()
		}
		err = s.engine.Close()
	}()
	for _, limit := range []time.Duration{closeFor, killFor} {
		timer := time.NewTimer(limit)
		select {
		case <-closed:
			timer.Stop()
			return err
		case <-timer.C:
			s.kill(errStopping)
		}
	}
	return errors.New("the database is not closed: something in it has not ended in time; nothing that was acknowledged is lost by that")
}

// within returns ctx that also ends when Close no longer waits.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.killed, func() { cancel(errStopping) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// ended adds to err why ctx has ended, if it has: the driver's error does not
// say it. That the outcome of a commit is not known says more.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, errInDoubt) {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// errPanic is in the error of a function that panicked.
var errPanic = errors.New("panic")

// guarded runs fn and makes an error of its panic, which the observer is told
// of. A fault in one piece of work must not end the process for all.
func (s *Store) guarded(doing string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(doing, p)
		}
	}()
	return fn()
}

// panicked tells the observer of a panic that was recovered, and returns the
// error that it is.
func (s *Store) panicked(doing string, p any) error {
	s.observer.Panic(doing, p, debug.Stack())
	return fmt.Errorf("%w while %s: %v", errPanic, doing, p)
}
