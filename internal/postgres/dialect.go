package postgres

import (
	"strconv"
	"strings"

	"github.com/platenhq/platen/internal/sqlstore"
)

// A Dialect is PostgreSQL's [sqlstore.Dialect].
type Dialect struct{}

var _ sqlstore.Dialect = Dialect{}

// now is the database's clock, in milliseconds.
const now = `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`

// alive is the condition of the rows of replica whose process lives.
const alive = `seen > ` + now + ` - 15000`

// Placeholder implements [search.Dialect].
func (Dialect) Placeholder(n int) string { return "$" + strconv.Itoa(n) }

// Contains implements [search.Dialect].
func (Dialect) Contains(text, part string) string {
	return "(position(" + part + " IN " + text + ") > 0)"
}

// Like implements [search.Dialect].
func (Dialect) Like(text, pattern string) string {
	return "(convert_from(" + text + `, 'UTF8') COLLATE "C" LIKE convert_from(` + pattern + `, 'UTF8') ESCAPE '')`
}

// PatternsOutside implements [search.Dialect].
func (Dialect) PatternsOutside() bool { return true }

// Bytes implements [search.Dialect].
func (Dialect) Bytes(parameter string) string { return "CAST(" + parameter + " AS BYTEA)" }

// Among implements [search.Dialect].
func (Dialect) Among(column, parameter string) string {
	return column + " = ANY(CAST(" + parameter + " AS BIGINT[]))"
}

// IDs implements [search.Dialect].
func (Dialect) IDs(ids []int64) any { return ids }

// Expand implements [search.Dialect]. In FROM the ids of a row would all be made before
// the first is read.
func (Dialect) Expand(rows string) string {
	return "SELECT generate_series(run.first, run.last) AS id, root FROM (" + rows + ") AS run"
}

// Number implements [search.Dialect]. What is longer than a number, or no UTF-8
// since it is the beginning of a longer value, is not converted.
func (Dialect) Number(bytes string) string {
	return "CASE WHEN length(" + bytes + ") <= 402 THEN CASE WHEN encode(" + bytes + `, 'escape') ~ '^[-+]?[0-9]{1,200}(\.[0-9]{1,200})?$' THEN ` +
		"CAST(encode(" + bytes + ", 'escape') AS DOUBLE PRECISION) END END"
}

// EachID implements [search.Dialect].
func (Dialect) EachID(parameter string) string {
	return "unnest(" + anyNumber(parameter) + ") AS k(id)"
}

// anyNumber is an array of ids of which the planner does not see how many they are. If it
// did, a plan for one id would seem better than the plan for any number of them, so that
// it would plan each time, which takes several times as long as to read a list.
func anyNumber(parameter string) string { return "(SELECT CAST(" + parameter + " AS BIGINT[]))" }

// EachEntity implements [sqlstore.Dialect]. A condition with a maximum would be
// evaluated twice for each id, or become a join with the whole table.
func (d Dialect) EachEntity(parameter string) string {
	return d.EachID(parameter) + " JOIN LATERAL (SELECT * FROM entity WHERE first <= k.id ORDER BY first DESC LIMIT 1) AS e ON e.last >= k.id"
}

// SameText implements [sqlstore.Dialect]. An index can only hold the hash of a
// text that may be long.
func (Dialect) SameText(column, parameter string) string {
	return "md5(" + column + ") = md5(" + parameter + ") AND " + column + " = " + parameter
}

// Gone implements [sqlstore.Dialect].
func (Dialect) Gone(process string) string {
	return process + " NOT IN (SELECT id FROM replica WHERE " + alive + ")"
}

// JoinItems implements [search.Dialect]. The planner takes the range for wide, and would
// rather read all of entity, above all if few rows are asked for; OFFSET 0 keeps the range
// apart from the rest of the statement.
func (Dialect) JoinItems(record string, before int) string {
	return "JOIN LATERAL (SELECT first, last, record FROM entity WHERE record BETWEEN " + record + " - " + strconv.Itoa(before) +
		" AND " + record + " OFFSET 0) AS e ON true"
}

// OfKind implements [sqlstore.Dialect]. With kind = $1 the order would be that of the
// primary key as well. As long as no vacuum has seen what was imported, to read all kinds
// by that until there are enough rows of one seems cheaper, as if the kinds were mixed.
// There may be millions of others before the first.
func (Dialect) OfKind(kind, operator, first string) string {
	end := "<="
	if operator == "<=" {
		end = ">="
	}
	return "(kind, first) " + operator + " (" + kind + ", " + first + ") AND kind " + end + " " + kind
}

