package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/server"
)

// decoded reads an answer into a value.
func (a answer) decoded(t *testing.T, status int, into any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatal(err)
	}
}

type shownEntry struct {
	Kind  string
	ID    int64
	Set   int64
	Facet string
	Names []struct {
		Name          string
		Before, After *string
	}
}

type shownChange struct {
	Change    int64
	Time      time.Time
	Type      string
	User      string
	RequestID string
	Reverts   int64
	Entries   []shownEntry
}

// A cloudEvent is an event as clients get it.
type cloudEvent struct {
	ID      string
	Type    string
	Subject string
	Data    struct {
		Change int64
		shownEntry
	}
}

func (s *service) history(path string) (changes []shownChange, next string) {
	s.t.Helper()
	var page struct {
		Changes       []shownChange
		NextPageToken string
	}
	s.do("GET", path, "").decoded(s.t, 200, &page)
	return page.Changes, page.NextPageToken
}

func (s *service) put(job any, list string, options ...option) {
	s.t.Helper()
	path := fmt.Sprintf("%s/jobs/%v/properties", entities, job)
	if a := s.do("PUT", path, fmt.Sprintf(`{"id":%v,"properties":%s}`, job, list), options...); a.status != 200 {
		s.t.Fatal(a.status, a.body)
	}
}

func TestHistory(t *testing.T) { onEach(t, testHistory) }

