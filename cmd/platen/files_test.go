//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// openUmask lets files be readable by all, as far as platen does not mind.
func openUmask(t *testing.T) {
	was := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(was) })
}

// watchModes looks at all below root until the test ends, and fails if others
// than the owner may do anything with a file whose name begins with one of
// names, at any moment. looks is how often it has looked.
func watchModes(t *testing.T, root string, names ...string) (looks func() int) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	rounds, open := 0, map[string]fs.FileMode{}
	ours := func(name string) bool {
		for _, prefix := range names {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	}
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				if err != nil {
					return nil // it is gone
				}
				if info, err := entry.Info(); err == nil && ours(entry.Name()) && info.Mode().Perm()&0o077 != 0 {
					mu.Lock()
					open[path] = info.Mode()
					mu.Unlock()
				}
				return nil
			})
			mu.Lock()
			rounds++
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		for path, mode := range open {
			t.Errorf("%s was open to others: %v", path, mode)
		}
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return rounds
	}
}

// platenProcess runs platen in a process of its own.
func platenProcess(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	err = cmd.Run()
	return out.String(), errors.String(), err
}

// asNobody prepares a command to run as a user who owns nothing.
func asNobody(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	return cmd
}

// TestPrivateFiles runs each command that writes files under a umask that lets
// everybody read, and lets another user try.
func TestPrivateFiles(t *testing.T) {
	long(t)
	root := t.TempDir()
	openUmask(t)
	data, copied, back, restored, backups := filepath.Join(root, "data"), filepath.Join(root, "copied"), filepath.Join(root, "back"), filepath.Join(root, "restored"), filepath.Join(root, "backups")
	for _, dir := range []string{data, copied, back, restored, backups} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	looks := watchModes(t, root, "platen.", "monday.db", "platen-")
	p := serveProcess(t, data)
	c := p.client(t)
	made, err := c.Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[{"properties":[{"name":"a","value":"b"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: made.Children[0], Pairs: []platen.NameValue{{Name: "a", Value: "c"}}}); err != nil {
		t.Fatal(err)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid)); err == nil && !strings.Contains(string(status), "Umask:\t0077") {
		t.Errorf("the server has not set its umask: %s", status)
	}
	backup := filepath.Join(backups, "monday.db")
	run := func(args ...string) {
		t.Helper()
		if _, stderr, err := platenProcess(t, args...); err != nil {
			t.Fatalf("%v: %v %s", args, err, stderr)
		}
	}
	run("user", "add", "two", "--generate", "--data", data)
	run("backup", backup, "--data", data)
	left := []string{backup}
	list := func() {
		t.Helper()
		for _, dir := range []string{data, copied, back, restored} {
			found, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, found...)
		}
	}
	list() // with the server's log and shared memory
	for _, name := range []string{"platen.db", "platen.db-wal", "platen.db-shm", "platen.lock", "platen.holder", "platen.id"} {
		if _, err := os.Stat(filepath.Join(data, name)); err != nil {
			t.Error(err)
		}
	}
	nobodyReads(t, left)
	p.stop(t)
	if !strings.Contains(p.log.String(), data+" was open to other users") || !strings.Contains(p.log.String(), "mode 0755") {
		t.Errorf("the log does not say that the directory was open: %s", p.log)
	}
	run("copy", "--from", data, "--to", copied)
	run("restore", backup, "--data", restored)
	run("restore", backup, "--data", restored, "--replace")
	list()
	nobodyReads(t, left)
	if looks() < 10 {
		t.Errorf("the modes were looked at %d times only", looks())
	}
}

// nobodyReads fails if another user can read one of the files.
func nobodyReads(t *testing.T, files []string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if out, err := asNobody(t, exec.Command("cat", file)).CombinedOutput(); err == nil {
			t.Errorf("another user reads %d bytes of %s", len(out), file)
		}
		// Nor would it if the directory were open.
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
}

