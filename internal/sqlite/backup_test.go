package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storage"
)

// TestBackup backs up a store while writers go on, and restores it elsewhere.
func TestBackup(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s, err := sqlite.Open(ctx, dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	jobs := someJobs(t, s, 8)
	var acknowledged [8]atomic.Int64
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for i, job := range jobs {
		writers.Go(func() {
			for n := int64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				update := platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "n", Value: fmt.Sprint(n)}}}
				if err := s.Replace(ctx, platen.Job, platen.Properties, update); err != nil {
					t.Error(err)
					return
				}
				acknowledged[i].Store(n)
			}
		})
	}
	for acknowledged[0].Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	var before [8]int64
	for i := range before {
		before[i] = acknowledged[i].Load()
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	made, err := sqlite.Backup(ctx, dir, file, false)
	if err != nil {
		t.Fatal(err)
	}
	close(stop)
	writers.Wait()
	if made.Entities < 9 || made.Schema == 0 || made.Path != file {
		t.Errorf("made %+v", made)
	}
	if _, err := sqlite.Backup(ctx, dir, file, false); platen.ErrorCode(err) != platen.Conflict {
		t.Error("a backup was overwritten:", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	elsewhere := t.TempDir()
	if _, _, err := sqlite.Restore(ctx, file, elsewhere, false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := sqlite.Restore(ctx, file, elsewhere, false); platen.ErrorCode(err) != platen.Conflict {
		t.Error("a database was replaced:", err)
	}
	if got := numbers(t, elsewhere, jobs); !between(before[:], got, acknowledged[:]) {
		t.Errorf("restored %v, before the backup there was %v", got, before)
	}
	// Restored over the newer one, that one is kept.
	_, kept, err := sqlite.Restore(ctx, file, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	aside := t.TempDir()
	if _, _, err := sqlite.Restore(ctx, kept, aside, false); err != nil {
		t.Fatal(err)
	}
	for i, n := range numbers(t, aside, jobs) {
		if n != acknowledged[i].Load() {
			t.Errorf("the database that was replaced has %d of job %d, and had %d", n, i, acknowledged[i].Load())
		}
	}
}

func between(low, got []int64, high []atomic.Int64) bool {
	for i, n := range got {
		if n < low[i] || n > high[i].Load() {
			return false
		}
	}
	return true
}

func someJobs(t *testing.T, s storage.Store, n int) []platen.ID {
	t.Helper()
	set, err := spool.Temp.NewJobSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := olrest.ReadJobSet(strings.NewReader(`{"jobs":[`+strings.Repeat("{},", n-1)+`{}]}`), set); err != nil {
		t.Fatal(err)
	}
	made, err := s.CreateJobSet(t.Context(), set, storage.JobSetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Children
}

// numbers reads the property n of jobs.
func numbers(t *testing.T, dir string, jobs []platen.ID) []int64 {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := make([]int64, len(jobs))
	for i, job := range jobs {
		list, err := s.List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscanf(string(list), `[{"name":"n","value":"%d"}]`, &all[i])
	}
	return all
}

// TestBackupBesideTransaction backs up a database while somebody's transaction that
// writes does not end.
func TestBackupBesideTransaction(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s, err := sqlite.Open(ctx, dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	someJobs(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE sequence SET next = next"); err != nil {
		t.Fatal(err)
	}
	if made, err := sqlite.Backup(ctx, dir, filepath.Join(t.TempDir(), "backup.db"), false); err != nil || made.Entities != 2 {
		t.Errorf("%d entities are in the backup: %v", made.Entities, err)
	}
}

// TestBadBackup is what can be wrong with a file to restore. Nothing is left
// of it.
func TestBadBackup(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s, err := sqlite.Open(ctx, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	someJobs(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := t.TempDir()
	good := filepath.Join(files, "good")
	if _, err := sqlite.Backup(ctx, dir, good, false); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte{}, whole...)
	for i := len(damaged) / 2; i < len(damaged)/2+8192; i++ {
		damaged[i] ^= 0x55
	}
	change := func(name, statement string, from []byte) string {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, from, 0o600); err != nil {
			t.Fatal(err)
		}
		if statement != "" {
			db, err := sql.Open("sqlite3", "file:"+path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	for _, test := range []struct{ name, path, want string }{
		{"none", filepath.Join(files, "none"), "no such file"},
		{"directory", files, "is a directory: name the file of a backup"},
		{"text", change("text", "", []byte("this is no database, but long enough to be one, or so it seems at a glance, if one does not look closely at all")), "no database"},
		{"foreign", change("foreign", "CREATE TABLE x (y)", nil), "no database of platen's"},
		{"newer", change("newer", "INSERT INTO migration (version, name, checksum) VALUES (999, 'x', '')", whole), "newer platen"},
		{"cut off", change("cut", "", whole[:len(whole)/2]), "damaged"},
		{"damaged", change("damaged", "", damaged), "damaged"},
	} {
		to := t.TempDir()
		_, _, err := sqlite.Restore(ctx, test.path, to, false)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
		if left, _ := os.ReadDir(to); len(left) > 0 {
			t.Errorf("%s: %v is left", test.name, left)
		}
	}
	if _, err := sqlite.Backup(ctx, t.TempDir(), filepath.Join(files, "x"), false); err == nil {
		t.Error("a backup of nothing")
	}
}

// TestBackupTarget names files for a backup that would take the place of something
// else, with leave to overwrite: all that was there stays.
func TestBackupTarget(t *testing.T) {
	ctx := t.Context()
	dir, other, files := t.TempDir(), t.TempDir(), t.TempDir()
	for _, data := range []string{dir, other} {
		s, err := sqlite.Open(ctx, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
	}
	link := func(to, name string) string {
		path := filepath.Join(files, name)
		if err := os.Symlink(to, path); err != nil {
			t.Skip(err)
		}
		return path
	}
	socket := filepath.Join(files, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sameDir := link(dir, "same")
	for _, test := range []struct{ file, want string }{
		{"", "is empty: name a file"},
		{files, "is a directory: name a file in it"},
		{socket, "no regular file"},
		{link(socket, "to-socket"), "no regular file"},
		{link(filepath.Join(files, "nothing"), "to-nothing"), "leads to no file"},
		{filepath.Join(files, "missing", "x.db"), "there is no directory " + filepath.Join(files, "missing")},
		{filepath.Join(dir, sqlite.FileName), "a file of the database"},
		{filepath.Join(dir, "platen.db-wal"), "a file of the database"},
		{filepath.Join(dir, "platen.db-journal"), "a file of the database"},
		{filepath.Join(dir, "Platen.DB"), "a file of the database"},
		{filepath.Join(dir, "platen.id"), "a file of the database"},
		{filepath.Join(dir, "platen.lock"), "a file of the database"},
		{filepath.Join(dir, sqlite.SpoolName), "a file of the database"},
		{filepath.Join(dir, sqlite.FirstPasswordName), "a file of the database"},
		{filepath.Join(sameDir, sqlite.FileName), "a file of the database"},
		{link(filepath.Join(dir, sqlite.FileName), "to-database"), "a file of the database"},
		{filepath.Join(other, sqlite.FileName), "a file of the database"},
	} {
		before := sizes(t, dir, other, files)
		_, err := sqlite.Backup(ctx, dir, test.file, true)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v; want %q", test.file, err, test.want)
		}
		if after := sizes(t, dir, other, files); after != before {
			t.Errorf("%q: there is\n%s\nand was\n%s", test.file, after, before)
		}
	}
	// Past a link, the file that it leads to is what is replaced.
	real := filepath.Join(t.TempDir(), "real.db")
	if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	latest := link(real, "latest")
	if made, err := sqlite.Backup(ctx, dir, latest, true); err != nil || made.Path != real {
		t.Errorf("over a link: %+v, %v", made, err)
	}
	if info, err := os.Lstat(latest); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	if _, err := sqlite.Backup(ctx, dir, filepath.Join(files, sqlite.FileName), false); err != nil {
		t.Error("platen.db in a directory of backups:", err)
	}
}

// sizes lists what is in directories, but for what a server changes by itself.
func sizes(t *testing.T, dirs ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&all, dir, entry.Name(), info.Mode(), info.Size())
		}
	}
	return all.String()
}
