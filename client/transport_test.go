package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A transport answers requests without a network.
type transport func(*http.Request) *http.Response

func (fn transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer request.Body.Close()
	}
	response := fn(request)
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	response.Request = request
	return response, nil
}

// reply is an answer; header is names and values in turn.
func reply(status int, body string, header ...string) *http.Response {
	response := &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)),
		Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i < len(header); i += 2 {
		response.Header.Set(header[i], header[i+1])
	}
	return response
}

const loginPath = "/rest/serverengine/authentication/login"

// fake returns a client whose requests fn answers. Logins are answered by
// tokens that last an hour; the log has each request.
func fake(t *testing.T, fn transport) (c *client.Client, log *[]string) {
	t.Helper()
	c, err := client.New("http://platen.test", user, password)
	if err != nil {
		t.Fatal(err)
	}
	log = new([]string)
	tokens := 0
	c.HTTP = &http.Client{Transport: transport(func(r *http.Request) *http.Response {
		if r.URL.Path == loginPath {
			tokens++
			*log = append(*log, "login")
			return reply(200, fmt.Sprint("token-", tokens), "Token-Expires-In", "3600")
		}
		*log = append(*log, r.Method+" "+r.Header.Get("auth_token"))
		response := fn(r)
		if response.Header.Get("X-Request-Id") == "" {
			response.Header.Set("X-Request-Id", "fake-1")
		}
		return response
	})}
	return c, log
}

func wantLog(t *testing.T, log *[]string, want ...string) {
	t.Helper()
	is(t, want)(*log, nil)
	*log = nil
}

var anyJob = platen.Ref{Kind: platen.Job, ID: 101}

func TestNew(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9340":                 "it should look like http://127.0.0.1:9340",
		"":                               "no address",
		"ftp://host":                     "no address",
		"http://":                        "no address",
		"http://u:secret@host:9340":      "has a user in it",
		"http://u:secret@host:wrongport": "no address",
		"http://host/?x=1":               "query or fragment",
		"http://host/#x":                 "query or fragment",
	} {
		_, err := client.New(address, "u", "p")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
	for _, address := range []string{"http://host:9340", "http://host:9340/", "https://host/behind/a/proxy/"} {
		c, err := client.New(address, "", "")
		if err != nil {
			t.Fatal(err)
		}
		c.HTTP = &http.Client{Transport: transport(func(r *http.Request) *http.Response {
			if want := strings.TrimSuffix(address, "/") + "/rest/serverengine/authentication/version"; r.URL.String() != want {
				t.Errorf("%s became %s", address, r.URL)
			}
			if r.Header.Get("auth_token")+r.Header.Get("Authorization") != "" || r.Header.Get("User-Agent") != client.DefaultUserAgent {
				t.Errorf("got %v", r.Header)
			}
			return reply(200, "2025.2.0")
		})}
		is(t, "2025.2.0")(c.Version(t.Context()))
	}
}

// TestNoRetries: by default nothing is sent again.
func TestNoRetries(t *testing.T) {
	c, log := fake(t, func(*http.Request) *http.Response {
		return reply(503, `{"error":{"status":503,"message":"busy","parameter":""}}`, "Content-Type", "application/json", "Retry-After", "7", "X-Request-Id", "abc-1")
	})
	c.UserAgent = "test/1"
	_, err := c.List(t.Context(), anyJob, platen.Properties)
	fails(t, err, platen.Unavailable, "busy (request abc-1)")
	if shown, ok := errors.AsType[*platen.Error](err); !ok || shown.RetryAfter != 7*time.Second {
		t.Errorf("got %#v", shown)
	}
	wantLog(t, log, "login", "GET token-1")
}

