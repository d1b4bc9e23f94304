package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/logwriter"
	"github.com/platenhq/platen/internal/retention"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/telemetry"
	"github.com/platenhq/platen/internal/webhook"
)

// A running server, for those who want to use it once it answers.
type running struct {
	url      string
	metrics  string // where they have an address of their own, else ""
	password string // of the admin, if this start made it and shows it; else ""
	file     string // with that password, if it is not shown; else ""
}

// serve runs a server until ctx ends, and ends not much later. ready, unless
// nil, is called when it answers, and prints what a person should know instead
// of serve.
func serve(ctx context.Context, env environment, set settings, ready func(context.Context, running) error) error {
	outliveReaders()
	ended := make(chan error, 1)
	go func() { ended <- serveUntil(ctx, env, set, ready) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return fmt.Errorf("the server has not stopped within %v and is ended; nothing that was acknowledged is lost by that", stopWithin)
	}
}

// outliveReaders has writes to a log whose reader has ended fail, where they would
// end the process: a server serves without its log, too.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// stopWithin is less than the ten seconds after which a supervisor kills.
const stopWithin = 9500 * time.Millisecond

// serveUntil is serve without a bound for its end.
func serveUntil(ctx context.Context, env environment, set settings, ready func(context.Context, running) error) (err error) {
	defer reserveHeap()()
	p := &service{env: env, set: set}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, step := range []func(context.Context) error{p.check, p.warn, p.listen, p.measure, p.lock, p.open, p.recordSettings, p.authenticate, p.knowProvider} {
		err := step(ctx)
		if ctx.Err() != nil && isInterrupt(err) {
			p.log.Info("stopped before it served")
			return nil
		}
		if err != nil {
			return withHint(p.set.location.explain(err))
		}
	}
	return p.run(ctx, ready)
}

// withHint adds to an error of a start where the rights of a service are changed, if
// it lacks some.
func withHint(err error) error {
	_, binding := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; a service of systemd can write to /var/lib/platen alone: see ReadWritePaths in the comments of its unit (systemctl cat platen)", err)
	case binding && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; ports below 1024 are for root: for a service of systemd see AmbientCapabilities in the comments of its unit (systemctl cat platen)", err)
	}
	return err
}

// A service is a server and what it runs on. The methods from check on build
// it, in the order in which serveUntil calls them.
type service struct {
	env          environment
	set          settings
	log          *slog.Logger
	requests     *slog.Logger // for the lines of requests, which share writes
	telemetry    *telemetry.Telemetry
	listener     net.Listener // for the API
	metrics      net.Listener // for metrics alone, or nil
	challenges   net.Listener // for those of ACME over plain HTTP, or nil
	config       server.Config
	store        *sqlstore.Store
	inventory    atomic.Pointer[platen.Inventory] // the last one; nil: none was taken yet
	webhooks     webhook.Config
	certificates certificateCache
	closers      []func() error

	supervisor   supervisor
	password     string // of the admin, if this start made it up and shows it; else ""
	passwordFile string // with that password, if it is not shown; else ""
}

// atEnd has close called after what is built later is closed.
func (p *service) atEnd(close func() error) { p.closers = append(p.closers, close) }

// close closes what was built, the last first.
func (p *service) close() (err error) {
	for _, close := range slices.Backward(p.closers) {
		err = errors.Join(err, close())
	}
	return err
}

// check checks the settings by themselves, and makes the log.
func (p *service) check(context.Context) (err error) {
	lines := logwriter.New(p.env.stderr)
	p.atEnd(lines.Close)
	if p.log, err = newLog(lines, p.set); err != nil {
		return err
	}
	if p.requests, err = newLog(lines.Deferred(), p.set); err != nil {
		return err
	}
	lines.OnDropped(tellDropped(p.requests))
	if err := p.set.check(); err != nil {
		return err
	}
	if err := checkFirstPassword(p.env, p.set.location); err != nil {
		return err
	}
	if p.set.limits, err = p.set.limits.Resolve(); err != nil {
		return usageError{err, "platen serve"}
	}
	p.webhooks, err = p.set.webhooks.config()
	return err
}

