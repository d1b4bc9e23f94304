package sqlstore_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
)

func eventsOf(t *testing.T, s *sqlstore.Store, after platen.EventID) (events []platen.Event) {
	t.Helper()
	_, err := s.Events(t.Context(), after, 1000, func(e *platen.Event) error {
		events = append(events, *e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestPrunedChanges has a log whose changes are too old: what is removed is Gone, and
// what comes after it goes on.
func TestPrunedChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.HistoryFor(time.Nanosecond))
		defer s.Close()
		ctx := t.Context()
		job := importJob(t, s)
		put := func(value string) {
			t.Helper()
			err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "a", Value: value}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 300 {
			put(fmt.Sprint(i))
		}
		events := eventsOf(t, s, 0)
		if len(events) != 301 {
			t.Fatalf("%d events", len(events))
		}
		time.Sleep(2 * time.Millisecond)
		batches := 0
		for more := true; more; batches++ {
			var err error
			if more, err = s.Clean(ctx, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if batches < 3 {
			t.Errorf("all in %d batches", batches)
		}
		_, err := s.Events(ctx, events[10].ID, 10, func(*platen.Event) error { return nil })
		gone, ok := errors.AsType[*platen.Error](err)
		if !ok || gone.Code != platen.Gone {
			t.Fatalf("after what is removed: %v", err)
		}
		_, err = s.Change(ctx, events[10].Change.ID, 1)
		if gone, ok := errors.AsType[*platen.Error](err); !ok || gone.Code != platen.Gone || !isNumber(gone.Param) {
			t.Errorf("a change that is removed: %#v", err)
		}
		_, err = s.Revert(ctx, events[10].Change.ID, false)
		if platen.ErrorCode(err) != platen.Gone {
			t.Errorf("to revert it: %v", err)
		}
		_, _, err = s.ListAt(ctx, job, platen.Properties, events[10].Change.Time)
		if platen.ErrorCode(err) != platen.Gone {
			t.Errorf("the list as it was: %v", err)
		}
		if changes, next, err := s.History(ctx, job, nil, 10); err != nil || len(changes) != 0 || next != nil {
			t.Errorf("the history is %v, %q, %v", changes, next, err)
		}
		put("after")
		last := eventsOf(t, s, events[300].ID)
		if len(last) != 1 || last[0].ID <= events[300].ID || last[0].Change.ID <= events[300].Change.ID {
			t.Errorf("what comes after it: %v", last)
		}
		if again := eventsOf(t, s, 0); len(again) != 1 {
			t.Errorf("from the beginning: %v", again)
		}
	})
}

// isNumber reports whether a text is that of a whole number, as identifiers are.
func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// TestPrunedAmid reads a part of the events of a block that is then pruned: the rest is
// Gone, and not merely missing. Who has read all goes on.
func TestPrunedAmid(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.HistoryFor(time.Nanosecond))
		defer s.Close()
		var updates []platen.Update
		for _, job := range createJobs(t, s, 5).Children {
			updates = append(updates, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "a", Value: "1"}}})
		}
		if err := s.Merge(t.Context(), platen.Job, platen.Properties, updates); err != nil {
			t.Fatal(err)
		}
		events := eventsOf(t, s, 0)
		if len(events) != 6 {
			t.Fatalf("%d events; want one of the job set and one of each job", len(events))
		}
		time.Sleep(2 * time.Millisecond)
		cleanAll(t, s, time.Unix(1, 0))
		for n, event := range events {
			_, err := s.Events(t.Context(), event.ID, 100, func(*platen.Event) error { return nil })
			if last := n == len(events)-1; last && err != nil || !last && platen.ErrorCode(err) != platen.Gone {
				t.Errorf("after event %d of %d: %v", n+1, len(events), err)
			}
		}
	})
}

// TestPrunedBlockAmid prunes a block of several parts while its events are read: the
// others are gone.
func TestPrunedBlockAmid(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.HistoryFor(time.Nanosecond))
		defer s.Close()
		random := rand.NewChaCha8([32]byte{1}) // does not get shorter by compression
		var updates []platen.Update
		for _, job := range createJobs(t, s, 40).Children {
			value := make([]byte, 25_000)
			_, _ = random.Read(value)
			updates = append(updates, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "a", Value: hex.EncodeToString(value)}}})
		}
		if err := s.Merge(t.Context(), platen.Job, platen.Properties, updates); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		n := 0
		_, err := s.Events(t.Context(), 0, 1000, func(*platen.Event) error {
			if n++; n == 3 {
				cleanAll(t, s, time.Unix(1, 0))
			}
			return nil
		})
		if platen.ErrorCode(err) != platen.Gone {
			t.Errorf("%d events, and then %v, not that the rest is gone", n, err)
		}
	})
}

