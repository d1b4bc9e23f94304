package transfer

import (
	"github.com/platenhq/platen"
)

// A SourceItem is a content item of a content set, on its way into a store or
// out of one.
type SourceItem struct {
	ID         platen.ID // 0: the store gives one
	Record     platen.ID // its data record; created if there is none
	Properties platen.List
	Details    []byte // see [platen.Details]; nil: not said
}

// A ContentSetSource is a content set on its way into a store, as
// [DataSetSource].
type ContentSetSource interface {
	// ContentSet is what there is besides the items.
	ContentSet() SourceSet
	ExplicitIDs() platen.IDRange // as in [JobSetSource]
	// Read passes the items on in their order, as that of a [DataSetSource].
	Read(yield func(*SourceItem) error) error
}