// warn tells the log of variables that no command knows.
func (p *service) warn(context.Context) error {
	for _, line := range p.env.unknown {
		p.log.Warn(line)
	}
	return nil
}

// tellDropped returns what tells a log of lines that it has not.
func tellDropped(log *slog.Logger) func(int) {
	return func(lines int) {
		log.Warn("the log took nothing for some seconds, and lines were dropped", "lines", lines)
	}
}

// listen takes the addresses, and checks that the settings are safe at them.
func (p *service) listen(context.Context) (err error) {
	if p.listener, err = net.Listen("tcp", p.set.listen); err != nil {
		return fmt.Errorf("listen on %s: %w; another address can be given with --listen", p.set.listen, err)
	}
	p.atEnd(func() error { _ = p.listener.Close(); return nil }) // mostly it is closed already
	if p.set.noAuth && !loopback(p.listener.Addr()) {
		return usageError{fmt.Errorf("--no-auth is for loopback addresses only, and %s is none", p.listener.Addr()), "platen serve"}
	}
	if err := p.set.front.check(p.listener.Addr()); err != nil {
		return err
	}
	if err := p.listenChallenges(); err != nil {
		return err
	}
	p.metrics, err = listenMetrics(p.set.metrics)
	if p.metrics != nil {
		p.atEnd(func() error { _ = p.metrics.Close(); return nil })
	}
	return err
}

// measure begins to count and trace, and puts before the API what the settings
// say of its connections.
func (p *service) measure(ctx context.Context) error {
	p.telemetry = telemetry.New(telemetry.Config{Version: buildVersion(), Commit: thisBuild().commit, Log: p.log})
	if err := p.telemetry.Trace(ctx, p.env.getenv); err != nil {
		return err
	}
	p.atEnd(func() error { p.telemetry.Close(); return nil })
	p.config = server.Config{
		Log: p.log, Requests: p.requests, Version: buildVersion(), APIVersion: p.set.apiVersion, MaxBody: p.set.maxBody, Telemetry: p.telemetry, LoopbackHosts: p.set.noAuth, CleanupAfter: p.set.cleanupAfter,
	}
	p.config.About = p.about
	if p.set.journal.Requests > 0 {
		p.config.Journal = journal.New(p.set.journal)
	}
	if p.set.cleanupEvery <= 0 {
		p.config.CleanupAfter = -1
	}
	if err := p.set.front.open(&p.config, p.listener.Addr(), &p.certificates, p.telemetry, p.log); err != nil {
		return err
	}
	p.supervisor.log = p.log
	stop := watch(ctx, p.config.Certificates, &p.supervisor)
	p.atEnd(func() error { stop(); return nil })
	limited := admission.Listen(p.listener, p.set.limits, p.config.Proxies.Contains, p.telemetry.Refused)
	p.telemetry.Gauge("platen_connections", "Connections of clients.", func() int64 { return int64(limited.Open()) })
	p.listener = limited
	return nil
}

// lock keeps others off the database, and begins it anew if it is to be.
func (p *service) lock(ctx context.Context) error {
	warn := func(line string) { p.log.Warn(line) }
	holder := fmt.Sprintf("process %d, listening on %s since %s", os.Getpid(), p.listener.Addr(), time.Now().Format(time.DateTime))
	release, err := p.set.lock(holder, warn)
	if err != nil {
		return err
	}
	p.atEnd(release)
	if p.set.anew {
		return p.set.begin(ctx, warn)
	}
	return nil
}

// open opens the store and the directory for imports.
func (p *service) open(ctx context.Context) (err error) {
	if p.config.Spool, err = p.set.openSpools(); err != nil {
		return err
	}
	if p.store, err = p.set.open(ctx, p.set.cache<<20, sqlstore.ObservedBy(p.telemetry.Store()), sqlstore.HistoryFor(p.set.historyFor)); err != nil {
		return err
	}
	p.atEnd(p.store.Close)
	p.certificates.use(p.store)
	p.telemetry.WatchStore(p.store.Stats)
	p.telemetry.WatchInventory(p.inventory.Load, p.set.limits.Disks)
	p.config.Store, p.config.Limits, p.config.Webhooks = p.store, p.set.limits, p.webhooks
	if err := p.store.Start(ctx, serverGone); err != nil || !p.set.reindex {
		return err
	}
	return p.store.RebuildIndex(ctx, "--rebuild-index")
}

