package sqlstore

import (
	"context"
	"database/sql"
	"sync"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/batch"
	"github.com/platenhq/platen/internal/listcache"
)

// On a shared database each statement is a journey. Reads of lists that wait
// while another is on its way go together on the next, so that many clients
// cost little more than one. A read begins after its caller has come, so it
// sees all that any caller was told is written.

const (
	gatherLanes = 2   // statements on their way at once
	gatherMost  = 256 // lists of one statement
)

// A gatherer reads lists for many callers at once.
type gatherer struct {
	store *Store
	queue *batch.Queue[*lookup]
	ended sync.WaitGroup
}

// A lookup is a list that somebody waits for.
type lookup struct {
	listcache.Key
	found listcache.Entry
	err   error // sql.ErrNoRows: there is no such entity
	done  chan struct{}
}

func newGatherer(s *Store) *gatherer {
	g := &gatherer{store: s, queue: batch.NewQueue[*lookup](gatherMost)}
	for range gatherLanes {
		g.ended.Go(g.run)
	}
	return g
}

// get reads one list with the kind of its entity.
func (g *gatherer) get(ctx context.Context, key listcache.Key) (listcache.Entry, error) {
	l := &lookup{Key: key, done: make(chan struct{})}
	if !g.queue.Put(l) {
		return listcache.Entry{}, errStopping
	}
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return listcache.Entry{}, ctx.Err()
	}
}

// close lets the queue run empty, and refuses what comes after.
func (g *gatherer) close() {
	g.queue.Close()
	g.ended.Wait()
}

func (g *gatherer) run() {
	for {
		taken := g.queue.Take(true, nil)
		if taken == nil {
			return
		}
		var byFacet [len(facets)][]*lookup
		for _, l := range taken {
			byFacet[l.Facet] = append(byFacet[l.Facet], l)
		}
		for facet, lookups := range byFacet {
			for len(lookups) > 0 {
				n := min(len(lookups), gatherMost)
				g.read(platen.Facet(facet), lookups[:n])
				lookups = lookups[n:]
			}
		}
	}
}

// read answers some lookups of one facet.
func (g *gatherer) read(facet platen.Facet, lookups []*lookup) {
	waiting := make(map[platen.ID][]*lookup, len(lookups))
	ids := make([]int64, 0, len(lookups))
	for _, l := range lookups {
		if waiting[l.ID] == nil {
			ids = append(ids, int64(l.ID))
		}
		waiting[l.ID] = append(waiting[l.ID], l)
		l.err = sql.ErrNoRows
	}
	ctx, cancel := g.store.bounded(g.store.killed)
	defer cancel()
	err := g.store.retry(func() error {
		return g.store.guarded("reading lists", func() error {
			rows, err := g.store.read[selectListsOf[facet]].QueryContext(ctx, ids)
			return eachList(rows, err, func(id platen.ID, found listcache.Entry) error {
				for _, l := range waiting[id] {
					l.found, l.err = found, nil
				}
				return nil
			})
		})
	})
	err = ended(ctx, err)
	for _, l := range lookups {
		if err != nil {
			l.err = err
		}
		close(l.done)
	}
}
