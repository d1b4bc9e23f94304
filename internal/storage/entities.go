package storage

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
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
	// position among them on. Data records also contain data records. NotFound
	// as in List. Invalid: what the entity contains has no identifiers of its own.
	ChildrenAt(ctx context.Context, ref platen.Ref, position int64, most int) (Children, error)

	// Pages yields the pages of a document from a position on, until yield
	// returns false, or those of a content item, which is one such page. NotFound
	// as in List. Invalid: entities of the kind have no pages of their own.
	Pages(ctx context.Context, ref platen.Ref, position int64, yield func(*transfer.Page) bool) error
}

// Children are some of the entities that another contains.
type Children struct {
	Kind  platen.Kind // 0: the other contains nothing
	IDs   []platen.IDRange
	Total int64 // how many it contains; on a page beyond the last, too
}