// recordSettings tells the audit trail which settings are others than those of the
// last start.
func (p *service) recordSettings(ctx context.Context) error {
	settings := make([]platen.NameValue, len(p.set.list))
	for i, setting := range p.set.list {
		settings[i] = platen.NameValue{Name: setting.Name, Value: setting.Value}
	}
	if len(settings) == 0 {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return p.store.RecordSettings(ctx, host, settings)
}

// authenticate makes the first user, and the guard.
func (p *service) authenticate(ctx context.Context) (err error) {
	if err := p.firstUser(ctx); err != nil {
		return err
	}
	guard, err := auth.NewGuard(ctx, auth.Config{Store: p.store, TokenTTL: p.set.tokenTTL, Off: p.set.noAuth, Log: p.log})
	if err != nil {
		return err
	}
	p.atEnd(func() error { guard.Close(); return nil })
	p.config.Guard = guard
	return nil
}

// run serves until ctx ends.
func (p *service) run(ctx context.Context, ready func(context.Context, running) error) error {
	handler := server.New(p.config)
	ctx, cancel := context.WithCancel(ctx)
	var chores sync.WaitGroup
	chores.Go(func() { housekeep(ctx, p.store, p.log, p.set) })
	chores.Go(func() { p.takeInventories(ctx) })
	if p.set.retentionEvery > 0 {
		rules := retention.New(retention.Config{Store: p.store, Log: p.log, Every: p.set.retentionEvery, Deleted: p.telemetry.DeletedByRule})
		chores.Go(func() { rules.Run(ctx) })
	}
	defer func() {
		cancel()
		chores.Wait()
	}()
	defer serveMetrics(ctx, p.telemetry, p.metrics, p.log)()
	served := make(chan error, 1)
	go func() { served <- handler.Serve(ctx, p.listener) }()
	defer p.runACME(ctx)()
	now := p.running()
	if ready == nil {
		ready = func(context.Context, running) error { return banner(p.env.stdout, now, p.set) }
	}
	if err := ready(ctx, now); err != nil {
		cancel()
		return errors.Join(err, <-served)
	}
	p.supervisor.serving("serving " + now.url)
	defer context.AfterFunc(ctx, p.supervisor.stopping)()
	defer p.supervisor.watch(ctx, p.store.Ping)()
	go giveBack(ctx)
	p.log.Info("serving", "url", now.url, "metrics", now.metrics, "data", p.set.location.String(), "version", buildVersion())
	err := <-served
	p.log.Info("stopped")
	return err
}

// running is what others need to use the server.
func (p *service) running() running {
	now := running{url: "http://" + p.listener.Addr().String(), password: p.password, file: p.passwordFile}
	if p.config.Certificates != nil {
		now.url = "https://" + p.listener.Addr().String()
	}
	if p.metrics != nil {
		now.metrics = "http://" + p.metrics.Addr().String() + "/metrics"
	}
	return now
}

// banner tells the person who started the server what there is to know.
func banner(w io.Writer, now running, set settings) error {
	var text strings.Builder
	fmt.Fprintf(&text, "platen %s listening on %s\ndata in %s\n", buildVersion(), now.url, set.location)
	if now.metrics != "" {
		fmt.Fprintf(&text, "metrics on %s\n", now.metrics)
	}
	if now.password != "" {
		fmt.Fprintf(&text, "\nfirst start: made the user %s with the password %s\nIt is not shown again. To set another: %s\n",
			adminName, now.password, set.passwordCommand())
	}
	if now.file != "" {
		fmt.Fprintf(&text, "\nfirst start: made the user %s; the password is in %s\nDelete that file once you have it. To set another: %s\n",
			adminName, now.file, set.passwordCommand())
	}
	if set.noAuth {
		text.WriteString("no credentials are checked: --no-auth\n")
	}
	_, err := w.Write([]byte(text.String()))
	return err
}
