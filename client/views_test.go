package client_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/platentest"
)

func TestViews(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	night := client.NewView{Name: "Night", Kind: platen.ContentItem, Filter: "properties.shift = night", OrderBy: "id desc", Fields: "id"}
	view := must[client.View](t)(c.CreateView(ctx, night))
	if view.ID == 0 || view.Owner != user || view.Shared || view.CreateTime.IsZero() || view.UpdateTime.IsZero() || view.Revision == "" {
		t.Errorf("%+v", view)
	}
	is(t, client.Listing{Kind: platen.ContentItem, Filter: night.Filter, OrderBy: night.OrderBy, Fields: "id"})(view.Listing(), nil)
	is(t, []client.Entity{{ID: 9001}})(all(t, c.ListSeq(ctx, view.Listing())), nil)
	is(t, view)(c.View(ctx, view.ID))
	sameJSON(t, c, baseOf(sent)+"/api/v1/views", map[string][]client.View{"views": {view}})

	night.Shared, night.Filter = true, ""
	shared := must[client.View](t)(c.ReplaceView(ctx, view.ID, view.Revision, night))
	if shared.ID != view.ID || !shared.Shared || shared.Filter != "" || shared.Revision == view.Revision || !shared.CreateTime.Equal(view.CreateTime) {
		t.Errorf("%+v", shared)
	}
	fails(t, second(c.ReplaceView(ctx, view.ID, view.Revision, night)), platen.Changed, "read it again")
	fails(t, c.DeleteView(ctx, view.ID, view.Revision), platen.Changed, "read it again")
	own := must[client.View](t)(c.CreateView(ctx, client.NewView{Name: "Mine", Kind: platen.Job}))
	is(t, []client.View{shared, own})(c.Views(ctx))

	must[client.User](t)(c.CreateUser(ctx, client.NewUser{Name: "looks-on", Password: password, Role: platen.Viewer}))
	theirs := as(t, c, sent, "looks-on", password)
	is(t, []client.View{shared})(theirs.Views(ctx))
	fails(t, second(theirs.View(ctx, own.ID)), platen.NotFound, "")
	fails(t, second(theirs.CreateView(ctx, night)), platen.Forbidden, "editor")
	night.Shared = false
	fails(t, second(theirs.ReplaceView(ctx, shared.ID, "", night)), platen.Forbidden, "owner")
	fails(t, theirs.DeleteView(ctx, shared.ID, ""), platen.Forbidden, "owner")
	fails(t, second(theirs.ReplaceView(ctx, own.ID, "", night)), platen.NotFound, "")

	for _, wrong := range []client.NewView{
		{Kind: platen.Job}, {Name: strings.Repeat("x", platen.MaxViewName+1), Kind: platen.Job}, {Name: "x"}, {Name: "x", Kind: platen.Job, OrderBy: "zip"},
		{Name: "x", Kind: platen.Job, Filter: "properties.a = " + strings.Repeat("x", platen.MaxViewBytes)},
	} {
		fails(t, second(c.CreateView(ctx, wrong)), platen.Invalid, "")
		fails(t, second(c.ReplaceView(ctx, own.ID, "", wrong)), platen.Invalid, "")
	}
	fails(t, second(c.CreateView(ctx, client.NewView{Name: "Mine", Kind: platen.Job})), platen.Conflict, "already")
	fails(t, second(c.ReplaceView(ctx, own.ID, "", client.NewView{Name: "Night", Kind: platen.ContentItem})), platen.Conflict, "already")
	if err := c.DeleteView(ctx, own.ID, own.Revision); err != nil {
		t.Error(err)
	}
	if err := c.DeleteView(ctx, shared.ID, ""); err != nil {
		t.Error(err)
	}
	fails(t, c.DeleteView(ctx, shared.ID, ""), platen.NotFound, "")
}

// forgetting is a transport that loses the next answer to a method.
type forgetting struct {
	http.RoundTripper
	method string
}

func (f *forgetting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := f.RoundTripper.RoundTrip(r)
	if err == nil && r.Method == f.method {
		f.method = ""
		response.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return response, err
}

// TestViewsDoneBefore: what was done to a view by a request whose answer was lost is
// not told as a failure.
func TestViewsDoneBefore(t *testing.T) {
	c, _ := connect(t)
	ctx := t.Context()
	lost := &forgetting{RoundTripper: c.HTTP.Transport}
	c.HTTP, c.RetryFor = &http.Client{Transport: lost}, time.Minute
	view := must[client.View](t)(c.CreateView(ctx, client.NewView{Name: "Night", Kind: platen.Job}))
	wanted := client.NewView{Name: "Day", Kind: platen.Job}
	lost.method = "PUT"
	view = must[client.View](t)(c.ReplaceView(ctx, view.ID, view.Revision, wanted))
	is(t, view)(c.View(ctx, view.ID))
	is(t, "Day")(view.Name, nil)
	lost.method = "PUT"
	fails(t, second(c.ReplaceView(ctx, view.ID, "", wanted)), platen.Unreachable, "")
	view = must[client.View](t)(c.View(ctx, view.ID))
	lost.method = "DELETE"
	if err := c.DeleteView(ctx, view.ID, view.Revision); err != nil {
		t.Error(err)
	}
	is(t, []client.View{})(c.Views(ctx))
}

// TestNotDoneBefore: a request that was only sent again since its token had ended has
// done nothing before.
func TestNotDoneBefore(t *testing.T) {
	server := platentest.New(t)
	c, ctx := server.Client, t.Context()
	view := must[client.View](t)(c.CreateView(ctx, client.NewView{Name: "Night", Kind: platen.Job}))
	if err := c.DeleteView(ctx, view.ID, view.Revision); err != nil {
		t.Error(err)
	}
	server.Advance(2 * time.Hour)
	fails(t, c.DeleteView(ctx, view.ID, view.Revision), platen.NotFound, "there is no view")
}
