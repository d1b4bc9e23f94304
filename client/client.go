// Package client calls a platen server, or another one that speaks the OL
// Connect Server REST API, with the types of package platen.
//
//	c, err := client.New("http://127.0.0.1:9340", "ol-admin", password)
//	sets, err := c.Entities(ctx, platen.JobSet)
//	jobs, err := c.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: sets[0]})
//	tags, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: jobs[0]}, platen.Properties)
//
// # Credentials
//
// A [Client] trades its password for a token at the first call, and sends
// that. It gets a new one when the token ends within 15 seconds, and once more
// when the server refuses it (401 or 403); then the call is sent again. Logins
// of many goroutines at once become one, for which each waits as long as its
// context lets it. See also [Client.Basic], [Client.TokenSource],
// [NewWithToken].
//
// # Errors
//
// An answer that says that a call failed becomes an [*Error], which has the
// identifier that the server's log knows the request by. In its chain is a
// [*platen.Error], which says what kind of error it is:
//
//	switch {
//	case errors.Is(err, platen.ErrNotFound): // there is no such entity
//	case errors.Is(err, platen.ErrUnavailable): // 502, 503 or 504: try again later
//	case errors.Is(err, platen.ErrUnreachable): // no server answers there
//	}
//
// Besides the codes that a method names, each may fail with Unauthenticated
// (401: wrong password), Forbidden (403), TooManyAttempts (429: too many wrong
// passwords, or connections of one address), Unavailable, and Internal (500: the
// server's log says why). An
// answer that is cut off, or is not what the API says, is an [*Error] without
// a code. If there is no answer at all, because nobody listens or the
// connection breaks, the code is Unreachable, and the error of [http.Client]
// is in the chain. When ctx ends, its error is. When a call that changes
// something fails with Unreachable, Unavailable or no code, it may have been
// done all the same ([InDoubt]).
//
// # Trying again
//
// No call is sent again by itself, except after a new login and where
// net/http does so on a connection that was closed. With [Client.RetryFor]
// calls are sent again where that is safe:
//
//	                                     changes nothing,       changes
//	                                     or has If-Match (2)    something
//	429 (TooManyAttempts)                again                  again
//	no connection (Unreachable)          again                  again
//	502, 503, 504 (Unavailable)          again                  no
//	the connection broke (Unreachable)   again                  no
//	the answer was cut off               again (1)              no
//	any other                            no                     no
//
// (1) unless it is an export, or a stream that is passed on as it comes.
// (2) [Client.UpdateRecord] counts as a change without it.
//
// It waits as long as Retry-After says; otherwise 0.1 s at first, then about
// twice as long each time, 10 s in the end. A replacement with If-Match (see
// [Client.Replace]) that is answered the second time by 412 with the tag of
// what it has written was done the first time, and succeeds. So do changes of a
// view, and deletions, with a revision (see [Client.ReplaceView] and
// [Client.DeleteEntity]).
//
// # Streams
//
// Methods whose name ends in Seq, and [RecordsAs], return an iterator. It sends
// the request when it is ranged over, again each time, and yields each value
// as it arrives, or page by page, so that any length takes the same memory. An
// error is yielded last, with a zero value. Breaking off the loop ends the
// request.
//
// # platen's own API
//
// Methods of entities by their identifier alone, names, views, changes, events,
// updates of many, the intake, rules of retention, webhooks, users, tokens, the
// journal of requests and the sandbox are platen's own: other servers answer them
// with NotFound, and so do servers that are no sandbox with those of a sandbox.
// What those change counts as a change for trying again, although most of it could
// be done twice: a count would begin anew. Their types have the names and JSON of
// the API document, and what methods return encodes as that has it.
//
// # Versions
//
// This package and package platen follow semantic versioning with the module:
// within a major version no exported name goes away or changes its type, and no
// call gets another meaning. Structs may get new fields and options, platen.Error
// new codes: write struct literals with names, and give each switch over codes a
// default. What a server of a newer version says besides is passed over.
package client

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A Client calls one server as one user. Its methods may be called at once
// from many goroutines; its fields must not be changed while they are.
type Client struct {
	// HTTP does the requests: it has the settings of TLS, proxies and time
	// limits. Redirects are never followed, since they would turn a PUT into a
	// GET. nil: http.DefaultClient.
	HTTP *http.Client

	// UserAgent is sent as User-Agent. "": [DefaultUserAgent].
	UserAgent string

	// Basic sends user and password with each request, instead of a token.
	Basic bool

	// TokenSource gets tokens in the place of a login, with when each ends; the
	// zero time if that is not known. It is asked at the first call, when a
	// token ends within 15 seconds, and once more when the server refuses one;
	// never twice at once.
	TokenSource func(context.Context) (token string, expires time.Time, err error)

	// RetryFor is how long one call may wait in all, to be sent again: what is
	// sent again, and when, the documentation of the package says. A wait that
	// would be longer than what is left is not begun. 0: no call is sent again.
	RetryFor time.Duration

	// LegacySearch writes the rules of searches in the grammar of 2019.1 and
	// before, for servers of that time. It has no negated sets of rules, no
	// sizes other than pages, and no comparisons of two names.
	LegacySearch bool

	base string
	user string

	loggingIn chan struct{} // holds an element while somebody logs in
	mu        sync.Mutex
	password  string
	token     string
	expires   time.Time // zero: not known, so the token is never renewed
}

// DefaultUserAgent is the User-Agent of clients that have no other.
const DefaultUserAgent = "platen-client-go"

