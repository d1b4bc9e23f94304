package client_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/server"
)

// TestPages: lists are read in larger pages from the second one on, those that begin at a
// position too, and so are events, from either end of the log.
func TestPages(t *testing.T) {
	c, sent := connect(t)
	ctx := t.Context()
	const records = 1250
	document := `{"id":300,"records":[` + strings.TrimSuffix(strings.Repeat(`{},`, records), ",") + `]}`
	must[platen.Created](t)(c.Import(ctx, platen.DataSet, strings.NewReader(document)))
	requests := func(read func()) int {
		before := len(sent.requests())
		read()
		return len(sent.requests()) - before
	}
	var children []client.Child
	is(t, 3)(requests(func() { children = all(t, c.ChildrenSeq(ctx, 300, 0)) }), nil)
	is(t, records)(len(children), nil)
	is(t, 2)(requests(func() { is(t, children[700:])(all(t, c.ChildrenSeq(ctx, 300, 700)), nil) }), nil)
	is(t, []client.Child(nil))(all(t, c.ChildrenSeq(ctx, 300, records)), nil)
	fails(t, drain(c.ChildrenSeq(ctx, 300, -1)), platen.Invalid, "position")

	listing := client.Listing{Kind: platen.DataRecord, Fields: "id"}
	is(t, 3)(requests(func() { is(t, records)(len(all(t, c.ListSeq(ctx, listing))), nil) }), nil)
	is(t, int64(records))(c.EstimateTotal(ctx, listing))
	listing.Filter = "fields.n = 1"
	is(t, int64(0))(c.EstimateTotal(ctx, listing))
	listing.Filter = "n = 1"
	fails(t, second(c.EstimateTotal(ctx, listing)), platen.Invalid, "filter")

	update := client.BulkUpdate{Kind: platen.DataRecord, All: true, Set: pairs("properties.a", "1")}
	must[client.Updated](t)(c.Update(ctx, update))
	last := func(query client.EventQuery) []client.Event {
		if query.Types == nil {
			query.Types = []string{"import", "update"} // the login comes later
		}
		return all(t, c.EventsSeq(ctx, query))
	}
	var events []client.Event
	if n := requests(func() { events = last(client.EventQuery{}) }); n > 5 { // the last page has none, nor one of a login that comes late
		t.Errorf("%d requests for all events", n)
	}
	is(t, records+1)(len(events), nil)
	is(t, events[len(events)-2:])(last(client.EventQuery{Last: 2}), nil)
	is(t, events[5:7])(last(client.EventQuery{Last: 2, Before: events[7].ID}), nil)
	is(t, events[:7])(last(client.EventQuery{Last: 20, Before: events[7].ID}), nil)
	is(t, events[51:])(last(client.EventQuery{Last: 1200}), nil)
	is(t, events[:1])(last(client.EventQuery{Last: 20, Types: []string{"import"}}), nil)
	for parameter, query := range map[string]client.EventQuery{
		"last": {Last: -1}, "before": {Before: "7"}, "after": {Last: 1, After: "7"}, "stream": {Last: 1, Follow: true},
	} {
		fails(t, drain(c.EventsSeq(ctx, query)), platen.Invalid, parameter)
	}
}

