package postgres

import "github.com/platenhq/platen/internal/search"

// A Dialect is PostgreSQL's [search.Dialect].
type Dialect struct{}

var _ search.Dialect = Dialect{}

// Rebind implements [search.Dialect].
func (Dialect) Rebind(query string) string { return query }

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

// Expand implements [search.Dialect].
func (Dialect) Expand(rows string) string {
	return "SELECT id, root FROM (" + rows + ") AS run, generate_series(run.first, run.last) AS id"
}
