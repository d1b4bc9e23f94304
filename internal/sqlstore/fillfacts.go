package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
)

var (
	// The next set of a kind after $2 whose parts are not counted.
	selectUncounted = onReader.query(`SELECT first FROM entity AS e WHERE parent = 0 AND kind = $1 AND (ord, first) > (0, $2)
		AND NOT EXISTS (SELECT 1 FROM set_fact AS f WHERE f.id = e.first)
		AND NOT EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = e.first) ORDER BY ord, first LIMIT 1`)
	selectCountedFacts = onLookup.query(`SELECT EXISTS (SELECT 1 FROM set_fact WHERE id = $1)`)
	selectMemberCount  = onReader.query(`SELECT CAST(coalesce(sum(last - first + 1), 0) AS BIGINT) FROM entity WHERE root = $1 AND kind = $2`)
	selectSegments     = onReader.query(`SELECT parent, CAST(sum(last - first + 1) AS BIGINT) FROM entity
		WHERE parent BETWEEN $1 AND $2 AND +kind = ` + decimal(platen.JobSegment) + ` GROUP BY parent`)
	selectItemCounts = onReader.query(`SELECT job, CAST(sum(count) AS BIGINT) FROM content_block WHERE job BETWEEN $1 AND $2 GROUP BY job`)
)

// fillTries is how often the data records of a set are counted that others add
// records to meanwhile.
const fillTries = 3

// errOthers says that another process does it.
var errOthers = errors.New("another process counts what there is")

// fillOnce is fillAll, in one process of all.
func (s *Store) fillOnce(ctx context.Context) error {
	mine, err := s.tryLease(ctx, "clean")
	if err == nil && !mine {
		err = errOthers
	}
	if err != nil {
		return err
	}
	return s.fillAll(ctx)
}

