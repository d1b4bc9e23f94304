package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/platentest"
)

// must returns value, or ends the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// sameJSON checks that a value encodes as the server has sent it.
func sameJSON(t *testing.T, c *client.Client, path string, value any) {
	t.Helper()
	token, _, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("auth_token", token)
	response, err := c.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	sent, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(sent, &a) != nil || json.Unmarshal(ours, &b) != nil {
		t.Fatalf("%s\n%s", sent, ours)
	}
	normal := func(v any) string {
		text, _ := json.Marshal(v)
		return strings.ReplaceAll(zeros.ReplaceAllString(string(text), `${1}Z"`), `.Z"`, `Z"`)
	}
	if normal(a) != normal(b) {
		t.Errorf("the server sent\n%s\nand it encodes as\n%s", sent, ours)
	}
}

// zeros are at the ends of times, of which fractions of seconds may be shorter.
var zeros = regexp.MustCompile(`(\.\d*?)0+Z"`)

func TestEntities(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	job := must[client.Entity](t)(c.Entity(ctx, 101))
	is(t, []client.Ref{{Kind: platen.JobSet, ID: 100}})(job.Ancestors, nil)
	is(t, pairs("zip", "00420"))(job.Properties, nil)
	is(t, int64(2))(job.Counts["documents"], nil)
	base := baseOf(sent)
	for _, id := range []platen.ID{100, 101, 5001, 9001, 104} {
		sameJSON(t, c, base+"/api/v1/entities/"+id.String(), must[client.Entity](t)(c.Entity(ctx, id)))
	}
	_, err := c.Entity(ctx, 7)
	fails(t, err, platen.NotFound, "7")
	if !errors.Is(err, platen.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	is(t, []client.Child{{Kind: platen.DataRecord, ID: 5001}, {Kind: platen.DataRecord, ID: 5002, Position: 1}})(all(t, c.ChildrenSeq(ctx, 300, 0)), nil)

	listed := all(t, c.ListSeq(ctx, client.Listing{Kind: platen.DataRecord, Filter: "fields.City = " + client.Quote(`Nice`), Fields: "id,fields.City"}))
	is(t, []client.Entity{{ID: 5001, Fields: pairs("City", "Nice")}})(listed, nil)
	before := len(sent.requests())
	paged := all(t, c.ListSeq(ctx, client.Listing{Kind: platen.DataRecord, OrderBy: "id desc", Fields: "id", PageSize: 1}))
	if len(paged) != 3 || paged[0].ID < paged[1].ID || len(sent.requests())-before < 3 {
		t.Errorf("%+v by %d requests", paged, len(sent.requests())-before)
	}
	for _, err := range c.ListSeq(ctx, client.Listing{Kind: platen.Job, Filter: "zip = 1"}) {
		fails(t, err, platen.Invalid, "filter")
	}

	list, tag, err := c.ListTagged(ctx, 101, platen.Properties)
	is(t, pairs("zip", "00420"))(list, err)
	update := platen.Update{ID: 101, Pairs: pairs("zip", "1"), Match: &platen.Match{Tags: []platen.Tag{tag}}}
	if err := c.Replace(ctx, platen.Job, platen.Properties, update); err != nil {
		t.Error(err)
	}
	update.Pairs = pairs("zip", "2")
	err = c.Replace(ctx, platen.Job, platen.Properties, update)
	fails(t, err, platen.Changed, "read them again")

	if err := c.DeleteEntity(ctx, 100, ""); err != nil {
		t.Error(err)
	}
	deleted := all(t, c.DeletedSeq(ctx))
	if len(deleted) != 1 || deleted[0].ID != 100 || deleted[0].Kind != platen.JobSet || deleted[0].DeletedBy != user {
		t.Errorf("%+v", deleted)
	}
	back := must[client.Ref](t)(c.Undelete(ctx, 100))
	is(t, client.Ref{Kind: platen.JobSet, ID: 100})(back, nil)
	text, err := json.Marshal(back)
	is(t, `{"kind":"jobset","id":100}`)(string(text), err)
	fails(t, second(c.Undelete(ctx, 100)), platen.Conflict, "not deleted")
}

func TestEntityPages(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	must[platen.Created](t)(c.Import(ctx, platen.JobSet, strings.NewReader(`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"id":900,"documentpages":[
		{"id":901,"contentitem":9001,"datarecord":5001,"properties":[{"name":"p","value":"1"}],"metadata":[{"name":"m","value":"2"}]},{"contentitem":9002,"datarecord":5002}]}]}]}]}]}`)))
	pages := all(t, c.EntityPagesSeq(ctx, 900, 0))
	a4 := platen.Media{Name: "Plain A4", Width: "210mm", Height: "297mm"}
	letter := client.EntityPage{Item: 9001, Record: 5001, Template: "letter", Pages: []platen.PageCount{{Count: 3, Duplex: true, Media: a4}}}
	item := letter
	letter.Properties, letter.Metadata = pairs("p", "1"), pairs("m", "2")
	is(t, []client.EntityPage{letter, {Position: 1, Item: 9002, Record: 5002}})(pages, nil)
	is(t, []client.EntityPage{item})(all(t, c.EntityPagesSeq(ctx, 9001, 0)), nil)
	sameJSON(t, c, baseOf(sent)+"/api/v1/entities/900/pages", map[string][]client.EntityPage{"pages": pages})
	page := must[client.Entity](t)(c.Entity(ctx, 901))
	is(t, platen.DocumentPage)(page.Kind, nil)
	sameJSON(t, c, baseOf(sent)+"/api/v1/entities/901", page)
	fails(t, drain(c.EntityPagesSeq(ctx, 101, 0)), platen.Invalid, "only documents and content items")
	fails(t, drain(c.EntityPagesSeq(ctx, 7, 0)), platen.NotFound, "7")
}

func TestNames(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	names := all(t, c.NamesSeq(ctx, platen.DataRecord))
	fields := func(name string) client.ListName { return client.ListName{Facet: platen.Fields, Name: name} }
	is(t, []client.ListName{fields("City"), fields("Paid"), fields("Qty"), fields("Since")})(names, nil)
	sameJSON(t, c, baseOf(sent)+"/api/v1/names?kind=datarecord", map[string][]client.ListName{"names": names})
	is(t, []client.ListName{{Facet: platen.Properties, Name: "zip"}, {Facet: platen.Metadata, Name: "m"}})(all(t, c.NamesSeq(ctx, platen.Job)), nil)
	is(t, platen.ListName{Facet: platen.Fields, Name: "City"})(platen.ListName(names[0]), nil)
	many := make([]platen.NameValue, 250)
	for i := range many {
		many[i].Name = "n" + strconv.Itoa(1000+i)
	}
	if err := c.Replace(ctx, platen.ContentSet, platen.Properties, platen.Update{ID: 700, Pairs: many}); err != nil {
		t.Fatal(err)
	}
	before := len(sent.requests())
	is(t, 250)(len(all(t, c.NamesSeq(ctx, platen.ContentSet))), nil)
	is(t, 2)(len(sent.requests())-before, nil)
	fails(t, drain(c.NamesSeq(ctx, platen.DocumentPage)), platen.Invalid, "kind")
}

func TestIntake(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	hour := must[client.Intake](t)(c.Intake(ctx, platen.IntakeQuery{}))
	is(t, 24*time.Hour)(hour.To.Sub(hour.From), nil)
	is(t, 30*24*time.Hour)(func(i client.Intake) time.Duration { return i.To.Sub(i.From) }(must[client.Intake](t)(c.Intake(ctx, platen.IntakeQuery{Unit: 24 * time.Hour}))), nil)
	from := time.Now().Add(-time.Hour).Truncate(time.Hour).UTC()
	query := platen.IntakeQuery{From: from, To: from.Add(48 * time.Hour), Unit: 24 * time.Hour}
	day := must[client.Intake](t)(c.Intake(ctx, query))
	is(t, client.Intake{From: from, To: query.To, Parts: []client.IntakePart{{
		StartTime: from, JobSets: 1, Jobs: 1, Documents: 2, Pages: 4, Sheets: 3, ContentSets: 1, ContentItems: 2, DataSets: 1, DataRecords: 3,
	}}})(day, nil)
	sameJSON(t, c, baseOf(sent)+"/api/v1/intake?unit=day&from="+from.Format(time.RFC3339)+"&to="+query.To.Format(time.RFC3339), day)
	for _, wrong := range []platen.IntakeQuery{{Unit: time.Minute}, {From: from, To: from}, {From: from.AddDate(-1, 0, 0), Unit: time.Hour}} {
		fails(t, second(c.Intake(ctx, wrong)), platen.Invalid, "")
	}
}

func TestChanges(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	odd := `a "name". of\ours*`
	update := client.BulkUpdate{Kind: platen.Job, Filter: "jobset = 100", Unset: []string{"properties.zip"},
		Set: []platen.NameValue{{Name: client.Name(platen.Properties, odd), Value: "x"}}}
	preview := must[client.Updated](t)(c.PreviewUpdate(ctx, update))
	is(t, &client.BeforeAfter{Before: pairs("zip", "00420"), After: pairs(odd, "x")})(preview.Preview[0].Properties, nil)
	text, err := json.Marshal(preview.Preview[0])
	if err != nil || !strings.HasPrefix(string(text), `{"kind":"job","id":101,"properties":{"before":[`) {
		t.Errorf("%s %v", text, err)
	}
	is(t, pairs("zip", "00420"))(c.List(ctx, anyJob, platen.Properties))
	updated := must[client.Updated](t)(c.Update(ctx, update))
	if updated.Change == 0 || updated.Matched != 1 || updated.Changed != 1 || updated.Operation != nil {
		t.Errorf("%+v", updated)
	}
	is(t, pairs(odd, "x"))(c.List(ctx, anyJob, platen.Properties))
	found := all(t, c.ListSeq(ctx, client.Listing{Kind: platen.Job, Filter: client.Name(platen.Properties, odd) + " = x", Fields: "id"}))
	is(t, []client.Entity{{ID: 101}})(found, nil)

	history := all(t, c.HistorySeq(ctx, 101))
	x, zip := "x", "00420"
	want := []client.ChangeEntry{{Kind: platen.Job, ID: 101, Set: 100, Facet: "properties", Names: []client.NameChange{{Name: "zip", Before: &zip}, {Name: odd, After: &x}}}}
	if history[0].ID != updated.Change || history[0].Type != "update" || history[0].User != user {
		t.Errorf("%+v", history[0])
	}
	is(t, want)(history[0].Entries, nil)
	is(t, history[0])(c.Change(ctx, updated.Change))
	reverted := must[int64](t)(c.Revert(ctx, updated.Change, false))
	is(t, pairs("zip", "00420"))(c.List(ctx, anyJob, platen.Properties))
	is(t, updated.Change)(must[client.Change](t)(c.Change(ctx, reverted)).Reverts, nil)
	fails(t, second(c.Revert(ctx, updated.Change, false)), platen.Conflict, "changed since")

	update.InParts = true
	begun := must[client.Updated](t)(c.Update(ctx, update))
	if begun.Operation == nil {
		t.Fatalf("%+v", begun)
	}
	seen := 0
	state := must[client.OperationState](t)(c.WaitOperation(ctx, begun.Operation.ID, func(client.OperationState) { seen++ }))
	if state.State != "done" || state.Result.Changed != 1 || len(state.Result.Changes) != 1 || seen == 0 {
		t.Errorf("%+v", state)
	}
	if all := must[[]client.OperationState](t)(c.OperationStates(ctx, 1)); len(all) != 1 || all[0].ID != begun.Operation.ID {
		t.Errorf("%+v", all)
	}
	is(t, []client.OperationState(nil))(c.OperationStates(ctx, 0))
	fails(t, second(c.CancelOperation(ctx, begun.Operation.ID)), platen.NotFound, "")
}

// TestReplayOfAll: where events are no longer kept a replay of all that are is.
func TestReplayOfAll(t *testing.T) {
	server := platentest.New(t)
	c, ctx := server.Client, t.Context()
	must[platen.ID](t)(newSet(ctx, c))
	hook := must[client.Webhook](t)(newWebhook(ctx, c))
	first := all(t, c.EventsSeq(ctx, client.EventQuery{}))[0]
	server.Advance(90 * 24 * time.Hour)
	must[platen.ID](t)(newSet(ctx, c))
	fails(t, second(c.ReplayWebhook(ctx, hook.ID, client.WebhookReplay{After: first.ID})), platen.Gone, "after=0")
	is(t, "0")(must[client.Webhook](t)(c.ReplayWebhook(ctx, hook.ID, client.WebhookReplay{After: "0"})).After, nil)
	fails(t, second(c.ReplayWebhook(ctx, hook.ID, client.WebhookReplay{})), platen.Invalid, "")
}

// beginning is a transport that tells of the first bytes of each stream.
type beginning struct {
	http.RoundTripper
	began chan struct{}
}

func (b beginning) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil && response.Header.Get("Content-Type") == "text/event-stream" {
		response.Body = &beganBody{ReadCloser: response.Body, began: b.began}
	}
	return response, err
}

