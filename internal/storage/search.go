package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// A Searcher finds entities by their values.
type Searcher interface {
	// Find yields what a search finds, one after the other, each with the
	// number of its group from 0: those of a group side by side, ascending by
	// ID unless the search sorts. A search and one of few connections are held
	// until it returns, so yield must not wait for a client. Invalid: the
	// search is too large, or finds more than [platen.MaxSortBytes].
	Find(ctx context.Context, search *platen.Search, yield func(group int, found *platen.Found) error) error
}
