package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// TestFullDiskSQLite fills the disk beneath a server. It says so, also to who
// asks whether it is ready, goes on when there is room, and has lost nothing.
func TestFullDiskSQLite(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := syscall.Mount("platen", data, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Skip("no small disk can be had: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	const noFloor = "PLATEN_MIN_FREE_DISK=0" // the disk is smaller than the default
	p := serveProcess(t, data, noFloor)
	c := p.client(t)
	made, err := c.Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[{},{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	put := func(job platen.ID, value string) error {
		return c.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "n", Value: value}}})
	}
	ready := func() (int, string) {
		t.Helper()
		r, err := http.NewRequest("GET", p.url+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer(t, r)
	}
	const full = "the disk of the server is full"
	for round := range 2 {
		if status, body := ready(); status != 200 {
			t.Fatal("ready before:", status, body)
		}
		filler := filepath.Join(data, "filler")
		fill(t, filler)
		// Commits fit into the log until that has to grow.
		acknowledged := 0
		var refused error
		for n := 1; refused == nil && n < 10_000; n++ {
			if refused = put(made.Children[0], fmt.Sprint(round, "/", n, "/", strings.Repeat("x", 20_000))); refused == nil {
				acknowledged = n
			}
		}
		if said, ok := errors.AsType[*platen.Error](refused); !ok || said.Code != platen.Unavailable || !strings.Contains(said.Message, full) {
			t.Errorf("on a full disk: %v\n%s", refused, p.log)
		}
		fill(t, filler) // what the server may have given back
		awaitStatus(t, ready, 503, full)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		awaitStatus(t, ready, 200, "ok")
		pairs, err := c.List(t.Context(), platen.Ref{Kind: platen.Job, ID: made.Children[0]}, platen.Properties)
		if err != nil || acknowledged > 0 && (len(pairs) != 1 || !strings.HasPrefix(pairs[0].Value, fmt.Sprint(round, "/", acknowledged, "/"))) {
			t.Errorf("write %d was acknowledged, and there is %.40v: %v", acknowledged, pairs, err)
		}
		if err := put(made.Children[1], "after"); err != nil {
			t.Error("with room again:", err)
		}
	}
	last, err := c.List(t.Context(), platen.Ref{Kind: platen.Job, ID: made.Children[0]}, platen.Properties)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Process.Kill()
	_ = p.Wait()
	other := filepath.Join(data, "other")
	if code, _, stderr := command(nil, "", "user", "add", "one", "--generate", "--data", other); code != 0 {
		t.Fatal(stderr)
	}
	// Commands without a server make the log and its index anew, for which there is no room.
	elsewhere := t.TempDir()
	if code, _, stderr := command(nil, "", "user", "add", "one", "--generate", "--data", elsewhere); code != 0 {
		t.Fatal(stderr)
	}
	filler := filepath.Join(data, "filler")
	fill(t, filler)
	backup := filepath.Join(data, "backup")
	code, _, stderr := command(nil, "", "backup", backup, "--data", elsewhere)
	if left, err := filepath.Glob(backup + "*"); code != 1 || !strings.Contains(stderr, "there is no room for "+backup) || err != nil || len(left) > 0 {
		t.Errorf("a backup to a full disk: %d %s, and leaves %v %v", code, stderr, left, err)
	}
	for _, args := range [][]string{{"user", "list"}, {"backup", filepath.Join(t.TempDir(), "x.db")}} {
		if code, _, stderr := command(nil, "", append(args, "--data", other)...); code != 1 || !strings.Contains(stderr, "is full: make room") {
			t.Errorf("%s on a full disk: %d %s", args[0], code, stderr)
		}
	}
	// A first start says so, too.
	if code, stderr := runWithin(t.Context(), "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(data, "fresh")); code != 1 || !strings.Contains(stderr, "is full: make room") {
		t.Errorf("a start on a full disk: %d %s", code, stderr)
	}
	if code, stdout, _ := command(nil, "", "check", "--listen", "127.0.0.1:0", "--data", data); code != 1 || !strings.Contains(stdout, "takes no more data") {
		t.Errorf("check on a full disk: %d %s", code, stdout)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	// What it has left does not count as left of a database.
	serveProcess(t, filepath.Join(data, "fresh"), noFloor).stop(t)
	p = serveProcess(t, data, noFloor)
	again, err := p.client(t).List(t.Context(), platen.Ref{Kind: platen.Job, ID: made.Children[0]}, platen.Properties)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(last) {
		t.Errorf("after a kill there is %.40v, before there was %.40v: %v", again, last, err)
	}
}

// TestImportLeavesRoom imports a data set that takes more room than others must have left:
// it is broken off, updates go on, and its identifiers are free again.
func TestImportLeavesRoom(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := syscall.Mount("platen", data, "tmpfs", 0, "size=128m,mode=0700"); err != nil {
		t.Skip("no small disk can be had: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	p := serveProcess(t, data, fmt.Sprint("PLATEN_MIN_FREE_DISK=", 64<<20), "PLATEN_SPOOL_DIR="+t.TempDir(), "PLATEN_CLEANUP_EVERY=1s") // which gives room back
	c := p.client(t)
	job, err := c.Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	records := func(n int) io.Reader {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"fields":{"a":"%d%s"}}`, i, strings.Repeat("x", 1000))
		}
		return strings.NewReader(`{"id":500000,"records":[` + b.String()[1:] + `]}`)
	}
	_, err = c.Import(t.Context(), platen.DataSet, records(60_000))
	if said, ok := errors.AsType[*platen.Error](err); !ok || said.Code != platen.Unavailable || !strings.Contains(said.Message, "--min-free-disk") {
		t.Fatalf("an import that leaves too little room: %v\n%s", err, p.log)
	}
	if err := c.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job.Children[0], Pairs: []platen.NameValue{{Name: "n", Value: "after"}}}); err != nil {
		t.Error("an update after it:", err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := c.Import(t.Context(), platen.DataSet, records(1))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the identifier is not free: %v\n%s", err, p.log)
		}
	}
}

// TestImportEndsWithRoom has the room of a disk taken while an import is sent: it is
// refused then, and not once all of it has come.
func TestImportEndsWithRoom(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := syscall.Mount("platen", data, "tmpfs", 0, "size=32m,mode=0700"); err != nil {
		t.Skip("no small disk can be had: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	p := serveProcess(t, data, fmt.Sprint("PLATEN_MIN_FREE_DISK=", 8<<20))
	c := p.client(t)
	document, sent := io.Pipe()
	imported := make(chan error, 1)
	go func() {
		_, err := c.Import(t.Context(), platen.JobSet, document)
		imported <- err
	}()
	part := strings.Repeat(" ", 5000) // more than the client keeps before it sends it
	_, err := io.WriteString(sent, `{"jobs":[`+part)
	waitFor(t, "the import", func() bool {
		return strings.Contains(p.ask(t, "GET", "/metrics", ""), "platen_imports_running 1")
	})
	fill(t, filepath.Join(data, "filler"))
	for end := time.Now().Add(20 * time.Second); err == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		_, err = io.WriteString(sent, part)
	}
	if err == nil {
		t.Error("all of it is read")
	}
	_ = sent.Close()
	err = <-imported
	if said, ok := errors.AsType[*platen.Error](err); !ok || said.Code != platen.Unavailable || !strings.Contains(said.Message, "--min-free-disk") {
		t.Error("an import whose room was taken:", err)
	}
}

// answer sends a request and returns status and body.
func answer(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// awaitStatus waits until an answer is as it should be.
func awaitStatus(t *testing.T, ask func() (int, string), want int, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, body := ask()
		if status == want && strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%d %s; want %d, %q", status, body, want, text)
			return
		}
	}
}

// fill writes to a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 64 << 10; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
