package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
)

// TestSearchAmidFlush updates a list after a flush has read it, and searches for
// the new value before the flush has written the old one.
func TestSearchAmidFlush(t *testing.T) {
	s, err := sqlitetest.Open(t.Context(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	job := createJobs(t, s, 1).Children[0]
	if err := replace(ctx, s, job, "old"); err != nil {
		t.Fatal(err)
	}
	found := make(chan int, 1)
	err = s.FlushInSteps(ctx, func() {
		if err := replace(ctx, s, job, "new"); err != nil {
			t.Error(err)
		}
		go func() {
			n := 0
			err := s.Find(context.Background(), &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "new"}},
				func(int, *platen.Found) error { n++; return nil })
			if err != nil {
				t.Error(err)
			}
			found <- n
		}()
		time.Sleep(100 * time.Millisecond) // a search that does not wait has begun by now
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-found; n != 1 {
		t.Errorf("%d jobs have the value that was acknowledged before the search", n)
	}
}
