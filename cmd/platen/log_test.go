package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serveInto starts a server whose log goes to a file.
func serveInto(t *testing.T, log *os.File) *process {
	t.Helper()
	long(t)
	p := &process{Cmd: exec.Command(os.Args[0], "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()), log: &logBuffer{}}
	p.Env = append(os.Environ(), "PLATEN_TEST_BE=1", "PLATEN_ADMIN_PASSWORD="+testPassword)
	p.Stdout, p.Stderr = p.log, log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	listening := regexp.MustCompile(`listening on (\S+)\n`)
	waitFor(t, "the server", func() bool {
		found := listening.FindStringSubmatch(p.log.String())
		if found != nil {
			p.url = found[1]
		}
		return found != nil
	})
	return p
}

// pipe returns a pipe, whose ends are closed after the test.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// TestLogWithoutReader ends what reads the log of a server: the server goes on.
func TestLogWithoutReader(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	p := serveInto(t, w)
	_ = r.Close()
	for range 3 {
		if _, _, err := p.request("GET", "/api/v1/server", nil); err != nil {
			t.Fatal("after the reader of the log has ended:", err)
		}
		time.Sleep(20 * time.Millisecond) // the line is written
	}
}

// TestStalledLog has a server whose log nobody reads: requests go on, lines are
// dropped and counted, and it stops when it is told to.
func TestStalledLog(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	r, w := pipe(t)
	p := serveInto(t, w)
	path := "/rest/serverengine/" + strings.Repeat("x", 8<<10)
	fill := func() {
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for range 100 { // more than the pipe and the server keep
					begin := time.Now()
					if _, _, err := p.request("GET", path, nil); err != nil {
						t.Error(err)
						return
					}
					if took := time.Since(begin); took > 15*time.Second {
						t.Errorf("a request waited %v for the log", took)
					}
				}
			})
		}
		clients.Wait()
	}
	fill()
	read := make(chan string, 1)
	go func() {
		var text strings.Builder
		part := make([]byte, 64<<10)
		for !strings.Contains(text.String(), "lines were dropped") {
			n, err := r.Read(part)
			if err != nil {
				break
			}
			text.Write(part[:n])
		}
		read <- text.String()
	}()
	select {
	case text := <-read:
		if !regexp.MustCompile(`lines were dropped" lines=[1-9]`).MatchString(text) {
			t.Error("no line says how many were dropped")
		}
	case <-time.After(time.Minute):
		t.Fatal("the log does not go on")
	}
	fill()
	begin := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = p.Wait(); close(ended) }()
	select {
	case <-ended:
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("the stop took %v", took)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a server whose log nobody reads does not stop")
	}
}