// TestPrunedOrder prunes two blocks of which the one with the smaller number has the
// larger position, as one that was committed late has on PostgreSQL, and another that
// is damaged.
func TestPrunedOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.HistoryFor(time.Nanosecond))
		defer s.Close()
		jobs := createJobs(t, s, 5).Children
		for _, some := range [][]platen.ID{jobs, jobs[:1]} {
			var updates []platen.Update
			for _, job := range some {
				updates = append(updates, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: fmt.Sprint(len(some)), Value: "1"}}})
			}
			if err := s.Merge(t.Context(), platen.Job, platen.Properties, updates); err != nil {
				t.Fatal(err)
			}
		}
		events := eventsOf(t, s, 0)
		large, _ := events[1].ID.Split()
		small, _ := events[6].ID.Split()
		set := func(text string, args ...any) {
			t.Helper()
			if _, err := s.Writer().ExecContext(t.Context(), text, args...); err != nil {
				t.Fatal(err)
			}
		}
		set(`UPDATE change_block SET position = 1000 WHERE position = $1`, large)
		set(`UPDATE change_block SET position = $1 WHERE position = $2`, large, small)
		set(`UPDATE change_block SET position = $1 WHERE position = 1000`, small)
		time.Sleep(2 * time.Millisecond)
		cleanAll(t, s, time.Unix(1, 0))
		for n := int64(1); n <= 5; n++ {
			_, err := s.Events(t.Context(), platen.NewEventID(small, n), 100, func(*platen.Event) error { return nil })
			if n == 5 && err != nil || n < 5 && platen.ErrorCode(err) != platen.Gone {
				t.Errorf("after %d of 5: %v", n, err)
			}
		}

		if err := replace(t.Context(), s, jobs[0], "damaged"); err != nil {
			t.Fatal(err)
		}
		set(`UPDATE change_block SET body = substr(body, 1, length(body) - 3)`)
		time.Sleep(2 * time.Millisecond)
		cleanAll(t, s, time.Unix(1, 0))
		if left := eventsOf(t, s, 0); len(left) > 0 {
			t.Errorf("of what is damaged %v is left", left)
		}
	})
}

// TestChangesOff has a server that logs nothing, and one that begins to after it.
func TestChangesOff(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open(sqlstore.HistoryFor(0))
		if err := s.Start(ctx, "stopped"); err != nil {
			t.Fatal(err)
		}
		job := importJob(t, s)
		for _, value := range []string{"1", "2"} {
			if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "a", Value: value}}}); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := s.History(ctx, job, nil, 10)
		if platen.ErrorCode(err) != platen.Conflict {
			t.Errorf("history: %v", err)
		}
		if _, err := s.LastEvent(ctx); platen.ErrorCode(err) != platen.Conflict {
			t.Errorf("events: %v", err)
		}
		if _, list, err := s.ListAt(ctx, job, platen.Properties, time.Time{}); err != nil || string(list) != `[{"name":"a","value":"2"}]` {
			t.Errorf("now: %s, %v", list, err)
		}
		while := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		s = open()
		defer s.Close()
		if err := s.Start(ctx, "stopped"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.ListAt(ctx, job, platen.Properties, while); platen.ErrorCode(err) != platen.Gone {
			t.Errorf("while nothing was logged: %v", err)
		}
		if events := eventsOf(t, s, 0); len(events) != 0 {
			t.Errorf("%v", events)
		}
	})
}

// TestChangesRolledBack has an update and a deletion that fail leave nothing in the
// log.
func TestChangesRolledBack(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		job := importJob(t, s)
		before := len(eventsOf(t, s, 0))
		if err := s.ReplaceFaulty(t.Context(), job); err == nil {
			t.Error("the update did not fail")
		}
		left, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Delete(left, platen.Ref{Kind: platen.JobSet, ID: job - 1}); err == nil {
			t.Error("the deletion did not fail")
		}
		if after := len(eventsOf(t, s, 0)); after != before {
			t.Errorf("%d events, not %d", after, before)
		}
	})
}

func importJob(t *testing.T, s *sqlstore.Store) platen.ID {
	t.Helper()
	return createJobs(t, s, 1).Children[0]
}

