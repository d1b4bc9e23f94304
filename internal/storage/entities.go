package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// Entities answers for identifiers of whatever kind.
type Entities interface {
	// KindOf returns the kind of an entity. NotFound: there is none with the ID.
	KindOf(ctx context.Context, id platen.ID) (platen.Kind, error)

	// Entity returns what there is to know of an entity. NotFound as in KindOf.
	Entity(ctx context.Context, id platen.ID) (*platen.Entity, error)

	// DeleteIf is Delete of a set that has a tag of match, see [platen.Entity.Tag].
	// Changed: it has another one.
	DeleteIf(ctx context.Context, ref platen.Ref, match *platen.Match) error

	// ChildrenAt returns up to most of the entities that ref contains, from a
	// position among them on, and their kind. Data records also contain data
	// records. NotFound as in List. Invalid: what the entity contains has no
	// identifiers of its own.
	ChildrenAt(ctx context.Context, ref platen.Ref, position int64, most int) (platen.Kind, []platen.IDRange, error)
}
