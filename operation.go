package platen

import "time"

// Limits of an operation that creates a job set.
const (
	MaxOperationSets  = 1_000      // content sets
	MaxOperationPages = 10_000_000 // pages of the job set; of the rest, each kind
)

// An Operation is work that goes on after the request that began it has been
// answered.
type Operation struct {
	ID      string // a UUID
	Type    string // the service that it belongs to
	Started time.Time
	Ended   time.Time // zero: it is running
	Result  ID        // what it made; 0: nothing
	Message string    // why it ended, if that was without a result
	Percent int       // how far it was when another process last heard of it

	Outcome   BulkResult // of an update in parts: what it has done so far
	Cancelled bool       // that is why it ended
}
