// Package webhook sends events to the URLs of other programs, by the
// specification of Standard Webhooks: signed, at least once, and to each URL in
// the order of the log.
//
// Of all processes on one database one sends at a time, which a lease decides.
// It has a reader that follows the log for all webhooks that have had everything
// so far. A webhook that an event is for gets turns, in which it reads on from
// its own position; some goroutines serve all turns. An event that fails is sent
// again later, and what comes after it waits.
package webhook

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/storage"
)

const (
	// leaseFor is how long a process that has died keeps others from sending;
	// leaseMargin less is how long a process sends without having renewed.
	leaseFor    = 6 * time.Second
	leaseMargin = time.Second
	leaseEvery  = 2 * time.Second
	// takeEvery is how often a process that does not send asks whether it may.
	takeEvery = time.Second
	// stopFor bounds what is recorded at the end.
	stopFor = time.Second

	// testsAtOnce are tests that requests wait for, at once.
	testsAtOnce = 8

	// DefaultMost is how many webhooks there may be unless a setting says another
	// number, up to MaxMost; DefaultAttemptsFor is how long attempts are kept.
	DefaultMost        = 1000
	MaxMost            = 10000
	DefaultAttemptsFor = 7 * 24 * time.Hour
)

// A Store is what a sender needs of one.
type Store interface {
	storage.Webhooks
	// LastEvent is that of [storage.Changes].
	LastEvent(ctx context.Context) (platen.EventID, error)
}

// Config says what a [Sender] sends, and how.
type Config struct {
	Store       Store
	Events      *event.Hub
	Log         *slog.Logger
	Policy      Policy
	Roots       *x509.CertPool // who signs certificates; nil: the system's
	Most        int            // webhooks; 0: DefaultMost
	AttemptsFor time.Duration  // 0: DefaultAttemptsFor
	Version     string         // of platen, for receivers
	// Attempted is called with the result of each attempt: one of Results. Nil:
	// nobody wants to know.
	Attempted func(result string)
}

// The results of attempts.
const (
	Delivered = "delivered"
	Failed    = "failed"
)

// Results are all of them.
var Results = []string{Delivered, Failed}

// A Sender sends events, and does what requests want of webhooks.
type Sender struct {
	Config
	poster  *poster
	tests   chan struct{}          // holds an element for each test under way
	changed chan struct{}          // a request has changed webhooks
	leader  atomic.Pointer[leader] // nil: another process sends
}

// New returns a sender. It sends from [Sender.Run] on.
func New(config Config) *Sender {
	config.Most = cmp.Or(config.Most, DefaultMost)
	config.AttemptsFor = cmp.Or(config.AttemptsFor, DefaultAttemptsFor)
	if config.Attempted == nil {
		config.Attempted = func(string) {}
	}
	return &Sender{
		Config:  config,
		poster:  newPoster(config.Policy, config.Roots, nil, "platen/"+config.Version),
		tests:   make(chan struct{}, testsAtOnce),
		changed: make(chan struct{}, 1),
	}
}

// Run sends until ctx ends, whenever no other process on the database does.
func (s *Sender) Run(ctx context.Context) {
	defer s.poster.close()
	failing := false
	for ctx.Err() == nil {
		began := time.Now()
		held, err := s.Store.LeaseWebhooks(ctx, leaseFor)
		if err != nil && ctx.Err() == nil && !failing {
			s.Log.Warn("webhooks are not sent until the database answers", "error", err)
		}
		failing = err != nil
		if held {
			s.lead(ctx, began)
		}
		pause(ctx, takeEvery)
	}
}

// pause waits, and returns earlier if ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// lead sends until ctx ends or the lease is lost, which was asked for at a time.
func (s *Sender) lead(ctx context.Context, leased time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLeader(ctx, s)
	l.leased(leased)
	s.leader.Store(l)
	l.run(cancel)
	s.leader.Store(nil)
}

// Lag returns how long ago the oldest event happened that is not delivered yet;
// 0 if all are, or another process sends.
func (s *Sender) Lag() time.Duration {
	if l := s.leader.Load(); l != nil {
		return l.lag(time.Now())
	}
	return 0
}

// wake has the sender look at webhooks that a request has changed. Other
// processes see it by themselves.
func (s *Sender) wake() { signal(s.changed) }

// signal wakes who waits for a channel of one element, now or later.
func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