type beganBody struct {
	io.ReadCloser
	began chan struct{}
	once  sync.Once
}

func (b *beganBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.once.Do(func() { b.began <- struct{}{} })
	}
	return n, err
}

// breaking returns a client of the same server, a channel that tells of the first bytes
// of each of its streams, and a function that breaks the stream, and returns when nothing
// can come by it any more.
func breaking(t *testing.T, direct *client.Client, sent *recorder) (c *client.Client, began <-chan struct{}, cut func()) {
	t.Helper()
	at, err := url.Parse(baseOf(sent))
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(at)
	through.Transport, through.FlushInterval = direct.HTTP.Transport, -1
	cuts := make(chan chan struct{})
	through.ErrorLog = nil
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		ended := make(chan struct{})
		defer close(ended)
		if strings.Contains(r.Header.Get("Accept"), "event-stream") {
			go func() {
				select {
				case done := <-cuts:
					cancel()
					<-ended
					close(done)
				case <-ctx.Done():
				}
			}()
		}
		through.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(proxy.Close)
	c, err = client.New(proxy.URL, user, password)
	if err != nil {
		t.Fatal(err)
	}
	connections := &http.Transport{}
	t.Cleanup(connections.CloseIdleConnections)
	starts := make(chan struct{}, 10)
	c.HTTP = &http.Client{Transport: beginning{connections, starts}, Timeout: 20 * time.Second}
	return c, starts, func() {
		done := make(chan struct{})
		cuts <- done
		<-done
	}
}

