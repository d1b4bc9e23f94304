package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/transfer"
)

// Contents implements [storage.Sets].
func (s *Store) Contents(ctx context.Context, ref platen.Ref) (_ *transfer.Contents, err error) {
	ctx, done := s.observe(ctx, "contents")
	defer func() { done(err) }()
	if ref.Kind == platen.ContentSet {
		return s.setContents(ctx, ref.ID)
	}
	if err := s.exists(ctx, ref); err != nil {
		return nil, err
	}
	job := ref.ID
	c := &transfer.Contents{}
	err = s.on(selectContentSums).QueryRowContext(ctx, int64(job)).Scan(&c.Count, &c.Digits)
	if err != nil {
		return nil, s.error("read contents", err)
	}
	c.Blocks = func(yield func([]platen.Content, error) bool) {
		memory := contentMemory.Get().(*contentBuffers)
		defer contentMemory.Put(memory)
		contents, blocks, left := memory.contents, memory.blocks, c.Count
		defer func() { memory.contents, memory.blocks = contents, blocks }()
		for seq := int64(-1); left > 0; {
			// No connection is held while the caller sends the blocks on.
			var last int64
			var err error
			blocks, last, err = s.contentPairs(ctx, job, seq, blocks)
			if err == nil && len(blocks) == 0 {
				err = fmt.Errorf("job %d was removed while its contents were read", job)
			}
			if err != nil {
				yield(nil, s.error("read contents", err))
				return
			}
			seq = last
			for _, pairs := range blocks {
				if contents, err = block.AppendContents(contents[:0], pairs); err != nil {
					yield(nil, s.error("read contents", err))
					return
				}
				left -= int64(len(contents))
				if len(contents) > 0 && !yield(contents, nil) {
					return
				}
			}
		}
	}
	return c, nil
}

// contentBuffers are what the contents of a job are read by.
type contentBuffers struct {
	contents []platen.Content
	blocks   [][]byte
}

// contentMemory has those of callers before. Each takes some 300 KB: without it, that
// is garbage until the collector comes, which with its reserve is at 32 MiB.
var contentMemory = sync.Pool{New: func() any { return new(contentBuffers) }}

// blockFetch is how many blocks a reader of contents takes at a time.
const blockFetch = 8

// contentReadsAtOnce is how many callers read contents from the database at once. More
// than there are processors would gain nothing, and each connection has a cache.
func contentReadsAtOnce() int { return max(2, runtime.GOMAXPROCS(0)) }

// contentPairs reads the next few blocks after seq, and the last one's seq. It reuses
// the memory of blocks that were read before.
func (s *Store) contentPairs(ctx context.Context, job platen.ID, seq int64, before [][]byte) ([][]byte, int64, error) {
	release, err := take(ctx, s.contentReads)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	rows, err := s.on(selectContentPairs).QueryContext(ctx, int64(job), seq)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	blocks := slices.Grow(before[:0], blockFetch)
	for rows.Next() {
		var pairs sql.RawBytes
		if err := rows.Scan(&seq, &pairs); err != nil {
			return nil, 0, err
		}
		n := len(blocks)
		blocks = blocks[:n+1]
		blocks[n] = append(blocks[n][:0], pairs...)
	}
	return blocks, seq, rows.Err()
}

// setContents returns the content items of a content set. Its rows are read once
// for the sums and, if they are more than a page, again for the items. So at most
// one page is in memory while the caller sends the items on.
func (s *Store) setContents(ctx context.Context, set platen.ID) (*transfer.Contents, error) {
	c := &transfer.Contents{}
	var only []row
	pages := 0
	err := s.eachItemRow(ctx, set, func(page []row) error {
		for _, items := range page {
			c.Count += items.Len()
			c.Digits += items.Digits() + items.records().Digits()
		}
		only = page
		pages++
		return nil
	})
	if err != nil {
		return nil, s.error("read contents", err)
	}
	if pages > 1 {
		only = nil
	}
	c.Blocks = func(yield func([]platen.Content, error) bool) {
		if only != nil {
			yieldItems(only, yield)
			return
		}
		err := s.eachItemRow(ctx, set, func(page []row) error {
			if !yieldItems(page, yield) {
				return errCallerLeft
			}
			return nil
		})
		if err != nil && !errors.Is(err, errCallerLeft) {
			yield(nil, s.error("read contents", err))
		}
	}
	return c, nil
}

// errCallerLeft says that a caller wants no more.
var errCallerLeft = errors.New("the caller wants no more")

// contentsTogether is how many content items are yielded at once.
const contentsTogether = 8192

// yieldItems yields the items of rows, some thousand at a time.
func yieldItems(rows []row, yield func([]platen.Content, error) bool) bool {
	var contents []platen.Content
	for _, items := range rows {
		for id := items.First; id <= items.Last; id++ {
			contents = append(contents, platen.Content{Item: id, Record: items.record + id - items.First})
		}
		if len(contents) >= contentsTogether {
			if !yield(contents, nil) {
				return false
			}
			contents = contents[:0]
		}
	}
	return len(contents) == 0 || yield(contents, nil)
}
