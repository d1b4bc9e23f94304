// Package sqlstore is the one implementation of [storage.Store]: SQL over
// database/sql. What differs between databases comes in an [Engine], from
// internal/sqlite or internal/postgres.
//
// List updates that wait together share one transaction and one flush to disk
// (listwrites.go). How transactions are kept apart differs: with one writer all
// run in one goroutine (onewriter.go), with many they take locks of the database
// (manywriters.go). Reads go to pools, and the lists of entities through a cache
// (internal/listcache). Entities are kept as runs of identifiers, the contents of jobs as
// packed blocks (internal/block).
package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/batch"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/storage"
)

// Store implements [storage.Store].
type Store struct {
	engine    Engine
	id        string // of this process among those that share the database
	cache     *listcache.Cache
	committer *batch.Batcher[write]
	batcher   *listBatcher // nil: each caller reads its own lists
	writers   writers
	statements

	stop    context.Context // ends with Close
	cancel  context.CancelFunc
	killed  context.Context // ends when Close no longer waits for running work
	kill    context.CancelCauseFunc
	entry   sync.Mutex     // guards running against Close
	running sync.WaitGroup // what ends after stop

	observer                    Observer
	indexWait                   time.Duration // of searches that wait for the index
	historyFor                  time.Duration // changes are kept for; 0: none are logged
	logged                      broadcast     // wakes who waits for changes
	lastBlock, lastPosition     int64         // of changes, for the one goroutine that writes, if there is one; 0: not known
	wroteAt                     atomic.Int64  // when the last group of list writes began, in ns since 1970
	catchingUp                  atomic.Int64  // searches and clean-ups that wait for a flush of the index, which then does not rest
	pending                     atomic.Int64  // entities that were not in the index, about, when they were counted last
	rebuilt                     atomic.Bool   // the index, since it was damaged
	analysis                    analysis
	changesEach                 atomic.Int64  // how many changes of the index an entity took, about, in the last plans
	failuresSeen                atomic.Int64  // login_failure.seq of the last one that was read
	shortSearches, longSearches chan struct{} // hold an element for each that is under way
	listings                    chan struct{} // holds an element for each page of a listing that is read
	contentReads                chan struct{} // holds an element for each caller that reads contents just now
	merging                     chan struct{} // holds an element for each merge that is prepared
	bulks                       chan struct{} // holds an element for a large update of many entities
	mergeTurns                  [mergeTurns]chan struct{}
	sweep                       sweep    // the clean-up's
	deleting                    sync.Map // sets whose deletion is under way in this process
	importing                   sync.Map // ids in deleted_set of the imports under way in this process, with their writers
}

var _ storage.Store = (*Store)(nil)

// An Option changes the store that [Open] returns.
type Option func(*Store)

// Open returns the store on engine, which it closes with itself. A server then
// calls [Store.Start].
func Open(ctx context.Context, engine Engine, options ...Option) (*Store, error) {
	s, err := newStore(ctx, engine, options...)
	if err != nil {
		return nil, err
	}
	s.running.Go(s.index)
	return s, nil
}

// newStore returns a store that does nothing by itself.
func newStore(ctx context.Context, engine Engine, options ...Option) (*Store, error) {
	s := &Store{
		engine: engine,
		id:     rand.Text(),
		cache:  listcache.New(engine.CacheBytes),

		shortSearches: make(chan struct{}, shortAtOnce),
		listings:      make(chan struct{}, listAtOnce),
		contentReads:  make(chan struct{}, contentReadsAtOnce()),
		merging:       make(chan struct{}, mergeAtOnce),
		bulks:         make(chan struct{}, 1),

		sweep:      sweep{due: true},
		indexWait:  pendingAfter,
		historyFor: DefaultHistory,
		observer:   Unobserved{},
	}
	for _, option := range options {
		option(s)
	}
	for i := range s.mergeTurns {
		s.mergeTurns[i] = make(chan struct{}, 1)
	}
	s.stop, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.killed, s.kill = context.WithCancelCause(context.WithoutCancel(ctx))
	s.engine.withDefaults()
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	long := longAtOnce()
	if most := engine.Reader.Stats().MaxOpenConnections; most > 0 {
		long = max(1, min(long, most-shortAtOnce-listAtOnce-1))
	}
	s.longSearches = make(chan struct{}, long)
	s.writers = newOneWriter(s)
	if engine.ManyWriters != nil {
		s.writers = newManyWriters(s)
	}
	s.committer = newCommitter(s)
	if engine.ReadLanes > 0 {
		s.batcher = newListBatcher(s, engine.ReadLanes)
	}
	return s, nil
}

// Start is called first by a server. From here on until Close,
// other processes on the same database know that this one serves it. Start
// ends the operations of processes that are gone with a message, and rebuilds a
// search index that is lost. Conflict: a copy into the store was begun and not finished, or it is being copied.
func (s *Store) Start(ctx context.Context, message string) error {
	// First: of a server and a copy that begin at once, one sees the other.
	s.heartbeat(s.id)
	if err := s.Unfinished(ctx); err != nil {
		return err
	}
	if s.beginWork() {
		go func() {
			defer s.running.Done()
			s.finishInBackground()
		}()
	}
	if s.engine.ManyWriters != nil && s.historyFor > 0 && s.beginWork() {
		go func() {
			defer s.running.Done()
			s.placeInBackground()
		}()
	}
	return errors.Join(s.FailOperations(ctx, message), s.beginLog(ctx), s.rebuildLost(ctx))
}

// Ping implements [storage.Maintenance].
func (s *Store) Ping(ctx context.Context) (err error) {
	ctx, done := s.observe(ctx, "ping")
	defer func() { done(err) }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.error("ping", s.retry(func() error { return s.engine.Ready(ctx) }))
}

// now returns the time of what is recorded.
func (s *Store) now() time.Time { return s.engine.Clock.Now() }

// error wraps what the driver returned, unless it is nil or for the caller.
func (s *Store) error(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*platen.Error](err); ok {
		return err
	}
	if err := s.engine.Translate(err); err != nil {
		if _, ok := errors.AsType[*platen.Error](err); ok {
			return err
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