// fillAll counts the parts of the sets that were made before they were counted,
// one after the other.
func (s *Store) fillAll(ctx context.Context) error {
	for _, kind := range []platen.Kind{platen.DataSet, platen.ContentSet, platen.JobSet} {
		for after := platen.ID(0); ; {
			err := s.on(selectUncounted).QueryRowContext(ctx, int64(kind), int64(after)).Scan(&after)
			if errors.Is(err, sql.ErrNoRows) {
				break
			}
			if err == nil {
				err = s.ensureFacts(ctx, after)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ensureFacts counts the parts of a set unless they are counted. It is no error
// if the set is gone.
func (s *Store) ensureFacts(ctx context.Context, set platen.ID) error {
	for range fillTries {
		var known bool
		if err := s.on(selectCountedFacts).QueryRowContext(ctx, int64(set)).Scan(&known); err != nil || known {
			return err
		}
		found, err := selectRow(ctx, s.on(selectEntity), set)
		ref := platen.Ref{Kind: found.kind, ID: set}
		if err != nil || !found.shows(ref) {
			return err
		}
		var before int64
		if err := s.on(selectUpdated).QueryRowContext(ctx, int64(set)).Scan(&before); err != nil {
			return err
		}
		f, err := s.countFacts(ctx, ref)
		if platen.ErrorCode(err) == platen.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.keepFacts(ctx, ref, before, f); err != nil {
			return err
		}
	}
	return nil
}

// Stored facts are those of a set, and the blocks of its jobs.
type storedFacts struct {
	platen.Facts
	jobs [][]byte
}

// keepFacts stores the facts of a set, if it is still there and nothing was
// added to it since it had the time before.
func (s *Store) keepFacts(ctx context.Context, ref platen.Ref, before int64, f *storedFacts) error {
	const together = 64 // blocks in a transaction
	for seq := 0; seq < len(f.jobs) || seq == 0; seq += together {
		last := seq+together >= len(f.jobs)
		err := s.changeSoon(ctx, func(t *transaction) error {
			set, err := selectRow(t.ctx, t.stmt(selectEntity), ref.ID)
			if err != nil || !set.shows(ref) {
				return err
			}
			for i := seq; i < min(seq+together, len(f.jobs)); i++ {
				if err := t.insertJobCounts(ref.ID, int64(i), f.jobs[i]); err != nil {
					return err
				}
			}
			if !last {
				return nil
			}
			var now int64
			if err := t.stmt(selectUpdated).QueryRowContext(t.ctx, int64(ref.ID)).Scan(&now); err != nil || now != before && ref.Kind == platen.DataSet {
				return err
			}
			return errors.Join(t.insertSetFacts(ref, &f.Facts), t.markFacts(ref))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// countFacts counts the parts of a set.
func (s *Store) countFacts(ctx context.Context, ref platen.Ref) (*storedFacts, error) {
	var f storedFacts
	switch ref.Kind {
	case platen.DataSet:
		return &f, s.on(selectMemberCount).QueryRowContext(ctx, int64(ref.ID), int64(platen.DataRecord)).Scan(&f.Counts.DataRecords)
	case platen.ContentSet:
		return &f, s.on(selectMemberCount).QueryRowContext(ctx, int64(ref.ID), int64(platen.ContentItem)).Scan(&f.Counts.ContentItems)
	}
	c := jobSetCounter{s: s, ctx: ctx, set: ref.ID, after: child{ord: -1}}
	c.packed = counts.NewJobsBuilder(func(_ int64, body []byte) error {
		f.jobs = append(f.jobs, append([]byte{}, body...))
		return nil
	})
	if err := c.run(); err != nil {
		return nil, err
	}
	f.Counts = c.total
	return &f, nil
}

// A jobSetCounter counts what the jobs of a job set have, from the counts of
// its document sets.
type jobSetCounter struct {
	s   *Store
	ctx context.Context
	set platen.ID

	packed *counts.JobsBuilder
	total  platen.Counts

	after           child // the last row of jobs that was read
	left            []platen.ID
	segments, items map[platen.ID]int64 // of the jobs of these rows
	job             platen.ID           // the one that is counted; 0 before the first
	counts          platen.Counts       // of it
	documentSet     platen.ID           // the last one
}

func (c *jobSetCounter) run() error {
	reader := countReader{s: c.s, ctx: c.ctx, set: c.set, yield: c.block}
	if err := reader.run(); err != nil {
		return err
	}
	for {
		if more, err := c.next(); err != nil || !more {
			return errors.Join(err, c.packed.Finish())
		}
	}
}

// block adds document sets, which come in the order of the jobs.
func (c *jobSetCounter) block(b *counts.Block) error {
	for i := range b.DocumentSets {
		set := &b.DocumentSets[i]
		for c.job != set.Job {
			if more, err := c.next(); err != nil || !more {
				return errors.Join(err, errCountsDiffer)
			}
		}
		if set.ID != c.documentSet { // otherwise it goes on from the block before
			c.counts.DocumentSets++
			c.documentSet = set.ID
		}
		c.counts.Documents += set.Documents
		c.counts.Pages += set.Pages
		c.counts.Sheets += set.Sheets
	}
	return nil
}

var errCountsDiffer = errors.New("a document set is counted for a job that its job set does not have")

// next ends a job and begins the next one.
func (c *jobSetCounter) next() (more bool, err error) {
	if c.job != 0 {
		if err := c.packed.Add(&c.counts); err != nil {
			return false, err
		}
		c.total.Add(&c.counts)
		c.total.Jobs++
		c.job = 0
	}
	if len(c.left) == 0 {
		if err := c.read(); err != nil || len(c.left) == 0 {
			return false, err
		}
	}
	c.job, c.left = c.left[0], c.left[1:]
	c.counts = platen.Counts{JobSegments: c.segments[c.job], ContentItems: c.items[c.job]}
	return true, nil
}

// read reads some more jobs. Its rows are few, and each is a run of jobs.
func (c *jobSetCounter) read() error {
	const rows, most = 64, 4096
	found, err := c.s.on(selectChildren).QueryContext(c.ctx, int64(c.set), int64(platen.Job), c.after.ord, int64(c.after.First), rows)
	page, err := collect(found, err, scanChild)
	if err != nil {
		return err
	}
	c.segments, c.items = make(map[platen.ID]int64), make(map[platen.ID]int64)
	for _, run := range page {
		c.after = run
		for id := run.First; id <= run.Last; id++ {
			c.left = append(c.left, id)
		}
		for _, of := range []struct {
			q    *query
			into map[platen.ID]int64
		}{{selectSegments, c.segments}, {selectItemCounts, c.items}} {
			rows, err := c.s.on(of.q).QueryContext(c.ctx, int64(run.First), int64(run.Last))
			_, err = collect(rows, err, func(from scanner) (_ struct{}, err error) {
				var id platen.ID
				var n int64
				err = from.Scan(&id, &n)
				of.into[id] = n
				return struct{}{}, err
			})
			if err != nil {
				return err
			}
		}
		if len(c.left) >= most {
			break
		}
	}
	return nil
}
