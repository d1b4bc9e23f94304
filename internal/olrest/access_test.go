package olrest

import (
	"net/http"
	"slices"
	"testing"

	"github.com/platenhq/platen"
)

// TestAccess checks that every action has its row, and that what only reads is
// for viewers and what writes is not.
func TestAccess(t *testing.T) {
	t.Parallel()
	reads := []Action{FindEntities, QueryRecords, Result} // by PUT or POST
	own := []Action{ChangePassword, AddView, ReplaceView, RemoveView, ListTokens, AddToken, DescribeToken, ChangeToken, RemoveToken}
	admin := []Action{
		ReadServer, ListRequests, CountRequests, DeleteRequests, ReadRequest, DeleteRequest, RequestAsCurl,
		ListWebhooks, AddWebhook, DescribeWebhook, ChangeWebhook, RemoveWebhook, ListAttempts, TestWebhook, ReplayWebhook, RotateWebhook,
	}
	for _, route := range Routes() {
		access, ok := accesses[route.Action]
		if !ok {
			t.Errorf("%s %s: the action has no row in accesses", route.Method, route.Path)
			continue
		}
		account := slices.ContainsFunc(accounts, func(a Route) bool { return a.Path == route.Path && route.Path != NativePrefix+"/me" })
		want := platen.Editor
		switch {
		case route.Open():
			want = 0
		case account && !slices.Contains(own, route.Action), slices.Contains(retention, route), slices.Contains(sandbox, route), slices.Contains(admin, route.Action):
			want = platen.Admin
		case route.Method == http.MethodGet, slices.Contains(reads, route.Action), slices.Contains(own, route.Action):
			want = platen.Viewer
		}
		if access.Role != want {
			t.Errorf("%s %s: for %s, want %s", route.Method, route.Path, access.Role, want)
		}
		if access.Scope == OwnKind && route.Kind == 0 {
			t.Errorf("%s %s: the scope is that of its kind, and it has none", route.Method, route.Path)
		}
	}
	if got := (Route{Action: 255}).Access(); got != (Access{platen.Admin, EveryKind}) {
		t.Errorf("an action without a row: %v", got)
	}
}

// TestKinds compares what routes and searches need with what is written here.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got  platen.KindSet
		want []platen.Kind
	}{
		{Route{Action: ReadList, Kind: platen.Job}.Kinds(), []platen.Kind{platen.Job}},
		{Route{Action: Handshake, Kind: platen.Job}.Kinds(), nil},
		{Route{Action: PageDetails, Kind: platen.ContentSet}.Kinds(), []platen.Kind{platen.ContentSet, platen.ContentItem}},
		{Route{Action: Export, Kind: platen.DataSet}.Kinds(), []platen.Kind{platen.DataSet, platen.DataRecord}},
		{Route{Action: Import, Kind: platen.ContentSet}.Kinds(), []platen.Kind{platen.DataRecord, platen.ContentSet, platen.ContentItem}},
		{Route{Action: Delete, Kind: platen.JobSet}.Kinds(), []platen.Kind{
			platen.DataRecord, platen.ContentItem, platen.JobSet, platen.Job, platen.JobSegment, platen.DocumentSet, platen.Document,
		}},
		{Route{Action: CreateDefault}.Kinds(), everyKind.Kinds()},
		{KindsOfSearch(&platen.Search{Kind: platen.Job}), []platen.Kind{platen.Job}},
		{KindsOfSearch(&platen.Search{Kind: platen.ContentItem, Rule: platen.Rule{Rules: []platen.Rule{{Type: platen.Text, Facet: platen.Fields}}}}),
			[]platen.Kind{platen.DataRecord, platen.ContentItem}},
		{KindsOfSearch(&platen.Search{Kind: platen.ContentItem, Sort: []platen.SearchKey{{Facet: platen.Fields}}}),
			[]platen.Kind{platen.DataRecord, platen.ContentItem}},
		{KindsOfSearch(&platen.Search{Kind: platen.ContentItem, Group: []platen.SearchKey{{Facet: platen.Fields}}}),
			[]platen.Kind{platen.DataRecord, platen.ContentItem}},
	} {
		if !slices.Equal(c.got.Kinds(), c.want) {
			t.Errorf("got %v, want %v", c.got.Kinds(), c.want)
		}
	}
}