// ListsBetween implements [sqlstore.Dialect]. The server sends all rows that a
// statement finds, even if the reader has enough.
func (Dialect) ListsBetween(table string, bytes int) string {
	return `SELECT id, list FROM (SELECT id, list, sum(octet_length(list)) OVER (ORDER BY id) - octet_length(list) AS before
		FROM ` + table + ` WHERE id BETWEEN $1 AND $2) AS l WHERE before < ` + strconv.Itoa(bytes) + ` ORDER BY id`
}

// Dirty implements [sqlstore.Dialect]. A row of find_stale here is of the
// entities of one kind that were written together.
func (Dialect) Dirty() string {
	return `SELECT seq, unnest(ids), changed FROM (SELECT * FROM find_stale WHERE seq <= $1 ORDER BY seq LIMIT $2) AS dirty`
}

// DirtyEntities implements [sqlstore.Dialect].
func (Dialect) DirtyEntities() string {
	return "(SELECT max(seq) AS seq, id, max(changed) AS changed FROM (SELECT seq, unnest(ids) AS id, changed FROM find_stale) AS marks GROUP BY id) AS dirty"
}

// DirtyCount implements [sqlstore.Dialect].
func (Dialect) DirtyCount() string {
	return "(SELECT coalesce(sum(cardinality(ids)), 0) FROM find_stale)"
}

// InsertDirty implements [sqlstore.Dialect]. Up to 256 entities share a row.
func (Dialect) InsertDirty() (one, many string) {
	return `INSERT INTO find_stale (ids, kind, changed) VALUES (ARRAY[$1::bigint], $2, $3)`,
		`INSERT INTO find_stale (kind, ids, changed) SELECT kind, array_agg(id), max(changed)
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS new (id, kind, changed, n) GROUP BY kind, n / 256`
}

// Clock implements [sqlstore.Dialect].
func (Dialect) Clock() string {
	return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
}

// NextBlock implements [sqlstore.Dialect].
func (d Dialect) NextBlock() string { return "SELECT " + nextBlock + ", " + d.Clock() + ", NULL" }

const nextBlock = "nextval('change_block_id')"

// InsertChanges implements [sqlstore.Dialect].
func (d Dialect) InsertChanges() string {
	return `INSERT INTO change_block (id, at, position, body) VALUES (coalesce(CAST($1 AS BIGINT), ` + nextBlock + `),
		coalesce(CAST($2 AS BIGINT), ` + d.Clock() + `), $3, $4) RETURNING id, at`
}

// LockLog implements [sqlstore.Dialect].
func (Dialect) LockLog() string { return "SELECT 1 FROM change_log FOR UPDATE" }

// Empty implements [sqlstore.Dialect].
func (Dialect) Empty(table string) string { return "TRUNCATE " + table }

// CreateTemporary implements [sqlstore.Dialect].
func (Dialect) CreateTemporary(table string, columns []sqlstore.Column, key int) string {
	return "CREATE TEMPORARY TABLE " + table + " (" + sqlstore.Definition(columns, key, types[:]) + ") ON COMMIT DROP"
}

// InsertMany implements [sqlstore.Dialect].
func (Dialect) InsertMany(table string, columns []sqlstore.Column, conflict string) string {
	return "INSERT INTO " + table + " (" + names(columns) + ") SELECT * FROM " + arrays(columns) + " AS new" + conflict
}

// DeleteMany implements [sqlstore.Dialect].
func (Dialect) DeleteMany(table string, key []sqlstore.Column) string {
	conditions := make([]string, len(key))
	for i, column := range key {
		conditions[i] = "t." + column.Name + " = d." + column.Name
	}
	return "DELETE FROM " + table + " AS t USING " + arrays(key) + " AS d (" + names(key) + ") WHERE " + strings.Join(conditions, " AND ")
}

func names(columns []sqlstore.Column) string {
	all := make([]string, len(columns))
	for i, column := range columns {
		all[i] = column.Name
	}
	return strings.Join(all, ", ")
}

// types are the types of columns.
var types = [...]string{sqlstore.Integer: "bigint", sqlstore.Text: "text", sqlstore.Bytes: "bytea"}

// arrays is the table of rows that parameters are, an array for each column.
func arrays(columns []sqlstore.Column) string {
	all := make([]string, len(columns))
	for i, column := range columns {
		all[i] = "$" + strconv.Itoa(i+1) + "::" + types[column.Type] + "[]"
	}
	return "unnest(" + strings.Join(all, ", ") + ")"
}
