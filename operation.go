package platen

import (
	"context"
	"time"
)

// Limits of an operation that creates a job set.
const (
	MaxOperationSets  = 1_000      // content sets
	MaxOperationPages = 10_000_000 // pages of the job set; of the rest, each kind
)

// An Operation is work that goes on after the request that began it has been
// answered (api-facts 10.1).
type Operation struct {
	ID      string // a UUID
	Type    string // the service that it belongs to
	Started time.Time
	Ended   time.Time // zero: it is running
	Result  ID        // what it made; 0: nothing
	Message string    // why it failed, if it ended without a result
	Percent int       // how far it was when another process last heard of it
}

// An OperationStore remembers operations, so that how they ended is known
// after a restart.
type OperationStore interface {
	// BeginOperation records a new operation.
	BeginOperation(ctx context.Context, operation Operation) error

	// FailOperation records why a running operation ended without a result.
	// One that has ended stays as it is.
	FailOperation(ctx context.Context, id, message string) error

	// ReportOperation says how far a running operation is, for other processes
	// that serve the same database. NotFound: it was cancelled by one.
	ReportOperation(ctx context.Context, id string, percent int) error

	// FailOperations does so for all that ran in processes that are gone.
	FailOperations(ctx context.Context, message string) error

	// Operation returns one. NotFound: there is none of that ID.
	Operation(ctx context.Context, id string) (Operation, error)

	// Operations returns those that are running, by their start.
	Operations(ctx context.Context) ([]Operation, error)

	// CancelOperation removes a running operation, whatever process it runs
	// in: what it was to make is then not stored. NotFound: none of that ID is
	// running.
	CancelOperation(ctx context.Context, id string) error

	// ForgetOperation removes one. NotFound as in Operation.
	ForgetOperation(ctx context.Context, id string) error

	// ForgetOperations removes those that ended before a time.
	ForgetOperations(ctx context.Context, before time.Time) error
}