func testHistory(t *testing.T) {
	s := start(t)
	job := jobsOf(s, 1)[0]
	path := fmt.Sprintf("/api/v1/entities/%d", job)
	s.put(job, `[{"name":"a","value":"1"},{"name":"b","value":"x"}]`, header("X-Request-Id", "first"))
	between := time.Now()
	time.Sleep(2 * time.Millisecond)
	s.put(job, `[{"name":"a","value":"2"},{"name":"b","value":"x"}]`)
	s.put(job, `[{"name":"a","value":"2"},{"name":"b","value":"x"}]`) // the same
	all, _ := s.history(path + "/history")
	if len(all) != 3 || all[2].Type != "import" || all[0].Type != "update" || all[1].RequestID != "first" || all[0].User != user {
		t.Fatalf("%+v", all)
	}
	if e := all[0].Entries[0]; e.Kind != "job" || e.ID != int64(job) || e.Facet != "properties" || len(e.Names) != 1 || *e.Names[0].Before != "1" || *e.Names[0].After != "2" {
		t.Errorf("%+v", e)
	}
	one, next := s.history(path + "/history?pageSize=1")
	two, _ := s.history(path + "/history?pageSize=5&pageToken=" + next)
	s.do("GET", fmt.Sprintf("%s/entities/%d/history?pageToken=%s", native, job+1, next), "").isError(t, 400, "another query")
	if one[0].Change != all[0].Change || len(two) != 2 || two[0].Change != all[1].Change {
		t.Errorf("pages: %+v, %+v", one, two)
	}
	var change shownChange
	s.do("GET", fmt.Sprintf("/api/v1/changes/%d", all[0].Change), "").decoded(t, 200, &change)
	if change.Change != all[0].Change || len(change.Entries) != 1 {
		t.Errorf("%+v", change)
	}
	at := "?readTime=" + between.UTC().Format(time.RFC3339Nano)
	if a := s.do("GET", path+"/properties"+at, ""); a.body != `[{"name":"a","value":"1"},{"name":"b","value":"x"}]` {
		t.Error(a.status, a.body)
	}
	if a := s.do("GET", path+"/metadata", ""); a.body != "[]" {
		t.Error(a.status, a.body)
	}

	revert := func(change int64, body string) answer {
		return s.do("POST", fmt.Sprintf("/api/v1/changes/%d/revert", change), body)
	}
	revert(all[1].Change, "").isError(t, 409, fmt.Sprintf("changed since: properties of job %d (change %d); send", job, all[0].Change))
	var made struct{ Change int64 }
	revert(all[0].Change, "").decoded(t, 200, &made)
	if a := s.do("GET", path+"/properties", ""); a.body != `[{"name":"a","value":"1"},{"name":"b","value":"x"}]` {
		t.Error("reverted:", a.body)
	}
	revert(made.Change, "").decoded(t, 200, &made) // of the revert
	if a := s.do("GET", path+"/properties", ""); a.body != `[{"name":"a","value":"2"},{"name":"b","value":"x"}]` {
		t.Error("the revert reverted:", a.body)
	}
	s.put(job, `[{"name":"a","value":"2"},{"name":"b","value":"x"},{"name":"c","value":"3"}]`)
	revert(all[0].Change, `{"force":true}`).decoded(t, 200, &made)
	if a := s.do("GET", path+"/properties", ""); a.body != `[{"name":"a","value":"1"},{"name":"b","value":"x"},{"name":"c","value":"3"}]` {
		t.Error("forced:", a.body)
	}
	revert(all[1].Change, `{"force":true}`).decoded(t, 200, &made)
	if a := s.do("GET", path+"/properties", ""); a.body != `[{"name":"c","value":"3"}]` {
		t.Error("what was added is removed:", a.body)
	}

	for _, bad := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"GET", path + "/history?pageToken=xyz", "", 400, "pageToken"},
		{"GET", path + "/history?pageSize=0", "", 400, "pageSize"},
		{"GET", path + "/history?size=1", "", 400, "size"},
		{"GET", "/api/v1/entities/999999/history", "", 404, "999999"},
		{"GET", "/api/v1/changes/x", "", 404, "x"},
		{"GET", "/api/v1/changes/99999999", "", 404, "99999999"},
		{"GET", path + "/properties?readTime=yesterday", "", 400, "yesterday"},
		{"GET", path + "/properties?readTime=0001-01-01T00:00:00Z", "", 400, "0001-01-01"},
		{"GET", path + "/properties?readTime=2999-01-01T00:00:00Z", "", 400, "not come"},
		{"GET", path + "/properties?readTime=1999-01-01T00:00:00Z", "", 410, "begins"},
		{"GET", path + "/fields", "", 400, "fields"},
		{"POST", fmt.Sprintf("/api/v1/changes/%d/revert", all[2].Change), "", 409, "delete the set"},
		{"POST", fmt.Sprintf("/api/v1/changes/%d/revert", all[0].Change), `{"forced":true}`, 400, "forced"},
		{"POST", fmt.Sprintf("/api/v1/changes/%d/revert", all[0].Change), `{"FORCE":true}`, 400, `there is no key "FORCE" here, but force`},
		{"POST", fmt.Sprintf("/api/v1/changes/%d/revert", all[0].Change), `{"force":false,"force":true}`, 400, "duplicate"},
		{"POST", fmt.Sprintf("/api/v1/changes/%d/revert", all[0].Change), `{"force":1}`, 400, "the force must be a boolean, not a number"},
		{"POST", fmt.Sprintf("/api/v1/changes/%d/revert", all[0].Change), `{"force":true} x`, 400, "malformed"},
		{"GET", "/api/v1/events?after=x", "", 400, "after"},
		{"GET", "/api/v1/events?after=", "", 400, "after"},
		{"GET", "/api/v1/events?name=", "", 400, "the name is empty"},
		{"GET", "/api/v1/events?after=99999999999999", "", 400, "no event"},
		{"GET", "/api/v1/events?kind=tree", "", 400, "tree"},
		{"GET", "/api/v1/events?type=tree", "", 400, "tree"},
		{"GET", "/api/v1/events?set=tree", "", 400, "tree"},
	} {
		t.Run(bad.path, func(t *testing.T) { s.do(bad.method, bad.path, bad.body).isError(t, bad.status, bad.message) })
	}
	// A stream says the same as a page of an event that was not yet, and does not wait for it.
	stream := header("Accept", "text/event-stream")
	s.do("GET", "/api/v1/events?after=99999999999999", "", stream).isError(t, 400, "no event")
	s.do("GET", "/api/v1/events", "", stream, header("Last-Event-ID", "99999999999999")).isError(t, 400, "no event")
	s.do("GET", "/api/v1/events", "", stream, header("Last-Event-ID", "abc")).isError(t, 400, `the header Last-Event-ID "abc" is none that this stream has given`)
	for _, accept := range []string{"application/json, text/event-stream;q=0.5", "application/json, text/event-stream", "text/event-stream;q=0"} {
		if a := s.do("GET", "/api/v1/events?last=1", "", header("Accept", accept)); a.status != 200 || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("with Accept: %s: %d %v", accept, a.status, a.header)
		}
	}
	for _, query := range []string{"last=1", "last=1&before=9", "pageSize=5"} {
		s.do("GET", "/api/v1/events?"+query, "", stream).isError(t, 400, " goes with pages of events and not with a stream of them")
	}
	if a := s.do("HEAD", "/api/v1/events", "", stream); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD of a stream: %d %v", a.status, a.header)
	}
	s.do("GET", "/api/v1/events?nonsense=1", "", stream).isError(t, 400, `no query parameter "nonsense"`)
	if a := s.do("POST", fmt.Sprintf("%s/jobsets/%d/delete", entities, all[2].Entries[0].ID), ""); a.status != 200 {
		t.Fatal(a.status, a.body)
	}
	revert(made.Change, "").isError(t, 404, "not found")
}

