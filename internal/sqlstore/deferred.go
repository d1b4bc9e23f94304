package sqlstore

import "slices"

// Where every statement is a network round trip, a transaction defers the rows
// that it writes to some tables, and writes many of them in one statement.

// deferredOrder is the order in which deferred statements are run: a row that
// is removed may be put back.
var deferredOrder = slices.Concat(
	[]*query{deleteValue, deleteLong, deleteChanged, insertEntity, insertContentBlock, insertCountBlock, insertDetailsMedia, insertSetFacts, insertJobCounts, insertDetached},
	upsertList[:],
	[]*query{upsertChanged, upsertUpdated, upsertChangeSet, insertDirty, insertRange, insertValue, insertLong, insertAttempt},
)

// deferredRows are the arguments of a deferred statement, by column.
type deferredRows struct {
	columns []Column
	last    bool // of rows with the same first column only the last counts
	count   int
	bytes   int
	numbers [][]*int64
	texts   [][]string
	bodies  [][][]byte
	places  map[int64]int // last: of each first column
}

func newDeferredRows(columns []Column, last bool) *deferredRows {
	n := len(columns)
	return &deferredRows{columns: columns, last: last, numbers: make([][]*int64, n), texts: make([][]string, n), bodies: make([][][]byte, n), places: make(map[int64]int)}
}

// A statement of deferred rows has so many of them, and bytes, at most.
const (
	deferredMost  = 8192
	deferredBytes = 8 << 20
	// A row of more bytes goes by itself: the database copies an array that is a
	// table, and keeps a large one in a file.
	deferredRowBytes = 256 << 10
)

// deferExec keeps a row for later.
func (t *transaction) deferExec(q *query, args []any) error {
	if bytesOf(args) > deferredRowBytes {
		_, err := t.stmt(q).ExecContext(t.ctx, args...)
		return err
	}
	rows := t.deferred[q]
	if rows == nil {
		rows = newDeferredRows(q.batch.columns, q.batch.last)
		if t.deferred == nil {
			t.deferred = make(map[*query]*deferredRows)
		}
		t.deferred[q] = rows
	}
	rows.add(args)
	if rows.count >= deferredMost || rows.bytes >= deferredBytes {
		t.flush()
	}
	return t.deferredErr
}

// bytesOf returns how many bytes of texts arguments have.
func bytesOf(args []any) (n int) {
	for _, arg := range args {
		switch value := arg.(type) {
		case string:
			n += len(value)
		case []byte:
			n += len(value)
		}
	}
	return n
}

// add adds a row.
func (r *deferredRows) add(args []any) {
	place := r.count
	if r.last {
		id := args[0].(int64)
		if old, ok := r.places[id]; ok {
			place = old
		}
		r.places[id] = place
	}
	if place == r.count {
		r.count++
	}
	for i, arg := range args {
		switch r.columns[i].Type {
		case Integer:
			r.numbers[i] = put(r.numbers[i], place, number(arg))
		case Text:
			text := arg.(string)
			r.texts[i] = put(r.texts[i], place, text)
			r.bytes += len(text)
		case Bytes:
			body := arg.([]byte)
			r.bodies[i] = put(r.bodies[i], place, body)
			r.bytes += len(body)
		}
	}
}

func put[T any](column []T, place int, value T) []T {
	if place == len(column) {
		return append(column, value)
	}
	column[place] = value
	return column
}

// number returns an argument for an integer column; nil for NULL.
func number(arg any) *int64 {
	switch n := arg.(type) {
	case int64:
		return &n
	case int:
		wide := int64(n)
		return &wide
	}
	return nil
}

// row returns the arguments of one row.
func (r *deferredRows) row(n int) []any {
	args := make([]any, len(r.columns))
	for i, column := range r.columns {
		switch column.Type {
		case Integer:
			args[i] = r.numbers[i][n]
		case Text:
			args[i] = r.texts[i][n]
		case Bytes:
			args[i] = r.bodies[i][n]
		}
	}
	return args
}

// args returns an array for each column.
func (r *deferredRows) args() []any {
	args := make([]any, len(r.columns))
	for i, column := range r.columns {
		switch column.Type {
		case Integer:
			args[i] = r.numbers[i]
		case Text:
			args[i] = r.texts[i]
		case Bytes:
			args[i] = r.bodies[i]
		}
	}
	return args
}

// later sends q with the deferred rows, before these.
func (t *transaction) later(q *query, args ...any) {
	t.queued = append(t.queued, Pipelined{Text: t.store.statements.writer[q.number].text, Args: args})
}

// flush sends what is queued and deferred. The first error ends the transaction.
func (t *transaction) flush() {
	if statements := t.take(); len(statements) > 0 {
		_ = t.pipeline(statements) // deferredErr
	}
}

// take returns the statements that are to be sent, and sends some of them if they
// have many bytes.
func (t *transaction) take() []Pipelined {
	statements, bytes := t.queued, 0
	t.queued = nil
	if len(t.deferred) == 0 {
		return statements
	}
	for _, q := range deferredOrder {
		rows := t.deferred[q]
		if rows == nil {
			continue
		}
		if bytes += rows.bytes; bytes > deferredBytes {
			_ = t.pipeline(statements)
			statements, bytes = nil, rows.bytes
		}
		t.flushedRows += int64(rows.count)
		statements = append(statements, Pipelined{Text: t.store.statements.batches[q.number], Args: rows.args()})
	}
	clear(t.deferred)
	return statements
}

// pipeline sends statements, unless the transaction has failed.
func (t *transaction) pipeline(statements []Pipelined) error {
	if t.deferredErr == nil {
		t.deferredErr = t.send(statements)
	}
	return t.deferredErr
}

func (t *transaction) send(statements []Pipelined) error {
	first := !t.begun
	t.begun = true
	err := t.store.engine.ManyWriters.Pipeline(t.ctx, t.many, statements)
	if first && err != nil {
		t.drop() // no statement may follow if BEGIN is what failed
	}
	return err
}
