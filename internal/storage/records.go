package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// Records reads and writes the values of data records.
type Records interface {
	// Records yields data records in the order of ids, with recursive also
	// what is nested in each. NotFound names the first unknown ID; then
	// nothing was yielded.
	Records(ctx context.Context, ids []platen.ID, recursive bool, yield func(*platen.Record) error) error

	// Record returns the data record of a content item. NotFound as in List.
	Record(ctx context.Context, item platen.ID) (platen.ID, error)

	// AddRecords adds data records to data sets and to records, all in one
	// transaction or none. NotFound: a data set or record is unknown. Invalid
	// as in CreateDataSet.
	AddRecords(ctx context.Context, lists []platen.NewRecords) error

	// UpdateFields sets the named fields of data records, as Merge does.
	// Invalid: a value is not of its type, or there would be more than
	// [platen.MaxFields].
	UpdateFields(ctx context.Context, updates []platen.Update) error
}