// noAudit asks for the events that are not of the audit trail.
const noAudit = "type=update,revert,import,jobcreation,add,delete,undelete"

// A follower reads a stream of events.
type follower struct {
	body   *bufio.Reader
	cancel context.CancelFunc
}

func (s *service) follow(query, last string) *follower {
	s.t.Helper()
	return s.stream("/api/v1/events"+query, last)
}

// stream begins to read a stream of server-sent events.
func (s *service) stream(path, last string) *follower {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("auth_token", s.token)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatal(response.Status)
	}
	return &follower{bufio.NewReader(response.Body), cancel}
}

// next returns the next event; a name is of the last one.
func (f *follower) next() (e cloudEvent, name string, err error) {
	id := ""
	for {
		line, err := f.body.ReadString('\n')
		if err != nil {
			return e, name, err
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return e, name, err
			}
			if e.ID != id {
				return e, name, fmt.Errorf("the event %s has the id %s", e.ID, id)
			}
			return e, name, nil
		}
	}
}

// dropped reads a stream to its end, and returns what its last event says.
func (f *follower) dropped() (says string) {
	name := ""
	for {
		line, err := f.body.ReadString('\n')
		if err != nil {
			return says
		}
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); {
		case key == "event":
			name = value
		case key == "data" && name == "dropped":
			says = value
		}
	}
}

func TestEvents(t *testing.T) { onEach(t, testEvents) }

func testEvents(t *testing.T) {
	s := start(t)
	jobs := jobsOf(s, 2)
	all := s.follow("?"+noAudit, "")
	one := s.follow("?kind=job&type=update&name=b", "")
	for i := range 3 {
		s.put(jobs[0], fmt.Sprintf(`[{"name":"a","value":"%d"}]`, i))
	}
	s.put(jobs[1], `[{"name":"b","value":"x"}]`)
	var last string
	for i := range 4 {
		e, _, err := all.next()
		if err != nil || e.Type != "platen.update" || e.Subject != fmt.Sprint("job/", jobs[i/3]) {
			t.Fatalf("%+v, %v", e, err)
		}
		if i == 1 {
			last = e.ID
		}
	}
	if e, _, err := one.next(); err != nil || e.Subject != fmt.Sprint("job/", jobs[1]) {
		t.Errorf("filtered: %+v, %v", e, err)
	}
	resumed := s.follow("?"+noAudit, last)
	if e, _, err := resumed.next(); err != nil || *e.Data.Names[0].After != "2" {
		t.Errorf("resumed: %+v, %v", e, err)
	}
	var page struct {
		Events []cloudEvent
		After  string
	}
	s.do("GET", "/api/v1/events?pageSize=2&"+noAudit, "").decoded(t, 200, &page)
	if len(page.Events) != 2 || page.Events[0].Type != "platen.import" {
		t.Fatalf("%+v", page)
	}
	s.do("GET", "/api/v1/events?"+noAudit+"&after="+page.After, "").decoded(t, 200, &page)
	if len(page.Events) != 3 {
		t.Errorf("%+v", page)
	}
	s.do("GET", "/api/v1/events?"+noAudit+"&after="+page.After, "").decoded(t, 200, &page)
	if len(page.Events) != 0 {
		t.Errorf("%+v", page)
	}
}

// TestListeners has many follow at once: all see what is written, more are refused,
// and the others go on.
func TestListeners(t *testing.T) { onSQLite(t, testListeners) }

