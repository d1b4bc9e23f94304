// Package sandbox is a server for tests: its data are in memory and become as they
// were in a moment, its clock stands still until it is moved, and it misbehaves as
// it is told. It listens on loopback only, since everybody knows its password.
//
// A reset replaces the server with all that it remembers (a world) by another
// one on the same connections to the database, whose pages are put back. So
// caches, indexes and positions need no reset of their own.
package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/fault"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlite"
)

// Config says what a [Sandbox] is at its start. The zero value of a field is the
// default.
type Config struct {
	Listen     string // address and port, of loopback; "": 127.0.0.1:0
	Name       string // among the sandboxes of a process; "": "default"
	User       string // "": ol-admin
	Password   string // "": DefaultPassword
	Data       Data   // nil: none
	Clock      time.Time
	TokenTTL   time.Duration
	MaxBody    int64
	APIVersion string
	Version    string         // of platen
	Journal    journal.Config // no Requests: 1000
	Log        *slog.Logger   // nil: none
}

// The defaults.
const (
	DefaultPassword = "sandbox-password"
	defaultName     = "default"
	cacheBytes      = 16 << 20
)

// DefaultClock is what the clock of a sandbox shows at the start.
var DefaultClock = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// Data fills an empty sandbox.
type Data func(ctx context.Context, c *client.Client) error

// start is the snapshot that a sandbox begins with, which has no name.
const start = ""

// maxSnapshots bounds the snapshots of a sandbox.
const maxSnapshots = 100

// A Sandbox is a server for tests. All methods may be called at once.
type Sandbox struct {
	Config
	group   *group
	first   bool // of the group
	url     string
	clock   *clock.Clock
	faults  *fault.Rules
	journal *journal.Journal
	memory  *sqlite.Memory
	gate    *gate
	world   atomic.Pointer[world]
	front   *http.Server
	served  chan error
	ticking func() // ends the goroutine that does what becomes due while the clock runs

	mu        sync.Mutex // held by what changes the fields below, or the world
	snapshots map[string]snapshot
	resets    int64
	took      time.Duration // the last reset
	closed    bool
}

var _ server.Sandbox = (*Sandbox)(nil)

// A snapshot is what a sandbox was like.
type snapshot struct {
	data    sqlite.Snapshot
	at      time.Time
	running bool
}

// Open starts a sandbox, which the caller closes.
func Open(ctx context.Context, config Config) (*Sandbox, error) {
	config.Name = cmp.Or(config.Name, defaultName)
	g, err := newGroup()
	if err != nil {
		return nil, err
	}
	s, err := g.open(ctx, config)
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	s.first = true
	g.all[config.Name] = s
	return s, nil
}

func (g *group) open(ctx context.Context, config Config) (_ *Sandbox, err error) {
	config.Listen = cmp.Or(config.Listen, "127.0.0.1:0")
	config.User = cmp.Or(config.User, "ol-admin")
	config.Password = cmp.Or(config.Password, DefaultPassword)
	config.TokenTTL = cmp.Or(config.TokenTTL, time.Hour)
	config.MaxBody = cmp.Or(config.MaxBody, 16<<20)
	config.APIVersion = cmp.Or(config.APIVersion, "2025.2.0")
	config.Log = cmp.Or(config.Log, slog.New(slog.DiscardHandler))
	if config.Clock.IsZero() {
		config.Clock = DefaultClock
	}
	if config.Journal.Requests == 0 {
		config.Journal = journal.Config{Requests: 1000, Body: 8 << 10, Bytes: 16 << 20}
	}
	s := &Sandbox{
		Config: config, group: g, clock: clock.New(config.Clock), faults: fault.New(), journal: journal.New(config.Journal),
		gate: newGate(), snapshots: make(map[string]snapshot), served: make(chan error, 1), ticking: func() {},
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; another address can be given with --listen", config.Listen, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(listener.Close()), s.close())
		}
	}()
	if port, err := netip.ParseAddrPort(listener.Addr().String()); err != nil || !port.Addr().Unmap().IsLoopback() {
		return nil, platen.Errorf(platen.Invalid, "a sandbox listens on loopback addresses only, since everybody knows its password, and %s is none: --listen 127.0.0.1:0 takes a free port", listener.Addr())
	}
	s.url = "http://" + listener.Addr().String()
	if s.memory, err = sqlite.NewMemory(ctx, s.clock, cacheBytes); err != nil {
		return nil, err
	}
	first, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.world.Store(first)
	front, listener := first.handler.Front(listener, s)
	s.front = front
	go func() { s.served <- front.Serve(listener) }()
	if err := s.fill(ctx); err != nil {
		return nil, fmt.Errorf("the data of the sandbox: %w", err)
	}
	s.journal.Delete(&olrest.RequestFilter{})
	s.snapshots[start] = s.now()
	s.ticking = s.tick()
	return s, nil
}

