package sqlstore_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/sqlstore"
)

// notCopied are the tables that a copy leaves out, with the reason.
var notCopied = map[string]string{
	"sequence":      "one row, which a copy sets at its end",
	"change_log":    "one row, which a copy sets at its end",
	"users_version": "one row, which a copy sets at its end",
	"migration":     "each database has its own",
	"find_stale":    "a copy first brings the index of its source up to date",
	"user_change":   "for servers that run, and none does",
	"known_login":   "learned again with the next login",
	"login_failure": "for servers that run, and none does",
	"replica":       "the servers that run, and none does",
	"lease":         "the migrations fill it",
	"last_setting":  "of the servers of a database, which each have their own",
}

// TestCopiedColumns compares the schema with what a copy copies, so that no
// new table or column is lost.
func TestCopiedColumns(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		columns := `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()`
		if strings.HasSuffix(t.Name(), "/SQLite") {
			columns = `SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
				WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'`
		}
		rows, err := s.Reader().QueryContext(t.Context(), columns)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		schema := make(map[string][]string)
		for rows.Next() {
			var table, column string
			if err := rows.Scan(&table, &column); err != nil {
				t.Fatal(err)
			}
			schema[table] = append(schema[table], column)
		}
		if err := rows.Err(); err != nil || len(schema) < 20 {
			t.Fatalf("%d tables: %v", len(schema), err)
		}
		copied := sqlstore.CopiedColumns()
		for _, table := range slices.Sorted(maps.Keys(schema)) {
			got, want := copied[table], schema[table]
			slices.Sort(got)
			slices.Sort(want)
			switch _, left := notCopied[table]; {
			case left && got == nil:
			case got == nil:
				t.Errorf("the table %s is neither in copiedTables (tables.go) nor in notCopied", table)
			case !slices.Equal(got, want):
				t.Errorf("the table %s has the columns %v, of which a copy knows %v", table, want, got)
			}
			delete(copied, table)
		}
		if len(copied) > 0 {
			t.Errorf("a copy knows tables that are not there: %v", copied)
		}
	})
}

// TestStatements has each database prepare every statement of the store, those
// for many rows, too.
func TestStatements(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		conn, err := s.Reader().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, text := range s.Statements() {
			stmt, err := conn.PrepareContext(t.Context(), text)
			if err != nil {
				t.Errorf("%v: %s", err, text)
				continue
			}
			if err := stmt.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
