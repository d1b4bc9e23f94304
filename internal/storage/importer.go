package storage

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// An Importer stores whole sets, each in one transaction.
type Importer interface {
	// CreateJobSet stores a job set with all that it contains, in one
	// transaction or not at all. IDs that source gives are kept; content
	// items and data records that do not exist are created.
	// Conflict: an ID is taken, or a page contradicts a stored content item.
	CreateJobSet(ctx context.Context, source transfer.JobSetSource, options JobSetOptions) (platen.Created, error)

	// MissingItem returns the first content item of source that does not
	// exist, 0 for none.
	MissingItem(ctx context.Context, source transfer.JobSetSource) (platen.ID, error)

	// CreateDataSet stores a data set with its records, as CreateJobSet.
	// Invalid: a record has a table that the data set has not, or a value
	// that is not of its type. Conflict: an ID is taken.
	CreateDataSet(ctx context.Context, source transfer.DataSetSource) (platen.Created, error)

	// CreateContentSet stores a content set with its items, as CreateJobSet.
	// Data records that do not exist are created. Conflict: an ID is taken.
	CreateContentSet(ctx context.Context, source transfer.ContentSetSource) (platen.Created, error)
}

// JobSetOptions are those of [Importer.CreateJobSet].
type JobSetOptions struct {
	// Existing: content items that do not exist are not created, but NotFound.
	Existing bool
	// Operation gets the job set as its result, in the same transaction;
	// "" for none. Conflict: it has ended.
	Operation string
}
