package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/telemetry"
)

// ServeHTTP answers a request. What happens to it on its way to a handler is
// in answer, and each error on that way is answered here, by fail.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	res, r, measured := s.begin(w, r)
	defer s.end(res, r, &measured)
	if err := s.answer(res, r); err != nil {
		s.fail(res, r, err)
	}
	if res.status >= http.StatusBadRequest && !res.aborted {
		s.drain(res, r)
	}
}

// begin gives a request its id, its trace and its place in the metrics, and
// the headers that every answer has. The slash at the end of a path does not
// count.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) (*response, *http.Request, telemetry.Request) {
	res := &response{ResponseWriter: w, start: time.Now(), stall: s.Timeouts.Stall, multiplexed: r.ProtoMajor >= 2,
		conn: admission.ConnOf(r.Context()), stopping: &s.stopping, head: r.Method == http.MethodHead,
		call: auth.Call{Origin: storage.Origin{RequestID: s.ids.of(r)}, Client: s.clientAddress(r)},
		path: r.URL.Path}
	if res.multiplexed {
		// Until the answer begins, however long that takes: with HTTP/1 the deadline
		// ends a write, with HTTP/2 the stream, also while nothing is written.
		_ = http.NewResponseController(w).SetWriteDeadline(res.start.Add(unwritten))
	}
	call := &res.call
	w.Header()["X-Request-Id"] = []string{call.RequestID}
	secure(w.Header(), r.TLS != nil)
	ctx, measured := s.Telemetry.Begin(r)
	measured.Answer(w.Header())
	if path := r.URL.EscapedPath(); len(path) > 1 && strings.HasSuffix(path, "/") && !strings.HasSuffix(path, "//") {
		r.URL.Path = strings.TrimSuffix(res.path, "/")
		r.URL.RawPath = strings.TrimSuffix(r.URL.RawPath, "/")
	}
	// What follows changes the body in this copy of the request: net/http knows by its
	// own whether one was left unread, and then does not close the connection before the
	// answer has arrived.
	r = r.WithContext(auth.WithCall(ctx, call))
	res.body.ReadCloser, r.Body = r.Body, &res.body
	if s.Journal != nil {
		res.recording = s.Journal.Begin(r)
	}
	return res, r, measured
}