// TestRetryFor: Retry-After is obeyed as long as there is time, for reads;
// for writes only if they were refused before they were looked at.
func TestRetryFor(t *testing.T) {
	busy := func(status int) *http.Response { return reply(status, "", "Retry-After", "2") }
	read := func(ctx context.Context, c *client.Client) error {
		return second(c.List(ctx, anyJob, platen.Properties))
	}
	find := func(ctx context.Context, c *client.Client) error {
		return second(c.Find(ctx, &platen.Search{Kind: platen.Job}))
	}
	write := func(ctx context.Context, c *client.Client) error {
		return c.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 101})
	}
	for name, test := range map[string]struct {
		call     func(context.Context, *client.Client) error
		status   int
		for_     time.Duration
		requests int
		took     time.Duration
		code     platen.Code // Internal: it went well
	}{
		"a read":                {read, 503, 4 * time.Second, 3, 4 * time.Second, platen.Internal},
		"a search":              {find, 503, 5 * time.Second, 3, 4 * time.Second, platen.Internal},
		"no time left":          {read, 503, 3 * time.Second, 2, 2 * time.Second, platen.Unavailable},
		"no time at all":        {read, 503, time.Second, 1, 0, platen.Unavailable},
		"a write":               {write, 503, time.Hour, 1, 0, platen.Unavailable},
		"a write not looked at": {write, 429, time.Hour, 3, 4 * time.Second, platen.Internal},
		"a gateway":             {read, 502, time.Hour, 3, 4 * time.Second, platen.Internal},
		"a fault":               {read, 500, time.Hour, 1, 0, platen.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				c, _ := fake(t, func(r *http.Request) *http.Response {
					if requests++; requests < 3 {
						return busy(test.status)
					}
					if r.Method == "GET" || strings.HasSuffix(r.URL.Path, "/find") {
						return reply(200, "[]", "Content-Type", "application/json")
					}
					body, err := io.ReadAll(r.Body)
					is(t, `{"id":101,"properties":[]}`)(string(body), err)
					return reply(200, "true", "Content-Type", "text/plain")
				})
				c.RetryFor = test.for_
				began := time.Now()
				err := test.call(t.Context(), c)
				if platen.ErrorCode(err) != test.code || (err != nil) != (test.code != platen.Internal || test.status == 500) {
					t.Errorf("got %v", err)
				}
				if requests != test.requests || time.Since(began) != test.took {
					t.Errorf("%d requests in %s, want %d in %s", requests, time.Since(began), test.requests, test.took)
				}
			})
		})
	}
}

// TestRetryCancelled: who waits for another try may give up.
func TestRetryCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := fake(t, func(*http.Request) *http.Response { return reply(503, "", "Retry-After", "60") })
		c.RetryFor = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := c.List(ctx, anyJob, platen.Properties)
		if !errors.Is(err, context.DeadlineExceeded) || platen.ErrorCode(err) != platen.Unavailable || time.Since(began) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

// TestProxies: what others than the server answer is not taken for its word.
func TestProxies(t *testing.T) {
	page := []string{"Content-Type", "text/html; charset=utf-8"}
	read := func(c *client.Client) error { return second(c.List(t.Context(), anyJob, platen.Properties)) }
	for name, test := range map[string]struct {
		answer *http.Response
		call   func(*client.Client) error
		code   platen.Code
		want   string
	}{
		"a page instead of a list":    {reply(200, "<html>", page...), read, platen.Internal, "text/html"},
		"a page instead of a version": {reply(200, "<html>", page...), func(c *client.Client) error { return second(c.Version(t.Context())) }, platen.Internal, "text/html"},
		"a page instead of nothing":   {reply(200, "<html>", page...), func(c *client.Client) error { return c.Merge(t.Context(), platen.Job, nil) }, platen.Internal, "text/html"},
		"a page instead of a document": {reply(200, "<html>", page...), func(c *client.Client) error {
			return c.Export(t.Context(), platen.Ref{Kind: platen.JobSet, ID: 1}, io.Discard)
		}, platen.Internal, "text/html"},
		"false":                     {reply(200, "false", "Content-Type", "text/plain"), func(c *client.Client) error { return c.Delete(t.Context(), platen.Ref{Kind: platen.JobSet, ID: 1}) }, platen.Failed, `"false"`},
		"nothing instead of a list": {reply(200, ""), read, platen.Internal, "ends too early"},
		"a kind that is none":       {reply(200, `{"kind":"thing","id":1}`, "Content-Type", "application/json"), func(c *client.Client) error { return second(c.Entity(t.Context(), 1)) }, platen.Internal, `"thing"`},
		"no operation":              {reply(202, ""), func(c *client.Client) error { return second(c.CreateJobSetOf(t.Context(), 1)) }, platen.Failed, "operation"},
		"a page of a gateway":       {reply(502, "<html>", page...), read, platen.Unavailable, "502 Bad Gateway, with text/html"},
		"an empty answer":           {reply(503, ""), read, platen.Unavailable, "503 Service Unavailable"},
		"an empty fault":            {reply(500, ""), read, platen.Internal, "500 Internal Server Error"},
		"no such host":              {reply(404, "<html>", page...), read, platen.NotFound, "404 Not Found, with text/html"},
		"a redirect":                {reply(307, "", "Location", "https://elsewhere.test/"), read, platen.NotFound, "https://elsewhere.test/"},
		"not modified":              {reply(304, ""), read, platen.NotFound, "304 Not Modified"},
	} {
		t.Run(name, func(t *testing.T) {
			c, log := fake(t, func(r *http.Request) *http.Response {
				if r.URL.Host != "platen.test" {
					t.Errorf("a request went to %s", r.URL)
				}
				return test.answer
			})
			err := test.call(c)
			if err == nil || platen.ErrorCode(err) != test.code || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, code %d; want code %d with %q", err, platen.ErrorCode(err), test.code, test.want)
			}
			if answer, ok := errors.AsType[*client.Error](err); !ok || answer.Status != test.answer.StatusCode {
				t.Errorf("got %#v", err)
			}
			if len(*log) != 2 {
				t.Errorf("there were the requests %v", *log)
			}
		})
	}
}

