//go:build unix

package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/sqlite"
)

// jobValue reads the property n of a job from the database of a directory.
func jobValue(t *testing.T, dir string, job platen.ID) string {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := list.Decode()
	if err != nil || len(pairs) != 1 {
		t.Fatal(pairs, err)
	}
	return pairs[0].Value
}

// A killedServer is the directory of a server that was killed, so that its
// log is left, with a backup from before its last writes.
type killedServer struct {
	data, backup string
	job          platen.ID
}

// firstKilled is the server that was killed; tests get copies of it.
var firstKilled struct {
	once sync.Once
	job  platen.ID
	// The files of its directory and the backup, by name.
	data   map[string][]byte
	backup []byte
}

// killed returns one whose job has the value old in the backup, and new.
func killed(t *testing.T) killedServer {
	t.Helper()
	long(t)
	first := &firstKilled
	first.once.Do(func() {
		k := makeKilled(t)
		first.job, first.data = k.job, make(map[string][]byte)
		entries, err := os.ReadDir(k.data)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !entry.Type().IsRegular() {
				continue
			}
			if first.data[entry.Name()], err = os.ReadFile(filepath.Join(k.data, entry.Name())); err != nil {
				t.Fatal(err)
			}
		}
		if first.backup, err = os.ReadFile(k.backup); err != nil {
			t.Fatal(err)
		}
	})
	if first.backup == nil {
		t.Fatal("the first test that needs a killed server could not make one")
	}
	k := killedServer{data: t.TempDir(), backup: filepath.Join(t.TempDir(), "backup.db"), job: first.job}
	for name, data := range first.data {
		if err := os.WriteFile(filepath.Join(k.data, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(k.backup, first.backup, 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

func makeKilled(t *testing.T) killedServer {
	t.Helper()
	k := killedServer{data: t.TempDir(), backup: filepath.Join(t.TempDir(), "backup.db")}
	p := serveProcess(t, k.data)
	c := p.client(t)
	made, err := c.Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[{"properties":[{"name":"n","value":"old"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	k.job = made.Children[0]
	if code, _, stderr := command(nil, "", "backup", k.backup, "--data", k.data); code != 0 {
		t.Fatal(stderr)
	}
	for i := range 200 {
		value := fmt.Sprint(i, strings.Repeat("x", 5000))
		if i == 199 {
			value = "new"
		}
		if err := c.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: k.job, Pairs: []platen.NameValue{{Name: "n", Value: value}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	if info, err := os.Stat(filepath.Join(k.data, "platen.db-wal")); err != nil || info.Size() == 0 {
		t.Fatal("the server has left no log: ", err)
	}
	return k
}

// TestRestoreBesideLog restores where the database is gone and its log is not,
// which belongs to another database than the restored one.
func TestRestoreBesideLog(t *testing.T) {
	t.Parallel()
	long(t)
	k := killed(t)
	if err := os.Remove(filepath.Join(k.data, "platen.db")); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(nil, "", "restore", k.backup, "--data", k.data)
	if code != 0 || !strings.Contains(stdout, "checked") || !strings.Contains(stdout, "what was left of a database is now "+filepath.Join(k.data, "platen.db.before-")) {
		t.Fatal(code, stdout, stderr)
	}
	if kept, _ := filepath.Glob(filepath.Join(k.data, "platen.db.before-*-wal")); len(kept) != 1 {
		t.Errorf("the log is not kept: %v", kept)
	}
	p := serveProcess(t, k.data)
	p.stop(t)
	if got := jobValue(t, k.data, k.job); got != "old" {
		t.Errorf("the job has %.20q, and %q in the backup", got, "old")
	}
	if code, _, stderr := command(nil, "", "backup", k.backup+"2", "--data", k.data); code != 0 {
		t.Error("the restored database is damaged:", stderr)
	}
	// Beside the database it goes into that, which is kept.
	k = killed(t)
	if code, stdout, stderr = command(nil, "", "restore", k.backup, "--data", k.data, "--replace"); code != 0 {
		t.Fatal(stderr)
	}
	kept := strings.TrimSpace(stdout[strings.Index(stdout, "is now ")+len("is now "):])
	other := t.TempDir()
	if code, _, stderr = command(nil, "", "restore", kept, "--data", other); code != 0 {
		t.Fatal(stderr)
	}
	if got, before := jobValue(t, k.data, k.job), jobValue(t, other, k.job); got != "old" || before != "new" {
		t.Errorf("restored %.20q, kept %.20q", got, before)
	}
}

// TestRestoreCutOff makes the state that a restore leaves which is killed
// after each of its steps. A server that starts then works with one of the two
// databases, or is refused with what to type.
func TestRestoreCutOff(t *testing.T) {
	t.Parallel()
	long(t)
	in := func(k killedServer, name string) string { return filepath.Join(k.data, name) }
	copyTo := func(from, to string, part int) error {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data[:len(data)*part/100], 0o600)
	}
	rename := func(k killedServer, suffix string) error {
		return os.Rename(in(k, "platen.db"+suffix), in(k, "platen.db.before-20260101T000000Z"+suffix))
	}
	for _, test := range []struct {
		name string
		make func(killedServer) error
		want string // the value of the job, or what the message says
	}{
		{"half of the copy", func(k killedServer) error { return copyTo(k.backup, in(k, "platen.db.restored"), 50) }, "new"},
		{"all of the copy", func(k killedServer) error { return copyTo(k.backup, in(k, "platen.db.restored"), 100) }, "new"},
		{"database moved, log not", func(k killedServer) error {
			return errors.Join(copyTo(k.backup, in(k, "platen.db.restored"), 100), rename(k, ""))
		}, "a restore was cut off"},
		{"all moved", func(k killedServer) error {
			return errors.Join(copyTo(k.backup, in(k, "platen.db.restored"), 100), rename(k, ""), rename(k, "-wal"), rename(k, "-shm"))
		}, "a restore was cut off"},
		{"in place", func(k killedServer) error {
			return errors.Join(copyTo(k.backup, in(k, "platen.db"), 100), os.Remove(in(k, "platen.db-wal")), os.Remove(in(k, "platen.db-shm")))
		}, "old"},
		{"nothing before, half of the copy", func(k killedServer) error {
			for _, name := range []string{"platen.db", "platen.db-wal", "platen.db-shm", "platen.id", "platen.holder"} {
				if err := os.Remove(in(k, name)); err != nil {
					return err
				}
			}
			return copyTo(k.backup, in(k, "platen.db.restored"), 50)
		}, "a restore was cut off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k := killed(t)
			if err := test.make(k); err != nil {
				t.Fatal(err)
			}
			if test.want == "old" || test.want == "new" {
				serveProcess(t, k.data).stop(t)
				if got := jobValue(t, k.data, k.job); got != test.want {
					t.Errorf("the job has %.20q, want %q", got, test.want)
				}
				if _, err := os.Stat(in(k, "platen.db.restored")); err == nil {
					t.Error("the copy is left")
				}
				return
			}
			code, stderr := runWithin(t.Context(), "serve", "--listen", "127.0.0.1:0", "--data", k.data)
			if code != 1 || !strings.Contains(stderr, test.want) || !strings.Contains(stderr, "platen restore FILE --data "+k.data) {
				t.Errorf("serve: %d %s", code, stderr)
			}
			if code, _, stderr := command(nil, "", "restore", k.backup, "--data", k.data); code != 0 {
				t.Fatal("restore again:", stderr)
			}
			if got := jobValue(t, k.data, k.job); got != "old" {
				t.Errorf("restored, the job has %.20q", got)
			}
		})
	}
}

// TestRestoreKilled kills restores at any moment, and looks whether there is
// then ever an empty database.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	long(t)
	k := killed(t)
	refused, worked := 0, 0
	for range 12 {
		cmd := exec.Command(os.Args[0], "restore", k.backup, "--data", k.data, "--replace")
		cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Millisecond + rand.N(80*time.Millisecond))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		switch err := sqlite.Present(k.data); {
		case err == nil:
			worked++
			if got := jobValue(t, k.data, k.job); got != "old" && got != "new" {
				t.Fatalf("the job has %q", got)
			}
		case platen.ErrorCode(err) == platen.Conflict && strings.Contains(err.Error(), "a restore was cut off"):
			refused++
		default:
			t.Fatal(err)
		}
	}
	t.Logf("%d had a database, %d were refused", worked, refused)
	if code, _, stderr := command(nil, "", "restore", k.backup, "--data", k.data, "--replace"); code != 0 {
		t.Fatal(stderr)
	}
	if got := jobValue(t, k.data, k.job); got != "old" {
		t.Errorf("the job has %q", got)
	}
}

// TestDamaged starts a server on a database whose end is cut off.
func TestDamaged(t *testing.T) {
	t.Parallel()
	long(t)
	k := killed(t)
	serveProcess(t, k.data).stop(t) // its log is brought in
	path := filepath.Join(k.data, "platen.db")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2/4096*4096); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"user", "list"}, {"backup", filepath.Join(t.TempDir(), "b")}} {
		code, stderr := runWithin(t.Context(), append(args, "--data", k.data)...)
		if code != 1 || !strings.Contains(stderr, path+" is damaged") || !strings.Contains(stderr, "platen restore FILE --replace --data") || strings.Contains(stderr, "_pragma") {
			t.Errorf("%v: %d %s", args, code, stderr)
		}
	}
}

// TestDamagedRows damages a page of rows that a start reads: serve and check say so, and
// what to do.
func TestDamagedRows(t *testing.T) {
	t.Parallel()
	long(t)
	for _, table := range []string{"secret", "operation"} {
		data := t.TempDir()
		if code, _, stderr := command(nil, "", "user", "add", "one", "--generate", "--data", data); code != 0 {
			t.Fatal(stderr)
		}
		path := filepath.Join(data, "platen.db")
		db, err := sql.Open("sqlite3", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		var page, size int64
		if err := db.QueryRow(`SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = ?`, table).Scan(&page, &size); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(bytes.Repeat([]byte{0x55}, int(size)), (page-1)*size); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"check", "--listen", "127.0.0.1:0"}} {
			code, stdout, stderr := command(nil, "", append(args, "--data", data)...)
			if said := stdout + stderr; code != 1 || !strings.Contains(said, path+" is damaged") || !strings.Contains(said, "platen restore FILE --replace --data") {
				t.Errorf("%s, %v: %d %s", table, args, code, said)
			}
		}
	}
}

// TestBackupKilled kills a backup. What it leaves is no backup, keeps no other
// from being made, and goes with that.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	data, backups := t.TempDir(), t.TempDir()
	p := serveProcess(t, data)
	document := `{"metadata":[{"name":"n","value":"` + strings.Repeat("x", 1000) + `"}]},`
	if _, err := p.client(t).Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[`+strings.Repeat(document, 20_000)+`{}]}`)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(backups, "monday.db")
	part := filepath.Join(file+".part", "unfinished.db")
	cmd := exec.Command(os.Args[0], "backup", file, "--data", data)
	cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for size := int64(0); size == 0; time.Sleep(100 * time.Microsecond) {
		if info, err := os.Stat(part); err == nil {
			size = info.Size()
		}
	}
	if err := cmd.Process.Signal(pgtest.Pause); err != nil { // else it may end meanwhile
		t.Fatal(err)
	}
	if code, _, stderr := command(nil, "", "backup", file, "--data", data); code != 1 || !strings.Contains(stderr, fmt.Sprintf("another backup is being written in %s.part: process %d", file, cmd.Process.Pid)) {
		t.Errorf("a second backup meanwhile: %d %s", code, stderr)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the backup ended before it was killed")
	}
	for _, file := range []string{file, file + ".part"} {
		if code, _, stderr := command(nil, "", "restore", file, "--data", t.TempDir()); code == 0 {
			t.Errorf("%s was taken for a backup: %s", file, stderr)
		}
	}
	if code, _, stderr := command(nil, "", "backup", file, "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	if left, err := os.ReadDir(backups); err != nil || len(left) != 1 || left[0].Name() != "monday.db" {
		t.Errorf("%v is left: %v", left, err)
	}
	if err := os.Mkdir(file+".part", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(file+".part", "theirs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := command(nil, "", "backup", file, "--overwrite", "--data", data); code != 1 {
		t.Error("a directory of somebody else's was removed, or left without a word:", code)
	}
	if _, err := os.Stat(filepath.Join(file+".part", "theirs")); err != nil {
		t.Error(err)
	}
}

// TestUserWaits changes a password while a transaction holds the database for
// longer than a request would wait for it.
func TestUserWaits(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := serveProcess(t, data)
	c := p.client(t)
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(data, "platen.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		code   int
		stderr string
	}
	ended := make(chan result, 1)
	go func() {
		code, stderr := runWithin(t.Context(), "user", "passwd", adminName, "--data", data)
		ended <- result{code, stderr}
	}()
	interrupted, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said strings.Builder
	code := run(interrupted, []string{"user", "passwd", adminName, "--data", data}, environment{
		getenv: func(string) string { return "" }, stdin: strings.NewReader("a new password\n"), stdout: io.Discard,
		stderr: writerFunc(func(b []byte) (int, error) {
			if said.Write(b); strings.Contains(said.String(), "waiting for the server's current transaction") {
				cancel()
			}
			return len(b), nil
		}),
	})
	if code != 1 || !strings.Contains(said.String(), "nothing was changed") {
		t.Errorf("interrupted: %d %s", code, said.String())
	}
	select {
	case r := <-ended:
		t.Fatalf("it did not wait: %d %s", r.code, r.stderr)
	case <-time.After(10 * time.Second):
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if r := <-ended; r.code != 0 || strings.Count(r.stderr, "waiting for the server's current transaction") != 1 {
		t.Errorf("%d %s", r.code, r.stderr)
	}
	if _, err := c.Version(t.Context()); err == nil {
		t.Error("a token outlived its password")
	}
}

// TestCutOff ends a backup and a restore before they are done. Both say what that means.
func TestCutOff(t *testing.T) {
	t.Parallel()
	data, backup, other := t.TempDir(), filepath.Join(t.TempDir(), "one.db"), filepath.Join(t.TempDir(), "other.db")
	for _, args := range [][]string{{"user", "add", "one", "--generate", "--data", data}, {"backup", backup, "--data", data}} {
		if code, _, stderr := command(nil, "", args...); code != 0 {
			t.Fatal(args, stderr)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, stderr := runWithin(ctx, "backup", other, "--data", data); code != 1 || stderr != "platen: cut off; no backup was made\n" {
		t.Errorf("a backup: %d %s", code, stderr)
	}
	if code, stderr := runWithin(ctx, "restore", backup, "--data", data, "--replace"); code != 1 || stderr != "platen: cut off, and nothing was restored; type it again\n" {
		t.Errorf("a restore: %d %s", code, stderr)
	}
	if code, _, stderr := command(nil, "", "user", "list", "--data", data); code != 0 {
		t.Error(stderr)
	}
}