// TestEvents: pages of events and streams of them have the same ones; a stream is taken
// up again where its connection broke, even before its first event.
func TestEvents(t *testing.T) {
	t.Parallel() // it waits before it connects again
	direct, sent := connect(t)
	fill(t, direct)
	c, began, cut := breaking(t, direct, sent)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	past := all(t, c.EventsSeq(ctx, client.EventQuery{Types: []string{"import"}}))
	if len(past) != 3 || past[0].Type != "platen.import" || past[2].Data.Kind != platen.JobSet || past[2].Data.User != user || past[2].Subject != "jobset/100" {
		t.Fatalf("%+v", past)
	}
	if body, err := json.Marshal(past[0]); err != nil || !bytes.Equal(body, past[0].Body) || !json.Valid(body) {
		t.Errorf("%s %v", body, err)
	}
	is(t, 1)(len(all(t, c.EventsSeq(ctx, client.EventQuery{Types: []string{"import"}, After: past[1].ID}))), nil)

	put := func(value string) {
		if err := direct.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: pairs("n", value)}); err != nil {
			t.Error(err)
		}
	}
	step := 0
	go func() {
		<-began
		cut() // nothing has happened yet
		put("1")
	}()
	for event, err := range c.EventsSeq(ctx, client.EventQuery{Follow: true, Types: []string{"update"}, Name: "n"}) {
		if err != nil {
			if step != 4 || !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		step++
		names := event.Data.Names
		is(t, []string{"", "1", "2", "3", "4"}[step])(*names[len(names)-1].After, nil)
		switch step {
		case 1, 2:
			cut()
			put([]string{"", "2", "3"}[step])
		case 3:
			put("4")
		case 4:
			cancel()
		}
	}
	is(t, 4)(step, nil)

	// What is refused ends it at once.
	for _, err := range direct.EventsSeq(t.Context(), client.EventQuery{Follow: true, Types: []string{"tree"}}) {
		fails(t, err, platen.Invalid, "tree")
	}
}

