package sqlstore

import (
	"context"
	"database/sql"
	"sync"

	"github.com/platenhq/platen"
)

// Where every statement is a network round trip, reads of lists that wait while
// a statement is on its way go together in the next one, so that many clients
// cost little more than one. A statement begins after its callers have come, so
// they see all that any caller was told is written.

// batchMost is how many lists one statement reads.
const batchMost = 256

// A listBatcher reads lists for many callers at once.
type listBatcher struct {
	store *Store
	queue *batch[*listRead]
	ended sync.WaitGroup
}

// A listRead is a list that a caller waits for.
type listRead struct {
	listKey
	found cached
	err   error // sql.ErrNoRows: there is no such entity
	done  chan struct{}
}

// newListBatcher returns a batcher that has so many statements on their way at
// once.
func newListBatcher(s *Store, lanes int) *listBatcher {
	b := &listBatcher{store: s, queue: newBatch[*listRead](batchMost)}
	for range lanes {
		b.ended.Go(b.run)
	}
	return b
}

// get reads one list with the kind of its entity.
func (b *listBatcher) get(ctx context.Context, key listKey) (cached, error) {
	l := &listRead{listKey: key, done: make(chan struct{})}
	if !b.queue.put(l) {
		return cached{}, errStopping
	}
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return cached{}, ctx.Err()
	}
}

// close lets the queue run empty, and refuses what comes after.
func (b *listBatcher) close() {
	b.queue.close()
	b.ended.Wait()
}

func (b *listBatcher) run() {
	for {
		taken := b.queue.take(true)
		if taken == nil {
			return
		}
		var byFacet [len(facets)][]*listRead
		for _, l := range taken {
			byFacet[l.facet] = append(byFacet[l.facet], l)
		}
		for facet, reads := range byFacet {
			for len(reads) > 0 {
				n := min(len(reads), batchMost)
				b.read(platen.Facet(facet), reads[:n])
				reads = reads[n:]
			}
		}
	}
}

// read answers reads of one facet.
func (b *listBatcher) read(facet platen.Facet, reads []*listRead) {
	waiting := make(map[platen.ID][]*listRead, len(reads))
	ids := make([]int64, 0, len(reads))
	for _, l := range reads {
		if waiting[l.id] == nil {
			ids = append(ids, int64(l.id))
		}
		waiting[l.id] = append(waiting[l.id], l)
		l.err = sql.ErrNoRows
	}
	ctx, cancel := b.store.bounded(b.store.killed)
	defer cancel()
	err := b.store.retry(func() error {
		return b.store.guarded("reading lists", func() error {
			rows, err := b.store.on(selectListsOf[facet]).QueryContext(ctx, b.store.engine.Dialect.IDs(ids))
			return eachList(rows, err, func(id platen.ID, found cached) error {
				for _, l := range waiting[id] {
					l.found, l.err = found, nil
				}
				return nil
			})
		})
	})
	err = ended(ctx, err)
	for _, l := range reads {
		if err != nil {
			l.err = err
		}
		close(l.done)
	}
}
