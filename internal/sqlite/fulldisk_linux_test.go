package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/platenhq/platen"
)

// TestFullDiskOfSharedMemory has room left for the next pages of the log, but not for
// what its index in shared memory needs every 4,096 of them.
func TestFullDiskOfSharedMemory(t *testing.T) {
	dir := t.TempDir()
	const size = 40 << 20
	if err := syscall.Mount("platen", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		t.Skip("no small disk can be had: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	ctx := t.Context()
	db, err := open(filepath.Join(dir, FileName), newOptions, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`CREATE TABLE filler (id INTEGER PRIMARY KEY, body BLOB)`,
		`INSERT INTO filler WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3900) SELECT i, randomblob(3000) FROM n`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "filler")
	write := func() error {
		_, err := db.ExecContext(ctx, `UPDATE filler SET body = randomblob(3000) WHERE id = 1`)
		return err
	}
	for n := 0; err == nil && n < 500; n++ {
		leave(t, path, 20<<10)
		err = write()
	}
	shown, ok := errors.AsType[*platen.Error](translate(err))
	if !errors.Is(err, sqlite3.IOERR_SHMSIZE) || !ok || shown.Code != platen.Unavailable || shown.Message != "the disk of the server is full" {
		t.Errorf("on a full disk: %v (%v)", shown, err)
	}
	if err := errors.Join(os.Remove(path), write()); err != nil {
		t.Error("with room again:", err)
	}
}

// leave has a file take all but so many bytes of its disk.
func leave(t *testing.T, path string, bytes int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var disk syscall.Statfs_t
	info, err := file.Stat()
	if err == nil {
		err = syscall.Statfs(path, &disk)
	}
	if err == nil {
		err = syscall.Fallocate(int(file.Fd()), 0, 0, info.Size()+int64(disk.Bavail)*disk.Bsize)
	}
	if err == nil {
		err = file.Truncate(info.Size() + int64(disk.Bavail)*disk.Bsize - bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
}
