package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// testIndexBeside checks that updates are answered, many of them, while large
// lists are brought into the index; that a search sees all lists written
// before it; and that one whose caller leaves ends.
func testIndexBeside(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	const lists, count = 3, platen.MaxNames / 2
	job := jobs(t, s, lists+1)
	write := func(mark string) {
		for i, id := range job[:lists] {
			list := names(count, 3)
			for n := range list {
				list[n].Name = fmt.Sprintf("%s%d-%d", mark, i, n)
			}
			if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: id, Pairs: list}); err != nil {
				t.Fatal(err)
			}
		}
	}
	find := func(ctx context.Context, name string) (n int, err error) {
		found, err := find(ctx, s, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: name, Value: "vvv"}})
		for _, group := range found {
			n += len(group)
		}
		return n, err
	}

	write("a")
	gone, leave := context.WithTimeout(ctx, 20*time.Millisecond)
	defer leave()
	if _, err := find(gone, "a0-0"); err == nil {
		t.Log("the index was brought up to date before the caller left")
	}

	write("b")
	done := make(chan struct{})
	var answered atomic.Int64
	var ended sync.WaitGroup
	ended.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job[lists], Pairs: names(2, n%10)}); err != nil {
				t.Error(err)
				return
			}
			answered.Add(1)
		}
	})
	start := time.Now()
	first := answered.Load()
	if n, err := find(ctx, "b0-0"); err != nil || n != 1 {
		t.Errorf("%d jobs with a name just written: %v", n, err)
	}
	// One transaction for all of it would let one through, or two.
	if n := answered.Load() - first; n < 4 {
		t.Errorf("%d updates were answered in the %v in which the index was brought up to date", n, time.Since(start))
	}
	close(done)
	ended.Wait()
	for i := range lists {
		for name, want := range map[string]int{fmt.Sprintf("b%d-0", i): 1, fmt.Sprintf("b%d-%d", i, count-1): 1, fmt.Sprintf("a%d-0", i): 0} {
			if n, err := find(ctx, name); err != nil || n != want {
				t.Errorf("%d jobs with %s, not %d: %v", n, name, want, err)
			}
		}
	}
}
