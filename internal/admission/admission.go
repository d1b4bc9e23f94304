// Package admission bounds what a server has in hand at once: connections,
// memory, and slots for work that takes long. What is over a bound is refused
// at once, so that a client learns when to come again and nothing piles up.
package admission

import (
	"cmp"
	"fmt"
	"sync/atomic"
)

// A Reason says which bound a refusal is for. Metrics are labelled by it.
type Reason string

// The reasons.
const (
	Connections Reason = "connections"             // too many connections
	PerAddress  Reason = "connections_per_address" // too many of one address
	InFlight    Reason = "inflight_bytes"          // too many bytes of bodies and answers
	Imports     Reason = "imports"                 // too many imports
	Operations  Reason = "operations"              // too many operations
	Searches    Reason = "searches"                // too many searches
	Listeners   Reason = "listeners"               // too many clients that follow events or requests
	ImportSize  Reason = "import_bytes"            // the import is too large
	BodyRate    Reason = "body_rate"               // the body comes too slowly
	DiskSpace   Reason = "free_disk"               // the disk has no room left
	Stopping    Reason = "stopping"                // the server stops
)

// Reasons are all of them.
var Reasons = []Reason{
	Connections, PerAddress, InFlight, Imports, Operations, Searches, Listeners, ImportSize, BodyRate, DiskSpace, Stopping,
}

// Limits are the bounds of a server. Those that may be zero are then off.
type Limits struct {
	Connections           int   // at once; zero: what the limit of open files leaves, DefaultConnections at most
	ConnectionsPerAddress int   // at once; may be zero
	InFlightBytes         int64 // of bodies and answers in memory
	Imports               int   // at once
	ImportBytes           int64 // of one import; may be zero
	Operations            int   // at once
	Searches              int   // at once, running or waiting
	Listeners             int   // at once: clients that follow events, each with a connection
	MinBodyRate           int64 // bytes a second of the body of an import; may be zero
	MinFreeDisk           int64 // bytes left on each disk of Disks; may be zero

	Disks []string // directories on the disks that imports are written to
}

// DefaultConnections is how many connections there are at most if nothing
// else is said.
const DefaultConnections = 1024

// Defaults suit a machine with 1 GiB of memory.
var Defaults = Limits{
	ConnectionsPerAddress: 256,
	InFlightBytes:         256 << 20,
	Imports:               32,
	ImportBytes:           4 << 30,
	Operations:            64,
	Searches:              32,
	Listeners:             512,
	MinBodyRate:           1024,
	MinFreeDisk:           256 << 20,
}

// Resolve returns the limits with the number of connections that holds. The
// error says which limit can not be meant, and what to change.
func (l Limits) Resolve() (Limits, error) {
	for _, least := range []struct {
		flag  string
		value int64
		least int64
	}{
		{"--max-connections", int64(l.Connections), 0},
		{"--max-connections-per-address", int64(l.ConnectionsPerAddress), 0},
		{"--max-inflight-bytes", l.InFlightBytes, 1 << 20},
		{"--max-imports", int64(l.Imports), 1},
		{"--max-import-bytes", l.ImportBytes, 0},
		{"--max-operations", int64(l.Operations), 1},
		{"--max-searches", int64(l.Searches), 1},
		{"--max-listeners", int64(l.Listeners), 1},
		{"--min-body-rate", l.MinBodyRate, 0},
		{"--min-free-disk", l.MinFreeDisk, 0},
	} {
		if least.value < least.least {
			return l, fmt.Errorf("%s %d is too small: %d is the least", least.flag, least.value, least.least)
		}
	}
	files, limited := openFiles()
	if !limited {
		l.Connections = cmp.Or(l.Connections, DefaultConnections)
		return l, nil
	}
	room := int(min(files, 1<<30)) - ownFiles - extraConnections - l.Imports - l.Operations
	switch {
	case room < leastConnections:
		return l, fmt.Errorf("the limit of open files, %d, is too low: raise it to %d or more (ulimit -n, LimitNOFILE), or lower --max-imports and --max-operations", files, files+uint64(leastConnections-room))
	case l.Connections > room:
		return l, fmt.Errorf("--max-connections %d is too much for the limit of open files, %d, which leaves %d: raise it (ulimit -n, LimitNOFILE)", l.Connections, files, room)
	case l.Connections == 0:
		l.Connections = min(room, DefaultConnections)
	}
	return l, nil
}

// What Resolve counts with.
const (
	ownFiles         = 64 // of the database, the log and the like
	leastConnections = 16
)

// A Budget is a number of units, slots or bytes, that are given out and come
// back.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit units.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Take takes n units, or none and reports false if there are not as many.
func (b *Budget) Take(n int64) bool { return b.takeUpTo(n, b.limit) }

// takeUpTo is Take of a budget with another limit.
func (b *Budget) takeUpTo(n, limit int64) bool {
	for {
		used := b.used.Load()
		if used+n > limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Give gives n units back.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used returns how many units are out.
func (b *Budget) Used() int64 { return b.used.Load() }

// SmallBytes is up to what size a body or answer is small: the last quarter
// of [Bytes] is for those alone, so that a few large ones can not keep out the
// many small ones.
const SmallBytes = 64 << 10

// Bytes is a budget of bytes of memory.
type Bytes struct{ Budget }

// NewBytes returns a budget of limit bytes.
func NewBytes(limit int64) *Bytes { return &Bytes{Budget{limit: limit}} }

// Grow takes what *held lacks of want bytes, and adds it to *held. It reports
// false, and takes nothing, if there is not as much. What alone is larger than
// the budget counts as all that large ones may have: it can still be done.
func (b *Bytes) Grow(held *int64, want int64) bool {
	limit := b.limit
	if want > SmallBytes {
		limit -= limit / 4
		want = min(want, limit)
	}
	more := want - *held
	if more <= 0 {
		return true
	}
	if !b.takeUpTo(more, limit) {
		return false
	}
	*held += more
	return true
}
