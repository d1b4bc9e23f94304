package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

// TestFewFiles runs a server that may open few files, and has strangers take
// all its connections. Others are told so at once, its health can be asked,
// those that work with it go on, imports too, and later the strangers are cut.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no shell to set the limit of open files")
	}
	data := t.TempDir()
	p := serveProcessBy(t, data, func(args []string) []string {
		return append([]string{"/bin/sh", "-c", `ulimit -n 256 && exec "$@"`, "sh"}, args...)
	})
	address := strings.TrimPrefix(p.url, "http://")
	working := dial(t, address) // before the strangers
	if status := working.get("/rest/serverengine/entity/jobsets", true); status != 200 {
		t.Fatal(status)
	}
	for range 300 {
		stranger := dial(t, address)
		_, _ = io.WriteString(stranger, "GET / HTTP/1.1\r\n")
	}
	if status := working.get("/rest/serverengine/entity/jobsets", true); status != 200 {
		t.Errorf("one that was there before: %d", status)
	}
	if status := working.post("/api/v1/jobsets", `{"jobs":[{}]}`); status != 201 {
		t.Errorf("an import of it: %d", status)
	}
	// More than the extra ones are closed at once; they may also wait in the
	// queue of the system for a moment.
	waitFor(t, "a word for those who come now", func() bool {
		status := dial(t, address).get("/rest/serverengine/entity/jobsets", true)
		return status == 503
	})
	waitFor(t, "an answer about its health", func() bool { return dial(t, address).get("/healthz", false) == 200 })
	waitFor(t, "room again", func() bool { return dial(t, address).get("/rest/serverengine/entity/jobsets", true) == 200 })
}

// A wire is a connection to a server.
type wire struct {
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, address string) wire {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return wire{conn, bufio.NewReader(conn)}
}

// get returns the status of an answer, 0 if there is none.
func (w wire) get(path string, credentials bool) int {
	return w.send("GET", path, "", credentials)
}

func (w wire) post(path, body string) int { return w.send("POST", path, body, true) }

func (w wire) send(method, path, body string, credentials bool) int {
	header := ""
	if credentials {
		header = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(adminName+":"+testPassword)) + "\r\n"
	}
	if _, err := fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", method, path, header, len(body), body); err != nil {
		return 0
	}
	response, err := http.ReadResponse(w.answers, nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0
	}
	return response.StatusCode
}

// TestLimitSettings checks settings that can not be meant: the message names
// what to type.
func TestLimitSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--max-connections", "-1"}, 2, "--max-connections"},
		{[]string{"--max-inflight-bytes", "1"}, 2, "--max-inflight-bytes"},
		{[]string{"--max-imports", "0"}, 2, "--max-imports"},
		{[]string{"--max-searches", "0"}, 2, "--max-searches"},
		{[]string{"--min-free-disk", "-5"}, 2, "--min-free-disk"},
		{[]string{"--spool-dir", file}, 1, "--spool-dir"},
	} {
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, test.args...)
		if code, _, stderr := command(nil, "", args...); code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: %d %q, want %d and %q", test.args, code, stderr, test.code, test.want)
		}
	}
}

// TestSpoolDir checks where imports are kept: beside the data, or where the
// setting says; and with little room on its disk they are refused.
func TestSpoolDir(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	serveProcess(t, data)
	if info, err := os.Stat(filepath.Join(data, "spool")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("beside the data: %v %v", info, err)
	}
	temp := t.TempDir()
	serveProcess(t, pgtest.Database(t), "TMPDIR="+temp)
	if found, err := filepath.Glob(filepath.Join(temp, "platen-spool-*")); err != nil || len(found) != 1 {
		t.Errorf("with PostgreSQL: %v %v", found, err)
	}
	other := filepath.Join(t.TempDir(), "other")
	p := serveProcess(t, t.TempDir(), "PLATEN_SPOOL_DIR="+other, "PLATEN_MIN_FREE_DISK="+fmt.Sprint(1<<60))
	if _, err := os.Stat(other); err != nil {
		t.Error("--spool-dir:", err)
	}
	_, err := p.client(t).Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[]}`))
	if platen.ErrorCode(err) != platen.Unavailable || !strings.Contains(err.Error(), "--min-free-disk") {
		t.Errorf("an import with little room: %v", err)
	}
}

// TestMemoryOfBodies sends many large bodies at once. Those that do not fit
// are refused with an answer, also to clients that send all before they look
// for one, and the process stays small.
func TestMemoryOfBodies(t *testing.T) {
	t.Parallel()
	const bodies = 6
	p := serveProcess(t, t.TempDir(), "PLATEN_MAX_INFLIGHT_BYTES="+fmt.Sprint(64<<20))
	made, err := p.client(t).Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[`+strings.Repeat("{},", bodies-1)+`{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var pairs strings.Builder
	value, space := strings.Repeat("v", 60), strings.Repeat(" ", 360) // a list is as large as it may be, a body larger
	for i := range 9_000 {
		fmt.Fprintf(&pairs, `,%s{"name":"%07d","value":"%s"}`, space, i, value)
	}
	statuses := make(chan int, bodies)
	for _, job := range made.Children {
		body := fmt.Sprintf(`{"id":%d,"properties":[%s]}`, job, pairs.String()[1:])
		conn := dial(t, strings.TrimPrefix(p.url, "http://"))
		go func() {
			statuses <- conn.send("PUT", "/rest/serverengine/entity/jobs/"+job.String()+"/properties", body, true)
		}()
	}
	seen := make(map[int]int)
	for range bodies {
		seen[<-statuses]++
	}
	if seen[200] == 0 || seen[503] == 0 || seen[200]+seen[503] != bodies {
		t.Errorf("statuses %v, want some of 200, and 503 for the others", seen)
	}
	if got := p.gauge(t, `platen_refused_total{reason="inflight_bytes"}`); got != seen[503] {
		t.Errorf("%d refusals are counted, and there were %d", got, seen[503])
	}
	if got := p.gauge(t, "platen_inflight_bytes"); got != 0 {
		t.Errorf("%d bytes are in flight at the end", got)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		return // not on this system
	}
	for line := range strings.Lines(string(status)) {
		var peak int
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &peak); n == 1 && peak > 400<<10 {
			t.Errorf("the process took %d MiB for bodies of %d MiB together", peak>>10, bodies*len(pairs.String())>>20)
		}
	}
}