// fill sends the data to the server, and has it index them.
func (s *Sandbox) fill(ctx context.Context) error {
	if s.Data == nil {
		return nil
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := client.New(s.url, s.User, s.Password)
	if err != nil {
		return err
	}
	c.HTTP = &http.Client{Transport: transport}
	if err := s.Data(ctx, c); err != nil {
		return err
	}
	_, err = c.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.All}})
	return err
}

// URL returns the address of the server.
func (s *Sandbox) URL() string { return s.url }

// Recorded returns the last requests.
func (s *Sandbox) Recorded() *journal.Journal { return s.journal }

// ServeHTTP implements [http.Handler]: it passes a request on to the world that
// there is. What changes the sandbox does not wait for itself.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := r.URL.Path; path == olrest.SandboxPath || strings.HasPrefix(path, olrest.SandboxPath+"/") {
		s.world.Load().handler.ServeHTTP(w, r)
		return
	}
	r, leave := s.gate.pass(r)
	if r == nil {
		return
	}
	defer leave()
	s.world.Load().handler.ServeHTTP(w, r)
}

// now returns what the sandbox is like.
func (s *Sandbox) now() snapshot {
	at, running := s.clock.Read()
	return snapshot{s.memory.Snapshot(), at, running}
}

// Reset implements [server.Sandbox].
func (s *Sandbox) Reset(ctx context.Context, asked olrest.SandboxReset) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	to, ok := s.snapshots[asked.Snapshot]
	switch {
	case s.closed:
		return errClosed
	case !ok:
		return noSnapshot(asked.Snapshot, s.names())
	}
	ctx = context.WithoutCancel(ctx) // half of it is nothing
	if err := s.replace(ctx, to, asked.Keep); err != nil {
		return err
	}
	s.resets++
	s.took = time.Since(began)
	return nil
}

// replace replaces the world by that of a snapshot.
func (s *Sandbox) replace(ctx context.Context, to snapshot, keep []string) error {
	old := s.world.Load()
	old.handler.EndStreams()
	s.faults.Release()
	defer s.gate.shut(errReset)()
	if err := old.close(); err != nil {
		s.Log.Warn("something of the sandbox has not ended before the reset", "error", err)
	}
	if err := s.memory.Reset(to.data); err != nil {
		return err
	}
	if !slices.Contains(keep, olrest.KeepClock) {
		s.clock.Set(to.at, to.running)
	}
	if !slices.Contains(keep, olrest.KeepFaults) {
		if _, err := s.faults.Replace(nil); err != nil {
			return err
		}
	}
	if !slices.Contains(keep, olrest.KeepJournal) {
		s.journal.Delete(&olrest.RequestFilter{})
	}
	next, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.world.Store(next)
	return nil
}

var errClosed = platen.Errorf(platen.Unavailable, "the sandbox is closed")

func noSnapshot(name string, all []string) error {
	there := "there is only the start, which has no name"
	if len(all) > 0 {
		there = "there are the start, which has no name, " + strings.Join(all, ", ")
	}
	return platen.Errorf(platen.NotFound, "there is no snapshot %.80q: %s", name, there).About(name)
}

