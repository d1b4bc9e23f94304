package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/platentest"
)

// failing is a transport that fails as often as it is told to, and then answers.
type failing struct {
	left  atomic.Int32
	tries atomic.Int32
	fail  func(*http.Request) (*http.Response, error)
	then  func(*http.Request) *http.Response
}

func (f *failing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	f.tries.Add(1)
	response, err := f.then(r), error(nil)
	if f.left.Add(-1) >= 0 {
		response, err = f.fail(r)
	}
	if response != nil {
		response.Request = r
	}
	return response, err
}

// TestTable: what the table of the documentation says about connections and answers
// that break.
func TestTable(t *testing.T) {
	broke := func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	cut := func(*http.Request) (*http.Response, error) {
		response := reply(200, `[{"name":"a"`, "Content-Type", "application/json")
		response.Body = io.NopCloser(io.MultiReader(strings.NewReader(`[{"name":"a"`), errReader{}))
		return response, nil
	}
	update := platen.Update{ID: 101, Pairs: pairs("a", "b")}
	tagged := update
	tagged.Match = &platen.Match{Tags: []platen.Tag{platen.TagOf([]byte("[]"))}}
	read := func(ctx context.Context, c *client.Client) error {
		return second(c.List(ctx, anyJob, platen.Properties))
	}
	for name, test := range map[string]struct {
		fail  func(*http.Request) (*http.Response, error)
		call  func(context.Context, *client.Client) error
		again bool
		code  platen.Code
	}{
		"a read": {broke, read, true, 0},
		"a write": {broke, func(ctx context.Context, c *client.Client) error {
			return c.Replace(ctx, platen.Job, platen.Properties, update)
		}, false, platen.Unreachable},
		"a write with If-Match": {broke, func(ctx context.Context, c *client.Client) error {
			return c.Replace(ctx, platen.Job, platen.Properties, tagged)
		}, true, 0},
		"an update": {broke, func(ctx context.Context, c *client.Client) error {
			return second(c.Update(ctx, client.BulkUpdate{Kind: platen.Job, All: true}))
		}, false, platen.Unreachable},
		"a preview": {broke, func(ctx context.Context, c *client.Client) error {
			return second(c.PreviewUpdate(ctx, client.BulkUpdate{}))
		}, true, 0},
		"cut off": {cut, read, true, 0},
		"an export": {cut, func(ctx context.Context, c *client.Client) error {
			return c.Export(ctx, platen.Ref{Kind: platen.JobSet, ID: 1}, io.Discard)
		}, false, platen.Internal},
		"a deletion": {broke, func(ctx context.Context, c *client.Client) error { return c.DeleteEntity(ctx, 1, "") }, false, platen.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failing{fail: test.fail, then: func(r *http.Request) *http.Response {
					switch {
					case r.Method == "PUT":
						return reply(200, "true", "Content-Type", "text/plain")
					case strings.HasSuffix(r.URL.Path, "/updates"):
						return reply(200, "{}", "Content-Type", "application/json")
					}
					return reply(200, "[]", "Content-Type", "application/json")
				}}
				f.left.Store(3)
				c, err := client.New("http://platen.test", "", "")
				if err != nil {
					t.Fatal(err)
				}
				c.HTTP, c.RetryFor = &http.Client{Transport: f}, time.Minute
				began := time.Now()
				err = test.call(t.Context(), c)
				if (err == nil) != test.again || platen.ErrorCode(err) != test.code {
					t.Errorf("got %v", err)
				}
				tries, waited := int32(1), time.Duration(0)
				if test.again {
					tries, waited = 4, 350*time.Millisecond // half of 100, 200 and 400 at least
				}
				if took := time.Since(began); f.tries.Load() != tries || took < waited || took > 2*waited {
					t.Errorf("%d tries in %v", f.tries.Load(), took)
				}
			})
		})
	}
}

