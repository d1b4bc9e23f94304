package operation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/operation"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A log is kept in memory.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A fixture is a runner on a real store.
type fixture struct {
	*operation.Runner
	t      *testing.T
	store  storage.Store
	log    *log
	closed atomic.Int64 // tasks
}

// on runs a test with each database.
func on(t *testing.T, test func(t *testing.T, f *fixture)) {
	run := func(t *testing.T, store *sqlstore.Store, err error) {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := store.Start(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
		log := &log{}
		test(t, &fixture{Runner: operation.NewRunner(store, slog.New(slog.NewTextHandler(log, nil)), nil), t: t, store: store, log: log})
	}
	t.Run("SQLite", func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), t.TempDir(), 1<<20)
		run(t, store, err)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		store, err := postgres.Open(t.Context(), pgtest.Few(pgtest.Database(t)))
		run(t, store, err)
	})
}

// task returns a task of ten steps.
func (f *fixture) task(run func(ctx context.Context, running *operation.Running) error) operation.Task {
	return operation.Task{Type: "T", Steps: 10, Run: run, Close: func() { f.closed.Add(1) }}
}

func (f *fixture) begin(run func(ctx context.Context, running *operation.Running) error) string {
	f.t.Helper()
	begun, err := f.Begin(f.t.Context(), f.task(run))
	if err != nil {
		f.t.Fatal(err)
	}
	return begun.ID
}

// wait waits until everything has ended and been closed.
func (f *fixture) wait(tasks int64) {
	f.t.Helper()
	if !f.Wait(f.t.Context()) || f.closed.Load() != tasks {
		f.t.Errorf("%d tasks are closed, want %d", f.closed.Load(), tasks)
	}
}

// wants checks the error of a call.
func wants(t *testing.T, err error, code platen.Code, message string) {
	t.Helper()
	if platen.ErrorCode(err) != code || err == nil || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v, want code %d and %q", err, code, message)
	}
}

// createEmpty makes an empty job set the result of an operation.
func (f *fixture) createEmpty(ctx context.Context, id string) (platen.Created, error) {
	set, err := spool.Temp.NewJobSet()
	if err != nil {
		return platen.Created{}, err
	}
	defer set.Close()
	set.Begin(platen.JobSet)
	if err := set.End(0, [2]platen.List{}); err != nil {
		return platen.Created{}, err
	}
	return f.store.CreateJobSet(ctx, set, storage.JobSetOptions{Operation: id})
}

func TestResult(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		half, goOn := make(chan struct{}), make(chan struct{})
		var made platen.Created
		caller, left := context.WithCancel(t.Context())
		begun, err := f.Begin(caller, f.task(func(ctx context.Context, running *operation.Running) (err error) {
			for range 7 {
				running.Step()
			}
			running.Restart()
			for range 5 {
				running.Step()
			}
			close(half)
			<-goOn
			for range 20 { // more than were expected are no more than all
				running.Step()
			}
			made, err = f.createEmpty(ctx, running.ID)
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}
		id := begun.ID
		left() // an operation does not end with the request that began it
		<-half
		percent, ended, err := f.Progress(t.Context(), id)
		if percent != 50 || ended || err != nil {
			t.Errorf("%d%%, ended: %v, %v", percent, ended, err)
		}
		list, err := f.Running(t.Context(), 0)
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].Type != "T" || list[0].Percent != 50 {
			t.Errorf("%+v, %v", list, err)
		}
		_, err = f.Result(t.Context(), id)
		wants(t, err, platen.NotFound, "is still running")
		close(goOn)
		f.wait(1)
		result, err := f.Result(t.Context(), id)
		if err != nil || result != made.ID || result == 0 {
			t.Errorf("result %d, %v; want %d", result, err, made.ID)
		}
		if _, ended, err := f.Progress(t.Context(), id); !ended || err != nil {
			t.Errorf("ended: %v, %v", ended, err)
		}
		wants(t, f.Cancel(t.Context(), id), platen.NotFound, "it made job set "+made.ID.String())
		if list, err := f.Running(t.Context(), 0); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestFailure(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		shown := f.begin(func(context.Context, *operation.Running) error { return platen.Errorf(platen.Conflict, "the reason") })
		secret := f.begin(func(context.Context, *operation.Running) error { return errors.New("the secret cause") })
		f.wait(2)
		_, err := f.Result(t.Context(), shown)
		wants(t, err, platen.Failed, "the operation failed: the reason")
		_, err = f.Result(t.Context(), secret)
		wants(t, err, platen.Failed, "its log says why")
		if !strings.Contains(f.log.String(), "the secret cause") || strings.Contains(f.log.String(), "the reason") {
			t.Errorf("the log is %s", f.log)
		}
		wants(t, f.Cancel(t.Context(), shown), platen.NotFound, "has ended")
		_, err = f.Result(t.Context(), "unknown")
		wants(t, err, platen.NotFound, "unknown")
	})
}

