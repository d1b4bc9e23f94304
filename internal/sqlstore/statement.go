package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// A query is a statement of the store. [home.queryFor] is the only function that
// makes one: it registers the query, and a store prepares all that are
// registered when it is opened.
//
// Its parameters are $1, $2, … and first appear in this order. PostgreSQL
// takes their numbers; to SQLite they are names, which it numbers as they
// appear.
type query struct {
	number int // in queries
	home   home
	text   func(Dialect) string
	batch  *batchQuery // nil: it is never deferred
}

// A batchQuery is how the same is done with many rows at once.
type batchQuery struct {
	columns []Column // of the parameters
	last    bool     // of rows with the same first column only the last counts
	text    func(Dialect) string
}

// queries are all queries, by number. It is filled by variables of the package.
var queries []*query

// A home is the pool that a query runs on outside of transactions.
type home int

const (
	onWriter  home = iota
	onReader       // reads, some of them long
	onLookup       // reads of few rows
	onControl      // what keeps the server itself going
)

// query registers a query whose text is the same for all databases.
func (h home) query(text string) *query {
	return h.queryFor(func(Dialect) string { return text })
}

// queryFor registers a query whose text depends on the dialect.
func (h home) queryFor(text func(Dialect) string) *query {
	q := &query{number: len(queries), home: h, text: text}
	queries = append(queries, q)
	return q
}

// insertInto registers the insert of a row. conflict ends the statement.
func insertInto(to table, conflict string) *query {
	q := onWriter.query(to.insert() + conflict)
	q.batch = &batchQuery{columns: to.columns, text: func(d Dialect) string { return d.InsertMany(to.name, to.columns, conflict) }}
	return q
}

// upsertInto is insertInto for rows that replace others.
func upsertInto(to table, conflict string) *query {
	q := insertInto(to, conflict)
	q.batch.last = true
	return q
}

// deleteFrom registers the removal of a row by its key.
func deleteFrom(from table) *query {
	q := onWriter.query("DELETE FROM " + from.name + " WHERE " + from.keyIs())
	key := from.columns[:from.key]
	q.batch = &batchQuery{columns: key, text: func(d Dialect) string { return d.DeleteMany(from.name, key) }}
	return q
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// checkParameters returns an error unless the parameters of a text first
// appear in the order of their numbers.
func checkParameters(text string) error {
	most := 0
	for _, found := range parameter.FindAllStringSubmatch(text, -1) {
		switch number, err := strconv.Atoi(found[1]); {
		case err != nil, number < 1, number > most+1:
			return fmt.Errorf("parameter %s comes before $%d in %q", found[0], most+1, text)
		case number == most+1:
			most = number
		}
	}
	return nil
}

// statements are all queries prepared, by their numbers.
type statements struct {
	home    []prepared // on their own pool
	writer  []prepared // on that of writes, for transactions
	batches []string   // texts for many rows; "": the query is never deferred
}

// With returns the option to use the statements of another store, which is closed,
// on the same pools.
func With(other *Store) Option { return func(s *Store) { s.statements = other.statements } }

// prepare prepares all queries, unless they are.
func (s *Store) prepare(ctx context.Context) error {
	if len(s.statements.home) > 0 {
		return nil
	}
	pools := map[home]*sql.DB{onWriter: s.engine.Writer, onReader: s.engine.Reader, onLookup: s.engine.Lookup, onControl: s.engine.Control}
	for _, q := range queries {
		text := q.text(s.engine.Dialect)
		err := checkParameters(text)
		var writer, home prepared
		if err == nil {
			writer, err = s.prepareOne(ctx, s.engine.Writer, text)
		}
		home = writer
		if err == nil && q.home != onWriter {
			home, err = s.prepareOne(ctx, pools[q.home], text)
		}
		if err != nil {
			return fmt.Errorf("prepare %q: %w", text, err)
		}
		batch := ""
		if q.batch != nil {
			batch = q.batch.text(s.engine.Dialect)
		}
		if batch != "" && !slices.Contains(deferredOrder, q) {
			return fmt.Errorf("%q has no place in deferredOrder: its rows would never be written", text)
		}
		s.statements.writer = append(s.statements.writer, writer)
		s.statements.home = append(s.statements.home, home)
		s.statements.batches = append(s.statements.batches, batch)
	}
	return nil
}

func (s *Store) prepareOne(ctx context.Context, db *sql.DB, text string) (prepared, error) {
	if s.engine.Unprepared {
		return prepared{statement: direct{db, text}, text: text}, nil
	}
	stmt, err := db.PrepareContext(ctx, text)
	return prepared{statement: stmt, stmt: stmt}, err
}

// on returns the statement of a query on its own pool.
func (s *Store) on(q *query) statement { return s.statements.home[q.number].statement }

// A statement runs one query, as [sql.Stmt] does.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// A prepared query runs on a pool, or in a transaction.
type prepared struct {
	statement
	stmt *sql.Stmt // nil: the driver prepares the text itself, where it runs
	text string
}

// A direct statement is a text that the driver gets each time it is run. A
// driver for a server keeps statements prepared for each connection itself,
// unless it is told not to: behind some poolers it must not.
type direct struct {
	on   Conn
	text string
}

// ExecContext implements [statement].
func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, d.text, args...)
}

// QueryContext implements [statement].
func (d direct) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return d.on.QueryContext(ctx, d.text, args...)
}

// QueryRowContext implements [statement].
func (d direct) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return d.on.QueryRowContext(ctx, d.text, args...)
}
