package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/logwriter"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
)

const (
	// defaultAPIVersion is the API level that platen speaks. Clients switch
	// features on and off by it.
	defaultAPIVersion = "2025.2.0"
	defaultListen     = "127.0.0.1:9340"
	defaultData       = "platen-data"

	// maxCache is in MiB: more is a mistake, such as a number of bytes.
	maxCache = 1 << 20
	// leastEvery is the shortest time between two runs of what is done again and again.
	leastEvery = time.Second

	// adminName is the user that the first start makes.
	adminName = "ol-admin"
	// adminPassword is the variable with that user's password. It is no
	// flag: the process list would show it.
	adminPassword = "PLATEN_ADMIN_PASSWORD"
)

// settings are the settings of a server.
type settings struct {
	listen  string
	metrics string // the address of the listener for metrics
	location
	front      front
	oidc       oidcSettings
	tokenTTL   time.Duration
	apiVersion string
	maxBody    int64
	cache      int
	logFormat  string
	logLevel   string
	noAuth     bool
	reindex    bool
	anew       bool // begin a new database where there was one

	list []olrest.Setting // all of them, for GET /api/v1/server

	journal  journal.Config
	limits   admission.Limits
	spoolDir string
	webhooks webhookSettings

	cleanupEvery   time.Duration
	cleanupAfter   time.Duration
	operationGrace time.Duration
	historyFor     time.Duration
	retentionEvery time.Duration
}

// flags declares the settings that serve and demo share.
func (set *settings) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&set.listen, "listen", defaultListen, "address and port to listen on; port 0 takes a free one")
	flags.StringVar(&set.metrics, "metrics-listen", "", "address and port that serve /metrics and nothing else, and check no credentials: one that only those who may read them can reach")
	flags.DurationVar(&set.tokenTTL, "token-ttl", time.Hour, "how long a token is good for, 720h at most; clients that follow OL Connect's log in anew 15s before its end")
	flags.StringVar(&set.apiVersion, "api-version", defaultAPIVersion, "version text; clients switch features by it")
	flags.Int64Var(&set.maxBody, "max-body", 16<<20, "largest body of a request in bytes; imports are streamed and have a limit of their own")
	set.limitFlags(flags)
	set.webhooks.flags(flags)
	set.journalFlags(flags)
	flags.IntVar(&set.cache, "cache", 64, "memory for cached lists in MiB")
	flags.DurationVar(&set.cleanupEvery, "cleanup-every", time.Hour, "how often the clean-up removes for good what was deleted; it also runs at the start; 0 turns it off")
	flags.DurationVar(&set.cleanupAfter, "cleanup-after", 24*time.Hour, "how long ago a set must have been deleted for the clean-up to remove it; until then its ids stay taken")
	flags.DurationVar(&set.operationGrace, "operation-grace", 24*time.Hour, "how long the result of an operation that has ended can be asked for")
	flags.DurationVar(&set.historyFor, "history-for", sqlstore.DefaultHistory, "how long changes are kept, for the history of entities and for readers of events; 0: none are logged, and what was logged is removed")
	flags.DurationVar(&set.retentionEvery, "retention-every", time.Hour, "how often each rule of retention deletes the sets that are too old; 0: none does")
	flags.StringVar(&set.logFormat, "log-format", "text", `"text" for people or "json"`)
	flags.StringVar(&set.logLevel, "log-level", "info", `"debug", "info" (a line for each request), "warn" or "error"`)
}

