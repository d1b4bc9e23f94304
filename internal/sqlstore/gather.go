package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"sync"

	"github.com/platenhq/platen"
)

// On a shared database each statement is a journey. Reads of lists that wait
// while another is on its way go together on the next, so that many clients
// cost little more than one. A read begins after its caller has come, so it
// sees all that any caller was told is written.

const (
	gatherLanes = 2   // statements on their way at once, and as many of large lists
	gatherMost  = 256 // lists of one statement
)

// A gatherer reads lists for many callers at once. A large list has a statement
// of its own, so that nobody else waits for it.
type gatherer struct {
	store             *Store
	queue, large      *batch[*lookup]
	ended, largeEnded sync.WaitGroup
}

// A lookup is a list that somebody waits for.
type lookup struct {
	listKey
	found cached
	err   error // sql.ErrNoRows: there is no such entity
	done  chan struct{}
}

func newGatherer(s *Store) *gatherer {
	g := &gatherer{store: s, queue: newBatch[*lookup](gatherMost), large: newBatch[*lookup](1)}
	for range gatherLanes {
		g.ended.Go(func() { g.run(g.queue, gatherMost, largeBytes) })
		g.largeEnded.Go(func() { g.run(g.large, 1, math.MaxInt32) })
	}
	return g
}

// get reads one list with the kind of its entity.
func (g *gatherer) get(ctx context.Context, key listKey) (cached, error) {
	l := &lookup{listKey: key, done: make(chan struct{})}
	if !g.queue.put(l) {
		return cached{}, errStopping
	}
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return cached{}, ctx.Err()
	}
}

// close lets the queues run empty, and refuses what comes after.
func (g *gatherer) close() {
	g.queue.close()
	g.ended.Wait()
	g.large.close()
	g.largeEnded.Wait()
}

// run answers the lookups of a queue, so many lists in a statement. Those of
// more bytes are left to the queue of large lists.
func (g *gatherer) run(queue *batch[*lookup], most, bytes int) {
	for taken := queue.take(true); taken != nil; taken = queue.take(true) {
		var ids [len(facets)][]int64
		var waiting [len(facets)]map[platen.ID][]*lookup
		for _, l := range taken {
			if waiting[l.facet] == nil {
				waiting[l.facet] = make(map[platen.ID][]*lookup, len(taken))
			}
			if waiting[l.facet][l.id] == nil {
				ids[l.facet] = append(ids[l.facet], int64(l.id))
			}
			waiting[l.facet][l.id] = append(waiting[l.facet][l.id], l)
		}
		for facet, ids := range ids {
			for some := range slices.Chunk(ids, most) {
				g.read(sharedGathered[facet], some, bytes, waiting[facet])
			}
		}
	}
}

// read answers those who wait for some lists of one facet.
func (g *gatherer) read(q query, ids []int64, bytes int, waiting map[platen.ID][]*lookup) {
	ctx, cancel := g.store.bounded(g.store.killed)
	defer cancel()
	type answer struct {
		cached
		large bool // and was not fetched
	}
	found := make(map[platen.ID]answer, len(ids))
	err := g.store.retry(func() error {
		return g.store.guarded("reading lists", func() error {
			rows, err := g.store.read[q].QueryContext(ctx, ids, bytes)
			_, err = collect(rows, err, func(from interface{ Scan(...any) error }) (_ struct{}, err error) {
				var id platen.ID
				var now answer
				var list []byte
				err = from.Scan(&id, &now.kind, &list, &now.large)
				if now.list = platen.EmptyList; list != nil {
					now.list = list
				}
				found[id] = now
				return struct{}{}, err
			})
			return err
		})
	})
	err = ended(ctx, err)
	for _, id := range ids {
		now, ok := found[platen.ID(id)]
		for _, l := range waiting[platen.ID(id)] {
			switch {
			case err != nil:
				l.err = err
			case !ok:
				l.err = sql.ErrNoRows
			case now.large && g.large.put(l):
				continue
			case now.large:
				l.err = errStopping
			default:
				l.found = now.cached
			}
			close(l.done)
		}
	}
}
