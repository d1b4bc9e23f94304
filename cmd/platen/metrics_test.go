package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"syscall"
	"testing"
)

// TestTraces checks that a server that is told to stop sends the traces that
// it has, under the name that it was given.
func TestTraces(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&got, r.Body)
	}))
	defer collector.Close()
	p := serveProcess(t, t.TempDir(),
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+collector.URL+"/v1/traces",
		"OTEL_SERVICE_NAME=platen-in-the-mailroom",
		"OTEL_BSP_SCHEDULE_DELAY=3600000", // so that only the end sends them
	)
	if _, err := p.client(t).Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log)
	}
	for _, want := range []string{"platen-in-the-mailroom", "/rest/serverengine/authentication/login", "http.request.method"} {
		if !bytes.Contains(got.Bytes(), []byte(want)) {
			t.Errorf("%q was not sent: %q\n%s", want, got.Bytes(), p.log)
		}
	}
	if !regexp.MustCompile(`msg=request .* trace=[0-9a-f]{32}\n`).Match(p.log.Bytes()) {
		t.Errorf("no request in the log has a trace:\n%s", p.log)
	}
}
