package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

func TestOperations(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	if _, err := c.Import(ctx, platen.ContentSet, strings.NewReader(`{"id":701,"contentitems":[]}`)); err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]func() (*client.Operation, error){
		"structure": func() (*client.Operation, error) {
			return c.CreateJobSet(ctx, client.Structure{{{{{9001}, {9002, 9001}}}}, {}})
		},
		"a content set":    func() (*client.Operation, error) { return c.CreateJobSetOf(ctx, 700) },
		"two content sets": func() (*client.Operation, error) { return c.CreateJobSetOf(ctx, 700, 701) },
	} {
		o, err := begin()
		if err != nil {
			t.Fatal(name, err)
		}
		made, err := o.Wait(ctx)
		if err != nil {
			t.Fatal(name, err)
		}
		jobs, err := c.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: made})
		if err != nil || len(jobs) == 0 {
			t.Fatal(name, jobs, err)
		}
		contents, err := c.Contents(ctx, platen.Ref{Kind: platen.Job, ID: jobs[0]})
		if err != nil || len(contents) != 2 {
			t.Error(name, contents, err)
		}
		// Another client knows it by its identifier.
		percent, done, err := c.Operation(o.ID).Progress(ctx)
		if percent != 100 || !done || err != nil {
			t.Error(name, percent, done, err)
		}
		is(t, made)(c.Operation(o.ID).Result(ctx))
		fails(t, o.Cancel(ctx), platen.NotFound, "nothing left to cancel")
	}
	fails(t, second(c.CreateJobSet(ctx, client.Structure{{{{{7}}}}})), platen.NotFound, "content item 7 not found")
	fails(t, second(c.CreateJobSetOf(ctx, 7)), platen.NotFound, "content set 7 not found")
	fails(t, second(c.CreateJobSetOf(ctx, 700, 7)), platen.NotFound, "content set 7 not found")
	fails(t, second(c.CreateJobSetOf(ctx)), platen.Invalid, "at least one Content Set")
	fails(t, second(c.CreateJobSetWith(ctx, "a/b c?", []platen.ID{700}, map[string]any{"copies": 2})), platen.NotFound, `"a/b c?"`)
	fails(t, second(c.CreateJobSetWith(ctx, "", nil, nil)), platen.Invalid, "empty")
	fails(t, second(c.Operation("unknown").Wait(ctx)), platen.NotFound, "unknown")
	is(t, []client.OperationStatus{})(c.Operations(ctx))
}

// TestCancel stops an operation of the real server while it runs.
func TestCancel(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	for documents := 20_000; ; documents *= 2 {
		set := make(client.DocumentSetStructure, documents)
		for i := range set {
			set[i] = client.DocumentStructure{9001}
		}
		o, err := c.CreateJobSet(ctx, client.Structure{{{set}}})
		if err != nil {
			t.Fatal(err)
		}
		running, err := c.Operations(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Cancel(ctx); platen.ErrorCode(err) == platen.NotFound && documents < 1_000_000 {
			continue // it was faster
		} else if err != nil {
			t.Fatal(err)
		}
		if len(running) != 1 || running[0].ID != o.ID || running[0].Type != string(client.JobCreationService) || time.Since(running[0].Started) > time.Hour || running[0].Doing == "" {
			t.Errorf("got %+v, want operation %s", running, o.ID)
		}
		fails(t, second(o.Wait(ctx)), platen.NotFound, o.ID)
		return
	}
}

// An operationServer answers for an operation that takes some time.
type operationServer struct {
	began  time.Time
	takes  time.Duration
	result *http.Response
	polls  int
	busy   bool // 503 at every second poll
	forget bool // 404 once it has ended
}

func (s *operationServer) answer(r *http.Request) *http.Response {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	if strings.Contains(r.URL.Path, "getResult") {
		return s.result
	}
	s.polls++
	switch took := time.Since(s.began); {
	case s.busy && s.polls%2 == 0:
		return reply(503, "", "Retry-After", "5")
	case took < s.takes:
		return reply(200, "40")
	case s.forget:
		return reply(404, `{"error":{"message":"unknown operation"}}`)
	}
	return reply(200, "done")
}

func TestWait(t *testing.T) {
	done := func() *http.Response { return reply(200, "1234") }
	for name, test := range map[string]struct {
		server operationServer
		code   platen.Code // Internal: it went well
		want   string
	}{
		"at once":                  {operationServer{result: done()}, platen.Internal, ""},
		"after a while":            {operationServer{takes: time.Minute, result: done()}, platen.Internal, ""},
		"a server that is busy":    {operationServer{takes: time.Minute, busy: true, result: done()}, platen.Internal, ""},
		"a server that forgets":    {operationServer{takes: time.Minute, forget: true, result: done()}, platen.Internal, ""},
		"and forgets the result":   {operationServer{takes: time.Minute, forget: true, result: reply(404, `{"error":{"message":"gone"}}`)}, platen.NotFound, "unknown operation"},
		"an operation that failed": {operationServer{takes: time.Minute, result: reply(500, `{"error":{"status":500,"message":"the operation failed: no room","parameter":"op-1"}}`, "Content-Type", "application/json")}, platen.Failed, "no room"},
		"a fault of the server":    {operationServer{takes: time.Minute, result: reply(500, `{"error":{"status":500,"message":"see the log","parameter":""}}`, "Content-Type", "application/json")}, platen.Internal, "see the log"},
		"no job set":               {operationServer{takes: time.Minute, result: reply(200, "what?")}, platen.Failed, "what?"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := fake(t, test.server.answer)
				began := time.Now()
				made, err := c.Operation("op-1").Wait(t.Context())
				if test.want != "" {
					if err == nil || platen.ErrorCode(err) != test.code || !strings.Contains(err.Error(), test.want) {
						t.Errorf("got %v, code %d", err, platen.ErrorCode(err))
					}
				} else if made != 1234 || err != nil {
					t.Errorf("got %d, %v", made, err)
				}
				if took := time.Since(began); took < test.server.takes || took > test.server.takes+6*time.Second {
					t.Errorf("Wait took %s for an operation of %s", took, test.server.takes)
				}
				if test.server.polls > 60 {
					t.Errorf("the server was asked %d times", test.server.polls)
				}
			})
		})
	}
	t.Run("given up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := operationServer{takes: time.Hour}
			c, _ := fake(t, server.answer)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := c.Operation("op-1").Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
}
