package client

import (
	"context"
	"errors"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A NewView is a listing to be saved under a name. Filter, OrderBy and Fields are those
// of a [Listing], and have [platen.MaxViewBytes] bytes together at most.
type NewView struct {
	Name    string      `json:"name"` // up to [platen.MaxViewName] characters
	Kind    platen.Kind `json:"kind"`
	Filter  string      `json:"filter,omitzero"`
	OrderBy string      `json:"orderBy,omitzero"`
	Fields  string      `json:"fields,omitzero"`
	Shared  bool        `json:"shared,omitzero"` // all see it; otherwise its owner alone
}

// A View is a listing that a user has saved under a name.
type View struct {
	ID         int64       `json:"id"`
	Name       string      `json:"name"`
	Kind       platen.Kind `json:"kind"`
	Filter     string      `json:"filter"`
	OrderBy    string      `json:"orderBy"`
	Fields     string      `json:"fields"`
	Shared     bool        `json:"shared"`
	Owner      string      `json:"owner"` // "": the server checks no credentials
	CreateTime time.Time   `json:"createTime"`
	UpdateTime time.Time   `json:"updateTime"`
	Revision   string      `json:"revision"` // another one with each change
}

// MarshalJSON returns the view as the API has it.
func (v NewView) MarshalJSON() ([]byte, error) {
	type plain NewView
	return olrest.EncodeNative(plain(v))
}

// MarshalJSON returns the view as the API has it.
func (v View) MarshalJSON() ([]byte, error) { type plain View; return olrest.EncodeNative(plain(v)) }

// Listing returns the listing that the view is, for [Client.ListSeq].
func (v View) Listing() Listing {
	return Listing{Kind: v.Kind, Filter: v.Filter, OrderBy: v.OrderBy, Fields: v.Fields}
}

// saved returns what was saved to make the view what it is.
func (v View) saved() NewView {
	return NewView{Name: v.Name, Kind: v.Kind, Filter: v.Filter, OrderBy: v.OrderBy, Fields: v.Fields, Shared: v.Shared}
}

// Views returns the views of the user, and those that others share, by their id. (GET
// /api/v1/views)
func (c *Client) Views(ctx context.Context) ([]View, error) {
	return collect(pagesOf[View](ctx, c, func() *request { return nativeRequest(olrest.ListViews, "") }))
}

// View returns a view of the user, or a shared one. NotFound: there is none. (GET
// /api/v1/views/{view})
func (c *Client) View(ctx context.Context, id int64) (View, error) {
	return get[View](ctx, c, nativeRequest(olrest.DescribeView, number(id)))
}

// CreateView saves a view for the user. Invalid: the name is missing or too long, or a
// listing would not take the rest. Forbidden: a viewer shares none. Conflict: the user
// has one of that name and kind, or [platen.MaxViews], or there are
// [platen.MaxSharedViews] that are shared. (POST /api/v1/views)
func (c *Client) CreateView(ctx context.Context, view NewView) (View, error) {
	return get[View](ctx, c, nativeRequest(olrest.AddView, "").sending(view))
}

// matching has the request done only if what it changes has a revision still, unless
// that is "".
func (r *request) matching(revision string) *request {
	if revision != "" {
		r.match = olrest.RevisionTag(revision)
	}
	return r
}

// ReplaceView replaces all of a view but its id and owner; its owner does that, and for a
// shared one admins do. If revision is not "", it is done only if the view has that
// still. NotFound: as in View. Changed: it has another revision. Forbidden: it is another
// user's, or as in CreateView. Invalid, Conflict: as in CreateView. (PUT
// /api/v1/views/{view})
func (c *Client) ReplaceView(ctx context.Context, id int64, revision string, view NewView) (View, error) {
	r := nativeRequest(olrest.ReplaceView, number(id)).sending(view).matching(revision)
	replaced, err := get[View](ctx, c, r)
	if r.doubt && errors.Is(err, platen.ErrChanged) {
		if now, failed := c.View(ctx, id); failed == nil && now.saved() == view {
			return now, nil // the first time did it, whose answer was lost
		}
	}
	return replaced, err
}

// DeleteView removes a view. Its owner does that, and for a shared one admins do.
// revision is as in ReplaceView. NotFound, Changed: the same. Forbidden: it is another
// user's. (DELETE /api/v1/views/{view})
func (c *Client) DeleteView(ctx context.Context, id int64, revision string) error {
	return c.deleteMatching(ctx, nativeRequest(olrest.RemoveView, number(id)).matching(revision))
}

// deleteMatching does a deletion that may be sent again if it names a revision.
func (c *Client) deleteMatching(ctx context.Context, r *request) error {
	err := c.doEmpty(ctx, r)
	if r.doubt && errors.Is(err, platen.ErrNotFound) {
		return nil // the first time did it, whose answer was lost
	}
	return err
}