func serveCommand(env environment) *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `serve runs the server until it is told to stop by SIGTERM or Ctrl-C. It then
finishes what is under way and ends with exit code 0 within 10 seconds.

The first start makes the user ` + adminName + `. Its password is that of the variable
` + adminPassword + `, or a random one. That is printed once if standard
output is a terminal. Otherwise it is in a file that only its owner can read,
and the path of the file is printed: ` + sqlite.FirstPasswordName + ` in the data directory, or
with --database a file in the directory for temporary files. "platen user"
manages users, also while the server runs.

The log goes to standard error, a line for each request.

Metrics for Prometheus are at /metrics, for users with a password like all
else, or for anybody at an address of their own: --metrics-listen. Traces are
sent to an OpenTelemetry collector if OTEL_EXPORTER_OTLP_ENDPOINT names one.

Beyond loopback it wants TLS: its own (--tls-cert, --tls-key), or that of a
proxy before it (--behind-proxy).`,
		Example: `  platen serve
  ` + adminPassword + `=secret-of-mine platen serve --listen 127.0.0.1:9340 --data /var/lib/platen
  platen serve --database postgres://platen@one:5432,two:5432/platen
  platen serve --listen 0.0.0.0:9340 --tls-cert /etc/platen/tls.pem --tls-key /etc/platen/tls.key
  platen serve --listen 127.0.0.1:0 --log-format json`,
		Args:        arguments(),
		Annotations: map[string]string{logAnnotation: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			set.list = listSettings(env, cmd.Flags(), set)
			return serve(cmd.Context(), env, set, nil)
		},
	}
	set.serveFlags(cmd)
	return cmd
}

// serveFlags declares the settings of a server.
func (set *settings) serveFlags(cmd *cobra.Command) {
	set.flags(cmd)
	set.location.flags(cmd.Flags())
	set.front.flags(cmd.Flags())
	set.oidc.flags(cmd.Flags())
	cmd.Flags().BoolVar(&set.anew, "new", false, "begin an empty database although the directory has had one; what is left of that is kept under another name")
	cmd.Flags().BoolVar(&set.reindex, "rebuild-index", false, "empty the search index at the start, and make it anew from the properties and fields; searches wait for that")
	cmd.Flags().BoolVar(&set.noAuth, "no-auth", false, "check no credentials; only on a loopback address, and only for requests to localhost, 127.0.0.1 or [::1]")
}

// check refuses settings that can not be meant.
func (set *settings) check() error {
	wrong := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), "platen serve"}
	}
	switch {
	case set.tokenTTL < time.Second:
		return wrong("--token-ttl %v is too short: the least is 1s", set.tokenTTL)
	case set.tokenTTL > auth.MaxTokenTTL:
		return wrong("--token-ttl %v is too long: the longest is %v, thirty days", set.tokenTTL, auth.MaxTokenTTL)
	case set.maxBody < 1:
		return wrong("--max-body %d is too small", set.maxBody)
	case set.cache < 0:
		return wrong("--cache %d is negative", set.cache)
	case set.cleanupEvery < 0 || set.cleanupAfter < 0 || set.operationGrace < 0 || set.historyFor < 0 || set.retentionEvery < 0:
		return wrong("--cleanup-every, --cleanup-after, --history-for, --retention-every and --operation-grace must not be negative")
	case set.cache > maxCache:
		return wrong("--cache %d is too much: it is in MiB, and %d are the most", set.cache, maxCache)
	case set.cleanupEvery > 0 && set.cleanupEvery < leastEvery, set.retentionEvery > 0 && set.retentionEvery < leastEvery:
		return wrong("--cleanup-every and --retention-every are at least %v, or 0 for never", leastEvery)
	case strings.ContainsFunc(set.apiVersion, func(r rune) bool { return r <= ' ' || r > '~' }):
		return wrong("--api-version %q has signs that no version has: want a text such as %s", set.apiVersion, defaultAPIVersion)
	case set.journal.Requests < 0 || set.journal.Requests > maxJournal:
		return wrong("--journal %d is not a number from 0 to %d", set.journal.Requests, maxJournal)
	case set.apiVersion == "":
		return wrong("--api-version is empty")
	}
	if err := checkJournal(set.journal); err != nil {
		return wrong("%w", err)
	}
	return set.oidc.check(set.noAuth)
}

func loopback(address net.Addr) bool {
	port, err := netip.ParseAddrPort(address.String())
	return err == nil && port.Addr().Unmap().IsLoopback()
}

var logLevels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// newLog returns the log that the settings ask for.
func newLog(w io.Writer, set settings) (*slog.Logger, error) {
	level, ok := logLevels[strings.ToLower(set.logLevel)]
	if !ok {
		return nil, usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", set.logLevel), "platen serve"}
	}
	switch set.logFormat {
	case "text":
		return slog.New(logwriter.NewText(w, level)), nil
	case "json":
		return slog.New(logwriter.NewJSON(w, level)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q: want text or json", set.logFormat), "platen serve"}
}