// TestCancel stops an operation. When that is answered, nothing of it is left.
func TestCancel(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		var ended atomic.Bool
		id := f.begin(func(ctx context.Context, _ *operation.Running) error {
			<-ctx.Done()
			ended.Store(true)
			return ctx.Err()
		})
		if err := f.Cancel(t.Context(), id); err != nil || !ended.Load() {
			t.Errorf("%v, ended: %v", err, ended.Load())
		}
		_, _, err := f.Progress(t.Context(), id)
		wants(t, err, platen.NotFound, id)
		wants(t, f.Cancel(t.Context(), id), platen.NotFound, id)
		f.wait(1)
	})
}

// TestEnd ends operations, which say how far they were.
func TestEnd(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		half := make(chan struct{})
		run := func(fails error) func(ctx context.Context, running *operation.Running) error {
			return func(ctx context.Context, running *operation.Running) error {
				running.Steps(5)
				if fails == nil {
					close(half)
					<-ctx.Done()
					fails = ctx.Err()
				}
				return fails
			}
		}
		failed, cancelled := f.begin(run(platen.Errorf(platen.Conflict, "the reason"))), f.begin(run(nil))
		<-half
		if err := f.End(t.Context(), cancelled, "enough"); err != nil {
			t.Error(err)
		}
		f.wait(2)
		for id, message := range map[string]string{failed: "the reason", cancelled: "enough"} {
			o, err := f.Operation(t.Context(), id)
			if err != nil || o.Message != message || o.Percent != 50 || o.Ended.IsZero() || o.Cancelled != (id == cancelled) {
				t.Errorf("%+v, %v", o, err)
			}
		}
		wants(t, f.End(t.Context(), cancelled, "again"), platen.NotFound, "has ended")
	})
}

// TestCancelElsewhere stops an operation that another process runs, which
// notices it, and can store no result any more.
func TestCancelElsewhere(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		if strings.HasSuffix(t.Name(), "/SQLite") {
			t.Skip("a database of SQLite has one server")
		}
		other := operation.NewRunner(f.store, slog.New(slog.DiscardHandler), nil)
		stored := make(chan error, 1)
		id := f.begin(func(ctx context.Context, running *operation.Running) error {
			<-ctx.Done() // when its report finds that it is gone
			_, err := f.createEmpty(context.WithoutCancel(ctx), running.ID)
			stored <- err
			return err
		})
		if err := other.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := <-stored; err == nil {
			t.Error("what was cancelled is stored")
		}
		f.wait(1)
	})
}

func TestStop(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		release := make(chan struct{})
		id := f.begin(func(ctx context.Context, _ *operation.Running) error {
			<-ctx.Done()
			<-release
			return ctx.Err()
		})
		f.Stop()
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if f.Wait(over) {
			t.Error("it has ended already")
		}
		_, err := f.Begin(t.Context(), f.task(func(context.Context, *operation.Running) error { t.Error("it runs"); return nil }))
		wants(t, err, platen.Unavailable, "the server is stopping")
		close(release)
		f.wait(2)
		_, err = f.Result(t.Context(), id)
		wants(t, err, platen.Failed, "the server was stopped before the operation had ended")
		if list, err := f.store.Operations(t.Context(), 0); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestWaitIdle waits with a time that is over already, when nothing runs: there is
// nothing that has not ended.
func TestWaitIdle(t *testing.T) {
	on(t, func(t *testing.T, f *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			if !f.Wait(ctx) {
				t.Fatal("operations have not ended in time, and none ran")
			}
		}
	})
}
