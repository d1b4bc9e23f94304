package main

import (
	"math/bits"
	"time"
)

// Waits of a range between two powers of two share so many buckets, so that a
// quantile is at most 1/32 too long.
const (
	bucketBits = 5
	buckets    = (64 - bucketBits) << bucketBits
)

// A waits counts how long answers took, in memory that does not grow with
// their number.
type waits struct {
	count   int64
	longest time.Duration
	buckets [buckets]uint32
}

// add counts an answer.
func (w *waits) add(wait time.Duration) {
	wait = max(wait, 0)
	w.count++
	w.longest = max(w.longest, wait)
	w.buckets[bucketOf(wait)]++
}

// merge counts what another has counted.
func (w *waits) merge(other *waits) {
	w.count += other.count
	w.longest = max(w.longest, other.longest)
	for i, n := range other.buckets {
		w.buckets[i] += n
	}
}

// bucketOf returns the bucket of a wait. The first ones have a width of 1 ns.
func bucketOf(wait time.Duration) int {
	shift := max(0, bits.Len64(uint64(wait))-bucketBits-1)
	return shift<<bucketBits + int(wait>>shift)
}

// endOf returns the longest wait in a bucket.
func endOf(bucket int) time.Duration {
	shift := max(0, bucket>>bucketBits-1)
	return time.Duration(bucket-shift<<bucketBits+1)<<shift - 1
}

// quantile returns the wait that so many of all answers did not exceed: 0.99
// for 99 %. 0 without answers.
func (w *waits) quantile(share float64) time.Duration {
	left := int64(float64(w.count) * (1 - share)) // that may be longer
	for i := buckets - 1; i >= 0; i-- {
		left -= int64(w.buckets[i])
		if left < 0 {
			return min(endOf(i), w.longest)
		}
	}
	return 0
}
