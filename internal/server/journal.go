package server

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/console"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/olrest"
)

// record puts a request that has been answered into the journal. Those of the
// journal itself are not in it, nor those of probes, metrics and the API
// document, nor what the console reads: each of its views reads much, and would drive
// out the requests that it is to show.
func (s *Server) record(w *response, r *http.Request, took time.Duration) {
	fromConsole := r.Header.Get(auth.ConsoleHeader) == auth.ConsoleName
	if w.endpoint != nil && w.endpoint.unrecorded || w.status < http.StatusBadRequest && changesNothing(r, fromConsole) {
		return
	}
	route := w.route(r)
	call := &w.call
	entry := &olrest.RecordedRequest{
		RequestID: call.RequestID, Time: w.start, Took: took,
		Method: r.Method, Path: sentPath(w, r), Query: r.URL.RawQuery, Host: r.Host, Protocol: r.Proto,
		Client: call.Client.String(), User: call.User, Tried: call.Tried, Console: fromConsole,
		Status: w.status, Aborted: w.aborted, Fault: w.fault,
	}
	if w.endpoint != nil && w.endpoint != s.nowhere {
		entry.Route = r.Pattern
	}
	if w.shown != nil {
		entry.Reason = w.shown.Message
	}
	if w.status == 0 && !w.aborted {
		entry.Reason = "the client left before it was answered"
	}
	if route != nil {
		entry.Hints = ignored(&route.route, r.URL.RawQuery)
	}
	s.Journal.End(w.recording, journal.Exchange{
		Request: r, Answer: w.Header(), Login: route != nil && route.route.Action == olrest.Login,
	}, entry)
}

// changesNothing reports whether a request is for the page of the console, or one by
// which the console reads something or goes on with its session.
func changesNothing(r *http.Request, fromConsole bool) bool {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !fromConsole {
		return read && r.URL.Path == "/" && isBrowser(r)
	}
	return read || r.Method == http.MethodPut && r.URL.Path == console.Session
}

// route returns the method that answers a request, nil if there is none.
func (r *response) route(request *http.Request) *method {
	if r.endpoint == nil {
		return nil
	}
	m := r.endpoint.methods[request.Method]
	if m == nil && request.Method == http.MethodHead {
		m = r.endpoint.methods[http.MethodGet]
	}
	return m
}

// sentPath returns the path of a request with its escapes, as it was sent.
func sentPath(w *response, r *http.Request) string {
	path := r.URL.EscapedPath()
	if w.path != r.URL.Path {
		path += "/" // begin has taken it off
	}
	return path
}

// ignored says which parameters of a query a route of the dialect does not know.
func ignored(route *olrest.Route, query string) (hints []string) {
	if query == "" || route.Path == "" || route.Native() {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		hints = append(hints, "a part of the query can not be read, and was ignored: "+err.Error())
	}
	const most = 10
	known := route.QueryParameters()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(known, name) {
			continue
		}
		if len(hints) == most {
			return append(hints, "and others")
		}
		hints = append(hints, fmt.Sprintf("the query parameter %q is not known here, and was ignored", shorten(name)))
	}
	return hints
}

// maxRefusedBody is how much of the body of a refused request is read for the
// journal at most. net/http itself reads as much before it answers.
const maxRefusedBody = 256 << 10

// readRefused reads the beginning of a body that nobody has read because the
// request is refused, if it is one that net/http would read and throw away.
func (s *Server) readRefused(w *response, r *http.Request) {
	if r.ProtoMajor != 1 || r.ContentLength <= 0 || r.ContentLength > maxRefusedBody || r.Header.Get("Expect") != "" ||
		w.Header().Get("Connection") != "" || !w.recording.Unread() {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, min(r.ContentLength, int64(w.recording.Room())))
}

// errNoJournal says how to turn the journal on.
var errNoJournal = platen.Errorf(platen.Conflict, "the journal of requests is off: start the server with --journal 1000, or PLATEN_JOURNAL=1000, which keeps the last 1000 requests in memory")

// journaled returns an error if the journal is off.
func (s *Server) journaled() error {
	if s.Journal == nil {
		return errNoJournal
	}
	return nil
}

func (s *Server) listRequests(w *response, r *http.Request, _ target) error {
	if err := s.journaled(); err != nil {
		return err
	}
	query, err := olrest.ParseRequestQuery(r.URL.Query())
	if err != nil {
		return err
	}
	if olrest.WantsEvents(r.Header["Accept"]) {
		return s.followRequests(w, r, &query.RequestFilter)
	}
	found := s.Journal.Find(&query.RequestFilter, query.Before, query.PageSize+1)
	more := len(found) > query.PageSize
	olrest.ReplyRequests(w, &query.RequestFilter, found[:min(len(found), query.PageSize)], more)
	return nil
}

