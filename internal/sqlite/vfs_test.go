package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"
)

// TestPaced fills the log and looks at what the checkpointer's connection does to
// the database: a sync after every few pages, whose error ends the checkpoint.
func TestPaced(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "paced.db")
	writer, err := open(path, newOptions, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	checkpoints, err := openCheckpoints(path)
	if err != nil {
		t.Fatal(err)
	}
	defer checkpoints.Close()
	for _, statement := range []string{
		`CREATE TABLE filler (body BLOB)`,
		`INSERT INTO filler WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT randomblob(3000) FROM n`,
	} {
		if _, err := writer.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := checkpoints.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var file *pacedFile
	err = conn.Raw(func(raw any) error {
		got, err := raw.(driver.Conn).Raw().FileControl("main", sqlite3.FCNTL_FILE_POINTER)
		if wrapped, ok := got.(vfs.FileUnwrap); ok {
			file, _ = wrapped.Unwrap().(*pacedFile)
		}
		return err
	})
	if err != nil || file == nil {
		t.Fatalf("the checkpointer's file is no pacedFile: %v", err)
	}
	broken := errors.New("a broken disk")
	system := &countedFile{systemFile: file.systemFile, fail: broken}
	file.systemFile = system
	checkpoint := func() (busy, pages, moved int64, err error) {
		err = conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &moved)
		return busy, pages, moved, err
	}
	if _, _, moved, err := checkpoint(); err == nil || system.written != pacedPages {
		t.Errorf("after a sync that failed a checkpoint went on: %d pages moved, %d written, %v", moved, system.written, err)
	}
	system.fail, system.written, system.longest = nil, 0, 0
	if _, pages, moved, err := checkpoint(); err != nil || moved != pages || moved < 1000 {
		t.Errorf("%d of %d pages moved: %v", moved, pages, err)
	}
	if system.written < 1000 || system.longest > pacedPages {
		t.Errorf("of %d pages up to %d were written without a sync", system.written, system.longest)
	}
}

// A countedFile counts the pages that are written.
type countedFile struct {
	systemFile
	written, longest, since int // all, and the most between two syncs
	fail                    error
}

func (f *countedFile) WriteAt(p []byte, offset int64) (int, error) {
	f.written++
	f.since++
	f.longest = max(f.longest, f.since)
	return f.systemFile.WriteAt(p, offset)
}

func (f *countedFile) Sync(flags vfs.SyncFlag) error {
	f.since = 0
	if f.fail != nil {
		return f.fail
	}
	return f.systemFile.Sync(flags)
}
