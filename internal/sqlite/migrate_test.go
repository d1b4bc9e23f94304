package sqlite

import (
	"database/sql"
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storetest"
	"github.com/platenhq/platen/internal/transfer"
)

// TestMigrateFromTwo opens a database as the first release left it, with a
// job set in it.
func TestMigrateFromTwo(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	db, tx := old(t, dir, 2)
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(ctx, text, args...); err != nil {
			t.Fatal(text, err)
		}
	}
	for _, row := range []string{
		"(1000, 1000, 5, 0, 0)", "(1001, 1001, 6, 1000, 0)", "(1002, 1002, 7, 1001, 0)", "(1003, 1003, 8, 1002, 0)", "(1004, 1004, 9, 1003, 0)",
	} {
		exec("INSERT INTO entity (first, last, kind, parent, ord) VALUES " + row)
	}
	exec("INSERT INTO entity (first, last, kind) VALUES (500, 501, 2)")
	exec("INSERT INTO entity (first, last, kind, record, details) VALUES (600, 600, 4, 500, 1), (601, 601, 4, 501, 2)")
	exec(`INSERT INTO page_details (id, body) VALUES
		(1, '[{"count":2,"media":{"size":"A4","name":"Plain"}}]'), (2, '[{"count":2,"media":{"name":"Plain","size":"A4"}}]')`)
	exec(`INSERT INTO properties (id, list) VALUES (1001, '[{"name":"shift","value":"night"}]')`)
	exec("UPDATE sequence SET next = 2000")
	pairs := binary.AppendVarint(binary.AppendVarint(nil, 600), 500)
	pairs = binary.AppendVarint(binary.AppendVarint(pairs, 1), 1)
	exec("INSERT INTO content_block (job, seq, count, digits, pairs, pages) VALUES (1001, 0, 2, 12, ?, ?)", pairs, []byte{2 << 2})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	outlook := func(want int) {
		t.Helper()
		has, wants, err := Outlook(ctx, dir)
		if err != nil || has != want || wants != len(migrations.Names()) {
			t.Errorf("the schema is %d and becomes %d: %v; want %d", has, wants, err, want)
		}
	}
	outlook(2)

	s, err := Open(ctx, dir, 1<<20, sqlstore.WithIndexWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	outlook(len(migrations.Names()))
	defer s.Close()
	pages, details := 0, ""
	err = s.ReadJobSet(ctx, 1000, func(e *transfer.Element) error {
		if e.Kind == platen.DocumentPage {
			pages++
			details = string(e.Details)
		}
		return nil
	})
	if err != nil || pages != 2 || details != `{"pages":[{"count":2,"media":{"name":"Plain","size":"A4"}}]}` {
		t.Errorf("%d pages, details %s: %v", pages, details, err)
	}
	for range 2 { // counted when it is asked for, then kept
		documents, pages := int64(0), int64(0)
		err := s.CountJobSet(ctx, 1000, false, func(c *transfer.Counts) error {
			for _, set := range c.DocumentSets {
				documents, pages = documents+set.Documents, pages+set.Pages
			}
			return nil
		})
		if err != nil || documents != 1 || pages != 4 {
			t.Errorf("%d documents, %d pages are counted: %v", documents, pages, err)
		}
	}
	for _, search := range []platen.Search{
		{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "shift", Value: "night"}, Sets: []platen.ID{1000}},
		{Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.MediaName, Value: "Plain"}},
		{Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Size, Unit: platen.Sheets, Number: 2}},
	} {
		found := 0
		err := s.Find(ctx, &search, func(int, *platen.Found) error { found++; return nil })
		if err != nil || found == 0 {
			t.Errorf("%+v: %v %v", search, found, err)
		}
	}
	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: 1000}); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = s.Clean(ctx, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for kind, id := range map[platen.Kind]platen.ID{platen.ContentItem: 601, platen.DataRecord: 500, platen.Job: 1001} {
		if _, err := s.List(ctx, platen.Ref{Kind: kind, ID: id}, platen.Properties); platen.ErrorCode(err) != platen.NotFound {
			t.Errorf("%s %d is still there: %v", kind, id, err)
		}
	}
}

// TestMigrateLongValues opens a database in which long values are in two parts.
func TestMigrateLongValues(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	db, tx := old(t, dir, 9)
	storetest.BeforeLongValues(func(text string, args ...any) {
		if _, err := tx.ExecContext(ctx, text, args...); err != nil {
			t.Fatal(text, err)
		}
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, dir, 1<<20, sqlstore.WithIndexWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.AfterLongValues(t, s, func(from string) (n int) {
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+from).Scan(&n); err != nil {
			t.Fatal(from, err)
		}
		return n
	})
}

// TestMigrateFacts opens a database in which the facts of a set whose jobs have gaps
// between them are to be indexed, job by job.
func TestMigrateFacts(t *testing.T) {
	ctx := t.Context()
	_, tx := old(t, t.TempDir(), 26)
	defer tx.Rollback()
	storetest.BeforeJoinedFacts(func(text string, args ...any) {
		if _, err := tx.ExecContext(ctx, text, args...); err != nil {
			t.Fatal(text, err)
		}
	})
	if err := migrations.Apply(ctx, tx); err != nil {
		t.Fatal(err)
	}
	storetest.AfterJoinedFacts(t, func(from string) (n int) {
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+from).Scan(&n); err != nil {
			t.Fatal(from, err)
		}
		return n
	})
}

// old returns a new database in a directory with the first migrations, so many of them,
// and the transaction that has applied these.
func old(t *testing.T, dir string, count int) (*sql.DB, *sql.Tx) {
	t.Helper()
	ctx := t.Context()
	db, err := open(filepath.Join(dir, FileName), "&_txlock=immediate", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(ctx, `CREATE TABLE migration (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
		applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT`)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range migrations.Names()[:count] {
		if err := migrations.ApplyOne(ctx, tx, file, nil); err != nil {
			t.Fatal(err)
		}
	}
	return db, tx
}