// followRequests streams requests as they end, until the client leaves, may no longer
// see them, or the server stops.
func (s *Server) followRequests(w *response, r *http.Request, filter *olrest.RequestFilter) error {
	last := s.Journal.Last()
	if text := r.Header.Get(olrest.LastEventIDHeader); text != "" {
		number, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return olrest.WrongEventID(text)
		}
		last = min(last, number)
	}
	if err := s.take(admission.Listeners); err != nil {
		return err
	}
	defer s.slots[admission.Listeners].Give(1)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // nothing more is read
	olrest.BeginStream(w)
	if w.head {
		return nil
	}
	check := s.streamCheck(w, r)
	ticks := time.NewTicker(check.every)
	defer ticks.Stop()
	// A reader whose connection breaks before the first request goes on from here.
	_, err := w.Write(olrest.AppendStreamStart(nil, strconv.FormatUint(last, 10)))
	for quiet := false; err == nil; {
		if refused := check.again(quiet); refused != nil {
			if r.Context().Err() == nil { // the client has not left
				s.drop(w, refused)
			}
			return nil
		}
		quiet = false
		list, lost, more := s.Journal.After(last)
		if lost && len(list) > 0 {
			err = olrest.WriteLostEvent(w)
		}
		for _, request := range list {
			if last = request.Number; err == nil && filter.Match(request) {
				err = olrest.WriteRequestEvent(w, request)
			}
		}
		if err == nil && len(list) > 0 {
			continue
		}
		if err == nil {
			err = control.Flush()
		}
		select {
		case <-more:
		case <-ticks.C:
			quiet = true
			_, err = w.Write(olrest.StreamComment)
		case <-s.Journal.Closed():
			return nil
		case <-s.ended.Done():
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
	return nil // the client has left
}

func (s *Server) countRequests(w *response, r *http.Request, _ target) error {
	if err := s.journaled(); err != nil {
		return err
	}
	query, err := olrest.ParseRequestCount(r.URL.Query())
	if err != nil {
		return err
	}
	if query.Wait == 0 {
		olrest.ReplyRequestCount(w, s.Journal.Count(&query.RequestFilter))
		return nil
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(r.Context(), query.Wait)
	defer cancel()
	olrest.ReplyRequestCount(w, s.Journal.Wait(ctx, &query.RequestFilter, query.AtLeast))
	return nil
}

func (s *Server) deleteRequests(w *response, r *http.Request, _ target) error {
	if err := s.journaled(); err != nil {
		return err
	}
	filter, err := olrest.ParseRequestFilter(r.URL.Query())
	if err != nil {
		return err
	}
	olrest.ReplyRequestsDeleted(w, s.Journal.Delete(&filter))
	return nil
}

// requestOf returns the newest request of the journal with the id that the path
// names.
func (s *Server) requestOf(r *http.Request, to target) (*olrest.RecordedRequest, error) {
	if err := s.journaled(); err != nil {
		return nil, err
	}
	if err := olrest.CheckQuery(r.URL.Query()); err != nil {
		return nil, err
	}
	found := s.Journal.Find(&olrest.RequestFilter{RequestID: to.name}, 0, 1)
	if len(found) == 0 {
		err := platen.Errorf(platen.NotFound, "there is no request %q in the journal of this server: it has the last ones, by the header X-Request-Id of their answers", shorten(to.name))
		err.Param = shorten(to.name)
		return nil, err
	}
	return found[0], nil
}

func (s *Server) readRequest(w *response, r *http.Request, to target) error {
	request, err := s.requestOf(r, to)
	if err != nil {
		return err
	}
	olrest.ReplyRequest(w, request)
	return nil
}

func (s *Server) requestAsCurl(w *response, r *http.Request, to target) error {
	request, err := s.requestOf(r, to)
	if err != nil {
		return err
	}
	if r.Host == "" {
		return platen.Errorf(platen.Invalid, "say by the header Host where the line is to go")
	}
	olrest.ReplyCurl(w, r, request)
	return nil
}

func (s *Server) deleteRequest(w *response, r *http.Request, to target) error {
	request, err := s.requestOf(r, to)
	if err != nil {
		return err
	}
	olrest.ReplyRequestsDeleted(w, s.Journal.Delete(&olrest.RequestFilter{RequestID: request.RequestID}))
	return nil
}