func testListeners(t *testing.T) {
	long(t)
	const many = 1000
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Limits = admission.Defaults
		c.Limits.Listeners = many
	})
	job := jobsOf(s, 1)[0]
	var ready, done sync.WaitGroup
	for range many {
		f := s.follow("?"+noAudit, "")
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			for i := range 5 {
				if e, _, err := f.next(); err != nil || *e.Data.Names[0].After != strconv.Itoa(i) {
					t.Error(e, err)
					return
				}
			}
		})
	}
	ready.Wait()
	s.do("GET", "/api/v1/events", "", header("Accept", "text/event-stream")).isError(t, 503, "max-listeners")
	for i := range 5 {
		s.put(job, fmt.Sprintf(`[{"name":"a","value":"%d"}]`, i))
	}
	done.Wait()
}

// TestEventsOfReplicas has a reader follow one server, which dies, and then another,
// while both and a third are written to.
func TestEventsOfReplicas(t *testing.T) { onEach(t, testEventsOfReplicas) }

func testEventsOfReplicas(t *testing.T) {
	needsPostgres(t)
	all := replicas(t, pgtest.Database(t), 3)
	jobs := jobsOf(all[0], 4)
	f := all[0].follow("?type=update", "")
	const each = 25
	var writers sync.WaitGroup
	for w, job := range jobs {
		writers.Go(func() {
			for i := range each {
				all[(w+i)%3].put(job, fmt.Sprintf(`[{"name":"n","value":"%d"}]`, i))
			}
		})
	}
	seen := make(map[string]int)
	last := ""
	for n := range each * len(jobs) {
		e, _, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		if got := *e.Data.Names[0].After; got != strconv.Itoa(seen[e.Subject]) {
			t.Fatalf("%s is %s after %d", e.Subject, got, seen[e.Subject]-1)
		}
		seen[e.Subject]++
		last = e.ID
		if n%20 == 10 { // the connection is cut, and another server goes on
			f.cancel()
			f = all[n/20%3].follow("?type=update", last)
		}
	}
	writers.Wait()
}

// TestSlowListener has a client that does not read: others see what is written, it is
// cut off, and can go on from its last event.
func TestSlowListener(t *testing.T) { onSQLite(t, testSlowListener) }

func testSlowListener(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: 5 * time.Second, Stall: 2 * time.Second, Idle: time.Minute, Find: 5 * time.Second, Stop: 5 * time.Second}
	})
	job := jobsOf(s, 1)[0]
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nAccept: text/event-stream\r\n\r\n", s.token)
	reader := bufio.NewReaderSize(conn, 16)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	fast := s.follow("?"+noAudit, "")
	const many = 40
	for i := range many { // 16 MiB of events: more than the buffers of the kernel
		value := strings.Repeat(strconv.Itoa(i%10), 200_000)
		s.put(job, fmt.Sprintf(`[{"name":"a","value":"%s"}]`, value))
		if e, _, err := fast.next(); err != nil || *e.Data.Names[0].After != value {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for s.listeners() > 1 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if n := s.listeners(); n != 1 {
		t.Errorf("%d listeners", n)
	}
	resumed, last, resumedAt := s.follow("?after=0&type=update", ""), "", ""
	for i := 0; i < many; {
		e, name, err := resumed.next()
		// On a busy machine this one is slow, too: it is told, or cut off within
		// an event.
		if cut := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF); (name == "dropped" || cut) && last != "" && last != resumedAt {
			resumed, resumedAt = s.follow("?type=update", last), last
			continue
		}
		if err != nil || (*e.Data.Names[0].After)[:1] != strconv.Itoa(i%10) {
			t.Fatal(i, err)
		}
		last = e.ID
		i++
	}
}

// TestStreamOfNothing follows what does not happen, while other things do all the time:
// the stream says how far it has come, though not that anything has happened.
func TestStreamOfNothing(t *testing.T) { onSQLite(t, testStreamOfNothing) }

func testStreamOfNothing(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: 5 * time.Second, Stall: 1500 * time.Millisecond, Idle: time.Minute, Find: 5 * time.Second, Stop: 5 * time.Second}
	})
	job := jobsOf(s, 1)[0]
	stream := s.follow("?name=rare", "")
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				s.put(job, fmt.Sprintf(`[{"name":"often","value":"%d"}]`, n))
			}
		}
	})
	late := time.AfterFunc(30*time.Second, stream.cancel)
	for last := 0; last < 3; last++ { // the first is where the stream begins
		line := ""
		for !strings.HasPrefix(line, "id: ") {
			var err error
			if line, err = stream.body.ReadString('\n'); err != nil || strings.HasPrefix(line, "data: ") {
				t.Fatalf("%q, %v", line, err)
			}
		}
	}
	late.Stop()
	close(stop)
	writer.Wait()
}

