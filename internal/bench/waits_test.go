package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestWaits compares quantiles with those of a sorted list.
func TestWaits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all, other waits
	var list []time.Duration
	for i := range 10_001 {
		wait := time.Duration(random.ExpFloat64() * float64(time.Millisecond))
		if i%100 == 0 {
			wait = time.Duration(i) * time.Second
		}
		list = append(list, wait)
		if i%2 == 0 {
			all.add(wait)
		} else {
			other.add(wait)
		}
	}
	all.merge(&other)
	slices.Sort(list)
	if all.count != int64(len(list)) || all.longest != list[len(list)-1] {
		t.Errorf("%d waits, the longest %v; want %d and %v", all.count, all.longest, len(list), list[len(list)-1])
	}
	for _, share := range []float64{0.001, 0.5, 0.9, 0.99, 0.999} {
		got, want := all.quantile(share), list[len(list)-1-int(float64(len(list))*(1-share))]
		if got < want || got > want+want/32+1 {
			t.Errorf("quantile %g: %v, want %v", share, got, want)
		}
	}
	if got := all.quantile(1); got != all.longest {
		t.Errorf("quantile 1: %v, want %v", got, all.longest)
	}
	for _, wait := range []time.Duration{0, 1, 31, 32, 63, 64, 65, 1 << 40, 1<<63 - 1} {
		if b := bucketOf(wait); b >= buckets || endOf(b) < wait || (b > 0 && endOf(b-1) >= wait) {
			t.Errorf("%d is in bucket %d, which ends at %d", wait, b, endOf(b))
		}
	}
	if got := new(waits).quantile(0.5); got != 0 {
		t.Errorf("without answers: %v", got)
	}
}