// TestFollowRequests: the journal is followed further from where the connection broke,
// even before the first request.
func TestFollowRequests(t *testing.T) {
	t.Parallel() // it waits before it connects again
	direct, sent := connect(t)
	fill(t, direct)
	c, began, cut := breaking(t, direct, sent)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	missing := func(id platen.ID) { fails(t, second(direct.Entity(ctx, id)), platen.NotFound, id.String()) }
	go func() {
		<-began
		cut() // nothing has happened yet
		missing(12345)
	}()
	var paths []string
	for request, err := range c.FollowRequestsSeq(ctx, client.RequestFilter{Status: "404"}) {
		if err != nil {
			t.Fatal(err)
		}
		if paths = append(paths, request.Path); len(paths) == 2 {
			break
		}
		cut()
		missing(12346)
	}
	is(t, []string{"/api/v1/entities/12345", "/api/v1/entities/12346"})(paths, nil)
}

func TestAdministration(t *testing.T) {
	c, sent := connect(t)
	ctx := t.Context()
	me := must[client.Me](t)(c.Me(ctx))
	if me.User != user || me.Role != platen.Admin {
		t.Errorf("%+v", me)
	}
	if _, err := c.About(ctx); err != nil {
		t.Error(err)
	}
	made := must[client.Token](t)(c.CreateToken(ctx, client.NewToken{Name: "ci", Role: platen.Viewer, Kinds: []platen.Kind{platen.Job}, ExpireTime: time.Now().Add(time.Hour)}))
	reader, err := client.NewWithToken(baseOf(sent), made.Secret)
	if err != nil {
		t.Fatal(err)
	}
	reader.HTTP = c.HTTP
	is(t, "ci")(must[client.Me](t)(reader.Me(ctx)).Token, nil)
	fails(t, reader.DeleteEntity(ctx, 100, ""), platen.Forbidden, "")
	tokens := must[[]client.Token](t)(c.Tokens(ctx))
	if len(tokens) != 1 || tokens[0].Name != "ci" || tokens[0].Secret != "" || len(tokens[0].Kinds) != 1 {
		t.Errorf("%+v", tokens)
	}
	if err := c.RevokeToken(ctx, "ci"); err != nil {
		t.Error(err)
	}
	fails(t, second(reader.Me(ctx)), platen.Forbidden, "")

	hook := must[client.Webhook](t)(c.CreateWebhook(ctx, client.NewWebhook{URL: "https://example.com/hook", Filter: client.WebhookFilter{Kinds: []platen.Kind{platen.Job}}, State: "disabled"}))
	if !strings.HasPrefix(hook.Secret, "whsec_") || hook.State != "disabled" {
		t.Errorf("%+v", hook)
	}
	text := "the mailroom's"
	hook = must[client.Webhook](t)(c.ChangeWebhook(ctx, hook.ID, client.WebhookChange{Description: &text}))
	is(t, []client.Webhook{hook})(all(t, c.WebhooksSeq(ctx)), nil)
	is(t, hook)(c.Webhook(ctx, hook.ID))
	if fresh := must[client.Webhook](t)(c.RotateWebhook(ctx, hook.ID, "", time.Hour)); fresh.Secret == "" {
		t.Errorf("%+v", fresh)
	}
	is(t, 0)(len(all(t, c.AttemptsSeq(ctx, hook.ID))), nil)
	if _, err := c.ReplayWebhook(ctx, hook.ID, client.WebhookReplay{Time: time.Now().Add(-time.Minute)}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteWebhook(ctx, hook.ID); err != nil {
		t.Error(err)
	}
	fails(t, c.DeleteWebhook(ctx, hook.ID), platen.NotFound, "webhook")

	_, refused := c.List(ctx, anyJob, platen.Properties)
	answer, _ := errors.AsType[*client.Error](refused)
	ofRefused := client.RequestFilter{Status: "4xx", Path: "*/properties"}
	is(t, 1)(c.CountRequests(ctx, ofRefused, 1, time.Second))
	list := all(t, c.RequestsSeq(ctx, ofRefused))
	if len(list) != 1 || list[0].RequestID != answer.RequestID || !strings.Contains(list[0].Reason, "not found") {
		t.Fatalf("%+v", list)
	}
	whole := must[client.Request](t)(c.Request(ctx, answer.RequestID))
	if whole.Answer == nil || !strings.Contains(whole.Answer.Body, "job 101 not found") {
		t.Errorf("%+v", whole)
	}
	if line := must[string](t)(c.RequestCurl(ctx, answer.RequestID)); !strings.HasPrefix(line, "curl ") {
		t.Error(line)
	}
	following, end := context.WithTimeout(ctx, 20*time.Second)
	defer end()
	go func() {
		for following.Err() == nil {
			_, _ = c.Entity(following, 12345)
		}
	}()
	for request, err := range c.FollowRequestsSeq(following, client.RequestFilter{Path: "*/12345"}) {
		if err != nil || request.Status != 404 {
			t.Errorf("%+v %v", request, err)
		}
		end()
		break
	}
	is(t, 1)(c.DeleteRequest(ctx, answer.RequestID))
	if n, err := c.DeleteRequests(ctx, client.RequestFilter{}); n == 0 || err != nil {
		t.Error(n, err)
	}
}
