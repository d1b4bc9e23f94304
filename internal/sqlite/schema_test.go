package sqlite_test

import (
	"database/sql"
	"flag"
	"path/filepath"
	"testing"

	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestSchema compares the schema that the migrations lead to with the golden
// file.
func TestSchema(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const schemaText = `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name`
	storetest.Schema(t, db, schemaText, ";\n\n", "testdata/schema.sql", *update)
}
