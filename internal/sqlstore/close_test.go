package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onBoth runs a test on an empty store of each database; open opens it again.
func onBoth(t *testing.T, test func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store)) {
	t.Run("SQLite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, func(options ...sqlstore.Option) *sqlstore.Store {
			s, err := sqlitetest.Open(context.Background(), dir, 1<<20, options...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		address := pgtest.Database(t)
		test(t, func(options ...sqlstore.Option) *sqlstore.Store {
			s, err := postgres.Open(context.Background(), pgtest.Few(address), options...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

func createJobs(t *testing.T, s *sqlstore.Store, n int) platen.Created {
	t.Helper()
	return importJobs(t, s, `{"jobs":[`+strings.TrimSuffix(strings.Repeat("{},", n), ",")+`]}`)
}

// importJobs imports a document with a job set.
func importJobs(t *testing.T, s *sqlstore.Store, document string) platen.Created {
	t.Helper()
	made, err := importJobsThen(t, s, document, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// importJobsThen imports a document. then is called before it is stored as a whole.
func importJobsThen(t *testing.T, s *sqlstore.Store, document string, then func() error) (platen.Created, error) {
	t.Helper()
	set, err := spool.Temp.NewJobSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := olrest.ReadJobSet(strings.NewReader(document), set); err != nil {
		t.Fatal(err)
	}
	return s.CreateJobSet(t.Context(), endedBy{set, then}, storage.JobSetOptions{})
}

// endedBy is a job set after which something happens before it is stored as a whole.
type endedBy struct {
	transfer.JobSetSource
	then func() error
}

// Read implements [transfer.JobSetSource].
func (e endedBy) Read(v transfer.JobSetVisitor) error {
	return errors.Join(e.JobSetSource.Read(v), e.then())
}

func replace(ctx context.Context, s *sqlstore.Store, job platen.ID, value string) error {
	return s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "n", Value: value}}})
}

// panics remembers what an observer is told of.
type panics struct {
	sqlstore.Unobserved
	mu    sync.Mutex
	stack []string
}

func (p *panics) Panic(doing string, value any, stack []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stack = append(p.stack, fmt.Sprint(doing, value, string(stack)))
}

// TestPanic checks that a fault in a write is that write's alone: those that
// share its transaction are stored, nothing of it is, and the store goes on.
func TestPanic(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		seen := &panics{}
		s := open(sqlstore.ObservedBy(seen))
		defer s.Close()
		jobs := createJobs(t, s, 8).Children
		var callers sync.WaitGroup
		for i, job := range jobs {
			callers.Go(func() {
				for n := range 20 {
					if err := replace(t.Context(), s, job, fmt.Sprint(n)); err != nil {
						t.Errorf("a good write: %v", err)
					}
				}
			})
			if i%2 == 0 {
				callers.Go(func() {
					for range 5 {
						if err := s.ReplaceFaulty(t.Context(), job); platen.ErrorCode(err) != platen.Internal || err == nil {
							t.Errorf("a write that panics: %v, want an internal error", err)
						}
					}
				})
			}
		}
		callers.Wait()
		for _, job := range jobs {
			list, err := s.List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
			if err != nil || !strings.Contains(string(list), `"19"`) {
				t.Errorf("job %d: %s %v", job, list, err)
			}
		}
		// Each of these would use up a connection if it were not rolled back.
		for range 20 {
			err := s.ChangeSets(t.Context(), func(context.Context) error { panic("in a change") })
			if err == nil || platen.ErrorCode(err) != platen.Internal {
				t.Fatalf("a change that panics: %v", err)
			}
		}
		if err := s.Update(func() error { return nil }); err != nil {
			t.Error("afterwards:", err)
		}
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if last := seen.stack[len(seen.stack)-1]; !strings.Contains(last, "in a change") || !strings.Contains(last, "close_test.go") {
			t.Errorf("told of %s, want the value and the stack", last)
		}
	})
}

// TestCallerLeaves checks that a write whose caller has left before its turn
// is not done, and that a change is rolled back when its caller leaves.
func TestCallerLeaves(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		job := createJobs(t, s, 1).Children[0]
		holding, release := make(chan struct{}), make(chan struct{})
		var callers sync.WaitGroup
		callers.Go(func() {
			err := s.ChangeSets(t.Context(), func(context.Context) error {
				close(holding)
				<-release
				return nil
			})
			if err != nil {
				t.Error("the change that holds the others up:", err)
			}
		})
		<-holding
		left, leave := context.WithCancel(t.Context())
		leave()
		ran := false
		err := s.ChangeSets(left, func(context.Context) error { ran = true; return nil })
		if !errors.Is(err, context.Canceled) || ran {
			t.Errorf("a change whose caller has left: %v, done: %v", err, ran)
		}
		if err := replace(left, s, job, "x"); err != nil && !errors.Is(err, context.Canceled) {
			t.Error("an update whose caller has left:", err)
		}
		close(release)
		callers.Wait()

		leaving, leave := context.WithCancel(t.Context())
		err = s.ChangeSets(leaving, func(ctx context.Context) error {
			leave()
			<-ctx.Done()
			return nil
		})
		if err == nil {
			t.Error("a change was committed whose caller had left")
		}
		if err := replace(t.Context(), s, job, "y"); err != nil {
			t.Error("afterwards:", err)
		}
	})
}

// TestClose closes a store in which a change does not end by itself, with
// updates queued behind it. All is answered, what was acknowledged is there.
func TestClose(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		jobs := createJobs(t, s, 8).Children
		holding := make(chan struct{})
		var callers sync.WaitGroup
		callers.Go(func() {
			err := s.ChangeSets(context.Background(), func(ctx context.Context) error {
				close(holding)
				<-ctx.Done() // only Close ends it
				return ctx.Err()
			})
			if platen.ErrorCode(err) != platen.Unavailable {
				t.Errorf("the change: %v, want Unavailable", err)
			}
		})
		<-holding
		acknowledged := make([]bool, len(jobs))
		for i, job := range jobs {
			callers.Go(func() {
				err := replace(context.Background(), s, job, "v")
				acknowledged[i] = err == nil
				if err != nil && platen.ErrorCode(err) != platen.Unavailable {
					t.Errorf("an update: %v, want nil or Unavailable", err)
				}
			})
		}
		time.Sleep(20 * time.Millisecond) // so that most are queued
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Error("close:", err)
		}
		if took := time.Since(start); took > 2*sqlstore.ClosesWithin*time.Second {
			t.Errorf("close took %v", took)
		}
		callers.Wait()
		s = open()
		defer s.Close()
		for i, job := range jobs {
			list, err := s.List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
			if err != nil || acknowledged[i] && !strings.Contains(string(list), `"v"`) {
				t.Errorf("job %d, acknowledged %v: %s %v", job, acknowledged[i], list, err)
			}
		}
	})
}

// TestCommitDespite commits after an error that nobody looked at: PostgreSQL then
// answers COMMIT with ROLLBACK, which is no success.
func TestCommitDespite(t *testing.T) {
	s, err := postgres.Open(t.Context(), pgtest.Few(pgtest.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CommitDespite(); err == nil {
		t.Error("a transaction that was rolled back counts as committed")
	}
}
