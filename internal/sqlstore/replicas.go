package sqlstore

import (
	"context"
	"time"
)

const (
	leaseFor       = 30 * time.Second // of the clean-up, from one batch to the next
	heartbeatEvery = 2 * time.Second
	failuresKept   = 15 * time.Minute // failed logins are remembered
)

// tryLease reports whether this process may do a task for all.
func (s *Store) tryLease(ctx context.Context, task string) (bool, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.engine.Replicas.TryLease(ctx, task, s.id, leaseFor)
}

// heartbeat tells other processes on the database, and again every
// heartbeatEvery, that a process lives, and forgets those that have long been
// dead. Operations of dead processes are failed by the others. It ends with
// Close, or when the function that it returns is called.
func (s *Store) heartbeat(process string) (end func()) {
	if !s.beginWork() {
		return func() {}
	}
	// Errors are ignored: the next heartbeat makes up for a failed one.
	do := func(fn func(ctx context.Context) error) {
		ctx, cancel := s.bounded(s.killed)
		defer cancel()
		_ = fn(ctx)
	}
	beat := func(ctx context.Context) error { return s.engine.Replicas.Heartbeat(ctx, process) }
	do(beat)
	ctx, cancel := context.WithCancel(s.stop)
	ended := make(chan struct{})
	go func() {
		defer s.running.Done()
		defer close(ended)
		ticker := time.NewTicker(heartbeatEvery)
		defer ticker.Stop()
		for n := 0; ; n++ {
			if n%100 == 0 {
				do(func(ctx context.Context) error { return s.engine.Replicas.Forget(ctx, failuresKept) })
			}
			select {
			case <-ctx.Done():
				do(func(ctx context.Context) error { return s.engine.Replicas.Leave(ctx, process) })
				return
			case <-ticker.C:
				do(beat)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
