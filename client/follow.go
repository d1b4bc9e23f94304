package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// An EventQuery says which events are wanted: those that are as each list says that is
// not empty.
type EventQuery struct {
	After  string // the id of the event to go on after; "0": from the first that is kept; "": see the methods
	Kinds  []platen.Kind
	Sets   []platen.ID
	Types  []string // such as update, import, audit
	Name   string   // that a list was changed in
	Follow bool     // go on with what happens from now on, until ctx ends

	Last   int    // only so many of the last events, without After and Follow; 0: all
	Before string // with Last: the id of the event that they are before
}

// EventsSeq yields events in their order, each once: those that there are, from the
// first that is kept, or with Follow those that happen from now on, until ctx ends; or
// in either case those after a given one. With Last it reads the log from its end back,
// until it has as many or there are no more, and has all of them in memory before it
// yields the first. A stream that breaks off is taken up
// again after the last event, for as long as it takes, once it has begun; so is one
// that ends with its token, if the client can get another. Gone: what is to be gone on
// after is no longer kept. Invalid: the query is not understood, or what is to be gone on
// after was not yet, as when a sandbox was reset. (GET /api/v1/events)
func (c *Client) EventsSeq(ctx context.Context, query EventQuery) iter.Seq2[Event, error] {
	build := func() *request {
		kinds, sets := make([]string, len(query.Kinds)), make([]string, len(query.Sets))
		for i, kind := range query.Kinds {
			kinds[i] = olrest.KindName(kind)
		}
		for i, set := range query.Sets {
			sets[i] = set.String()
		}
		r := nativeRequest(olrest.ReadEvents, "").set("kind", strings.Join(kinds, ",")).set("set", strings.Join(sets, ",")).
			set("type", strings.Join(query.Types, ",")).set("name", query.Name).set("before", query.Before)
		if query.Last != 0 {
			r.set("last", strconv.Itoa(min(query.Last, largestPage)))
		}
		return r
	}
	if query.Follow {
		return follow(ctx, c, query.After, build, decodeEvent)
	}
	return func(yield func(Event, error) bool) {
		r := build().set("after", query.After)
		if query.Last != 0 {
			events, err := c.lastEvents(ctx, r, query.Last)
			yieldEvents(events, err, yield)
			return
		}
		for {
			page, err := decoded(ctx, c, r, olrest.ReadNativePage[rawEvent])
			if !yieldEvents(page.Elements, err, yield) || page.Next == r.query.Get("after") || page.Next == "0" {
				return
			}
			r.set("after", page.Next).set("pageSize", strconv.Itoa(largestPage))
		}
	}
}

// yieldEvents yields events, or why there are none, and reports whether to go on.
func yieldEvents(events []rawEvent, err error, yield func(Event, error) bool) bool {
	for i := 0; err == nil && i < len(events); i++ {
		var event Event
		if event, err = decodeEvent(events[i]); err == nil && !yield(event, nil) {
			return false
		}
	}
	if err != nil {
		yield(Event{}, err)
	}
	return err == nil
}

// lastEvents returns the last n events that a request asks for, or all that there are,
// in their order.
func (c *Client) lastEvents(ctx context.Context, r *request, n int) ([]rawEvent, error) {
	var events []rawEvent
	for {
		page, err := decoded(ctx, c, r, olrest.ReadNativePage[rawEvent])
		if err != nil {
			return nil, err
		}
		events = append(page.Elements, events...)
		if page.Before == "" || len(events) >= n {
			return events, nil
		}
		r.set("before", page.Before).set("last", strconv.Itoa(min(n-len(events), largestPage)))
	}
}

// A rawEvent is an event as it was sent.
type rawEvent []byte

// UnmarshalJSON keeps the bytes.
func (e *rawEvent) UnmarshalJSON(b []byte) error {
	*e = append(rawEvent(nil), b...)
	return nil
}

func decodeEvent(body rawEvent) (Event, error) {
	event, err := olrest.DecodeNative[Event](body)
	event.Body = body
	return event, err
}

// Bounds of following a stream.
const (
	// quietFor is how long nothing may come: the server sends something all the time.
	quietFor = time.Minute
	// firstAgain and lastAgain are the waits before a stream is taken up again.
	firstAgain = 200 * time.Millisecond
	lastAgain  = 15 * time.Second
)

var errQuiet = errors.New("nothing came for a minute")

// follow yields what a stream sends, and takes it up again after what came last.
func follow[T any](ctx context.Context, c *Client, after string, build func() *request, decode func(rawEvent) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		begun, renewed := false, false
		wait := firstAgain
		for {
			r := build()
			r.accept, r.last, r.streams = olrest.TypeEvents, after, true
			more, came, dropped := true, false, false
			err := c.doQuiet(ctx, r, func(body io.Reader) error {
				begun = true
				var wrong error
				err := olrest.ReadStream(body, func(event olrest.Streamed) bool {
					came = came || event.Data != nil
					if event.Type == "dropped" {
						wrong, dropped = olrest.ReadDropped(event.Data), true
						return false
					}
					after, renewed = event.ID, false
					if event.Data == nil || event.Type == "lost" {
						return true
					}
					var value T
					if value, wrong = decode(event.Data); wrong == nil {
						more = yield(value, nil)
					}
					return more && wrong == nil
				})
				return errors.Join(wrong, err)
			})
			if !more {
				return
			}
			// The next request gets another token where this one is refused. A stream
			// that says nothing else would end like this each time.
			renews := dropped && !renewed && c.renews() && refusesToken(err)
			renewed = renewed || renews
			if ctx.Err() == nil && begun && (goesOn(err) || renews) {
				if came {
					wait = firstAgain
				}
				if sleep(ctx, max(wait, retryAfter(err))) {
					wait = min(2*wait, lastAgain)
					continue
				}
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			var none T
			yield(none, err)
			return
		}
	}
}

