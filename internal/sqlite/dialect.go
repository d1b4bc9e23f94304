package sqlite

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/platenhq/platen/internal/search"
)

// A Dialect is SQLite's [search.Dialect].
type Dialect struct{}

var _ search.Dialect = Dialect{}

// Rebind makes $1 the first parameter wherever it stands; to SQLite it is a
// name, and the first that it meets is the first parameter.
func (Dialect) Rebind(query string) string { return strings.ReplaceAll(query, "$", "?") }

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
