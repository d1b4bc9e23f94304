package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// Lists reads and writes the properties and metadata of entities.
type Lists interface {
	// List returns one list of an entity; empty is [platen.EmptyList].
	// NotFound: no entity of that kind has the ID.
	List(ctx context.Context, ref platen.Ref, facet platen.Facet) (platen.List, error)

	// Tagged is List with the text of the tag of the list, see [platen.TagOf]: in
	// a slice that is kept beside the list, and that nobody changes.
	Tagged(ctx context.Context, ref platen.Ref, facet platen.Facet) (list platen.List, tag []string, err error)

	// Replace puts update.Pairs in the place of one whole list.
	// NotFound as in List. Changed: update.Match does not have the tag of the list.
	Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) error

	// Merge sets the named values in the lists of many entities, see
	// [platen.MergeList], in order, all in one transaction or none.
	// NotFound names the first unknown ID, Changed the first list whose tag its
	// update does not have. Of updates of one entity only the first may have tags.
	Merge(ctx context.Context, kind platen.Kind, facet platen.Facet, updates []platen.Update) error
}
