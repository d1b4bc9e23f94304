package sqlstore_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
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
	held, let := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Update(func() error { close(held); <-let; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
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
	for s.Queued() < large {
		time.Sleep(time.Millisecond)
	}
	queue("small", jobs[large], "x")
	for s.Queued() < large+1 {
		time.Sleep(time.Millisecond)
	}
	close(let)
	wg.Wait()
	// Callers are woken after their commits, in any order, so a few large ones
	// may come to the list before it.
	at := len(strings.Split(strings.Split(strings.Join(order, " "), "small")[0], "large")) - 1
	if at > large/2 {
		t.Errorf("the small write was committed after %d of %d large ones", at, large)
	}
}
