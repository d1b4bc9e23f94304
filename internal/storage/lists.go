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

	// Replace puts update.Pairs in the place of one whole list.
	// NotFound as in List.
	Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) error

	// Merge sets the named values in the lists of many entities, see
	// [platen.MergeList], in order, all in one transaction or none.
	// NotFound names the first unknown ID.
	Merge(ctx context.Context, kind platen.Kind, facet platen.Facet, updates []platen.Update) error
}
