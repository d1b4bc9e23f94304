package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/platenhq/platen"
)

// An Event is one of the log, as it is sent.
type Event struct {
	platen.EventSubject
	Position int64  // in the log, over 0
	ID       string // the same for each reader
	Time     time.Time
	Body     []byte // a CloudEvent in JSON
}

// Events is the log of events, as a sender reads it.
type Events interface {
	// After returns events after a position, in their order: not many, and none
	// only if there are no more. next is the position to go on from. The error is
	// [GoneError] if events after the position are no longer kept.
	After(ctx context.Context, position int64) (events []Event, next int64, err error)
	// Last returns the position of the last event, 0 if there never was one.
	Last(ctx context.Context) (int64, error)
	// Wait returns when there may be events after a position, or ctx ends.
	Wait(ctx context.Context, position int64)
	// Position returns that of the event with an id; Before that of the last event
	// before a time. Invalid: it can be no id.
	Position(id string) (int64, error)
	Before(ctx context.Context, at time.Time) (int64, error)
	// Test returns an event that is not in the log.
	Test() Event
}

// A GoneError says that events after a position are no longer kept.
type GoneError struct {
	Oldest int64 // the position from which on all are kept
}

// Error implements error.
func (e *GoneError) Error() string {
	return fmt.Sprintf("events up to position %d are no longer kept", e.Oldest)
}
