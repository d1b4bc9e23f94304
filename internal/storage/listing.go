package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// A Lister lists entities of a kind in pages.
type Lister interface {
	// ListPage returns a page of what a listing finds. It does a bounded amount
	// of work: a page may have fewer entities than were asked for, even none, and
	// others after it. What is not changed meanwhile is on exactly one page of
	// those that follow each other. Invalid: the rule is too large.
	ListPage(ctx context.Context, listing *platen.Listing) (*platen.ListingPage, error)
	// Names returns up to most of the names that lists of entities of a kind have, or
	// had a while ago, in the order of lists and names, from after on. Those longer
	// than 512 bytes are left out; so are those of large imports of a moment ago.
	Names(ctx context.Context, kind platen.Kind, after platen.ListName, most int) ([]platen.ListName, error)
}
