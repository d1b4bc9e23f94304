package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// heapReserve is how many bytes of garbage may pile up however little memory
// is in use. The collector starts when the heap has doubled, which with the
// few megabytes of a small server is many times a second under load.
const heapReserve = 32 << 20

// reserveHeap makes the garbage collector wait for heapReserve, until release
// is called. It allocates as much and never touches it, so that this takes
// address space but no memory.
func reserveHeap() (release func()) {
	reserve := make([]byte, heapReserve)
	return func() { runtime.KeepAlive(reserve) }
}

const (
	giveBackEvery = 30 * time.Second
	// idleBelow is how many bytes an idle server allocates at most in that time.
	idleBelow = 2 * heapReserve
	// worthwhile is how many bytes are worth a collection.
	worthwhile = 4 << 20
)

// giveBack gives memory back to the system which the start took, and then
// whenever the server has become idle, until ctx ends: with a reserve the
// collector, which would do it, does not come for a long time. One password
// that is checked takes 19 MiB.
func giveBack(ctx context.Context) {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(allocated)
	use := memoryUse{seen: allocated[0].Value.Uint64()}
	ticker := time.NewTicker(giveBackEvery)
	defer ticker.Stop()
	for {
		debug.FreeOSMemory()
		for due := false; !due; due = use.due(allocated[0].Value.Uint64()) {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			metrics.Read(allocated)
		}
	}
}

// A memoryUse follows how much a process allocates.
type memoryUse struct {
	seen uint64 // bytes allocated since the process began
	kept uint64 // of them, since memory was given back
}

// due reports whether to give memory back, now that a number of bytes was
// allocated since the process began. It is called in equal intervals.
func (u *memoryUse) due(allocated uint64) bool {
	since := allocated - u.seen
	u.seen = allocated
	u.kept += since
	if since > idleBelow || u.kept < worthwhile {
		return false
	}
	u.kept = 0
	return true
}
