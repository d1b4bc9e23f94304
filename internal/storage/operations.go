package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// Operations remembers operations, so that how they ended is known after a
// restart.
type Operations interface {
	// BeginOperation records a new operation.
	BeginOperation(ctx context.Context, operation platen.Operation) error

	// FailOperation records why a running operation ended without a result, and
	// how far it was; if more was reported before, that stays. One that has ended
	// stays as it is.
	FailOperation(ctx context.Context, id, message string, percent int) error

	// ReportOperation tells other processes on the same database how far a
	// running operation is. NotFound: one of them has cancelled it.
	ReportOperation(ctx context.Context, id string, percent int) error

	// FailOperations fails every running operation whose process is gone.
	FailOperations(ctx context.Context, message string) error

	// Operation returns one. NotFound: there is none of that ID.
	Operation(ctx context.Context, id string) (platen.Operation, error)

	// Operations returns those that are running, by their start, and after them up
	// to ended of those that are not, the last one first.
	Operations(ctx context.Context, ended int) ([]platen.Operation, error)

	// CancelOperation removes a running operation, whatever process it runs
	// in: what it was to make is then not stored. NotFound: none of that ID is
	// running.
	CancelOperation(ctx context.Context, id string) error

	// EndOperation is CancelOperation that does not remove it, but ends it with a
	// message, as FailOperation does.
	EndOperation(ctx context.Context, id, message string, percent int) error

	// ForgetOperation removes one. NotFound as in Operation.
	ForgetOperation(ctx context.Context, id string) error

	// ForgetOperations removes those that ended before a time.
	ForgetOperations(ctx context.Context, before time.Time) error
}
