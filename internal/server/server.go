// Package server is the HTTP server: it binds the routes of olrest to the
// calls of a store, with credentials checked, bodies and times bounded, and
// one line in the log for each request.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/telemetry"
)

// Timeouts bound the time of a request. A client that exceeds them is dropped.
type Timeouts struct {
	Header time.Duration // to send all headers
	Stall  time.Duration // to send a body, or to take what is written; streams: the next part of it
	Idle   time.Duration // between requests
	Find   time.Duration // for a search in the store
	Stop   time.Duration // for requests under way when the server stops; then they are cancelled
}

var defaultTimeouts = Timeouts{
	Header: 10 * time.Second,
	Stall:  30 * time.Second,
	Idle:   2 * time.Minute,
	Find:   25 * time.Second, // less than Stall, so that it can be answered
	Stop:   5 * time.Second,  // with what follows, less than the ten that are promised
}

// maxHeaderBytes bounds the headers of a request.
const maxHeaderBytes = 64 << 10

// Config says what a [Server] serves, and how.
type Config struct {
	Store      storage.Store
	Guard      *auth.Guard
	Log        *slog.Logger
	Requests   *slog.Logger         // gets the line of each request; nil: Log
	APIVersion string               // the version text; clients switch features by it
	MaxBody    int64                // bytes of a body, imports apart
	MaxPages   int64                // of a job set that an operation creates; zero: platen.MaxOperationPages
	Timeouts   Timeouts             // zero: the defaults
	Limits     admission.Limits     // of requests at once; zero: the defaults
	Spool      spool.Dir            // where imports are kept until they are stored
	Telemetry  *telemetry.Telemetry // for this server alone; nil: a new one

	Origins       Origins              // whose pages may call the API from a browser
	LoopbackHosts bool                 // answer only requests for a host name of loopback
	Proxies       listen.Proxies       // believed about where a request comes from
	Certificates  *listen.Certificates // nil: plain HTTP
}

// A Server answers requests.
type Server struct {
	Config
	mux      *http.ServeMux
	nothing  http.Handler // answers at paths where there is nothing
	ids      requestIDs
	browsers *browserRules

	operating operations
	limited
}

// New returns a server.
func New(config Config) *Server {
	if config.Timeouts == (Timeouts{}) {
		config.Timeouts = defaultTimeouts
	}
	if config.MaxPages == 0 {
		config.MaxPages = platen.MaxOperationPages
	}
	if config.Telemetry == nil {
		config.Telemetry = telemetry.New(telemetry.Config{Log: config.Log})
	}
	if config.Requests == nil {
		config.Requests = config.Log
	}
	s := &Server{Config: config, mux: http.NewServeMux(), ids: newRequestIDs(), browsers: newBrowserRules(config.Origins, config.LoopbackHosts)}
	s.limit()
	s.nothing = s.Guard.Require(http.HandlerFunc(s.notFound), s.fail)
	guarded := make(map[string]resource)
	open := make(map[string]resource)
	for _, route := range olrest.Routes() {
		to := guarded
		if route.Open() {
			to = open
		}
		if to[route.Path] == nil {
			to[route.Path] = make(resource)
		}
		to[route.Path][route.Method] = s.handler(route)
	}
	open["/{$}"] = resource{http.MethodGet: s.index}
	open["/healthz"] = resource{http.MethodGet: s.health}
	open["/readyz"] = resource{http.MethodGet: s.ready}
	document := resource{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		apidoc.Handler(http.HandlerFunc(s.notFound)).ServeHTTP(w, r)
		return nil
	}}
	open["/serverengine/doc"] = document
	open["/serverengine/doc/{file}"] = document
	guarded[telemetry.Path] = resource{http.MethodGet: s.metrics}

	for path, res := range open {
		s.mux.Handle(path, s.serve(res))
	}
	for path, res := range guarded {
		s.mux.Handle(path, s.Guard.Require(known(s.serve(res)), s.fail))
	}
	s.mux.Handle("/", s.nothing)
	return s
}

// A handler answers a request, or returns the error to answer with.
type handler func(w http.ResponseWriter, r *http.Request) error

// A resource is what can be done at one path, by method.
type resource map[string]handler

