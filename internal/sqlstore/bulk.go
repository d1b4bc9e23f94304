package sqlstore

import (
	"strings"

	"github.com/platenhq/platen"
)

// On a shared database each statement is a journey, so a transaction puts off
// what it writes to certain tables, and writes many rows in one statement.

// A bulk is how what was put off is written: all rows in one statement, with
// an array for each parameter.
type bulk struct {
	text  string
	types []string // of the arrays
	once  bool     // of rows with the same first parameter only the last counts
}

// bulks are the statements that are put off. They are written in the order of
// bulkOrder: what is removed may be put back.
var bulkOrder = []query{
	deleteValue, deleteLong,
	insertEntity, insertContentBlock, insertDetailsMedia,
	upsertList[platen.Properties], upsertList[platen.Metadata], upsertList[platen.Fields],
	insertStale, insertValue, insertLong,
}

var bulks = map[query]bulk{
	deleteValue: {text: `DELETE FROM find_value AS v USING unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS d(name, value, entity)
		WHERE v.entity = d.entity AND v.name = d.name AND v.value = d.value`, types: []string{"bigint", "bytea", "bigint"}},
	deleteLong: {text: `DELETE FROM find_long AS l USING unnest($1::bigint[], $2::bigint[]) AS d(name, entity)
		WHERE l.name = d.name AND l.entity = d.entity`, types: []string{"bigint", "bigint"}},
	insertEntity:       inBulk(insertEntity, "bigint", "bigint", "bigint", "bigint", "bigint", "bigint", "bigint", "bigint"),
	insertContentBlock: inBulk(insertContentBlock, "bigint", "bigint", "bigint", "bigint", "bytea", "bytea", "bigint", "bigint", "bigint"),
	insertDetailsMedia: inBulk(insertDetailsMedia, "bigint", "text"),
	insertStale: {text: `INSERT INTO find_stale (kind, ids) SELECT kind, array_agg(id)
		FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS new (id, kind, n) GROUP BY kind, n / 256`, types: []string{"bigint", "bigint"}},
	insertValue:                   inBulk(insertValue, "bigint", "bytea", "bigint", "bytea"),
	insertLong:                    inBulk(insertLong, "bigint", "bigint", "bytea"),
	upsertList[platen.Properties]: onceInBulk(upsertList[platen.Properties]),
	upsertList[platen.Metadata]:   onceInBulk(upsertList[platen.Metadata]),
	upsertList[platen.Fields]:     onceInBulk(upsertList[platen.Fields]),
}

// inBulk makes an INSERT of one row one of many.
func inBulk(q query, types ...string) bulk {
	before, rest, _ := strings.Cut(string(q), "VALUES (")
	_, after, _ := strings.Cut(rest, ")")
	arrays := make([]string, len(types))
	for i, name := range types {
		arrays[i] = "$" + string('1'+rune(i)) + "::" + name + "[]"
	}
	return bulk{text: before + "SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ") AS new" + after, types: types}
}

func onceInBulk(q query) bulk {
	b := inBulk(q, "bigint", "text")
	b.once = true
	return b
}

// rowsPutOff are the arguments of a statement that is put off, by column.
type rowsPutOff struct {
	bulk
	count   int
	bytes   int
	numbers [][]*int64
	texts   [][]string
	bodies  [][][]byte
	places  map[int64]int // once: of each first argument
}

func newRowsPutOff(b bulk) *rowsPutOff {
	n := len(b.types)
	return &rowsPutOff{bulk: b, numbers: make([][]*int64, n), texts: make([][]string, n), bodies: make([][][]byte, n), places: make(map[int64]int)}
}

// What is put off at most.
const (
	putOffRows  = 8192
	putOffBytes = 8 << 20
	// A row that is larger goes by itself: the database copies an array that is
	// a table, and keeps a large one in a file.
	putOffRowBytes = 256 << 10
)

// putOff keeps one row of a statement for later.
func (t *transaction) putOff(q query, args []any) error {
	if bytesOf(args) > putOffRowBytes {
		_, err := t.stmt(q).ExecContext(t.ctx, args...)
		return err
	}
	rows := t.off[q]
	if rows == nil {
		rows = newRowsPutOff(bulks[q])
		if t.off == nil {
			t.off = make(map[query]*rowsPutOff)
		}
		t.off[q] = rows
	}
	rows.add(args)
	if rows.count >= putOffRows || rows.bytes >= putOffBytes {
		t.flush()
	}
	return t.first
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
func (r *rowsPutOff) add(args []any) {
	place := r.count
	if r.once {
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
		switch r.types[i] {
		case "bigint":
			r.numbers[i] = put(r.numbers[i], place, number(arg))
		case "text":
			text := arg.(string)
			r.texts[i] = put(r.texts[i], place, text)
			r.bytes += len(text)
		case "bytea":
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

// number returns an argument of the type bigint; nil for NULL.
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

// args returns the arrays.
func (r *rowsPutOff) args() []any {
	args := make([]any, len(r.types))
	for i, name := range r.types {
		switch name {
		case "bigint":
			args[i] = r.numbers[i]
		case "text":
			args[i] = r.texts[i]
		case "bytea":
			args[i] = r.bodies[i]
		}
	}
	return args
}

// flush writes what was put off. The first error ends the transaction.
func (t *transaction) flush() {
	if len(t.off) == 0 {
		return
	}
	for _, q := range bulkOrder {
		rows := t.off[q]
		if rows == nil || t.first != nil {
			continue
		}
		t.wrote += int64(rows.count)
		_, t.first = t.tx.ExecContext(t.ctx, rows.text, rows.args()...)
	}
	clear(t.off)
}
