package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A longSet is a data set of so many records with a long value.
type longSet int

func (n longSet) DataSet() transfer.SourceSet { return transfer.SourceSet{} }
func (n longSet) Schema() *platen.Table       { return nil }
func (n longSet) ExplicitIDs() platen.IDRange { return platen.IDRange{} }
func (n longSet) Read(yield func(*platen.SourceRecord) error) error {
	fields := []platen.NameValue{{Name: "long", Value: strings.Repeat("0123456789abcdef", 512)}}
	for range n {
		if err := yield(&platen.SourceRecord{Fields: fields}); err != nil {
			return err
		}
	}
	return nil
}

// fillAndEmpty imports a large set into the database of a directory, and removes
// it for good. It returns the bytes of the file with the set, and without.
func fillAndEmpty(t *testing.T, dir string) (full, empty int64) {
	t.Helper()
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, sqlite.FileName))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	with := func(do func(context.Context, storage.Store) error) {
		t.Helper()
		s, err := sqlite.Open(t.Context(), dir, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(t.Context(), s); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var made platen.Created
	with(func(ctx context.Context, s storage.Store) (err error) {
		made, err = s.CreateDataSet(ctx, longSet(3000))
		return err
	})
	full = size()
	with(func(ctx context.Context, s storage.Store) error {
		if err := s.Delete(ctx, platen.Ref{Kind: platen.DataSet, ID: made.ID}); err != nil {
			return err
		}
		for more := true; more; {
			var err error
			if more, err = s.Clean(ctx, time.Now().Add(time.Hour)); err != nil {
				return err
			}
		}
		return nil
	})
	return full, size()
}

// TestCompact looks whether the room of what was removed comes back.
func TestCompact(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	dir := t.TempDir()
	full, empty := fillAndEmpty(t, dir)
	if full < 20<<20 || empty > full/3 {
		t.Errorf("the file has %d bytes with the set, and %d without", full, empty)
	}
}

// TestCompactOld does the same with a database whose free pages do not come
// back, as older versions made them. A backup is what helps.
func TestCompactOld(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	dir := t.TempDir()
	if _, err := sqlite.Create(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	mode := func(path, before string) (mode int) {
		db, err := sql.Open("sqlite3", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(before); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(`PRAGMA auto_vacuum`).Scan(&mode); err != nil {
			t.Fatal(err)
		}
		return mode
	}
	if old := mode(filepath.Join(dir, sqlite.FileName), `PRAGMA journal_mode=delete; PRAGMA auto_vacuum=none; VACUUM`); old != 0 {
		t.Fatalf("auto_vacuum is %d", old)
	}
	full, empty := fillAndEmpty(t, dir)
	if empty < full {
		t.Errorf("the file has %d bytes with the set, and %d without: has it come back?", full, empty)
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	made, err := sqlite.Backup(t.Context(), dir, file, false)
	if err != nil || made.Bytes > full/3 {
		t.Errorf("the backup has %d bytes: %v", made.Bytes, err)
	}
	if now := mode(file, ``); now != 2 {
		t.Errorf("auto_vacuum of the backup is %d", now)
	}
}
