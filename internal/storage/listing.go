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
}
