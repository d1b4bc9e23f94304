package storetest

import (
	"database/sql"
	"os"
	"strings"
	"testing"
)

// Schema compares the schema that the migrations lead to with a golden file, which is
// written anew if update is set. query returns the parts of the schema; each is followed
// by end in the file.
func Schema(t *testing.T, db *sql.DB, query, end, file string, update bool) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var schema strings.Builder
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			t.Fatal(err)
		}
		schema.WriteString(part + end)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if update {
		if err := os.WriteFile(file, []byte(schema.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if schema.String() != string(want) {
		t.Errorf("the schema is not that of %s; if it is to be, run the test with -update\n%s", file, &schema)
	}
}
