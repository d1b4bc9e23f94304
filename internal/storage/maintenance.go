package storage

import (
	"context"
	"time"
)

// Maintenance is what the process that serves a store does with it.
type Maintenance interface {
	// Clean removes for good a small part of what was deleted before a time,
	// and reports whether there may be more. It first finishes deletions that
	// were interrupted, whenever that was.
	Clean(ctx context.Context, before time.Time) (more bool, err error)

	// Ping fails if the store can not answer now.
	Ping(ctx context.Context) error

	// Close finishes what is under way and releases the store.
	Close() error
}
