package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A request is a call of a route.
type request struct {
	route olrest.Route
	path  string
	query url.Values
	body  []byte  // JSON, or nil
	file  *upload // in the place of body
	err   error   // why the request can not be made

	accept   string      // the media type of the answer; "": that of the route
	match    string      // the header If-Match, "" for none
	last     string      // the header Last-Event-ID, "" for none
	sent     bool        // once at least, with a token that was not refused
	doubt    bool        // a try of it has failed that may have done it all the same
	reads    bool        // it changes nothing, although its route may
	once     bool        // it is not sent again where that is for match alone: see [request.safe]
	streams  bool        // its answer is passed on as it comes, so it can not be had again
	password bool        // its body has a password, of which a wrong one counts each time; its caller holds the lock of logins
	quiet    *time.Timer // ends an answer that goes on when nothing comes for too long; nil: the answer has an end
}

// newRequest returns a request to the route of an action.
func newRequest(action olrest.Action, kind platen.Kind, facet platen.Facet) *request {
	route, err := olrest.Find(action, kind, facet)
	return &request{route: route, path: route.Path, err: err}
}

// entityRequest returns a request to the route of an action, for an entity.
func entityRequest(action olrest.Action, ref platen.Ref, facet platen.Facet) *request {
	return newRequest(action, ref.Kind, facet).with(ref.ID.String())
}

// with puts text in the place of the parameter of the path.
func (r *request) with(text string) *request {
	r.path = r.route.With(text)
	if text == "" && r.err == nil {
		r.err = platen.Errorf(platen.Invalid, "the name in the path %s is empty", r.route.Path)
	}
	return r
}

// json sets the body, or says why there is none.
func (r *request) json(body []byte, err error) *request {
	r.body = body
	if r.err == nil {
		r.err = err
	}
	return r
}

// build returns the request to send.
func (r *request) build(ctx context.Context, base string) (*http.Request, error) {
	r.sent = true
	var body io.Reader
	switch {
	case r.file != nil:
		body = r.file.begin()
	case r.body != nil:
		body = bytes.NewReader(r.body)
	}
	address := base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.route.Method, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.file != nil {
		request.ContentLength = r.file.length
	}
	for name, value := range map[string]string{"Accept": r.accepts(), olrest.MatchHeader: r.match, olrest.LastEventIDHeader: r.last} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	return request, nil
}

// accepts returns the media type of a good answer, "" if it has no body.
func (r *request) accepts() string {
	if r.accept != "" {
		return r.accept
	}
	return r.route.Accept()
}

// rewind makes the request ready to be sent again, if it can be.
func (r *request) rewind() bool { return r.file == nil || r.file.rewind() }

// An upload is a body that is read from a reader of the caller.
type upload struct {
	source io.Reader
	seeker io.Seeker // source, if it can be read again
	start  int64
	length int64       // in bytes; -1: not known
	last   *uploadPart // what was sent last
}

// An uploadPart is the body of one request. The transport may go on reading a
// body after it has returned the answer, until the part ends.
type uploadPart struct {
	source io.Reader
	ended  atomic.Bool
	mu     sync.Mutex // held while source is read
	read   int64      // bytes of the source
	err    error      // of the source
}

func newUpload(source io.Reader) *upload {
	u := &upload{source: source, length: -1}
	if sized, ok := source.(interface{ Len() int }); ok {
		u.length = int64(sized.Len())
	}
	if seeker, ok := source.(io.Seeker); ok {
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			u.seeker, u.start = seeker, at
		}
	}
	return u
}

// begin returns the body of the next request.
func (u *upload) begin() io.Reader {
	u.last = &uploadPart{source: u.source}
	return u.last
}

// end keeps the transport from reading on. A source that can be read again is
// none that a read waits at for long.
func (u *upload) end() {
	if u.last == nil {
		return
	}
	u.last.ended.Store(true)
	if u.seeker != nil {
		u.last.mu.Lock()
		defer u.last.mu.Unlock()
	}
}

// rewind goes back to the start of the source, if that is possible.
func (u *upload) rewind() bool {
	if u.seeker == nil {
		return false
	}
	u.end()
	_, err := u.seeker.Seek(u.start, io.SeekStart)
	return err == nil
}

// close ends the upload, and closes the source if it can be closed.
func (u *upload) close() {
	u.end()
	if closer, ok := u.source.(io.Closer); ok {
		_ = closer.Close() // it was only read from
	}
}

var errUploadEnded = errors.New("the request has ended")

// Read implements [io.Reader].
func (p *uploadPart) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended.Load() {
		return 0, errUploadEnded
	}
	n, err := p.source.Read(b)
	p.read += int64(n)
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

// failure returns why the source could not be read, or nil. It waits for no read. A body
// whose end was not sent is nothing that a server stores.
func (u *upload) failure() error {
	if u.last == nil || !u.last.mu.TryLock() {
		return nil
	}
	defer u.last.mu.Unlock()
	if u.last.err == nil {
		return nil
	}
	whole := u.length >= 0 && u.last.read >= u.length
	return doubtError{fmt.Errorf("read what is to be sent: %w", u.last.err), whole}
}

// doEmpty does a request whose answer holds nothing.
func (c *Client) doEmpty(ctx context.Context, r *request) error {
	return c.do(ctx, r, func(*http.Response) error { return nil })
}

// decoded does a request and returns its answer, decoded.
func decoded[T any](ctx context.Context, c *Client, r *request, decode func(io.Reader) (T, error)) (T, error) {
	var answer T
	err := c.do(ctx, r, func(response *http.Response) (err error) {
		answer, err = decode(response.Body)
		return err
	})
	return answer, err
}

// stream returns an iterator that does a request and yields its answer piece
// by piece.
func stream[T any](ctx context.Context, c *Client, build func() *request, decode func(io.Reader, func(T) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		more := true
		r := build()
		r.streams = true
		err := c.do(ctx, r, func(response *http.Response) error {
			return decode(response.Body, func(value T) bool {
				more = yield(value, nil)
				return more
			})
		})
		if err != nil && more {
			var none T
			yield(none, err)
		}
	}
}

// collect returns all that an iterator yields.
func collect[T any](all iter.Seq2[T, error]) ([]T, error) {
	list := []T{}
	for value, err := range all {
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}
