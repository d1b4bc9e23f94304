package sqlstore_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// replicas opens some stores on a new database of PostgreSQL, and connections of its
// own to it.
func replicas(t *testing.T, n int, options ...sqlstore.Option) ([]*sqlstore.Store, *sql.DB) {
	t.Helper()
	address := pgtest.Database(t)
	var stores []*sqlstore.Store
	for range n {
		stores = append(stores, openReplica(t, pgtest.Few(address), options...))
	}
	raw, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return stores, raw
}

func openReplica(t *testing.T, address string, options ...sqlstore.Option) *sqlstore.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// hold runs a statement in a transaction, whose locks last until release.
func hold(t *testing.T, raw *sql.DB, statement string) (release func()) {
	t.Helper()
	tx, err := raw.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), statement)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
			t.Error(err)
		}
	}
}

// waits waits until so many connections wait for a lock.
func waits(t *testing.T, raw *sql.DB, n int) {
	t.Helper()
	for have := 0; have < n; time.Sleep(5 * time.Millisecond) {
		err := raw.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&have)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwnDeletion has a deletion broken off in a process that goes on, while another
// process cleans up. The first one finishes it.
func TestOwnDeletion(t *testing.T) {
	stores, raw := replicas(t, 2)
	ctx := t.Context()
	s, cleaner := stores[0], stores[1]
	set := platen.Ref{Kind: platen.DataSet, ID: 10}
	if err := importSet(t, s, `{"id":10,"records":[{"id":12}]}`); err != nil {
		t.Fatal(err)
	}
	if err := s.MarkDeleting(ctx, set); err != nil {
		t.Fatal(err)
	}
	if mine, err := cleaner.LeaseClean(ctx); !mine || err != nil {
		t.Fatal(mine, err)
	}
	if err := errors.Join(cleaner.FinishUndone(ctx), s.FinishUndone(ctx)); err != nil {
		t.Fatal(err)
	}
	var state int
	if err := raw.QueryRowContext(ctx, `SELECT state FROM deleted_set WHERE id = 10`).Scan(&state); err != nil || state != 0 {
		t.Errorf("the set has the state %d, %v", state, err)
	}
}

// TestGroupThatStandsStill has the clean-up wait for a process that was stopped while it
// wrote lists. Others write lists meanwhile.
func TestGroupThatStandsStill(t *testing.T) {
	stores, raw := replicas(t, 2)
	ctx := t.Context()
	s := stores[0]
	job := createJobs(t, s, 1).Children[0]
	deleted := createJobs(t, s, 1)
	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: deleted.ID}); err != nil {
		t.Fatal(err)
	}
	release := hold(t, raw, `SELECT pg_advisory_xact_lock_shared(7528360051)`)
	defer release()
	var cleaning sync.WaitGroup
	cleaning.Go(func() { cleanAll(t, stores[1], time.Now().Add(time.Hour)) })
	time.Sleep(300 * time.Millisecond) // the clean-up waits by now
	if err := replace(ctx, s, job, "x"); err != nil {
		t.Error("a list that nobody writes:", err)
	}
	release()
	cleaning.Wait()
}

// TestClocks changes a job set in two processes, whose clocks do not agree. What the second
// one has changed is not what is known of the set from before.
func TestClocks(t *testing.T) {
	for name, options := range map[string][]sqlstore.Option{"history": nil, "no history": {sqlstore.HistoryFor(0)}} {
		t.Run(name, func(t *testing.T) {
			stores, _ := replicas(t, 2, options...)
			ctx := t.Context()
			for i, ahead := range []time.Duration{time.Hour, -time.Hour} {
				own := clock.New(time.Now())
				own.Set(time.Now().Add(ahead), true)
				stores[i].SetClock(own)
			}
			made := createJobs(t, stores[0], 1)
			set := platen.Ref{Kind: platen.JobSet, ID: made.ID}
			for n, s := range stores {
				before, err := s.Entity(ctx, set.ID)
				if err != nil {
					t.Fatal(err)
				}
				if err := replace(ctx, s, made.Children[0], fmt.Sprint(n)); err != nil {
					t.Fatal(err)
				}
				match := platen.Match{Tags: []platen.Tag{before.Tag()}}
				if err := s.DeleteIf(ctx, set, &match); platen.ErrorCode(err) != platen.Changed {
					t.Errorf("a deletion by the tag before change %d: %v", n, err)
				}
			}
		})
	}
}

