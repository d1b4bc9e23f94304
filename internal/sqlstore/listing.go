package sqlstore

import (
	"context"
	"database/sql"

	"github.com/platenhq/platen"
)

// pageRows is how many rows a listing reads at once. Between two pages it
// holds no connection, so a long one is in nobody's way.
const pageRows = 4096

// A scanner is a row of a result.
type scanner = interface{ Scan(...any) error }

// collect reads all rows of a result.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// paged reads rows a page at a time: read returns the rows after one. intact runs
// after a page was read, before it is yielded. It checks that the set is not
// hidden: a deletion hides a set before it takes members out, so the page is
// complete.
func paged[T any](after T, read func(after T) ([]T, error), intact func() error, yield func([]T) error) error {
	for {
		page, err := read(after)
		if err == nil && intact != nil {
			err = intact()
		}
		if err == nil {
			err = yield(page)
		}
		if err != nil || len(page) < pageRows {
			return err
		}
		after = page[len(page)-1]
	}
}

// A child is a row of a listing: identifiers, and the place of the first.
type child struct {
	platen.IDRange
	ord int64
}

func scanChild(from scanner) (c child, err error) {
	return c, from.Scan(&c.ord, &c.First, &c.Last)
}

// Entities implements [storage.Sets].
func (s *Store) Entities(ctx context.Context, kind platen.Kind, contentType string) (_ []platen.IDRange, err error) {
	ctx, done := s.observe(ctx, "entities")
	defer func() { done(err) }()
	if contentType == "" {
		runs, err := s.children(ctx, 0, kind, nil)
		return runs, s.error("list", err)
	}
	runs, err := runsOf(func(after child) ([]child, error) {
		rows, err := s.on(selectContentSets).QueryContext(ctx, contentType, int64(after.First), pageRows)
		return collect(rows, err, scanChild)
	}, nil)
	return runs, s.error("list", err)
}

// Children implements [storage.Sets].
func (s *Store) Children(ctx context.Context, ref platen.Ref) (_ []platen.IDRange, err error) {
	ctx, done := s.observe(ctx, "children")
	defer func() { done(err) }()
	runs, err := s.children(ctx, ref.ID, ref.Kind.Info().Child, func() error { return s.exists(ctx, ref) })
	return runs, s.error("list children", err)
}

// children reads the children of one kind below parent, in order.
func (s *Store) children(ctx context.Context, parent platen.ID, kind platen.Kind, intact func() error) ([]platen.IDRange, error) {
	return runsOf(func(after child) ([]child, error) {
		rows, err := s.on(selectChildren).QueryContext(ctx, int64(parent), int64(kind), after.ord, int64(after.First), pageRows)
		return collect(rows, err, scanChild)
	}, intact)
}

// runsOf reads a listing, and joins neighbours.
func runsOf(read func(after child) ([]child, error), intact func() error) ([]platen.IDRange, error) {
	var runs []platen.IDRange
	err := paged(child{ord: -1}, read, intact, func(page []child) error {
		for _, one := range page {
			runs = appendRun(runs, one.IDRange)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// appendRun appends a run, or joins it with the last one if that ends before it.
func appendRun(runs []platen.IDRange, run platen.IDRange) []platen.IDRange {
	if n := len(runs); n > 0 && runs[n-1].Last+1 == run.First {
		runs[n-1].Last = run.Last
		return runs
	}
	return append(runs, run)
}

// eachRow yields the rows of one kind below parent in order, a page at a time.
func (s *Store) eachRow(ctx context.Context, parent platen.ID, kind platen.Kind, intact func() error, yield func([]row) error) error {
	return paged(row{ord: -1}, func(after row) ([]row, error) {
		rows, err := s.on(selectRows).QueryContext(ctx, int64(parent), int64(kind), after.ord, int64(after.First), pageRows)
		return collect(rows, err, scanRow)
	}, intact, yield)
}
