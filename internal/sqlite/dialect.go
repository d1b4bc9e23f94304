package sqlite

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/search"
	"github.com/platenhq/platen/internal/sqlstore"
)

// A Dialect is SQLite's [sqlstore.Dialect].
type Dialect struct{}

var _ sqlstore.Dialect = Dialect{}

// Placeholder implements [search.Dialect]. $1 is a name to SQLite, and the
// first that it meets is the first parameter.
func (Dialect) Placeholder(n int) string { return "?" + strconv.Itoa(n) }

// Contains implements [search.Dialect] by a function of ours.
func (Dialect) Contains(text, part string) string { return "text_contains(" + text + ", " + part + ")" }

// Like implements [search.Dialect] by a function of ours.
func (Dialect) Like(text, pattern string) string { return "text_like(" + text + ", " + pattern + ")" }

// PatternsOutside implements [search.Dialect].
func (Dialect) PatternsOutside() bool { return false }

// Bytes implements [search.Dialect].
func (Dialect) Bytes(parameter string) string { return parameter }

// Among implements [search.Dialect].
func (Dialect) Among(column, parameter string) string {
	return column + " IN (SELECT value FROM json_each(" + parameter + "))"
}

// IDs makes ids a list in JSON, which SQLite takes for a table.
func (Dialect) IDs(ids []int64) any {
	list, err := json.Marshal(ids)
	if err != nil {
		panic(err) // numbers
	}
	return string(list)
}

// Expand implements [search.Dialect].
func (Dialect) Expand(rows string) string {
	return "SELECT id, root FROM (WITH RECURSIVE run (id, last, root) AS (" + rows +
		" UNION ALL SELECT id + 1, last, root FROM run WHERE id < last) SELECT id, root FROM run) AS r"
}

// Number implements [search.Dialect] by a function of ours.
func (Dialect) Number(bytes string) string { return "text_number(" + bytes + ")" }

// EachID implements [search.Dialect].
func (Dialect) EachID(parameter string) string {
	return "(SELECT value AS id FROM json_each(" + parameter + ")) AS k"
}

// EachEntity implements [sqlstore.Dialect].
func (d Dialect) EachEntity(parameter string) string {
	return d.EachID(parameter) + " JOIN entity AS e ON e.first = (SELECT max(first) FROM entity WHERE first <= k.id) AND e.last >= k.id"
}

// SameText implements [sqlstore.Dialect].
func (Dialect) SameText(column, parameter string) string { return column + " = " + parameter }

// Gone implements [sqlstore.Dialect]: of the processes that served a directory
// all but the present one have ended.
func (Dialect) Gone(string) string { return "1 = 1" }

// JoinItems implements [search.Dialect].
func (Dialect) JoinItems(record string, before int) string {
	return "JOIN entity AS e ON e.record BETWEEN " + record + " - " + strconv.Itoa(before) + " AND " + record
}

// OfKind implements [sqlstore.Dialect].
func (Dialect) OfKind(kind, operator, first string) string {
	return "kind = " + kind + " AND first " + operator + " " + first
}

// ListsBetween implements [sqlstore.Dialect]. SQLite finds a row when the
// reader asks for it.
func (Dialect) ListsBetween(table string, _ int) string {
	return "SELECT id, list FROM " + table + " WHERE id BETWEEN $1 AND $2 ORDER BY id"
}

// Dirty implements [sqlstore.Dialect].
func (Dialect) Dirty() string {
	return "SELECT seq, id, changed FROM find_stale WHERE seq <= $1 ORDER BY seq LIMIT $2"
}

// DirtyEntities implements [sqlstore.Dialect].
func (Dialect) DirtyEntities() string { return "find_stale AS dirty" }

// DirtyCount implements [sqlstore.Dialect].
func (Dialect) DirtyCount() string { return "(SELECT count(*) FROM find_stale)" }

// InsertDirty implements [sqlstore.Dialect]. $1 is a parameter of many entities.
func (Dialect) InsertDirty() (one, many string) {
	return `WITH new (id) AS (SELECT value FROM json_each($1))
		INSERT INTO find_stale (id, kind, changed) SELECT id, $2, $3 FROM new WHERE true ON CONFLICT (id) DO UPDATE SET changed = excluded.changed`, ""
}

// Clock implements [sqlstore.Dialect]. It is exact to the millisecond.
func (Dialect) Clock() string { return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)" }

// NextBlock implements [sqlstore.Dialect]. One connection writes.
func (Dialect) NextBlock() string {
	return `SELECT 1 + max(pruned_id, coalesce((SELECT max(id) FROM change_block), 0)), 0,
		1 + max(pruned_position, coalesce((SELECT max(position) FROM change_block), 0)) FROM change_log`
}

// InsertChanges implements [sqlstore.Dialect]. Blocks are numbered in the order of
// the commits, and get their positions at once. Nothing is inserted if another process
// has taken the number.
func (Dialect) InsertChanges() string {
	return `INSERT INTO change_block (id, at, position, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
}

// LockLog implements [sqlstore.Dialect]. One connection writes.
func (Dialect) LockLog() string { return "SELECT 1 FROM change_log" }

// types are the types of columns.
var types = [...]string{sqlstore.Integer: "INTEGER", sqlstore.Text: "TEXT", sqlstore.Bytes: "BLOB"}

// CreateTemporary implements [sqlstore.Dialect].
func (Dialect) CreateTemporary(table string, columns []sqlstore.Column, key int) string {
	return "CREATE TEMPORARY TABLE " + table + " (" + sqlstore.Definition(columns, key, types[:]) + ") WITHOUT ROWID"
}

// Empty implements [sqlstore.Dialect].
func (Dialect) Empty(table string) string { return "DELETE FROM " + table }

// InsertMany implements [sqlstore.Dialect].
func (Dialect) InsertMany(string, []sqlstore.Column, string) string { return "" }

// DeleteMany implements [sqlstore.Dialect].
func (Dialect) DeleteMany(string, []sqlstore.Column) string { return "" }

// functions adds what SQLite lacks. Its own LIKE takes no heed of case; that
// and instr take time beyond measure for some texts, and can not be
// interrupted meanwhile.
func functions(c *sqlite3.Conn) error {
	var pattern *search.Pattern // the last one of this connection: mostly the next, too
	return errors.Join(
		c.CreateFunction("text_like", 2, sqlite3.DETERMINISTIC, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
			if source := arg[1].RawBlob(); !pattern.Is(source) {
				pattern = search.NewPattern(source)
			}
			result(ctx)(pattern.Match(ctx.Conn().GetInterrupt(), arg[0].RawBlob()))
		}),
		c.CreateFunction("text_number", 1, sqlite3.DETERMINISTIC, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
			if number, ok := platen.ParseNumber(string(arg[0].RawBlob())); ok {
				ctx.ResultFloat(number)
			}
		}),
		c.CreateFunction("text_contains", 2, sqlite3.DETERMINISTIC, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
			result(ctx)(search.Contains(ctx.Conn().GetInterrupt(), arg[0].RawBlob(), arg[1].RawBlob()))
		}),
	)
}

// result sets the result of a function. An error is that the statement was
// interrupted.
func result(ctx sqlite3.Context) func(ok bool, err error) {
	return func(ok bool, err error) {
		if err != nil {
			ctx.ResultError(sqlite3.INTERRUPT)
			return
		}
		ctx.ResultBool(ok)
	}
}