// TestLockThatStandsStill deletes a set while another process, which creates one, stands
// still: its lock ends before the deletion gives up.
func TestLockThatStandsStill(t *testing.T) {
	address := pgtest.Few(pgtest.Database(t))
	s := openReplica(t, address) // makes the tables, which on a busy machine may take longer than the bound
	// TestIdleSoon of package postgres checks the bound that locks have by default.
	stands := openReplica(t, address+"&idle_in_transaction_session_timeout=3s")
	set := platen.Ref{Kind: platen.JobSet, ID: createJobs(t, s, 1).ID}
	holds, release := make(chan bool), make(chan bool)
	var still sync.WaitGroup
	still.Go(func() {
		err := stands.ChangeSets(t.Context(), func(context.Context) error {
			close(holds)
			<-release
			return nil
		})
		if platen.ErrorCode(err) != platen.Unavailable {
			t.Errorf("the change of the process that stood still: %v", err)
		}
	})
	<-holds
	if err := s.Delete(t.Context(), set); err != nil {
		t.Error(err)
	}
	close(release)
	still.Wait()
}

// TestListOfRemovedItem writes the list of a content item that belongs to nothing while
// the clean-up removes it. The next content item with the identifier has none of it.
func TestListOfRemovedItem(t *testing.T) {
	stores, raw := replicas(t, 2)
	ctx := t.Context()
	s, other := stores[0], stores[1]
	const document = `{"id":30,"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":21,"datarecord":11}]}]}]}]}]}`
	importJobs(t, s, document)
	importJobs(t, s, strings.NewReplacer("30", "40", "21", "22", "11", "12").Replace(document))
	secret := []platen.NameValue{{Name: "secret", Value: "of the first one"}}
	if err := s.Replace(ctx, platen.ContentItem, platen.Properties, platen.Update{ID: 22, Pairs: secret}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: 30}); err != nil {
		t.Fatal(err)
	}
	// The clean-up waits amid its transaction, and the group of the other process after
	// it has seen the item.
	releaseSet := hold(t, raw, `SELECT id FROM deleted_set WHERE id = 30 FOR UPDATE`)
	defer releaseSet()
	var working sync.WaitGroup
	working.Go(func() {
		for {
			// A clean-up that has to wait for the group gives up, and comes again.
			if _, err := s.Clean(ctx, time.Now().Add(time.Hour)); err != nil && platen.ErrorCode(err) != platen.Unavailable {
				t.Error(err)
			}
			if _, err := s.KindOf(ctx, 21); err != nil {
				return
			}
		}
	})
	waits(t, raw, 1)
	releaseItem := hold(t, raw, `SELECT id FROM properties WHERE id = 22 FOR UPDATE`)
	defer releaseItem()
	working.Go(func() {
		err := other.Merge(ctx, platen.ContentItem, platen.Properties, []platen.Update{{ID: 21, Pairs: secret}, {ID: 22, Pairs: secret}})
		if err != nil && platen.ErrorCode(err) != platen.NotFound {
			t.Error(err)
		}
	})
	waits(t, raw, 2)
	releaseSet()
	releaseItem()
	working.Wait()
	cleanAll(t, s, time.Now().Add(time.Hour))
	importJobs(t, s, document)
	list, err := s.List(ctx, platen.Ref{Kind: platen.ContentItem, ID: 21}, platen.Properties)
	if string(list) != "[]" || err != nil {
		t.Errorf("the list of a new content item is %s, %v", list, err)
	}
}

// TestSettingsTogether has servers record changed settings at the same time.
func TestSettingsTogether(t *testing.T) {
	stores, _ := replicas(t, 3)
	for round := range 5 {
		var starting sync.WaitGroup
		for _, s := range stores {
			starting.Go(func() {
				settings := []platen.NameValue{{Name: "max-body", Value: fmt.Sprint(round)}, {Name: "other", Value: "same"}}
				if err := s.RecordSettings(t.Context(), "host", settings); err != nil {
					t.Error(err)
				}
			})
		}
		starting.Wait()
	}
}

