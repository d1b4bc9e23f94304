package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"sync"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/batch"
	"github.com/platenhq/platen/internal/listcache"
)

// Where every statement is a network round trip, reads of lists that wait while
// a statement is on its way go together in the next one, so that many clients
// cost little more than one. A statement begins after its callers have come, so
// they see all that any caller was told is written.

// batchMost is how many lists one statement reads.
const batchMost = 256

// A listBatcher reads lists for many callers at once. A large list has a
// statement of its own, so that nobody else waits for it.
type listBatcher struct {
	store             *Store
	queue, large      *batch.Queue[*listRead]
	ended, largeEnded sync.WaitGroup
}

// A listRead is a list that a caller waits for.
type listRead struct {
	listcache.Key
	found listcache.Entry
	err   error // sql.ErrNoRows: there is no such entity
	done  chan struct{}
}

// newListBatcher returns a batcher that has so many statements on their way at
// once, and as many of large lists.
func newListBatcher(s *Store, lanes int) *listBatcher {
	b := &listBatcher{store: s, queue: batch.NewQueue[*listRead](batchMost), large: batch.NewQueue[*listRead](1)}
	for range lanes {
		b.ended.Go(func() { b.run(b.queue, batchMost, largeBytes) })
		b.largeEnded.Go(func() { b.run(b.large, 1, math.MaxInt32) })
	}
	return b
}

// get reads one list with the kind of its entity.
func (b *listBatcher) get(ctx context.Context, key listcache.Key) (listcache.Entry, error) {
	l := &listRead{Key: key, done: make(chan struct{})}
	if !b.queue.Put(l) {
		return listcache.Entry{}, errStopping
	}
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return listcache.Entry{}, ctx.Err()
	}
}

// close lets the queues run empty, and refuses what comes after.
func (b *listBatcher) close() {
	b.queue.Close()
	b.ended.Wait()
	b.large.Close()
	b.largeEnded.Wait()
}

// run answers the reads of a queue, so many lists in a statement. Those of more
// bytes are left to the queue of large lists.
func (b *listBatcher) run(queue *batch.Queue[*listRead], most, bytes int) {
	for taken := queue.Take(true, nil); taken != nil; taken = queue.Take(true, nil) {
		var ids [len(facets)][]int64
		var waiting [len(facets)]map[platen.ID][]*listRead
		for _, l := range taken {
			if waiting[l.Facet] == nil {
				waiting[l.Facet] = make(map[platen.ID][]*listRead, len(taken))
			}
			if waiting[l.Facet][l.ID] == nil {
				ids[l.Facet] = append(ids[l.Facet], int64(l.ID))
			}
			waiting[l.Facet][l.ID] = append(waiting[l.Facet][l.ID], l)
		}
		for facet, ids := range ids {
			for some := range slices.Chunk(ids, most) {
				b.read(selectListsUpTo[facet], some, bytes, waiting[facet])
			}
		}
	}
}

// read answers those who wait for some lists of one facet.
func (b *listBatcher) read(q *query, ids []int64, bytes int, waiting map[platen.ID][]*listRead) {
	ctx, cancel := b.store.bounded(b.store.killed)
	defer cancel()
	type answer struct {
		listcache.Entry
		large bool // and was not fetched
	}
	found := make(map[platen.ID]answer, len(ids))
	err := b.store.retry(func() error {
		return b.store.guarded("reading lists", func() error {
			rows, err := b.store.on(q).QueryContext(ctx, bytes, b.store.engine.Dialect.IDs(ids))
			_, err = collect(rows, err, func(from scanner) (_ struct{}, err error) {
				var id platen.ID
				var now answer
				var list []byte
				err = from.Scan(&id, &now.Kind, &list, &now.large)
				if now.List = platen.EmptyList; list != nil {
					now.List = list
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
			case now.large && b.large.Put(l):
				continue
			case now.large:
				l.err = errStopping
			default:
				l.found = now.Entry
			}
			close(l.done)
		}
	}
}
