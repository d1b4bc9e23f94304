package transfer

import (
	"github.com/platenhq/platen"
)

// A DataSetSource is a data set on its way into a store. It is read more than
// once and always gives the same.
type DataSetSource interface {
	// DataSet is what there is besides the records. Schema nil: it is made of
	// the tables that the records name.
	DataSet() SourceSet
	Schema() *platen.Table
	ExplicitIDs() platen.IDRange // as in [JobSetSource]
	// Read passes the records on in their order. What yield is passed is good
	// during the call only.
	Read(yield func(*platen.SourceRecord) error) error
}

// A SourceSet is a data set or content set on its way into a store, or out
// of one, without what it contains.
type SourceSet struct {
	ID    platen.ID // 0: the store gives one
	Lists [2]platen.List
	Type  string // content sets: what they are for, such as "print"; "": not said
}