// answer brings a request to its handler, or returns the error to answer with.
func (s *Server) answer(w *response, r *http.Request) error {
	if err := s.refuse(w, r); err != nil {
		return err
	}
	if answered, err := s.answerBrowser(w, r); answered || err != nil {
		return err
	}
	at := s.endpointOf(w, r)
	if !at.open {
		if err := s.Guard.Check(r); err != nil {
			return err
		}
		w.conn.Known()
	}
	m := at.methods[r.Method]
	if m == nil && r.Method == http.MethodHead {
		m = at.methods[http.MethodGet]
	}
	if m == nil {
		return otherMethod(w, r, at)
	}
	if err := s.permit(w, r, m.role, m.kinds); err != nil {
		return err
	}
	to, err := m.target(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodDelete && r.ContentLength != 0 && m.route.Native() {
		// What a body asks for, such as a filter, is not what would be done.
		if _, err := optionalBody(s, w, r, olrest.ReadNothing); err != nil {
			return err
		}
	}
	if err := s.admit(w, r, m); err != nil {
		return err
	}
	if m.slot != "" {
		defer s.slots[m.slot].Give(1)
	}
	return m.handle(s, w, r, to)
}

// otherMethod answers a method that an endpoint does not have.
func otherMethod(w *response, r *http.Request, at *endpoint) error {
	if len(at.methods) == 0 {
		return nowhere(r)
	}
	w.Header().Set("Allow", at.allow)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	message := shorten(r.Method) + " is not allowed here, but " + at.allow
	if meant := olrest.Instead(r.Method, r.URL.Path); meant != "" {
		message += ": did you mean " + meant + "?"
	}
	return platen.Errorf(platen.MethodNotAllowed, "%s", message)
}

// nowhere returns the error for a path at which there is nothing.
func nowhere(r *http.Request) error {
	if near := olrest.Nearest(r.Method, r.URL.Path); near != "" {
		return platen.Errorf(platen.NotFound, "there is nothing at this path: did you mean %s? What there is stands in the API document at /serverengine/doc/", near)
	}
	return platen.Errorf(platen.NotFound, "there is nothing at this path; what there is stands in the API document at /serverengine/doc/")
}

// A panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

// Error implements error.
func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// fail is the one place where an error becomes an answer. It logs those that
// are ours. An answer that has begun is broken off, and so is one that nobody
// waits for.
func (s *Server) fail(w *response, r *http.Request, err error) {
	code := platen.ErrorCode(err)
	crash, crashed := errors.AsType[*panicError](err)
	if r.Context().Err() != nil && code == platen.Internal && !crashed {
		stopped, ok := errors.AsType[*platen.Error](context.Cause(r.Context()))
		if !ok {
			// The client has left, and with it the reason for the work. It may
			// have ended only its own side of the connection, and still read.
			w.aborted = w.status != 0
			return
		}
		err, code = stopped, stopped.Code
	}
	if w.status == 0 {
		err = s.explain(r, err)
	}
	w.shown = olrest.ShownError(err)
	if crashed {
		s.Log.Error("panic", "panic", crash.value, "request", w.call.RequestID, "stack", string(crash.stack))
	} else if shown, ok := errors.AsType[*platen.Error](err); code == platen.Internal || ok && shown.Err != nil {
		s.Log.Error("request failed", "error", err, "path", r.URL.Path, "request", w.call.RequestID)
	}
	if w.status != 0 || olrest.IsAborted(err) {
		w.aborted = true
		return
	}
	if w.multiplexed {
		s.drainStream(w, r)
	}
	if w.recording != nil {
		s.readRefused(w, r)
	}
	if w.endpoint != nil && w.endpoint.page {
		s.showProblem(w, w.shown)
		return
	}
	olrest.ReplyError(w, err)
}

// explain returns err, or if an entity was not found since it is of another kind,
// an error that says so.
func (s *Server) explain(r *http.Request, err error) error {
	missing, ok := errors.AsType[*platen.Error](err)
	if !ok || missing.Code != platen.NotFound || missing.Ref.ID <= 0 {
		return err
	}
	kind, failed := s.Store.KindOf(r.Context(), missing.Ref.ID)
	if failed != nil || kind == missing.Ref.Kind {
		return err // as good an answer; what fails is in the log of the next request
	}
	return platen.OtherKindError(missing.Ref, kind)
}

// end is deferred by ServeHTTP: it answers a panic, counts and logs the
// request, and breaks the connection off if the answer is. Without a status
// net/http would answer 200.
func (s *Server) end(w *response, r *http.Request, measured *telemetry.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		w.aborted = true
	default:
		s.fail(w, r, &panicError{p, debug.Stack()})
	}
	s.release(w)
	took := time.Since(w.start)
	measured.End(telemetry.Outcome{
		Pattern: r.Pattern, // set by the mux
		Method:  r.Method,
		Status:  w.status,
		Bytes:   w.bytes,
		Took:    took,
		Aborted: w.aborted,

		Stranger: w.call.User == "" && !s.Guard.Off(),
	})
	if w.recording != nil {
		s.record(w, r, took)
	}
	s.logRequest(w, r, took, measured.TraceID())
	if w.aborted || w.status == 0 {
		panic(http.ErrAbortHandler)
	}
}

// shortReason keeps a line of the log short, whatever a message quotes.
func shortReason(message string) string {
	const most = 500
	if len(message) > most {
		return strings.ToValidUTF8(message[:most], "") + "…"
	}
	return message
}

// logRequest writes the line that every request has in the log.
func (s *Server) logRequest(w *response, r *http.Request, took time.Duration, trace string) {
	call := &w.call
	line := append(make([]slog.Attr, 0, 13),
		slog.String("method", r.Method),
		slog.String("path", w.path),
		slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes),
		slog.Duration("time", took),
		slog.String("client", call.Client.String()),
		slog.String("user", call.User),
		slog.String("request", call.RequestID),
	)
	if call.Token != "" {
		line = append(line, slog.String("token", call.Token))
	}
	if call.Refused != "" {
		line = append(line, slog.String("refused", call.Refused), slog.String("tried", call.Tried))
	}
	if w.shown != nil && 400 <= w.status && w.status < 500 {
		line = append(line, slog.String("reason", shortReason(w.shown.LogMessage())))
	}
	if w.fault != "" {
		line = append(line, slog.String("fault", w.fault))
	}
	if trace != "" {
		line = append(line, slog.String("trace", trace))
	}
	if s.lines != nil {
		s.lines.Line(r.Context(), w.start.Add(took), "request", line)
		return
	}
	s.Requests.LogAttrs(r.Context(), slog.LevelInfo, "request", line...)
}

// logChange logs what a request has changed, and who sent it.
func (s *Server) logChange(ctx context.Context, what string, about ...any) {
	call := auth.CallOf(ctx)
	if call.Token != "" {
		about = append(about, "token", call.Token)
	}
	s.Log.Info(what, append(about, "user", call.User, "client", call.Client.String(), "request", call.RequestID)...)
}