// New returns a client of the server at an address such as
// http://127.0.0.1:9340. An empty user sends no credentials. Nothing is sent
// before the first call.
func New(address, user, password string) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q is no address of a server: it should look like http://127.0.0.1:9340", redacted(address))
	case u.User != nil:
		return nil, fmt.Errorf("the address %q has a user in it: pass user and password apart from it", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("the address %q has a query or fragment: it should look like http://127.0.0.1:9340", address)
	}
	return &Client{
		base: strings.TrimRight(address, "/"), user: user, password: password,
		loggingIn: make(chan struct{}, 1),
	}, nil
}

// redacted returns an address that can not be read, without what may be a
// password in it.
func redacted(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

// NewWithToken returns a client that sends a token which somebody else has
// got from the server. It can not renew it: once the token has ended, calls
// fail with Unauthenticated or Forbidden.
func NewWithToken(address, token string) (*Client, error) {
	c, err := New(address, "", "")
	if err == nil {
		c.token = token
	}
	return c, err
}

// An Error is an answer that says that a call failed, or that can not be read.
type Error struct {
	Method, Path string // of the request
	Status       int    // of the answer, such as 404
	RequestID    string // by which the server's log knows the request; "": not said
	Err          error  // a [*platen.Error], unless the answer can not be read
}

// Error returns the message of Err, with the identifier of the request.
func (e *Error) Error() string {
	if e.RequestID == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + " (request " + e.RequestID + ")"
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// do sends a request with credentials and passes a good answer to read. An answer
// that read can not read to its end is asked for again, if that is safe.
func (c *Client) do(ctx context.Context, r *request, read func(*http.Response) error) error {
	err := c.try(ctx, r, read)
	switch {
	case err == nil:
	case r.doubt:
		return doubtError{err, true}
	case !r.sent && InDoubt(err): // there was no token
		return doubtError{err, false}
	}
	return err
}

// try does what do does, whatever came of tries before the last.
func (c *Client) try(ctx context.Context, r *request, read func(*http.Response) error) error {
	if r.err != nil {
		return r.err
	}
	left := c.budget()
	left.quiet = r.quiet
	for {
		response, err := c.sendWithToken(ctx, r, left)
		if err != nil {
			return err
		}
		err = func() error {
			defer response.Body.Close() // also if the caller's loop over the answer panics
			return read(response)
		}()
		if err == nil {
			return nil
		}
		err = answerError(response, err)
		if r.streams {
			return err
		}
		if err := left.again(ctx, r, err); err != nil {
			return err
		}
	}
}

// sendWithToken sends a request, after a login if it takes one. A token that the
// server refuses is replaced once.
func (c *Client) sendWithToken(ctx context.Context, r *request, left *budget) (*http.Response, error) {
	for renewed := false; ; renewed = true {
		token, err := c.validToken(ctx, left, r.password)
		if err != nil {
			return nil, err
		}
		response, err := c.sendWithRetry(ctx, r, token, left)
		if err == nil || renewed || token == "" || !c.renews() || !refusesToken(err) || !r.rewind() {
			return response, err
		}
		c.forget(token)
		r.sent = false
		if r.password && platen.ErrorCode(err) == platen.Forbidden {
			return response, err
		}
	}
}

// refusesToken reports whether the server has answered that a token is not good, or no
// longer.
func refusesToken(err error) bool {
	code := platen.ErrorCode(err)
	return code == platen.Unauthenticated || code == platen.Expired || code == platen.Forbidden
}

// sendWithRetry sends a request, again if that is safe and there is time left.
func (c *Client) sendWithRetry(ctx context.Context, r *request, token string, left *budget) (*http.Response, error) {
	for {
		response, err := c.send(ctx, r, token)
		if err == nil {
			return response, nil
		}
		if err := left.again(ctx, r, err); err != nil {
			return nil, err
		}
	}
}

// send sends a request once. The caller closes the body of a good answer.
func (c *Client) send(ctx context.Context, r *request, token string) (*http.Response, error) {
	request, err := r.build(ctx, c.base)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", cmp.Or(c.UserAgent, DefaultUserAgent))
	switch {
	case token != "":
		request.Header.Set(olrest.TokenHeader, token)
	case c.user != "":
		request.SetBasicAuth(c.user, c.currentPassword())
	}
	for name, values := range request.Header {
		if strings.ContainsFunc(values[0], isControl) { // what net/http says of it would look like a connection that broke
			return nil, platen.Errorf(platen.Invalid, "the header %s can not be sent: it has a control character, such as a line break at its end", name)
		}
	}
	response, err := c.exchange(r, request)
	if err != nil {
		return nil, err
	}
	if err := olrest.CheckAnswer(response, r.accepts()); err != nil {
		response.Body.Close()
		return nil, answerError(response, err)
	}
	return response, nil
}

// isControl reports whether no header can have a character.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// http returns a client that follows no redirect. endless: the answer may take
// any time.
func (c *Client) http(endless bool) *http.Client {
	client := http.DefaultClient
	if c.HTTP != nil {
		client = c.HTTP
	}
	straight := *client
	straight.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if endless {
		straight.Timeout = 0
	}
	return &straight
}

func answerError(response *http.Response, err error) error {
	return &Error{
		Method: response.Request.Method, Path: response.Request.URL.Path,
		Status:    response.StatusCode,
		RequestID: response.Header.Get(olrest.RequestIDHeader),
		Err:       err,
	}
}