// goesOn reports whether a stream that has ended with err may be taken up again.
func goesOn(err error) bool {
	switch platen.ErrorCode(err) {
	case platen.Unavailable, platen.Unreachable, platen.TooManyAttempts:
		return true
	}
	return errors.Is(err, olrest.ErrCutOff)
}

// doQuiet does a request whose answer goes on, until nothing comes for too long.
func (c *Client) doQuiet(ctx context.Context, r *request, read func(io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(quietFor, func() { cancel(errQuiet) })
	defer timer.Stop()
	r.quiet = timer
	err := c.do(ctx, r, func(response *http.Response) error {
		return read(watchedReader{response.Body, timer})
	})
	if errors.Is(context.Cause(ctx), errQuiet) {
		return &platen.Error{Code: platen.Unreachable, Message: "no answer from " + c.base, Err: errQuiet}
	}
	return err
}

// A watchedReader puts off a timer each time that something comes.
type watchedReader struct {
	io.Reader
	timer *time.Timer
}

// Read implements [io.Reader].
func (w watchedReader) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.timer.Reset(quietFor)
	return n, err
}

func (f *RequestFilter) request(action olrest.Action) *request {
	r := nativeRequest(action, "").set("method", f.Method).set("route", f.Route).set("user", f.User).set("requestId", f.RequestID).
		set("path", f.Path).set("status", f.Status).set("reason", f.Reason).set("fault", f.Fault).setTime("since", f.Since)
	if f.Console != nil {
		r.set("console", strconv.FormatBool(*f.Console))
	}
	return r
}

// RequestsSeq yields requests of the server's journal, the newest first, without their
// headers and bodies. Conflict: the server keeps no journal. (GET /api/v1/requests)
func (c *Client) RequestsSeq(ctx context.Context, filter RequestFilter) iter.Seq2[Request, error] {
	return pagesOf[Request](ctx, c, func() *request { return filter.request(olrest.ListRequests) })
}

// FollowRequestsSeq yields requests of the server's journal as they end, until ctx
// does. It goes on by itself as [Client.EventsSeq] does. Conflict: as in RequestsSeq.
func (c *Client) FollowRequestsSeq(ctx context.Context, filter RequestFilter) iter.Seq2[Request, error] {
	return follow(ctx, c, "", func() *request { return filter.request(olrest.ListRequests) },
		func(body rawEvent) (Request, error) { return olrest.DecodeNative[Request](body) })
}

// Request returns the newest request of the journal with an identifier, with what was
// sent in both directions. NotFound: it is not there, or no longer. Conflict: as in
// RequestsSeq. (GET /api/v1/requests/{request})
func (c *Client) Request(ctx context.Context, requestID string) (Request, error) {
	return get[Request](ctx, c, nativeRequest(olrest.ReadRequest, requestID))
}

// RequestCurl returns a request of the journal as a command line for a shell, which
// has the password of the variable PLATEN_PASSWORD. NotFound, Conflict: as in Request.
// (GET /api/v1/requests/{request}/curl)
func (c *Client) RequestCurl(ctx context.Context, requestID string) (string, error) {
	return decoded(ctx, c, nativeRequest(olrest.RequestAsCurl, requestID), olrest.ReadText)
}

// CountRequests returns how many requests of the journal are meant. It waits until they
// are atLeast so many, or the time is over: 25 s at most, 0 is not at all. Conflict: as
// in RequestsSeq. (GET /api/v1/requests/count)
func (c *Client) CountRequests(ctx context.Context, filter RequestFilter, atLeast int, wait time.Duration) (int, error) {
	r := filter.request(olrest.CountRequests)
	if wait > 0 {
		r.set("atLeast", strconv.Itoa(atLeast)).set("wait", wait.String())
	}
	answer, err := get[map[string]int](ctx, c, r)
	return answer["count"], err
}

// DeleteRequests removes requests from the journal, and returns how many. Conflict: as in
// RequestsSeq. (DELETE /api/v1/requests)
func (c *Client) DeleteRequests(ctx context.Context, filter RequestFilter) (int, error) {
	answer, err := get[map[string]int](ctx, c, filter.request(olrest.DeleteRequests))
	return answer["deleted"], err
}

// DeleteRequest removes requests with an identifier from the journal, and returns how
// many. NotFound, Conflict: as in Request. (DELETE /api/v1/requests/{request})
func (c *Client) DeleteRequest(ctx context.Context, requestID string) (int, error) {
	answer, err := get[map[string]int](ctx, c, nativeRequest(olrest.DeleteRequest, requestID))
	return answer["deleted"], err
}
