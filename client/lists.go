package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// List returns the properties or the metadata of an entity, in their order.
// NotFound: there is no such entity. MethodNotAllowed: the kind has no such
// list. (services of the kinds, GET {id}/properties and {id}/metadata)
func (c *Client) List(ctx context.Context, ref platen.Ref, facet platen.Facet) ([]platen.NameValue, error) {
	return decoded(ctx, c, entityRequest(olrest.ReadList, ref, facet), olrest.ReadPairs)
}

// Replace replaces the whole properties or metadata of an entity; no pairs
// clear them. If update has a Match, it is done only if the list is still as
// [Client.ListTagged] has read it. NotFound, MethodNotAllowed: as in List.
// Invalid: a name is empty or given twice. Changed: the list has another tag
// than Match, which the error has. TooLarge: the server takes no such large
// body. (services of the kinds, PUT {id}/properties and {id}/metadata)
func (c *Client) Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) error {
	r := entityRequest(olrest.ReplaceList, platen.Ref{Kind: kind, ID: update.ID}, facet).json(olrest.AppendUpdate(nil, update), nil)
	if update.Match == nil {
		return c.doTrue(ctx, r)
	}
	r.match = olrest.MatchText(update.Match)
	err := c.doTrue(ctx, r)
	if shown, ok := errors.AsType[*platen.Error](err); ok && shown.Code == platen.Changed && r.doubt && shown.Tag == platen.TagOf(platen.EncodeList(update.Pairs)).String() {
		return nil // the first time did it, whose answer was lost
	}
	return err
}

// doTrue does a request that is answered with true.
func (c *Client) doTrue(ctx context.Context, r *request) error {
	return c.do(ctx, r, func(response *http.Response) error { return olrest.ReadTrue(response.Body) })
}

// Merge sets properties of many entities of a kind: names not mentioned stay.
// It does all or nothing. MethodNotAllowed: only jobs, content items and data
// records have it. NotFound names the first entity that does not exist.
// Invalid, TooLarge: as in Replace; an update with a Match is Invalid as well, since
// only [Client.Update] has one for each of many. (services of the kinds, PUT properties)
func (c *Client) Merge(ctx context.Context, kind platen.Kind, updates []platen.Update) error {
	r := newRequest(olrest.MergeLists, kind, platen.Properties)
	return c.doEmpty(ctx, r.json(olrest.AppendUpdates(nil, updates), noMatch(updates)))
}

// noMatch refuses updates with a Match: a request for many has no place for it, and a
// change must not pass for one that was checked.
func noMatch(updates []platen.Update) error {
	for _, update := range updates {
		if update.Match != nil {
			return platen.Errorf(platen.Invalid, "the update of %d has a Match, which can not be sent with those of others: update one at a time, or all by Update with tags", update.ID).About(update.ID.String())
		}
	}
	return nil
}
