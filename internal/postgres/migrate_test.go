package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storetest"
)

// TestMigrateLongValues opens a database in which long values are in two
// parts. Rows without a long value are not written anew.
func TestMigrateLongValues(t *testing.T) {
	ctx := t.Context()
	address := pgtest.Database(t)
	d, err := Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	exec := func(text string, args ...any) {
		if _, err := d.Writer.ExecContext(ctx, text, args...); err != nil {
			t.Fatal(text, err)
		}
	}
	exec(migrations.Create)
	tx, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range migrations.Names()[:9] {
		if err := migrations.ApplyOne(ctx, tx, file, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	storetest.BeforeLongValues(exec)
	places := func(where string) (all []string) {
		rows, err := d.Reader.QueryContext(ctx, "SELECT CAST(ctid AS TEXT) FROM find_value WHERE "+where+" ORDER BY entity, name")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			all = append(all, "")
			if err := rows.Scan(&all[len(all)-1]); err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
	outlook := func(want int) {
		t.Helper()
		has, wants, err := Outlook(ctx, address)
		if err != nil || has != want || wants != len(migrations.Names()) {
			t.Errorf("the schema is %d and becomes %d: %v; want %d", has, wants, err, want)
		}
	}
	outlook(9)
	before := places("length(rest) = 0")
	s, err := Open(ctx, address, sqlstore.WithIndexWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	outlook(len(migrations.Names()))
	if now := places("length(digest) = 0"); !slices.Equal(now, before) {
		t.Errorf("rows of short values were at %v, are at %v", before, now)
	}
	var compressed int
	err = d.Reader.QueryRowContext(ctx, `SELECT count(*) FROM pg_attribute WHERE attcompression = 'l' AND attrelid IN
		('properties'::regclass, 'metadata'::regclass, 'fields'::regclass, 'find_long'::regclass)`).Scan(&compressed)
	if err != nil || compressed != 4 {
		t.Errorf("%d columns are compressed by lz4, %v", compressed, err)
	}
	storetest.AfterLongValues(t, s, func(from string) (n int) {
		if err := d.Reader.QueryRowContext(ctx, "SELECT count(*) FROM "+from).Scan(&n); err != nil {
			t.Fatal(from, err)
		}
		return n
	})
}

// TestMigrateFacts opens a database in which the facts of a set whose jobs have gaps
// between them are to be indexed, job by job.
func TestMigrateFacts(t *testing.T) {
	ctx := t.Context()
	d, err := Connect(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Writer.ExecContext(ctx, migrations.Create); err != nil {
		t.Fatal(err)
	}
	tx, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, file := range migrations.Names()[:26] {
		if err := migrations.ApplyOne(ctx, tx, file, nil); err != nil {
			t.Fatal(err)
		}
	}
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

// TestMigrateBeside migrates while a server of the version before marks the facts of
// another set. They stay marked.
func TestMigrateBeside(t *testing.T) {
	ctx := t.Context()
	d, err := Connect(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := d.Writer.ExecContext(ctx, text); err != nil {
			t.Fatal(text, err)
		}
	}
	count := func(from string) (n int) {
		t.Helper()
		if err := d.Reader.QueryRowContext(ctx, "SELECT count(*) FROM "+from).Scan(&n); err != nil {
			t.Fatal(from, err)
		}
		return n
	}
	exec(migrations.Create)
	tx, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, file := range migrations.Names()[:27] {
		if err := migrations.ApplyOne(ctx, tx, file, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	exec(`INSERT INTO find_range (first, last, root, late) VALUES (1002, 1002, 1000, 2), (1004, 1004, 1000, 2)`)
	// The range of the set's jobs waits until the other one is there.
	exec(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END$$`)
	exec(`CREATE TRIGGER wait BEFORE INSERT ON find_range FOR EACH ROW WHEN (NEW.root = 1000) EXECUTE FUNCTION wait()`)
	held, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback()
	if _, err := held.ExecContext(ctx, `SELECT pg_advisory_xact_lock(1)`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error)
	go func() { migrated <- d.migrate(ctx) }()
	for count("pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted") == 0 {
		time.Sleep(time.Millisecond)
	}
	exec(`INSERT INTO find_range (first, last, root, late) VALUES (2001, 2003, 2000, 2)`)
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first = 1002 AND last = 1004 AND root = 1000", "first = 2001 AND last = 2003 AND root = 2000"} {
		if n := count("find_range WHERE late = 2 AND " + want); n != 1 {
			t.Errorf("%d ranges are %s", n, want)
		}
	}
}
