// Package platentest has a platen server for Go tests, in the process of the test.
//
//	func TestPrinting(t *testing.T) {
//		t.Parallel()
//		server := platentest.New(t, platentest.Demo())
//		… // what is tested talks to server.URL, or uses server.Client
//	}
//
// A [Server] is a sandbox: its data are in memory and become as they were by
// [Server.Reset], its clock stands still until [Server.Advance] moves it, and it
// misbehaves by rules ([Server.Faults]). It speaks HTTP on a port of loopback, so
// clients of any kind can be tested. Servers have nothing in common; each test has
// its own, and tests run in parallel. A server ends with its test.
//
// Programs in other languages get the same of "platen sandbox": docs/testing.md.
package platentest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sandbox"
)

// The user of each server, who is an admin.
const (
	User     = "ol-admin"
	Password = sandbox.DefaultPassword
)

// TB is what a server needs of a test: [testing.T], [testing.B] and [testing.F]
// have it, and whatever an example makes up.
type TB interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A Server is a server for one test. Its methods may be called at once. Those that
// have no error end the test if they fail.
type Server struct {
	// URL is the address of the server, such as http://127.0.0.1:40123.
	URL string
	// Client calls the server as User.
	Client *client.Client

	t       TB
	sandbox *sandbox.Sandbox
}

// An Option says what a server is at its start.
type Option func(*sandbox.Config)

// Demo has the server begin with a mail run, besides the data of options before it: a
// data set of 300 recipients, a content set of their letters, and a job set with three
// jobs. Without an option for data it begins empty, and the first identifier is 1000.
func Demo() Option { return Data(sandbox.Demo()) }

// Document has the server begin with a set, besides those of options before it.
// The document is that of an import ([client.Client.Import]), in JSON.
func Document(kind platen.Kind, document []byte) Option {
	return Data(func(ctx context.Context, c *client.Client) error {
		_, err := c.Import(ctx, kind, io.NopCloser(bytes.NewReader(document)))
		return err
	})
}

// Data has the server begin with what a function makes, besides the data of
// options before it.
func Data(fill func(ctx context.Context, c *client.Client) error) Option {
	return func(config *sandbox.Config) {
		before := config.Data
		config.Data = func(ctx context.Context, c *client.Client) error {
			if before != nil {
				if err := before(ctx, c); err != nil {
					return err
				}
			}
			return fill(ctx, c)
		}
	}
}

// Clock has the clock stand at a time, instead of at noon of 2026-01-01 in UTC.
func Clock(at time.Time) Option { return func(c *sandbox.Config) { c.Clock = at } }

// Journal bounds the journal: how many requests it keeps at most, and how many
// bytes of each body; 1000 and 8 KiB otherwise.
func Journal(requests, body int) Option {
	return func(c *sandbox.Config) {
		c.Journal = journal.Config{Requests: requests, Body: body, Bytes: max(16<<20, 4*int64(body))}
	}
}

// TokenTTL says how long tokens are good for by the clock, instead of an hour.
func TokenTTL(ttl time.Duration) Option { return func(c *sandbox.Config) { c.TokenTTL = ttl } }

// Log has the server log to a logger, a line for each request among others.
func Log(log *slog.Logger) Option { return func(c *sandbox.Config) { c.Log = log } }

// New starts a server, which ends with the test.
func New(t TB, options ...Option) *Server {
	t.Helper()
	config := sandbox.Config{User: User, Password: Password, Version: "platentest"}
	for _, option := range options {
		option(&config)
	}
	s, err := sandbox.Open(t.Context(), config)
	if err != nil {
		t.Fatalf("platentest: %v", err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("platentest: %v", err)
		}
	})
	c, err := client.New(s.URL(), User, Password)
	if err != nil {
		t.Fatalf("platentest: %v", err)
	}
	c.HTTP = &http.Client{Transport: transport}
	return &Server{URL: s.URL(), Client: c, t: t, sandbox: s}
}

// must ends the test if something has failed.
func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("platentest: %v", err)
	}
}

// Reset makes all as it was at the start: data, identifiers, users, and the clock.
// Faults and the journal become empty. Requests under way have 250 ms to end, and
// are then refused; tokens stay good.
func (s *Server) Reset() {
	s.t.Helper()
	s.ResetTo("")
}

// ResetTo is Reset to a snapshot.
func (s *Server) ResetTo(snapshot string) {
	s.t.Helper()
	s.must(s.sandbox.Reset(context.Background(), olrest.SandboxReset{Snapshot: snapshot}))
}

// Snapshot keeps data and clock under a name, for [Server.ResetTo]. One of that
// name is replaced.
func (s *Server) Snapshot(name string) {
	s.t.Helper()
	s.must(s.sandbox.TakeSnapshot(name))
}

// Now returns the time of the server's clock.
func (s *Server) Now() time.Time { return s.sandbox.State().Clock.Time }

// Advance moves the clock on. What is due then is done when it returns: rules of
// retention delete, deleted sets are removed for good, and operations forgotten.
func (s *Server) Advance(by time.Duration) {
	s.t.Helper()
	s.changeClock(olrest.ClockChange{Advance: &by})
}

// SetClock sets the clock, as Advance moves it.
func (s *Server) SetClock(at time.Time) {
	s.t.Helper()
	s.changeClock(olrest.ClockChange{Time: &at})
}

func (s *Server) changeClock(change olrest.ClockChange) {
	s.t.Helper()
	_, err := s.sandbox.SetClock(context.Background(), change)
	s.must(err)
}

// Faults replaces the rules by which the server misbehaves; without any it behaves.
// The first rule that a request meets acts on it, and no other.
func (s *Server) Faults(list ...platen.Fault) {
	s.t.Helper()
	_, err := s.sandbox.Faults().Replace(list)
	s.must(err)
}

// Hits returns on how many requests a fault has acted, by its name.
func (s *Server) Hits(fault string) int {
	s.t.Helper()
	found, err := s.sandbox.Faults().Get(fault)
	s.must(err)
	return int(found.Hits)
}

// A Request is one that the server has answered, as its journal has it.
type Request struct {
	ID     string // of the header X-Request-Id of the answer
	Time   time.Time
	Method string
	Path   string
	Query  string
	Route  string // the path of the route, "" for none
	User   string // "" if nobody was let in
	Status int    // 0: it was not answered
	Reason string // why it was refused
	Hints  []string
	Fault  string // that has acted on it, "" for none
	Body   string // the first bytes
	Answer string // the first bytes of its body
}

// Requests returns the requests of the journal since the start or the last reset,
// in the order in which they ended. Those of the sandbox itself are not in it.
func (s *Server) Requests() []Request {
	found := s.sandbox.Recorded().Find(&olrest.RequestFilter{}, 0, 1<<30)
	list := make([]Request, len(found))
	for i, r := range found {
		list[len(found)-1-i] = Request{
			ID: r.RequestID, Time: r.Time, Method: r.Method, Path: r.Path, Query: r.Query, Route: r.Route, User: r.User,
			Status: r.Status, Reason: r.Reason, Hints: r.Hints, Fault: r.Fault, Body: r.Request.Body, Answer: r.Answer.Body,
		}
	}
	return list
}
