package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// request sends a request with the admin's password.
func (p *process) request(method, path string, body io.Reader) (*http.Response, string, error) {
	return p.requestAs(adminName, testPassword, method, path, body)
}

// requestAs sends a request of a user.
func (p *process) requestAs(user, password, method, path string, body io.Reader) (*http.Response, string, error) {
	r, err := http.NewRequest(method, p.url+path, body)
	if err != nil {
		return nil, "", err
	}
	r.SetBasicAuth(user, password)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}

// gauge returns a figure of the metrics.
func (p *process) gauge(t *testing.T, name string) int {
	t.Helper()
	_, text, err := p.request("GET", "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := -1
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			fmt.Sscan(value, &n)
		}
	}
	return n
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain:", what)
		}
	}
}

// gaps returns a job set with n content items whose identifiers have gaps, and
// which thus take long.
func gaps(first, n int) *bytes.Buffer {
	var b bytes.Buffer
	b.WriteString(`{"jobs":[{"segments":[{"documentsets":[{"documents":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"documentpages":[{"contentitem":%d}]}`, first+2*i)
	}
	b.WriteString(`]}]}]}]}`)
	return &b
}

// TestStop stops a server that has imports, an operation and updates under
// way. It takes nothing new, is gone within ten seconds, and nothing is half
// done.
func TestStop(t *testing.T) {
	onEach(t, testStop)
}

func testStop(t *testing.T, data string) {
	const items = 100_000
	p := serveProcess(t, data)
	c := p.client(t)
	set, err := c.Import(t.Context(), platen.ContentSet, strings.NewReader(`{"id":700,"contentitems":[{"datarecord":1},{"datarecord":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	job := made.Children[0]

	var clients sync.WaitGroup
	answers := make(chan error, 2)
	importOne := func(first, n int) {
		document := gaps(first, n)
		clients.Go(func() {
			_, err := c.Import(context.Background(), platen.JobSet, document)
			answers <- err
		})
	}
	importOne(1_000_000, items)
	waitFor(t, "the first import", func() bool { return p.gauge(t, "platen_imports_running") == 1 })
	waitFor(t, "the first import to be stored", func() bool {
		return p.gauge(t, `platen_pool_connections{pool="writer",state="in_use"}`) > 0 || p.gauge(t, "platen_imports_running") == 0
	})
	// The operation begins when the first import lets it, on SQLite, and then
	// waits for the second one.
	accepted := make(chan *client.Operation, 1)
	clients.Go(func() {
		operation, err := c.CreateJobSetOf(context.Background(), set.ID)
		if err != nil {
			t.Error("operation:", err)
		}
		accepted <- operation
	})
	importOne(3_000_000, items)
	operation := <-accepted
	var written atomic.Int64
	clients.Go(func() {
		for n := int64(1); ; n++ {
			pairs := []platen.NameValue{{Name: "n", Value: fmt.Sprint(n)}}
			if err := c.Replace(context.Background(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs}); err != nil {
				return
			}
			written.Store(n)
		}
	})
	waitFor(t, "an update", func() bool { return written.Load() > 0 || p.gauge(t, "platen_write_queue") > 0 })

	start := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(p.url, "http://")
	waitFor(t, "no new connections", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if refusing := time.Since(start); refusing > 5*time.Second {
		t.Errorf("new connections were taken for %v after the signal", refusing)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("exit: %v\n%s", err, p.log)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("the process runs 10s after the signal\n%s", p.log)
		_ = p.Process.Kill()
		<-ended
	}
	t.Logf("gone after %v", time.Since(start))
	clients.Wait()
	finished := 0
	for range 2 {
		if err := <-answers; err == nil {
			finished++
		} else {
			t.Log("an import was answered:", err)
		}
	}

	p = serveProcess(t, data)
	c = p.client(t)
	sets, err := c.Entities(t.Context(), platen.JobSet)
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, id := range sets {
		jobs, err := c.Children(t.Context(), platen.Ref{Kind: platen.JobSet, ID: id})
		if err != nil || len(jobs) != 1 {
			t.Fatalf("job set %d has jobs %v: %v", id, jobs, err)
		}
		contents, err := c.Contents(t.Context(), platen.Ref{Kind: platen.Job, ID: jobs[0]})
		if err != nil {
			t.Fatal(err)
		}
		switch len(contents) {
		case items:
			whole++
		case 0, 2: // that of the updates, and that of the operation
		default:
			t.Errorf("job set %d has %d of %d content items", id, len(contents), items)
		}
	}
	if whole < finished {
		t.Errorf("%d imports were acknowledged, and there are %d", finished, whole)
	}
	pairs, err := c.List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
	n := int64(0)
	if err == nil && len(pairs) == 1 {
		fmt.Sscan(pairs[0].Value, &n)
	}
	if err != nil || n < written.Load() {
		t.Errorf("update %d was acknowledged, and there is %d: %v", written.Load(), n, err)
	}
	if operation != nil {
		again := c.Operation(operation.ID)
		waitFor(t, "the end of the operation", func() bool {
			_, done, err := again.Progress(t.Context())
			return err == nil && done
		})
	}
}

// TestStopTwice stops a server by a signal that comes twice, as timeout and others send
// it: to the process, and to all of its group. The server ends in order.
func TestStopTwice(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := serveProcess(t, data)
	c := p.client(t)
	body, document := io.Pipe() // an import that does not end, for which the stop waits
	imported := make(chan error, 1)
	go func() {
		_, err := c.Import(context.Background(), platen.JobSet, body)
		imported <- err
	}()
	if _, err := io.WriteString(document, `{"jobs":[`); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the import", func() bool { return p.gauge(t, "platen_imports_running") == 1 })
	stop := func() {
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	waitFor(t, "the stop", func() bool { return strings.Contains(p.log.String(), "msg=stopping") })
	stop()
	document.Close()
	if err := p.Wait(); err != nil {
		t.Errorf("exit: %v\n%s", err, p.log)
	}
	if err := <-imported; err == nil {
		t.Error("half an import was stored")
	}
	if left, err := filepath.Glob(filepath.Join(data, "platen.db-*")); err != nil || len(left) > 0 {
		t.Errorf("the database was not closed: %v %v", left, err)
	}
}

// TestStopAtStart stops a server that is about to open its database. That is no failure.
func TestStopAtStart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	code := run(ctx, []string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, environment{getenv: func(string) string { return "" }, stdout: io.Discard, stderr: &stderr})
	if code != 0 || !strings.Contains(stderr.String(), "stopped before it served") {
		t.Errorf("%d %s", code, &stderr)
	}
	if left, err := filepath.Glob(filepath.Join(data, "platen.db-*")); err != nil || len(left) > 0 {
		t.Errorf("the database was not closed: %v %v", left, err)
	}
}
