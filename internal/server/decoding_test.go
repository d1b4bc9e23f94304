package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/platenhq/platen/internal/admission"
)

// TestDecodingTurns decodes large bodies, of which only some run at once, and
// meanwhile a small one, which waits for none.
func TestDecodingTurns(t *testing.T) {
	s := &Server{limited: limited{decoding: make(chan struct{}, decodedAtOnce())}}
	const large = admission.SmallBytes + 1
	release := make(chan struct{})
	var running, most atomic.Int64
	var begun, ended sync.WaitGroup
	begun.Add(cap(s.decoding))
	for range 3 * cap(s.decoding) {
		ended.Go(func() {
			err := s.inTurn(t.Context(), large, func() error {
				now := running.Add(1)
				defer running.Add(-1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				select {
				case <-release:
				default:
					begun.Done()
					<-release
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	ran := false
	if err := s.inTurn(t.Context(), admission.SmallBytes, func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("a small body: %v, decoded: %v", err, ran)
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.inTurn(left, large, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has left: %v", err)
	}
	close(release)
	ended.Wait()
	if most.Load() > int64(cap(s.decoding)) {
		t.Errorf("%d large bodies were decoded at once; want %d at most", most.Load(), cap(s.decoding))
	}
}