// TestStreamsRefused: a stream ends when its caller may no longer have it, whether much
// or nothing happens meanwhile.
func TestStreamsRefused(t *testing.T) { onEach(t, testStreamsRefused) }

func testStreamsRefused(t *testing.T) {
	long(t)
	s := start(t, withJournal, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: 5 * time.Second, Stall: 3 * time.Second, Idle: time.Minute, Find: 5 * time.Second, Stop: 5 * time.Second}
	})
	s.addUser("ann", platen.Admin)
	job := jobsOf(s, 1)[0]
	events, requests, audit := native+"/events", native+"/requests", native+"/events?type=audit.user"
	for i, c := range []struct {
		role               string // of the token
		method, path, body string
		busy               bool
		ends               []string
		says               string
	}{
		{"admin", "PATCH", "/tokens/t0", `{"kinds":["job"]}`, false, []string{events, requests}, "restricted to the kinds job"},
		{"admin", "PATCH", "/tokens/t1", `{"kinds":["job"]}`, true, []string{events, requests}, "restricted to the kinds job"},
		{"admin", "DELETE", "/tokens/t2", "", false, []string{events, requests}, "revoked"},
		{"admin", "DELETE", "/tokens/t3", "", true, []string{events, requests}, "revoked"},
		{"admin", "PATCH", "/users/ann", `{"role":"viewer"}`, false, []string{requests, audit}, "needs the role admin"},
		{"viewer", "DELETE", "/users/ann", "", true, []string{events}, "revoked"},
	} {
		other := *s
		other.token = s.makeToken(fmt.Sprintf(`{"name":"t%d","role":"%s","user":"ann"}`, i, c.role))
		var streams []*follower
		for _, path := range c.ends {
			streams = append(streams, other.stream(path, ""))
		}
		stop := make(chan struct{})
		var writer sync.WaitGroup
		if c.busy {
			writer.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond): // far more often than a stream is quiet
						s.put(job, fmt.Sprintf(`[{"name":"a","value":"%d"}]`, n))
					}
				}
			})
		}
		if a := s.do(c.method, native+c.path, c.body); a.status/100 != 2 {
			t.Error(c.path, a.status, a.body)
		}
		for at, stream := range streams {
			late := time.AfterFunc(30*time.Second, stream.cancel)
			if says := stream.dropped(); !strings.Contains(says, c.says) || !strings.Contains(says, `"status":403`) {
				t.Errorf("after %s %s %s the stream of %s ends with %q", c.method, c.path, c.body, c.ends[at], says)
			}
			late.Stop()
		}
		close(stop)
		writer.Wait()
	}
}

// listeners returns the gauge.
func (s *service) listeners() int {
	s.t.Helper()
	for line := range strings.Lines(s.do("GET", "/metrics", "").body) {
		if text, ok := strings.CutPrefix(line, "platen_listeners "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatal("no such gauge")
	return 0
}

// TestListenersAtStop has streams end at once when the server stops, and idle ones
// outlive the bounds of other requests.
func TestListenersAtStop(t *testing.T) { onSQLite(t, testListenersAtStop) }

func testListenersAtStop(t *testing.T) {
	long(t)
	var followers []*follower
	whole := t
	var stopped time.Time
	t.Run("server", func(t *testing.T) {
		s := start(t, func(c *server.Config, _ *auth.Config) {
			c.Timeouts = server.Timeouts{Header: time.Second, Stall: time.Second, Idle: time.Second, Find: time.Second, Stop: time.Minute}
		})
		job := jobsOf(s, 1)[0]
		t.Cleanup(func() { stopped = time.Now() }) // runs before that of start
		outliving := *s
		outliving.t = whole
		for range 3 {
			f := outliving.follow("?"+noAudit, "")
			followers = append(followers, f)
		}
		time.Sleep(3 * time.Second)
		s.put(job, `[{"name":"a","value":"1"}]`)
		for _, f := range followers {
			if e, _, err := f.next(); err != nil || e.Type != "platen.update" {
				t.Error(e, err)
			}
		}
	})
	if took := time.Since(stopped); took > 30*time.Second {
		t.Errorf("the stop took %v: it waited for the streams", took)
	}
	for _, f := range followers {
		if _, name, err := f.next(); err != nil || name != "dropped" {
			t.Errorf("the last event is %q, %v", name, err)
		}
	}
}
