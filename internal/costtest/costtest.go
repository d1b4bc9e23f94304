// Package costtest compares what things cost, on machines that are busy with
// other things, too.
package costtest

import (
	"testing"
	"time"
)

// rounds is how often a comparison that does not hold is repeated.
const rounds = 6

// AtMost fails a test in which much takes more than factor times as long as
// little does, done so many times. Times should be such that both do as much
// work: what takes long is interrupted more often on a busy machine. Such a
// machine can make either look slow for a while, so the shortest time of each
// counts, and both are measured again as long as the comparison does not hold.
func AtMost(t testing.TB, what string, factor float64, times int, little, much func()) {
	t.Helper()
	shortLittle, shortMuch := time.Duration(1<<62), time.Duration(1<<62)
	for range rounds {
		start := time.Now()
		for range times {
			little()
		}
		between := time.Now()
		much()
		shortLittle, shortMuch = min(shortLittle, between.Sub(start)), min(shortMuch, time.Since(between))
		if float64(shortMuch) <= factor*float64(shortLittle) {
			return
		}
	}
	t.Errorf("%s: %v for little, %d times, and %v for much, which is over %g times as long", what, shortLittle, times, shortMuch, factor)
}

// Beside fails a test in which work takes more than factor times as long while what add
// makes is there as it does once remove has removed that. Either way much was written just
// before the work, and only the work is measured.
func Beside(t testing.TB, what string, factor float64, add, remove, work func()) {
	t.Helper()
	without, beside := time.Duration(1<<62), time.Duration(1<<62)
	for range rounds {
		add()
		beside = min(beside, took(work))
		remove()
		without = min(without, took(work))
		if float64(beside) <= factor*float64(without) {
			return
		}
	}
	t.Errorf("%s: %v, and %v without, which is over %g times as long", what, beside, without, factor)
}

func took(work func()) time.Duration {
	start := time.Now()
	work()
	return time.Since(start)
}