// TestPrunedAhead prunes changes that were logged by a clock that was ahead, once those
// after them are too old.
func TestPrunedAhead(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.HistoryFor(time.Hour))
		defer s.Close()
		ctx := t.Context()
		job := importJob(t, s)
		values := 0
		put := func(n int) {
			t.Helper()
			for range n {
				values++
				if err := replace(ctx, s, job, strconv.Itoa(values)); err != nil {
					t.Fatal(err)
				}
			}
		}
		shift := func(hours int) { // the times that have come
			t.Helper()
			if _, err := s.Writer().ExecContext(ctx, `UPDATE change_block SET at = at + $1 WHERE at < $2`, int64(hours)*3600e6, time.Now().Add(time.Minute).UnixMicro()); err != nil {
				t.Fatal(err)
			}
		}
		left := func(want int) {
			t.Helper()
			cleanAll(t, s, time.Unix(1, 0))
			if have := len(eventsOf(t, s, 0)); have != want {
				t.Errorf("%d events are left, not %d", have, want)
			}
		}
		put(300)
		shift(1000)
		left(301) // they may be new
		put(1)
		left(302)
		shift(-2)
		put(1)
		left(1)
	})
}

// TestRevertReused reverts changes of a job and of a content item that were removed,
// while others have their identifiers. Those stay as they are.
func TestRevertReused(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		ctx := t.Context()
		const document = `{"id":5000,"jobs":[{"id":5001,"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":9001,"datarecord":8001}]}]}]}]}]}`
		both := []platen.Ref{{Kind: platen.Job, ID: 5001}, {Kind: platen.ContentItem, ID: 9001}}
		set := func(of platen.Ref, value string) {
			t.Helper()
			if err := s.Replace(ctx, of.Kind, platen.Properties, platen.Update{ID: of.ID, Pairs: []platen.NameValue{{Name: "n", Value: value}}}); err != nil {
				t.Fatal(err)
			}
		}
		importJobs(t, s, document)
		changes := make(map[platen.Ref]int64)
		for _, of := range both {
			set(of, "secret")
			set(of, "public")
			events := eventsOf(t, s, 0)
			changes[of] = events[len(events)-1].Change.ID
		}
		if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: 5000}); err != nil {
			t.Fatal(err)
		}
		cleanAll(t, s, time.Now().Add(time.Hour))
		importJobs(t, s, document)
		for _, of := range both {
			set(of, "other")
			for _, force := range []bool{false, true} {
				if _, err := s.Revert(ctx, changes[of], force); platen.ErrorCode(err) != platen.NotFound {
					t.Errorf("%s, with force %t: %v", of.Kind, force, err)
				}
			}
			if list, err := s.List(ctx, of, platen.Properties); string(list) != `[{"name":"n","value":"other"}]` {
				t.Errorf("the other %s has %s, %v", of.Kind, list, err)
			}
		}
	})
}

// TestCopiedChanges copies a log to the other database and back: the history stays,
// and what comes after it has larger numbers, also if the log is empty by then.
func TestCopiedChanges(t *testing.T) {
	ctx := t.Context()
	for _, age := range []time.Duration{sqlstore.DefaultHistory, time.Nanosecond} {
		t.Run(age.String(), func(t *testing.T) {
			address := pgtest.Database(t)
			first, err := sqlitetest.Open(ctx, t.TempDir(), 0, sqlstore.HistoryFor(age))
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			second, err := postgres.Open(ctx, pgtest.Few(address), sqlstore.HistoryFor(age))
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			third, err := sqlitetest.Open(ctx, t.TempDir(), 0, sqlstore.HistoryFor(age))
			if err != nil {
				t.Fatal(err)
			}
			defer third.Close()
			job := importJob(t, first)
			change := func(s *sqlstore.Store, value string) (id int64, last platen.EventID) {
				t.Helper()
				err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "a", Value: value}}})
				if err != nil {
					t.Fatal(err)
				}
				events := eventsOf(t, s, 0)
				return events[len(events)-1].Change.ID, events[len(events)-1].ID
			}
			change(first, "0")
			id, last := change(first, "1")
			for i, s := range []*sqlstore.Store{first, second, third} {
				if i > 0 {
					next, after := change(s, fmt.Sprint("value ", i))
					if next <= id || after <= last {
						t.Errorf("the change %d, event %d, come after %d, %d", next, after, id, last)
					}
					id, last = next, after
				}
				if age == sqlstore.DefaultHistory {
					if changes, _, err := s.History(ctx, job, nil, 10); err != nil || len(changes) != 3+i {
						t.Errorf("%d: the history has %d changes, %v", i, len(changes), err)
					}
				} else {
					time.Sleep(2 * time.Millisecond)
					for more := true; more; {
						if more, err = s.Clean(ctx, time.Unix(1, 0)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if i == 2 {
					break
				}
				to := []*sqlstore.Store{second, third}[i]
				if _, err := sqlstore.Copy(ctx, s, to, false, func(sqlstore.Progress) {}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
