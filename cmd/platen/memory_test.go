package main

import "testing"

// TestMemoryUse checks that memory is given back once, when a server that has
// used much becomes idle, and not while it works.
func TestMemoryUse(t *testing.T) {
	const mib = 1 << 20
	use := memoryUse{seen: 40 * mib}
	total := uint64(40 * mib)
	for i, step := range []struct {
		allocated uint64
		due       bool
	}{
		{1 * mib, false},    // nothing to speak of
		{19 * mib, true},    // a password
		{0, false},          // and no more
		{1000 * mib, false}, // it works
		{1 * mib, true},     // it is idle again
		{1 * mib, false},
		{1 * mib, false},
		{1 * mib, false},
		{1 * mib, true}, // small things add up
	} {
		total += step.allocated
		if due := use.due(total); due != step.due {
			t.Errorf("step %d: memory is to be given back: %v, want %v", i, due, step.due)
		}
	}
}
