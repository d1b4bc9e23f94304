package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/pgtest"
)

const testPassword = "correct horse"

// TestMain lets the test binary be platen, so that tests run real processes.
func TestMain(m *testing.M) {
	if os.Getenv("PLATEN_TEST_BE") != "" {
		main()
	}
	testscript.Main(stopping{m}, map[string]func(){"platen": main, "background": background})
}

// stopping stops the PostgreSQL that tests shared.
type stopping struct{ m *testing.M }

func (s stopping) Run() int { return pgtest.RunTests(s.m) }

// background runs platen with its output in a file, as a shell with
// "> FILE 2>&1 &" does: background FILE ARGUMENT....
func background() {
	out, err := os.Create(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout, os.Stderr = out, out
	os.Args = append(os.Args[:1], os.Args[2:]...)
	main()
}

// A process is a platen that serves.
type process struct {
	*exec.Cmd
	url string
	log *logBuffer
}

// A logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// Bytes returns what has been written until now.
func (l *logBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func (l *logBuffer) String() string { return string(l.Bytes()) }

// long skips a test with -short: it takes long, or runs servers as processes.
func long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
}

// option is the flag for where a test's database is.
func option(where string) string {
	if strings.Contains(where, "://") {
		return "--database=" + where
	}
	return "--data=" + where
}

func serveProcess(t *testing.T, where string, env ...string) *process {
	t.Helper()
	return serveProcessBy(t, where, func(args []string) []string { return args }, env...)
}

// serveProcessBy starts a server by a command that runs its arguments.
func serveProcessBy(t *testing.T, where string, by func(args []string) []string, env ...string) *process {
	t.Helper()
	long(t)
	args := by([]string{os.Args[0], "serve", "--listen", "127.0.0.1:0", option(where)})
	p := &process{Cmd: exec.Command(args[0], args[1:]...), log: &logBuffer{}}
	p.Env = append(append(os.Environ(), "PLATEN_TEST_BE=1", "PLATEN_ADMIN_PASSWORD="+testPassword), env...)
	p.Stderr = p.log
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	text := make([]byte, 0, 1000)
	for p.url == "" {
		part := make([]byte, 200)
		n, err := out.Read(part)
		text = append(text, part[:n]...)
		if found := regexp.MustCompile(`listening on (\S+)\n`).FindSubmatch(text); found != nil {
			p.url = string(found[1])
		} else if err != nil {
			t.Fatalf("the server did not start: %s %s", text, p.log)
		}
	}
	go io.Copy(io.Discard, out)
	return p
}

func (p *process) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(p.url, adminName, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// command runs a command in this process.
func command(env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errors bytes.Buffer
	code = run(context.Background(), args, environment{
		getenv: func(name string) string { return env[name] },
		stdin:  strings.NewReader(stdin), stdout: &out, stderr: &errors,
	})
	return code, out.String(), errors.String()
}

// onEach runs a test on each database, beside others.
func onEach(t *testing.T, test func(t *testing.T, database string)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, t.TempDir())
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.Database(t))
	})
}

// TestKill kills a server under load, and looks for every write that it had
// acknowledged.
func TestKill(t *testing.T) {
	onEach(t, testKill)
}

func testKill(t *testing.T, data string) {
	ctx := context.Background()
	var jobs []platen.ID
	acknowledged := make(map[platen.ID]int)
	for round := range 3 {
		p := serveProcess(t, data)
		c := p.client(t)
		if round == 0 {
			made, err := c.Import(ctx, platen.JobSet, strings.NewReader(`{"jobs":[`+strings.Repeat(`{},`, 15)+`{}]}`))
			if err != nil {
				t.Fatal(err)
			}
			jobs = made.Children
		}
		var mu sync.Mutex
		written := 0
		var writers sync.WaitGroup
		for _, job := range jobs {
			from := acknowledged[job]
			writers.Go(func() {
				for n := from + 1; ; n++ {
					err := c.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "n", Value: fmt.Sprint(n)}}})
					if err != nil {
						return
					}
					mu.Lock()
					acknowledged[job] = n
					written++
					mu.Unlock()
				}
			})
		}
		waitFor(t, "writes that are acknowledged", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return written > 100
		})
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		writers.Wait()
		_ = p.Wait()

		p = serveProcess(t, data)
		c = p.client(t)
		for _, job := range jobs {
			pairs, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			if len(pairs) == 1 {
				fmt.Sscan(pairs[0].Value, &got)
			}
			// The write that was under way may have been stored.
			if want := acknowledged[job]; got != want && got != want+1 {
				t.Errorf("job %d has %d, but %d was acknowledged", job, got, want)
			}
			acknowledged[job] = got
		}
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("stop: %v\n%s", err, p.log)
		}
	}
}

// TestSecondServer checks that a directory has one server, and that the
// second is told who it is; and that users change beneath a running one.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := serveProcess(t, data)
	code, _, stderr := command(nil, "", "serve", "--listen", "127.0.0.1:0", "--data", data)
	if want := fmt.Sprintf("process %d, listening on", p.Process.Pid); code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("a second server: exit code %d, %q; want 1, %q", code, stderr, want)
	}
	c := p.client(t)
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(nil, "another password\n", "user", "passwd", adminName, "--data", data); code != 0 {
		t.Fatalf("user passwd: %d %s", code, stderr)
	}
	if _, err := c.Version(t.Context()); err == nil {
		t.Error("a token outlived its password")
	}
	if code, _, stderr := command(nil, "", "user", "add", "two", "--generate", "--data", data); code != 0 {
		t.Fatalf("user add: %d %s", code, stderr)
	}
	if _, stdout, _ := command(nil, "", "user", "list", "--data", data); !strings.Contains(stdout, adminName) || !strings.Contains(stdout, "two") {
		t.Errorf("user list: %s", stdout)
	}
	if code, _, stderr := command(nil, "", "user", "remove", "two", "--data", data); code != 0 {
		t.Errorf("user remove: %d %s", code, stderr)
	}
	if code, _, stderr := command(nil, "", "user", "remove", adminName, "--data", data); code != 1 || !strings.Contains(stderr, "last admin") {
		t.Errorf("user remove the last: %d %s", code, stderr)
	}
}

// TestTransfer imports and exports by the commands.
func TestTransfer(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, t.TempDir())
	env := map[string]string{"PLATEN_PASSWORD": testPassword, "PLATEN_SERVER": p.url}
	code, stdout, stderr := command(env, `{"id":7,"jobs":[{"id":8,"properties":[{"name":"a","value":"b"}]}]}`, "import", "-")
	if code != 0 || stdout != "job set 7\njobs 8\n" {
		t.Fatalf("import: %d %q %q", code, stdout, stderr)
	}
	file := filepath.Join(t.TempDir(), "set.json")
	if code, _, stderr := command(env, "", "export", "7", "--output", file); code != 0 {
		t.Fatalf("export: %d %s", code, stderr)
	}
	if code, _, stderr := command(env, "", "import", file); code != exitConflict || !strings.Contains(stderr, "nothing was imported") || !strings.Contains(stderr, "taken") {
		t.Errorf("import again: %d %q", code, stderr)
	}
	for _, args := range [][]string{{"import"}, {"export", "x"}, {"nothing"}, {"serve", "--nothing"}, {"serve", "--token-ttl", "0s"}, {"serve", "--no-auth", "--listen", "0.0.0.0:0"}} {
		if code, _, stderr := command(nil, "", args...); code != 2 || stderr == "" {
			t.Errorf("platen %v: %d %q, want 2 and a word why", args, code, stderr)
		}
	}
}