// TestCutOff: a part of an answer is never taken for the whole of it.
func TestCutOff(t *testing.T) {
	whole := map[string]string{
		"/rest/serverengine/entity/jobs/101/contents":         `{"identifiers":[{"item":9001,"record":5001},{"item":9002,"record":5002}]}`,
		"/rest/serverengine/entity/jobs/101":                  `{"identifiers":[1,2]}`,
		"/rest/serverengine/entity/jobs/101/properties":       `[{"name":"a","value":"b"}]`,
		"/rest/serverengine/authentication/version":           `2025.2.0`,
		"/api/v1/jobsets/101":                                 `{"id":101,"jobs":[]}`,
		"/rest/serverengine/workflow/jobcreation/getResult/x": `1234`,
	}
	for name, cut := range map[string]func(w http.ResponseWriter, body string){
		"shorter than it says": func(w http.ResponseWriter, body string) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = io.WriteString(w, body[:len(body)-3])
		},
		"aborted": func(w http.ResponseWriter, body string) {
			_, _ = io.WriteString(w, body[:len(body)-3])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := whole[r.URL.Path]
				w.Header().Set("Content-Type", "text/plain")
				if strings.ContainsAny(body, "[{") {
					w.Header().Set("Content-Type", "application/json")
				}
				cut(w, body)
			}))
			defer s.Close()
			c, err := client.New(s.URL, "", "")
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			seen := 0
			for _, err = range c.ContentsSeq(ctx, anyJob) {
				if err == nil {
					seen++
				}
			}
			cutOff(t, err)
			if seen != 1 {
				t.Errorf("%d content items came, want 1", seen)
			}
			contents, err := c.Contents(ctx, anyJob)
			cutOff(t, err)
			if contents != nil {
				t.Errorf("got %v", contents)
			}
			cutOff(t, second(c.Children(ctx, anyJob)))
			cutOff(t, second(c.List(ctx, anyJob, platen.Properties)))
			cutOff(t, second(c.Version(ctx)))
			cutOff(t, c.Export(ctx, platen.Ref{Kind: platen.JobSet, ID: 101}, io.Discard))
			cutOff(t, second(c.Operation("x").Result(ctx)))
		})
	}
}

// A closedBody tells that it was closed.
type closedBody struct {
	io.Reader
	closed bool
}

func (b *closedBody) Close() error { b.closed = true; return nil }

// TestPanicInLoop: a loop over a stream that ends by a panic, or like a test that
// fails, ends the request as well.
func TestPanicInLoop(t *testing.T) {
	body := &closedBody{Reader: strings.NewReader(`{"identifiers":[{"item":9001},`)}
	c, _ := fake(t, func(*http.Request) *http.Response {
		answer := reply(200, "", "Content-Type", "application/json")
		answer.Body = body
		return answer
	})
	func() {
		defer func() { _ = recover() }()
		for range c.ContentsSeq(t.Context(), anyJob) {
			panic("of the caller")
		}
	}()
	is(t, true)(body.closed, nil)
}

func cutOff(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, io.ErrUnexpectedEOF) || platen.ErrorCode(err) != platen.Internal {
		t.Errorf("got %v", err)
	}
}

// TestCancelled: a context ends a call before, while, and after the answer
// begins.
func TestCancelled(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/contents") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"identifiers":[{"item":9001,"record":5001},`)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}))
	defer s.Close()
	c, err := client.New(s.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for content, err := range c.ContentsSeq(ctx, anyJob) {
		if content.Item == 9001 {
			cancel()
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("while the answer came: %v", err)
		}
	}
	cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("before the request: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the answer: %v", err)
	}
	s.CloseClientConnections()
	// Nobody is there: it says where, and what to look at.
	c, err = client.New("http://127.0.0.1:1", "", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Version(t.Context())
	fails(t, err, platen.Unreachable, "no answer from http://127.0.0.1:1; is the address right, and does the server run?: dial tcp 127.0.0.1:1")
	if !errors.Is(err, platen.ErrUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody there: %v", err)
	}
}
