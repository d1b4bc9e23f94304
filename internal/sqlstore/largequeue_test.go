package sqlstore

import (
	"testing"

	"github.com/platenhq/platen"
)

// TestLargeQueue has one lane take large writes, a transaction's worth at a
// time, while another finds none.
func TestLargeQueue(t *testing.T) {
	var q largeQueue
	var writes []*write
	for range 5 {
		writes = append(writes, &write{list: make(platen.List, groupBytes/2)})
	}
	q.addLarge(append(writes, &write{alone: func(*transaction) error { return nil }}))
	for _, want := range []int{2, 2, 1, 1} {
		if !q.largeNext() {
			t.Fatal("no large write is next")
		}
		if group := q.takeLarge(); len(group) != want {
			t.Fatalf("%d writes in one transaction; want %d", len(group), want)
		}
		if other := q.takeLarge(); other != nil || q.largeNext() {
			t.Fatalf("another lane took %d writes meanwhile", len(other))
		}
		q.endLarge()
	}
	if q.largeNext() || q.takeLarge() != nil {
		t.Error("large writes are left")
	}
}
