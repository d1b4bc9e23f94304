//go:build unix

package sqlite_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storage"
)

// TestModes looks at the modes of all files at any moment while this process,
// whose umask lets everybody read, opens, writes, backs up and restores.
func TestModes(t *testing.T) {
	ctx := t.Context()
	was := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(was) })
	root := t.TempDir()
	data, file, other := filepath.Join(root, "data"), filepath.Join(root, "backup.db"), filepath.Join(root, "other")
	stop, rounds, seen := make(chan struct{}), 0, make(map[string]bool)
	open := make(map[string]fs.FileMode)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for ; ; rounds++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || path == root {
					return nil
				}
				if info, err := entry.Info(); err == nil {
					seen[filepath.Base(path)] = true
					if info.Mode().Perm()&0o077 != 0 {
						open[path] = info.Mode()
					}
				}
				return nil
			})
		}
	})
	for range 3 {
		s, err := sqlite.Open(ctx, data, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		someJobs(t, s, 5000)
		if _, err := sqlite.Backup(ctx, data, file, true); err != nil {
			t.Fatal(err)
		}
		users, err := sqlite.OpenUsers(ctx, data, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(users.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := sqlite.Restore(ctx, file, other, true); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	watcher.Wait()
	for path, mode := range open {
		t.Errorf("%s was open to others: %v", path, mode)
	}
	for _, name := range []string{"platen.db", "platen.db-wal", "platen.db-shm", "platen.id", "unfinished.db"} {
		if !seen[name] {
			t.Errorf("%s was not seen in %d rounds", name, rounds)
		}
	}
}

// TestUsersLeaveNotes keeps the users of a directory open for longer than an
// indexer would wait: the notes that are the server's are left alone.
func TestUsersLeaveNotes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	s, err := sqlite.Open(ctx, dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	jobs := someJobs(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO find_stale (id, kind) VALUES (?, ?)`, int64(jobs[0]), int64(platen.Job)); err != nil {
		t.Fatal(err)
	}
	users, err := sqlite.OpenUsers(ctx, dir, func() {})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // what is not done can only be waited for
	if err := users.AddUser(ctx, storage.User{Name: "one", Password: "x", Changed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := users.Close(); err != nil {
		t.Fatal(err)
	}
	var notes int
	if err := db.QueryRow(`SELECT count(*) FROM find_stale`).Scan(&notes); err != nil || notes != 1 {
		t.Errorf("%d notes are left of 1: %v", notes, err)
	}
}
