package storage

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// An Exporter yields whole sets, an element at a time.
type Exporter interface {
	// ReadJobSet yields the job set and all that it contains, parents before
	// children, in their order. NotFound as in List. A set that is removed
	// while it is read ends in an error.
	ReadJobSet(ctx context.Context, id platen.ID, yield func(*transfer.Element) error) error

	// CountJobSet yields what the job set has, in the order of its document sets,
	// without reading it: it was counted when it was written. withMetadata: with
	// the metadata of the document sets, and without the names of that of
	// documents. What yield is passed is good during the call only. NotFound as in
	// List. A set that is removed while it is counted ends in an error.
	CountJobSet(ctx context.Context, id platen.ID, withMetadata bool, yield func(*transfer.Counts) error) error

	// ReadDocuments is ReadJobSet without what is above the document sets, and
	// with no list but the metadata of document sets and of documents. It reads
	// less.
	ReadDocuments(ctx context.Context, id platen.ID, yield func(*transfer.Element) error) error

	// ReadDataSet calls begin with the data set, then yield with each record,
	// each before what is nested in it. NotFound as in List.
	ReadDataSet(ctx context.Context, id platen.ID, begin func(transfer.SourceSet, *platen.Table) error, yield func(*platen.Record) error) error

	// ReadContentSet calls begin with the content set, then yield with each
	// item. NotFound as in List.
	ReadContentSet(ctx context.Context, id platen.ID, begin func(transfer.SourceSet) error, yield func(*transfer.SourceItem) error) error

	// PageDetails yields the content items of a content set in its order, as
	// runs of items with the same [platen.Details]. NotFound as in List.
	PageDetails(ctx context.Context, set platen.ID, yield func(items platen.IDRange, details []byte) error) error
}
