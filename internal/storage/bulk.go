package storage

import (
	"context"
	"fmt"

	"github.com/platenhq/platen"
)

// A BulkUpdater changes lists of many entities at once.
//
// Invalid: a kind has no such list, a value is not of the type of its field, or a
// list would be over its limits. NotFound: one of update.Entities is unknown.
// Changed: one does not have the tag that it must. Unavailable: the lists are
// changed by others again and again.
type BulkUpdater interface {
	// UpdateBulk makes an update in one transaction, as one change, or not at all.
	// The error is a [*LargeError] if it is too much for that. permit is called with
	// the kinds of update.Entities before anything is changed; nil: it is not.
	UpdateBulk(ctx context.Context, update *platen.BulkUpdate, permit func(platen.KindSet) error) (platen.BulkResult, error)

	// PreviewBulk says what an update would do, also to the first entities that it
	// would change, up to most of them, or those that have some MiB of lists together.
	// Nothing is written.
	PreviewBulk(ctx context.Context, update *platen.BulkUpdate, permit func(platen.KindSet) error, most int) (platen.BulkResult, []platen.BulkPreview, error)

	// UpdateInParts makes an update in several transactions, each a change of its
	// own that the outcome of the operation has, see [platen.Operation]. done is
	// called after each with how many entities it had. In the end the operation has
	// ended. Conflict: it has ended before, since it was cancelled. After an error,
	// what was done stays.
	UpdateInParts(ctx context.Context, update *platen.BulkUpdate, permit func(platen.KindSet) error, operation string, done func(entities int)) (platen.BulkResult, error)
}

// A LargeError says that an update is too much for one transaction.
type LargeError struct {
	Entities int64 // how many it is about, roughly
}

// Error implements error.
func (e *LargeError) Error() string {
	return fmt.Sprintf("about %d entities are too many for one transaction", e.Entities)
}
