package storage

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// Sets lists data sets, content sets, job sets and what these contain, and
// deletes them.
type Sets interface {
	// Entities returns all entities of a kind that is a set, ascending; of
	// content sets only those of contentType, unless that is "". Like all
	// listings it is read in parts: what is added or deleted meanwhile may be
	// in it or not, but a set that is deleted while its members are read is
	// NotFound.
	Entities(ctx context.Context, kind platen.Kind, contentType string) ([]platen.IDRange, error)

	// Children returns the entities of kind ref.Kind.Info().Child that ref
	// contains, in their order. NotFound as in List.
	Children(ctx context.Context, ref platen.Ref) ([]platen.IDRange, error)

	// Contents returns the content items of a job, each once, in document
	// order, or of a content set, in its order. NotFound as in List.
	Contents(ctx context.Context, ref platen.Ref) (*transfer.Contents, error)

	// Delete deletes a set: it and all that it contains are gone at once,
	// except content items and data records that another set uses. Their IDs
	// stay taken until Clean. While it runs, which may take long and goes on
	// when ctx ends, the set is NotFound, and what creates a set with one of
	// its members is Unavailable. If it is interrupted, Clean finishes it.
	// NotFound as in List.
	Delete(ctx context.Context, ref platen.Ref) error

	// Undelete takes back the deletion of a set, and returns what it is. NotFound:
	// no deleted set has the ID. Conflict: the set is not deleted, or can not come
	// back, since the clean-up has begun with it or it uses something that is
	// deleted as well. Unavailable: it is being deleted.
	Undelete(ctx context.Context, id platen.ID) (platen.Ref, error)

	// Deleted returns the next sets after one, most at most, in the order of
	// their deletion; from the beginning with a zero one.
	Deleted(ctx context.Context, after platen.DeletedSet, most int) ([]platen.DeletedSet, error)
}
