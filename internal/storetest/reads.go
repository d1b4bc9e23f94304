package storetest

import (
	"strings"
	"sync"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// SmallReads reads small lists one after the other while others read large
// ones, of a store that reads lists for many callers in one statement: no small
// one waits in a statement with large ones, which would let through a few.
func SmallReads(t *testing.T, s storage.Store) {
	ctx := t.Context()
	const readers, rounds = 8, 3
	large := strings.Repeat("v", platen.MaxListBytes-100)
	job := jobs(t, s, readers+1)
	put := func(id platen.ID, value string) {
		err := s.Replace(ctx, platen.Job, platen.Metadata, platen.Update{ID: id, Pairs: []platen.NameValue{{Name: "n", Value: value}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range job[:readers] {
		put(id, large)
	}
	put(job[readers], "small")
	read := func(id platen.ID, least int) {
		list, err := s.List(ctx, platen.Ref{Kind: platen.Job, ID: id}, platen.Metadata)
		if err != nil || len(list) < least {
			t.Errorf("a list of %d bytes: %v", len(list), err)
		}
	}
	var ended sync.WaitGroup
	for _, id := range job[:readers] {
		ended.Go(func() {
			for range rounds {
				read(id, len(large))
			}
		})
	}
	done := make(chan struct{})
	go func() {
		ended.Wait()
		close(done)
	}()
	for small := 0; ; small++ {
		select {
		case <-done:
			if t.Logf("%d small reads beside %d large ones", small, readers*rounds); small < readers*rounds {
				t.Errorf("%d small reads were answered beside %d large ones", small, readers*rounds)
			}
			return
		default:
			read(job[readers], 1)
		}
	}
}