// names returns the names of the snapshots.
func (s *Sandbox) names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.snapshots)), func(name string) bool { return name == start })
}

// TakeSnapshot implements [server.Sandbox].
func (s *Sandbox) TakeSnapshot(name string) error {
	if err := olrest.CheckName("snapshot", name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.snapshots[name]; !ok && len(s.snapshots) > maxSnapshots {
		return platen.Errorf(platen.Conflict, "there can be %d snapshots, and there are so many: remove some", maxSnapshots)
	}
	s.snapshots[name] = s.now()
	return nil
}

// RemoveSnapshot implements [server.Sandbox].
func (s *Sandbox) RemoveSnapshot(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.snapshots[name]; !ok || name == start {
		return noSnapshot(name, s.names())
	}
	delete(s.snapshots, name)
	return nil
}

// SetClock implements [server.Sandbox].
func (s *Sandbox) SetClock(ctx context.Context, change olrest.ClockChange) (olrest.SandboxClock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return olrest.SandboxClock{}, errClosed
	}
	at, running := s.clock.Read()
	if change.Time != nil {
		at = *change.Time
	}
	if change.Advance != nil {
		at = at.Add(*change.Advance)
	}
	if change.Running != nil {
		running = *change.Running
	}
	if at.Year() > 9999 {
		return olrest.SandboxClock{}, platen.Errorf(platen.Invalid, "the clock ends with the year 9999")
	}
	s.clock.Set(at, running)
	err := s.upkeep(ctx, s.world.Load())
	return olrest.SandboxClock{Time: at, Running: running}, err
}

// tick does from time to time what is due while the clock runs, until the function
// that it returns is called.
func (s *Sandbox) tick() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ticking sync.WaitGroup
	ticking.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if _, running := s.clock.Read(); !running {
				continue
			}
			s.mu.Lock()
			if err := s.upkeep(ctx, s.world.Load()); err != nil && ctx.Err() == nil {
				s.Log.Warn("what is due by the clock is not done; it is tried again", "error", err)
			}
			s.mu.Unlock()
		}
	})
	return func() {
		cancel()
		ticking.Wait()
	}
}

// Faults implements [server.Sandbox].
func (s *Sandbox) Faults() *fault.Rules { return s.faults }

// State implements [server.Sandbox].
func (s *Sandbox) State() olrest.SandboxState {
	at, running := s.clock.Read()
	instances := s.group.list()
	s.mu.Lock()
	defer s.mu.Unlock()
	return olrest.SandboxState{
		Name: s.Name, URL: s.url, Clock: olrest.SandboxClock{Time: at, Running: running}, Snapshots: s.names(),
		Resets: s.resets, Took: s.took, Faults: len(s.faults.List()), Instances: instances,
	}
}

// stopFor bounds how long Close waits for requests.
const stopFor = 5 * time.Second

// Close ends the sandbox, and those that were added to it if it is the first.
// Nothing of it is left.
func (s *Sandbox) Close() error {
	if s.first {
		return s.group.close()
	}
	return s.close()
}

// close ends this sandbox alone.
func (s *Sandbox) close() (err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.ticking()
	w := s.world.Load()
	if w != nil {
		w.handler.EndStreams()
	}
	s.faults.Release()
	s.journal.Close()
	if s.front != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopFor)
		defer cancel()
		if err = s.front.Shutdown(ctx); err != nil {
			err = s.front.Close()
		}
		<-s.served
	}
	if w != nil {
		err = errors.Join(ignoreClosed(err), w.close())
	}
	if s.memory != nil {
		err = errors.Join(err, s.memory.Close())
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Documents returns data that are documents as an import takes them: their kinds
// and what writes each.
func Documents(documents ...Document) Data {
	return func(ctx context.Context, c *client.Client) error {
		for _, document := range documents {
			r, w := io.Pipe()
			go func() { w.CloseWithError(document.Write(w)) }()
			_, err := c.Import(ctx, document.Kind, r)
			_ = r.Close()
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// A Document is the document of a set.
type Document struct {
	Kind  platen.Kind
	Write func(io.Writer) error
}