// allow lists the methods of a resource for the header Allow.
func (res resource) allow() string {
	var methods []string
	for method := range res {
		methods = append(methods, method)
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// serve picks the handler for the method, and answers with its error.
func (s *Server) serve(res resource) http.Handler {
	allow := res.allow()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		handle := res[method]
		if handle == nil {
			w.Header().Set("Allow", allow)
			if method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			s.fail(w, r, platen.Errorf(platen.MethodNotAllowed, "%s is not allowed here, but %s", r.Method, allow))
			return
		}
		if err := handle(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail is the one place where an error becomes an answer. It logs those that
// are ours.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := platen.ErrorCode(err)
	if r.Context().Err() != nil && code == platen.Internal {
		stopped, ok := errors.AsType[*platen.Error](context.Cause(r.Context()))
		if !ok {
			return // the client has left, and with it the reason for the work
		}
		err, code = stopped, stopped.Code
	}
	if shown, ok := errors.AsType[*platen.Error](err); code == platen.Internal || ok && shown.Err != nil {
		s.Log.Error("request failed", "error", err, "path", r.URL.Path, "request", auth.CallOf(r.Context()).RequestID)
	}
	if olrest.IsAborted(err) {
		panic(http.ErrAbortHandler)
	}
	olrest.ReplyError(w, err)
}

// logChange logs what a request has changed, and who sent it.
func (s *Server) logChange(ctx context.Context, what string, about ...any) {
	call := auth.CallOf(ctx)
	s.Log.Info(what, append(about, "user", call.User, "client", call.Client.String(), "request", call.RequestID)...)
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	err := platen.Errorf(platen.NotFound, "there is nothing at this path; what there is stands in the API document at /serverengine/doc/")
	s.fail(w, r, err)
}

// ServeHTTP is where every request comes in: it gets its id, its trace, its
// line in the log and its place in the metrics, and its path made plain.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := &auth.Call{RequestID: s.ids.of(r), Client: s.clientAddress(r)}
	res := &response{ResponseWriter: w, start: time.Now(), stall: s.Timeouts.Stall, multiplexed: r.ProtoMajor >= 2,
		conn: admission.ConnOf(r.Context()), stopping: &s.stopping, head: r.Method == http.MethodHead}
	path := r.URL.Path
	w.Header()["X-Request-Id"] = []string{call.RequestID}
	secure(w.Header(), r.TLS != nil)
	ctx, measured := s.Telemetry.Begin(r)
	measured.Answer(w.Header())
	r = r.WithContext(auth.WithCall(ctx, call))
	defer func() {
		s.inFlight.Give(res.held)
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			s.Log.Error("panic", "panic", p, "request", call.RequestID, "stack", string(debug.Stack()))
			if res.status == 0 {
				olrest.ReplyError(res, platen.Errorf(platen.Internal, ""))
				p = nil
			}
		}
		took := time.Since(res.start)
		measured.End(telemetry.Outcome{
			Pattern: r.Pattern, // set by the mux
			Method:  r.Method,
			Status:  res.status,
			Bytes:   res.bytes,
			Took:    took,
			Aborted: p != nil,

			Stranger: call.User == "" && !s.Guard.Off(),
		})
		line := append(make([]slog.Attr, 0, 12),
			slog.String("method", r.Method),
			slog.String("path", path),
			slog.Int("status", res.status),
			slog.Int64("bytes", res.bytes),
			slog.Duration("time", took),
			slog.String("client", call.Client.String()),
			slog.String("user", call.User),
			slog.String("request", call.RequestID),
		)
		if call.Refused != "" {
			line = append(line, slog.String("refused", call.Refused), slog.String("tried", call.Tried))
		}
		if trace := measured.TraceID(); trace != "" {
			line = append(line, slog.String("trace", trace))
		}
		s.Requests.LogAttrs(r.Context(), slog.LevelInfo, "request", line...)
		if p != nil {
			panic(http.ErrAbortHandler)
		}
	}()
	// A path is served with or without a slash at its end; one that ServeMux
	// would clean is no path of ours. Nothing is ever redirected, since
	// clients turn a redirected PUT into a GET.
	if len(path) > 1 && strings.HasSuffix(path, "/") && !strings.HasSuffix(path, "//") {
		r.URL.Path = path[:len(path)-1]
		r.URL.RawPath = strings.TrimSuffix(r.URL.RawPath, "/")
	}
	if s.refuse(res, r) {
		return
	}
	if s.answerBrowser(res, r) {
		return
	}
	if !plain(r.URL.Path) || r.Method == http.MethodConnect {
		s.nothing.ServeHTTP(res, r)
		return
	}
	s.mux.ServeHTTP(res, r)
	if res.unread {
		s.drain(res, r)
	}
}

// plain reports whether a path begins with a slash and has no empty segment
// and none of dots.
func plain(path string) bool {
	if path == "/" {
		return true
	}
	if path == "" || path[0] != '/' {
		return false
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