// TestInDoubt: which errors leave open whether a change was done.
func TestInDoubt(t *testing.T) {
	change := func(answer func(*http.Request) (*http.Response, error)) error {
		c := must[*client.Client](t)(client.New("http://platen.test", "", ""))
		c.HTTP = &http.Client{Transport: &failing{fail: answer, then: func(*http.Request) *http.Response { return reply(204, "") }}}
		c.HTTP.Transport.(*failing).left.Store(1)
		return c.DeleteEntity(t.Context(), 1, "")
	}
	noToken := func(err error) error {
		c := must[*client.Client](t)(client.New("http://platen.test", "", ""))
		c.TokenSource = func(context.Context) (string, time.Time, error) { return "", time.Time{}, err }
		return c.DeleteEntity(t.Context(), 1, "")
	}
	noOther := func() error { // the first one is refused
		c := must[*client.Client](t)(client.New("http://platen.test", "", ""))
		c.HTTP = &http.Client{Transport: &failing{then: func(*http.Request) *http.Response { return reply(403, "") }}}
		given := false
		c.TokenSource = func(context.Context) (string, time.Time, error) {
			if given {
				return "", time.Time{}, errors.New("the vault is closed")
			}
			given = true
			return "of yesterday", time.Time{}, nil
		}
		return c.DeleteEntity(t.Context(), 1, "")
	}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"done":         {change(func(*http.Request) (*http.Response, error) { return reply(204, ""), nil }), false},
		"refused":      {change(func(*http.Request) (*http.Response, error) { return reply(409, ""), nil }), false},
		"unavailable":  {change(func(*http.Request) (*http.Response, error) { return reply(503, ""), nil }), true},
		"broke":        {change(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }), true},
		"no server":    {change(func(*http.Request) (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: io.EOF} }), false},
		"no token":     {noToken(errors.New("the vault is closed")), false},
		"no token yet": {noToken(platen.Errorf(platen.Unavailable, "the vault is busy")), false},
		"no other":     {noOther(), false},
		"not sent":     {second(new(client.Client).CreateView(t.Context(), client.NewView{Name: "\xff"})), false},
	} {
		if client.InDoubt(test.err) != test.want {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

// TestInDoubtBefore: a call is in doubt if its first try may have done it, although the
// last one has not.
func TestInDoubtBefore(t *testing.T) {
	for name, last := range map[string]func(*http.Request) *http.Response{
		"nobody is there": nil,
		"refused":         func(*http.Request) *http.Response { return reply(403, "") },
		"another list":    func(*http.Request) *http.Response { return reply(412, "", "Etag", platen.TagOf([]byte("x")).String()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := true
				f := &failing{then: last, fail: func(*http.Request) (*http.Response, error) {
					if first {
						first = false
						return nil, io.ErrUnexpectedEOF
					}
					return nil, &net.OpError{Op: "dial", Err: io.EOF}
				}}
				f.left.Store(1)
				if last == nil {
					f.left.Store(100)
					f.then = func(*http.Request) *http.Response { return nil }
				}
				c := must[*client.Client](t)(client.New("http://platen.test", "", ""))
				c.HTTP, c.RetryFor = &http.Client{Transport: f}, time.Minute
				update := platen.Update{ID: 101, Match: &platen.Match{Tags: []platen.Tag{platen.TagOf([]byte("y"))}}}
				if err := c.Replace(t.Context(), platen.Job, platen.Properties, update); err == nil || !client.InDoubt(err) {
					t.Error(err)
				}
			})
		})
	}
}

// TestLoginCutOff: a login whose answer is cut off is sent again like all that changes
// nothing.
func TestLoginCutOff(t *testing.T) {
	server := platentest.New(t)
	c := server.Client
	server.Faults(platen.Fault{Name: "cut", Path: "*/login", Cut: true, CutAfter: 5, To: 2})
	if err := c.Login(t.Context()); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Error(err)
	}
	c.RetryFor = time.Minute
	is(t, platentest.User)(must[client.Me](t)(c.Me(t.Context())).User, nil)
	is(t, 2)(server.Hits("cut"), nil)
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the connection is gone") }

// TestDoneBefore: a replacement whose first answer was lost was done if its own list is
// what the server has.
func TestDoneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		update := platen.Update{ID: 101, Pairs: pairs("a", "b"), Match: &platen.Match{Tags: []platen.Tag{platen.TagOf([]byte("[]"))}}}
		now := platen.TagOf(platen.EncodeList(update.Pairs)).String()
		f := &failing{fail: func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, then: func(r *http.Request) *http.Response {
			if r.Header.Get("If-Match") != update.Match.Tags[0].String() {
				t.Errorf("If-Match: %s", r.Header.Get("If-Match"))
			}
			return reply(412, "", "Etag", now)
		}}
		c, err := client.New("http://platen.test", "", "")
		if err != nil {
			t.Fatal(err)
		}
		c.HTTP, c.RetryFor = &http.Client{Transport: f}, time.Minute
		f.left.Store(1)
		if err := c.Replace(t.Context(), platen.Job, platen.Properties, update); err != nil {
			t.Error(err)
		}
		// Without a lost answer it is what somebody else has written.
		err = c.Replace(t.Context(), platen.Job, platen.Properties, update)
		if !errors.Is(err, platen.ErrChanged) {
			t.Errorf("got %v", err)
		}
	})
}

// TestTokenSource: tokens come from a function, anew when they end or are refused.
func TestTokenSource(t *testing.T) {
	good, asked := "token-1", 0
	c, err := client.New("http://platen.test", "", "")
	if err != nil {
		t.Fatal(err)
	}
	c.HTTP = &http.Client{Transport: transport(func(r *http.Request) *http.Response {
		if r.Header.Get("auth_token") != good {
			return reply(401, "")
		}
		return reply(200, "2025.2.0")
	})}
	c.TokenSource = func(context.Context) (string, time.Time, error) {
		asked++
		if asked > 3 {
			return "", time.Time{}, errors.New("the vault is closed")
		}
		return fmt.Sprint("token-", asked), time.Time{}, nil
	}
	for range 3 {
		is(t, "2025.2.0")(c.Version(t.Context()))
	}
	is(t, 1)(asked, nil)
	good = "token-2"
	is(t, "2025.2.0")(c.Version(t.Context()))
	is(t, 2)(asked, nil)
	good = "none"
	if _, err := c.Version(t.Context()); !errors.Is(err, platen.ErrUnauthenticated) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "the vault is closed") {
		t.Errorf("got %v", err)
	}
}