func TestListAt(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	id, err := newChange(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	at := must[client.Change](t)(c.Change(ctx, id)).Time
	is(t, pairs("zip", "00420"))(c.ListAt(ctx, 101, platen.Properties, at.Add(-time.Microsecond)))
	is(t, must[[]platen.NameValue](t)(c.List(ctx, anyJob, platen.Properties)))(c.ListAt(ctx, 101, platen.Properties, at))
	is(t, pairs("m", "x"))(c.ListAt(ctx, 101, platen.Metadata, at.In(time.FixedZone("", 3600))))
	fails(t, second(c.ListAt(ctx, 101, platen.Properties, at.Add(-time.Hour))), platen.Gone, "begins")
	fails(t, second(c.ListAt(ctx, 101, platen.Properties, at.Add(time.Hour))), platen.Invalid, "not come")
	fails(t, second(c.ListAt(ctx, 101, platen.Properties, time.Time{})), platen.Invalid, "readTime")
	fails(t, second(c.ListAt(ctx, 7, platen.Properties, at)), platen.NotFound, "7")
}

// TestDeleteRevision: a set is deleted only if it has the revision that is named, and
// once, although the answer is lost.
func TestDeleteRevision(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	lost := &forgetting{RoundTripper: c.HTTP.Transport}
	c.HTTP, c.RetryFor = &http.Client{Transport: lost}, time.Minute
	before := must[client.Entity](t)(c.Entity(ctx, 100)).Revision
	if _, err := newChange(ctx, c); err != nil {
		t.Fatal(err)
	}
	fails(t, c.DeleteEntity(ctx, 100, before), platen.Changed, "")
	lost.method = "DELETE"
	if err := c.DeleteEntity(ctx, 100, must[client.Entity](t)(c.Entity(ctx, 100)).Revision); err != nil {
		t.Error(err)
	}
	fails(t, second(c.Entity(ctx, 100)), platen.NotFound, "100")
	lost.method = "DELETE"
	fails(t, c.DeleteEntity(ctx, 700, ""), platen.Unreachable, "")
}

func TestWebhookPlaces(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	hook := must[client.Webhook](t)(newWebhook(ctx, c))
	is(t, secret)(must[client.Webhook](t)(c.RotateWebhook(ctx, hook.ID, secret, 0)).Secret, nil)
	fails(t, second(c.RotateWebhook(ctx, hook.ID, "short", 0)), platen.Invalid, "secret")
	must[client.Updated](t)(c.Update(ctx, client.BulkUpdate{Kind: platen.Document, All: true, Set: pairs("metadata.a", "1")}))
	events := all(t, c.EventsSeq(ctx, client.EventQuery{Types: []string{"update"}}))
	for _, replay := range []client.WebhookReplay{{From: events[1].ID}, {After: events[0].ID}} {
		is(t, events[0].ID)(must[client.Webhook](t)(c.ReplayWebhook(ctx, hook.ID, replay)).After, nil)
	}
	fails(t, second(c.ReplayWebhook(ctx, hook.ID, client.WebhookReplay{From: "1", After: "1"})), platen.Invalid, "")
}

func TestAbout(t *testing.T) {
	facts := olrest.ServerFacts{
		Revision: "0123abcd", RevisionAt: "2026-11-24T08:00:00Z", Database: "/var/lib/platen",
		Settings: []olrest.Setting{{Name: "cache", Value: "64", Source: "default"}},
	}
	c, sent := connect(t, func(config *server.Config) {
		config.About, config.CleanupAfter = func() olrest.ServerFacts { return facts }, time.Hour
	})
	fill(t, c)
	ctx := t.Context()
	if err := c.DeleteEntity(ctx, 100, ""); err != nil {
		t.Fatal(err)
	}
	same := func() client.About {
		about := must[client.About](t)(c.About(ctx))
		sameJSON(t, c, baseOf(sent)+"/api/v1/server", about)
		return about
	}
	is(t, (*client.ServerCounts)(nil))(same().Counts, nil)
	facts.Inventory = &platen.Inventory{At: time.Unix(1, 0), Schema: 25, Entities: map[platen.Kind]int64{platen.Job: 7}, Bytes: 8, LastBackup: time.Unix(2, 0), Transactions: 9}
	about := same()
	if about.Counts.Jobs != 7 || *about.Database.FreeBytes != 0 || about.Cleanup.PurgeTime.Sub(about.Cleanup.OldestDeleteTime) != time.Hour {
		t.Errorf("%+v", about)
	}
	is(t, []client.Setting{{Name: "cache", Value: "64", Source: "default"}})(about.Settings, nil)

	is(t, 0)(c.CountRequests(ctx, client.RequestFilter{Console: &yes}, 0, 0))
	if n := must[int](t)(c.CountRequests(ctx, client.RequestFilter{Console: &no}, 0, 0)); n == 0 {
		t.Error("the journal has no requests")
	}
}

// TestRequestTypes: what is sent encodes alone as the API has it.
func TestRequestTypes(t *testing.T) {
	for want, value := range map[string]any{
		`{"name":"a","password":"b","role":"viewer"}`:                    client.NewUser{Name: "a", Password: "b", Role: platen.Viewer},
		`{"role":"editor"}`:                                              client.UserChange{Role: platen.Editor},
		`{"name":"a","role":"admin","kinds":["jobset"]}`:                 &client.NewToken{Name: "a", Role: platen.Admin, Kinds: []platen.Kind{platen.JobSet}},
		`{"name":"a","kind":"documentset"}`:                              client.NewView{Name: "a", Kind: platen.DocumentSet},
		`{"name":"a","kind":"jobset","days":1}`:                          client.NewRetentionRule{Name: "a", Kind: platen.JobSet, Days: 1},
		`{"kind":"job","all":true,"unset":["properties.a"]}`:             client.BulkUpdate{Kind: platen.Job, All: true, Unset: []string{"properties.a"}},
		`{"kind":"job","id":7}`:                                          client.ChangeEntry{Kind: platen.Job, ID: 7},
		`{"change":1,"kind":"job","id":7}`:                               client.EventData{Change: 1, Kind: platen.Job, ID: 7},
		`{"url":"u","filter":{"kinds":["contentitem"]}}`:                 client.NewWebhook{URL: "u", Filter: client.WebhookFilter{Kinds: []platen.Kind{platen.ContentItem}}},
		`{"filter":{"kinds":["contentitem"],"types":["platen.import"]}}`: client.WebhookChange{Filter: &client.WebhookFilter{Kinds: []platen.Kind{platen.ContentItem}, Types: []string{"platen.import"}}},
	} {
		text, err := json.Marshal(value)
		is(t, want)(string(text), err)
	}
}