// TestLimitsTogether adds the last of what is limited in number on two servers at the same
// moment, neither of which has committed when the other counts.
func TestLimitsTogether(t *testing.T) {
	stores, raw := replicas(t, 2)
	ctx := t.Context()
	for range platen.MaxViews - 1 {
		if _, err := stores[0].AddView(ctx, platen.View{Owner: "smith", Name: rand.Text(), Kind: platen.Job}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stores[0].AddUser(ctx, storage.User{Name: "smith"}); err != nil {
		t.Fatal(err)
	}
	const written = "change_block" // at the end of a transaction that logs something
	for name, test := range map[string]struct {
		last string // table that is written last
		add  func(*sqlstore.Store) error
	}{
		"views": {"saved_view", func(s *sqlstore.Store) error {
			_, err := s.AddView(ctx, platen.View{Owner: "smith", Name: rand.Text(), Kind: platen.Job})
			return err
		}},
		"rules": {written, func(s *sqlstore.Store) error {
			_, err := s.AddRetentionRule(ctx, platen.RetentionRule{Name: rand.Text(), Kind: platen.JobSet, Days: 1}, 1)
			return err
		}},
		"webhooks": {written, func(s *sqlstore.Store) error {
			_, err := s.AddWebhook(ctx, &storage.Webhook{Secret: []byte("s")}, 1)
			return err
		}},
		"tokens": {written, func(s *sqlstore.Store) error {
			return s.AddToken(ctx, storage.NamedToken{Name: rand.Text(), Hash: []byte(rand.Text()), Owner: "smith"}, 1, 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			release := hold(t, raw, `LOCK TABLE `+test.last+` IN SHARE MODE`) // it can be read
			defer release()
			var adding sync.WaitGroup
			errs := make([]error, len(stores))
			for i, s := range stores {
				adding.Go(func() { errs[i] = test.add(s) })
			}
			waits(t, raw, len(stores))
			release()
			adding.Wait()
			slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(platen.ErrorCode(a), platen.ErrorCode(b)) })
			if errs[0] != nil || platen.ErrorCode(errs[1]) != platen.Conflict {
				t.Errorf("the two were answered %v", errs)
			}
		})
	}
}

// TestCommitInDoubt has the time for a commit end before its answer. The error says
// that the change may be there.
func TestCommitInDoubt(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, platen.Errorf(platen.Unavailable, "the database did not answer in time"))
	defer cancel()
	<-ctx.Done()
	var shown *platen.Error
	if err := sqlstore.Ended(ctx); !errors.As(err, &shown) || !strings.Contains(shown.Message, "it may be there or not") {
		t.Errorf("%v", err)
	}
}

// TestImportTakenOver has an import taken for lost by another server, and its set
// imported again, before it notices. It leaves the other import alone.
func TestImportTakenOver(t *testing.T) {
	const jobs = 5000 // more than a transaction
	document := `{"id":600,"jobs":[` + strings.TrimSuffix(strings.Repeat(`{"properties":[{"name":"n","value":"v"}]},`, jobs), ",") + `]}`
	for again, name := range []string{"on the same server", "on another server"} {
		t.Run(name, func(t *testing.T) {
			stores, raw := replicas(t, 2)
			ctx := t.Context()
			begun, ended, second := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			_, err := importJobsThen(t, stores[0], document, func() error {
				if _, err := raw.ExecContext(ctx, `UPDATE deleted_set SET owner = 'gone'`); err != nil {
					return err
				}
				if err := stores[1].FinishUndone(ctx); err != nil {
					return err
				}
				go func() {
					_, err := importJobsThen(t, stores[again], document, func() error {
						close(begun)
						<-ended
						return stores[again].FinishUndone(ctx)
					})
					second <- err
				}()
				select {
				case <-begun:
					return nil
				case err := <-second:
					return err
				}
			})
			close(ended)
			if platen.ErrorCode(err) != platen.Unavailable {
				t.Errorf("the import that was taken for lost: %v, want Unavailable", err)
			}
			if err := <-second; err != nil {
				t.Error("the other import:", err)
			}
			made, err := stores[0].Children(ctx, platen.Ref{Kind: platen.JobSet, ID: 600})
			n := int64(0)
			for _, run := range made {
				n += run.Len()
			}
			if err != nil || n != jobs {
				t.Errorf("the set has %d jobs, %v; want %d", n, err, jobs)
			}
		})
	}
}

// TestDeletionTakenOver goes on with the deletion of a set that another server has taken
// over. The set may have come back, and be deleted again, by others, so this one leaves it.
func TestDeletionTakenOver(t *testing.T) {
	ctx := t.Context()
	stores, raw := replicas(t, 2)
	content := importContents(t, stores[0])
	_, err := raw.ExecContext(ctx, `INSERT INTO deleted_set (id, kind, marked, state, owner, begun, deleted_by) VALUES ($1, $2, 1, $3, $4, 0, '')`,
		int64(content.ID), int64(content.Kind), sqlstore.StateDeleting, stores[1].ID())
	if err != nil {
		t.Fatal(err)
	}
	err = stores[0].ChangeDeleting(ctx, content, func() { t.Error("the server went on with it") })
	if err == nil || !strings.Contains(err.Error(), "no longer that of this server") {
		t.Error(err)
	}
}
