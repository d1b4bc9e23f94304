// Package server is the HTTP server: it binds the routes of olrest to the
// calls of a store, with credentials checked, bodies and times bounded, and
// one line in the log for each request.
package server

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/logwriter"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/openid"
	"github.com/platenhq/platen/internal/operation"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/telemetry"
	"github.com/platenhq/platen/internal/webhook"
)

// Timeouts bound the time of a request. A client that exceeds them is dropped.
type Timeouts struct {
	Header time.Duration // to send all headers
	Stall  time.Duration // longest wait for the next read or write of a body; twice as long for a write soon after the headers
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
	Store        storage.Store
	Guard        *auth.Guard
	Log          *slog.Logger
	Requests     *slog.Logger              // gets the line of each request; nil: Log
	Version      string                    // of platen, such as 0.1.0
	APIVersion   string                    // the version text; clients switch features by it
	MaxBody      int64                     // bytes of a body, imports apart
	MaxPages     int64                     // of a job set that an operation creates; zero: platen.MaxOperationPages
	Timeouts     Timeouts                  // zero: the defaults
	Limits       admission.Limits          // of requests at once; zero: the defaults
	About        func() olrest.ServerFacts // what GET /api/v1/server answers besides the versions and the time of the start; nil: nothing
	CleanupAfter time.Duration             // how long after its deletion a set is removed for good; negative: never
	Spool        spool.Dir                 // where imports are kept until they are stored
	Telemetry    *telemetry.Telemetry      // for this server alone; nil: a new one

	Clock    *clock.Clock   // the time of data, which the store has too; nil: the real one
	Webhooks webhook.Config // the settings of webhooks; the server fills in what belongs to it

	Sandbox Sandbox // nil: it is none

	Journal *journal.Journal // keeps the last requests; nil: off

	OpenID *openid.Provider // people can log in to the console by it; nil: by a password alone

	Origins       Origins        // whose pages may call the API from a browser
	LoopbackHosts bool           // answer only requests for a host name of loopback
	Proxies       listen.Proxies // believed about where a request comes from
	Certificates  listen.Source  // nil: plain HTTP
}

// A Server answers requests.
type Server struct {
	Config
	mux      *http.ServeMux
	nowhere  *endpoint // of all paths where there is nothing
	ids      requestIDs
	lines    *logwriter.Handler // of Requests; nil: it has another
	browsers *browserRules
	started  time.Time
	apidoc   func() apidoc.Pages // made when they are asked for first

	operations *operation.Runner
	events     *event.Hub
	webhooks   *webhook.Sender
	ended      context.Context // when the server stops
	endStreams context.CancelFunc
	limited
}

// New returns a server.
func New(config Config) *Server {
	config.Timeouts = cmp.Or(config.Timeouts, defaultTimeouts)
	config.MaxPages = cmp.Or(config.MaxPages, platen.MaxOperationPages)
	config.Requests = cmp.Or(config.Requests, config.Log)
	if config.Telemetry == nil {
		config.Telemetry = telemetry.New(telemetry.Config{Log: config.Log})
	}
	s := &Server{
		Config:     config,
		mux:        http.NewServeMux(),
		nowhere:    &endpoint{},
		ids:        newRequestIDs(),
		browsers:   newBrowserRules(config.Origins, config.LoopbackHosts),
		started:    time.Now(),
		apidoc:     sync.OnceValue(func() apidoc.Pages { return apidoc.New(cmp.Or(config.Version, "development")) }),
		operations: operation.NewRunner(config.Store, config.Log, config.Clock),
		events:     event.NewHub(config.Store, olrest.CloudEvent),
	}
	s.lines, _ = config.Requests.Handler().(*logwriter.Handler)
	s.ended, s.endStreams = context.WithCancel(context.Background())
	s.limit()
	s.addWebhooks()
	s.addEndpoints()
	return s
}
