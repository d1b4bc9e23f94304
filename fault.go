package platen

import "time"

// A Fault is a rule by which the server of a sandbox misbehaves. The rules are an
// ordered list, of which the first that a request meets acts on it, and no other.
// The zero value of what says which requests means all.
type Fault struct {
	Name string // of its own in the list; "" when it is added: it gets one

	// Which requests: those with one of the methods, for a route by its path in the
	// API document ("/rest/serverengine/entity/jobs/{id}/properties"), with a path in
	// which an asterisk stands for any text, of a user.
	Methods           []string
	Route, Path, User string

	// Of those, counted from 1: from one to another, each so many, and each with a
	// probability, drawn from a sequence that the seed decides.
	From, To, Every int64   // 0: 1, no end, 1
	Probability     float64 // 0: 1
	Seed            int64

	// What is answered instead. Without a body, unless that is to be empty, it is an
	// error of the dialect. RetryAfter alone is a 429.
	Status     int
	Body       string
	EmptyBody  bool
	Headers    []NameValue
	RetryAfter time.Duration // whole seconds are sent

	NoAnswer    bool // the connection is held until the client leaves
	ExpireToken bool // as if the token of the request had expired; others are not concerned

	// What becomes of the answer, whichever that is.
	Latency   time.Duration // before the request is dealt with
	Bandwidth int64         // bytes of the body in a second; 0: as fast as it goes
	Cut       bool          // the connection is broken
	CutAfter  int64         // after so many bytes of the body, if it has as many

	// What becomes of the operation that the request begins.
	OperationDelay time.Duration // before it does anything
	OperationError string        // it fails with that message
}

// A FaultCount is a fault with how many requests were such as it is for, and on
// how many of these it has acted.
type FaultCount struct {
	Fault
	Matched, Hits int64
}

// Bounds of faults.
const (
	MaxFaults    = 100              // in the list
	MaxFaultWait = 10 * time.Minute // of Latency and OperationDelay
	MaxFaultBody = 1 << 20          // bytes
)
