package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
)

// TestStopping checks a server that stops while an import comes in: a request
// on a connection that was there before is refused, its health can be asked,
// the import may end, and one that does not is refused and leaves nothing.
func TestStopping(t *testing.T) { onEach(t, testStopping) }

func testStopping(t *testing.T) {
	long(t)
	s := start(t)
	guard, err := auth.NewGuard(t.Context(), auth.Config{Store: s.store, TokenTTL: time.Hour, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := server.New(server.Config{Store: s.store, Guard: guard, Log: discard(), APIVersion: "1", MaxBody: 1 << 20,
		Timeouts: server.Timeouts{Header: 20 * time.Second, Stall: 20 * time.Second, Idle: time.Minute, Find: time.Second, Stop: 3 * time.Second}})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- handler.Serve(ctx, listener) }()

	s.addr = listener.Addr().String()
	document := `{"jobs":[{},{}]}`
	ends := s.half("POST", "/api/v1/jobsets", len(document), document[:9])
	endless := s.half("POST", "/api/v1/jobsets", 1<<20, `{"jobs":[{}`)
	go func() {
		for range 200 { // until it is cut off
			if _, err := io.WriteString(endless, ",{}"); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	var waiting []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		waiting = append(waiting, conn)
	}
	// It takes connections in their order, so that it has those, and counts
	// the imports when it has begun to read them.
	first := s.url
	s.url = "http://" + s.addr
	s.eventually("platen_imports_running", "2")
	s.url = first
	stop()
	for conn, err := net.Dial("tcp", s.addr); err == nil; conn, err = net.Dial("tcp", s.addr) {
		conn.Close() // until it takes no more
	}
	receive := func(conn net.Conn) answer {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
		response, err := http.ReadResponse(newReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !response.Close {
			t.Error("the connection is kept")
		}
		return answer{response.StatusCode, response.Header, string(text)}
	}
	for i, path := range []string{entities + "/jobsets", "/healthz"} {
		fmt.Fprintf(waiting[i], "GET %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\n\r\n", path, s.token)
		a := receive(waiting[i])
		if i == 0 {
			a.isRefused(t, 503, "the server is stopping")
		} else if a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	_, _ = io.WriteString(ends, document[9:])
	if a := receive(ends); a.status != 201 {
		t.Errorf("an import that ends in time: %d %s", a.status, a.body)
	}
	receive(endless).isError(t, 503, "the server is stopping")
	if err := <-served; err != nil {
		t.Error(err)
	}
	if sets, err := s.client().Entities(t.Context(), platen.JobSet); err != nil || len(sets) != 1 {
		t.Errorf("of two imports, one of them refused, there is: %v %v", sets, err)
	}
}

// TestStoppingQuietly stops a server with nothing under way, many times, since
// what is closed first differs: there is nothing to warn of.
func TestStoppingQuietly(t *testing.T) { onSQLite(t, testStoppingQuietly) }

func testStoppingQuietly(t *testing.T) {
	s := start(t)
	guard, err := auth.NewGuard(t.Context(), auth.Config{Store: s.store, TokenTTL: time.Hour, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 50 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		log := &syncBuffer{}
		handler := server.New(server.Config{Store: s.store, Guard: guard, Log: slog.New(slog.NewTextHandler(log, nil)), APIVersion: "1", MaxBody: 1 << 20})
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- handler.Serve(ctx, listener) }()
		answer, err := client.Get("http://" + listener.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		stop()
		if err := <-served; err != nil || strings.Contains(log.String(), "WARN") {
			t.Fatalf("the server stopped with %v:\n%s", err, log)
		}
	}
}
