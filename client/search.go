package client

import (
	"context"
	"io"
	"iter"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A Match is an entity that a search found.
type Match struct {
	platen.Found
	Group int // the number of its group, from 0
}

// Find returns the entities that a search finds, in groups: one if the search
// does not group, none if it finds nothing. Without Sort their order is not
// said. Invalid: the search asks for what the kind does not have, or is too
// large. Unavailable: it took too long. (Entity Service, PUT find)
func (c *Client) Find(ctx context.Context, search *platen.Search) ([][]platen.Found, error) {
	groups := [][]platen.Found{}
	for match, err := range c.FindSeq(ctx, search) {
		if err != nil {
			return nil, err
		}
		if match.Group == len(groups) {
			groups = append(groups, nil)
		}
		groups[match.Group] = append(groups[match.Group], match.Found)
	}
	return groups, nil
}

// FindSeq yields what [Client.Find] returns, as it comes, group by group.
func (c *Client) FindSeq(ctx context.Context, search *platen.Search) iter.Seq2[Match, error] {
	grammar := olrest.NewGrammar
	if c.LegacySearch {
		grammar = olrest.OldGrammar
	}
	return stream(ctx, c, func() *request {
		// OL Connect wants a set of rules at the top.
		wrapped := *search
		if wrapped.Rule.Type >= platen.Text {
			wrapped.Rule = platen.Rule{Type: platen.All, Rules: []platen.Rule{search.Rule}}
		}
		return newRequest(olrest.FindEntities, 0, 0).json(olrest.AppendSearch(nil, &wrapped, grammar))
	}, func(r io.Reader, yield func(Match) bool) error {
		return olrest.ReadFound(r, func(group int, found platen.Found) bool { return yield(Match{found, group}) })
	})
}