// TestModesMended opens what a version before left open to others: each
// command closes it, and says so.
func TestModesMended(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if code, _, stderr := command(nil, "", "user", "add", "one", "--generate", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	database, lock := filepath.Join(data, "platen.db"), filepath.Join(data, "platen.lock")
	for _, args := range [][]string{
		{"backup", backup, "--data", data},
		{"user", "list", "--data", link},
		{"copy", "--from", data, "--to", filepath.Join(t.TempDir(), "copy")},
		{"restore", backup, "--data", data, "--replace"},
		{"serve", "--listen", "127.0.0.1:0", "--data", link},
	} {
		for path, mode := range map[string]fs.FileMode{data: 0o751, database: 0o644, lock: 0o640} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var stderr bytes.Buffer
		code := run(ctx, args, environment{
			getenv: func(string) string { return "" }, stdin: strings.NewReader(""),
			stdout: writerFunc(func(b []byte) (int, error) { // serve listens
				cancel()
				return len(b), nil
			}), stderr: &stderr,
		})
		cancel()
		if code != 0 {
			t.Errorf("%v: %d %s", args, code, &stderr)
		}
		for path, want := range map[string]struct {
			now fs.FileMode
			was string
		}{data: {0o700, "0751"}, database: {0o600, "0644"}, lock: {0o600, "0640"}} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want.now {
				t.Errorf("%v: %s has mode %v, want %v: %v", args, path, info.Mode(), want.now, err)
			}
			if said := "was open to other users of the machine (mode " + want.was + ")"; !strings.Contains(stderr.String(), said) {
				t.Errorf("%v: nothing of %s, which %s, in %s", args, path, said, &stderr)
			}
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestModesNotMended starts a server as a user who may write to a directory,
// and not change its mode.
func TestModesNotMended(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(root, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chmod(data, 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := asNobody(t, exec.Command(binary(t, root), "serve", "--listen", "127.0.0.1:0", "--data", data))
	cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
	out, err := cmd.CombinedOutput()
	if want := "chmod 0700 " + data; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v %s; want %q", err, out, want)
	}
	if left, _ := os.ReadDir(data); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestOthersDirectory runs commands as a user whom the database, the backup or the
// directory does not belong to. Each says so, and what to do.
func TestOthersDirectory(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	data, closed, backup := filepath.Join(root, "data"), filepath.Join(root, "closed"), filepath.Join(root, "backup.db")
	for _, args := range [][]string{
		{"user", "add", "one", "--generate", "--data", data},
		{"user", "add", "one", "--generate", "--data", closed},
		{"backup", backup, "--data", data},
	} {
		if code, _, stderr := command(nil, "", args...); code != 0 {
			t.Fatal(args, stderr)
		}
	}
	program := binary(t, root)
	// The directory is its user's, who may not write to it.
	for _, path := range []string{filepath.Join(closed, "platen.db"), closed} {
		if err := errors.Join(os.Chown(path, 65534, 65534), os.Chmod(path, 0o500)); err != nil {
			t.Skip("only root can make files another user's: ", err)
		}
	}
	const start = "start platen as the user"
	for _, one := range []struct {
		args []string
		want string
	}{
		{[]string{"user", "list", "--data", data}, "this user may not open " + data},
		{[]string{"backup", filepath.Join(root, "x.db"), "--data", data}, "this user may not open " + data},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, "this user may not open " + data},
		{[]string{"check", "--listen", "127.0.0.1:0", "--data", data}, "this user may not open " + data},
		{[]string{"user", "list", "--data", closed}, "this user may not "},
		{[]string{"restore", backup, "--data", filepath.Join(root, "restored")}, "this user may not open " + backup},
	} {
		cmd := asNobody(t, exec.Command(program, one.args...))
		cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
		out, err := cmd.CombinedOutput()
		next := start
		if one.args[0] == "restore" {
			next = "run the command as a user who may"
		}
		if err == nil || !strings.Contains(string(out), one.want) || !strings.Contains(string(out), next) {
			t.Errorf("%v: %v %s; want %q and %q", one.args, err, out, one.want, next)
		}
	}
}

// TestExportInto exports to what is no file of its own: a link stays one, a pipe is
// written to, a directory is refused.
func TestExportInto(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, t.TempDir())
	env := map[string]string{"PLATEN_PASSWORD": testPassword, "PLATEN_SERVER": p.url}
	if code, _, stderr := command(env, `{"id":7,"jobs":[{"id":8}]}`, "import", "-"); code != 0 {
		t.Fatal(stderr)
	}
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(file, []byte("before"), 0o600), os.Symlink("file", link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(pipe)
		read <- string(text)
	}()
	for _, into := range []string{link, pipe} {
		was, err := os.Lstat(into)
		if err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := command(env, "", "export", "7", "--output", into); code != 0 {
			t.Fatal(stderr)
		}
		if is, err := os.Lstat(into); err != nil || is.Mode() != was.Mode() {
			t.Fatalf("%s was %v and is %v: %v", into, was.Mode(), is.Mode(), err)
		}
	}
	text, err := os.ReadFile(file)
	if got := <-read; err != nil || !strings.Contains(got, `"id":8`) || got != string(text) {
		t.Errorf("there is %q in the pipe, and %q in the file: %v", got, text, err)
	}
	if code, _, stderr := command(env, "", "export", "7", "--output", dir); code != 1 || !strings.Contains(stderr, "is a directory: name a file in it") {
		t.Errorf("into a directory: %d %s", code, stderr)
	}
}

// binary makes this program one that other users can run.
func binary(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "platen.test")
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(to.Close(), os.Chmod(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRootLeavesNothing changes users as root beneath the database of another
// user, whose server must be able to go on with it.
func TestRootLeavesNothing(t *testing.T) {
	t.Parallel()
	long(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chown(data, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := platenProcess(t, "user", "add", "one", "--generate", "--data", data); err != nil {
		t.Fatal(err, stderr)
	}
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) < 3 {
		t.Fatal(entries, err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != 65534 {
			t.Errorf("%s belongs to %d: %v", entry.Name(), info.Sys().(*syscall.Stat_t).Uid, err)
		}
	}
}

// TestSecondServerWithoutLockFile deletes the files of the lock beneath a
// server. The next one is refused all the same, and told whom it meets.
func TestSecondServerWithoutLockFile(t *testing.T) {
	t.Parallel()
	long(t)
	data := t.TempDir()
	p := serveProcess(t, data)
	for _, name := range []string{"platen.lock", "platen.holder"} {
		if err := os.Remove(filepath.Join(data, name)); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{data, link} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		code, stderr := runWithin(ctx, "serve", "--listen", "127.0.0.1:0", "--data", dir)
		cancel()
		if want := fmt.Sprintf("process %d, listening on", p.Process.Pid); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("a second server in %s: exit code %d, %q; want 1, %q", dir, code, stderr, want)
		}
	}
	if code, stderr := runWithin(t.Context(), "restore", "none", "--data", data); code != 1 {
		t.Error(code, stderr)
	}
	p.stop(t)
	serveProcess(t, data).stop(t)
}

// runWithin runs a command in this process until it ends or ctx does.
func runWithin(ctx context.Context, args ...string) (code int, stderr string) {
	var errors bytes.Buffer
	code = run(ctx, args, environment{
		getenv: func(string) string { return "" }, stdin: strings.NewReader("a new password\n"), stdout: io.Discard, stderr: &errors,
	})
	return code, errors.String()
}
