package sqlstore_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestSmallBeforeLarge queues large writes, and a small one behind them, which is
// committed before most of them.
func TestSmallBeforeLarge(t *testing.T) {
	s, err := sqlitetest.Open(t.Context(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const large = 20
	jobs := createJobs(t, s, large+1).Children
	let := holdWriter(t, s)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var order []string
	queue := func(name string, job platen.ID, value string) {
		wg.Go(func() {
			if err := replace(t.Context(), s, job, value); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
		})
	}
	value := strings.Repeat("x", platen.MaxListBytes-100)
	for i := range large {
		queue("large", jobs[i], value)
	}
	waitQueued(s, large)
	queue("small", jobs[large], "x")
	waitQueued(s, large+1)
	let()
	wg.Wait()
	// Callers are woken after their commits, in any order, so a few large ones
	// may come to the list before it.
	at := len(strings.Split(strings.Split(strings.Join(order, " "), "small")[0], "large")) - 1
	if at > large/2 {
		t.Errorf("the small write was committed after %d of %d large ones", at, large)
	}
}

// holdWriter keeps the writer until let is called, so that what comes meanwhile is queued.
func holdWriter(t *testing.T, s *sqlstore.Store) (let func()) {
	held, ended, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { done <- s.Update(func() error { close(held); <-ended; return nil }) }()
	<-held
	return func() {
		close(ended)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// waitQueued waits until so many writes are in the queue.
func waitQueued(s *sqlstore.Store, n int) {
	for s.Queued() < n {
		time.Sleep(time.Millisecond)
	}
}

// TestGroup has updates of one list in one group. Each finds what those before it
// leave, and so does the log.
func TestGroup(t *testing.T) {
	s, err := sqlitetest.Open(t.Context(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	job := createJobs(t, s, 1).Children[0]
	if err := replace(t.Context(), s, job, "old"); err != nil {
		t.Fatal(err)
	}
	pair := func(name, value string) platen.NameValue { return platen.NameValue{Name: name, Value: value} }
	update := func(now, with []platen.NameValue) platen.Update {
		return platen.Update{ID: job, Pairs: with, Match: &platen.Match{Tags: []platen.Tag{platen.TagOf(platen.EncodeList(now))}}}
	}
	before, after := []platen.NameValue{pair("n", "old")}, []platen.NameValue{pair("n", "new")}
	both := []platen.NameValue{pair("n", "old"), pair("m", "1")}
	replaces := func(u platen.Update) error {
		return s.Replace(t.Context(), platen.Job, platen.Properties, u)
	}
	merges := func(u platen.Update) error {
		return s.Merge(t.Context(), platen.Job, platen.Properties, []platen.Update{u})
	}
	let := holdWriter(t, s)
	var wg sync.WaitGroup
	for i, one := range []struct {
		write   func(platen.Update) error
		update  platen.Update
		refused bool
	}{
		{merges, update(before, after), false},
		{merges, update(before, after), true},
		{replaces, update(before, after), true},
		{replaces, update(after, before), false}, // as it is in the database
		{merges, update(before, both[1:]), false},
		{replaces, update(before, nil), true},
	} {
		wg.Go(func() {
			if err := one.write(one.update); (platen.ErrorCode(err) == platen.Changed) != one.refused || err != nil && !one.refused {
				t.Errorf("update %d: %v", i, err)
			}
		})
		waitQueued(s, i+1)
	}
	let()
	wg.Wait()
	misses := s.Stats().CacheMisses
	list, err := s.List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
	if want := platen.EncodeList(both); err != nil || string(list) != string(want) {
		t.Errorf("the list is %s, %v; want %s", list, err, want)
	}
	if s.Stats().CacheMisses != misses {
		t.Error("what was written is not in the cache")
	}
	history, _, err := s.History(t.Context(), job, nil, 3)
	var got []string
	for _, change := range history {
		for _, name := range change.Entries[0].Names {
			text := name.Name
			for _, value := range []*string{name.Before, name.After} {
				if text += " -"; value != nil {
					text += *value
				}
			}
			got = append(got, text)
		}
	}
	if want := "m - -1, n -new -old, n -old -new"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("the history is %q, %v; want %q", got, err, want)
	}
}
