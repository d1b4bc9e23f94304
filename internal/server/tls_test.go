package server_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/tlstest"
)

// A secure is a service by TLS.
type secure struct {
	*service
	authority *tlstest.Authority
	client    *http.Client // speaks HTTP/2
}

func startTLS(t *testing.T, change ...func(*server.Config, *auth.Config)) *secure {
	t.Helper()
	authority := tlstest.New(t)
	cert, key := authority.Files(t.TempDir(), "platen", time.Now().Add(1000*time.Hour))
	certificates, err := listen.LoadCertificates(listen.Files{Cert: cert, Key: key}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	s := &secure{authority: authority, client: &http.Client{Transport: transport}}
	s.service = startWith(t, openStore(t), transport, append(change, func(c *server.Config, _ *auth.Config) { c.Certificates = certificates })...)
	return s
}

// dial returns a connection that speaks a protocol.
func (s *secure) dial(protocol string) *tls.Conn {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: s.authority.Pool(), ServerName: "localhost", NextProtos: []string{protocol}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// http2Status sends a request over TLS, and returns the answer without its body.
func (s *secure) http2Status(method, path string, body io.Reader) *http.Response {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("auth_token", s.token)
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// TestTLS checks that all is the same by TLS, with either version of HTTP.
func TestTLS(t *testing.T) { onSQLite(t, testTLS) }

func testTLS(t *testing.T) {
	long(t)
	s := startTLS(t)
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, s.importSet(twoJobs).Children[0])
	response := s.http2Status("GET", path, nil)
	if response.ProtoMajor != 2 || response.StatusCode != 200 || response.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("HTTP/2: %s %s %v", response.Proto, response.Status, response.Header)
	}

	conn := s.dial("http/1.1")
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nauth_token: %s\r\n\r\n", path, s.token)
	a := s.readAnswer(conn)
	if a.status != 200 || a.header.Get("Strict-Transport-Security") == "" || !strings.Contains(a.body, "00420") {
		t.Errorf("HTTP/1.1: %d %v %s", a.status, a.header, a.body)
	}
	old := s.dial("http/1.0")
	fmt.Fprintf(old, "GET %s HTTP/1.0\r\nauth_token: %s\r\n\r\n", path, s.token)
	if a := s.readAnswer(old); a.status != 200 || !strings.Contains(a.body, "00420") {
		t.Errorf("HTTP/1.0: %d %v %s", a.status, a.header, a.body)
	}
	// What is no request is answered here, too, in our shape.
	for name, status := range map[string]int{"no Host": 400, "large headers": 431, "another encoding": 501} {
		conn := s.dial("http/1.1")
		go io.WriteString(conn, unreadable[name])
		a := s.readAnswer(conn)
		a.isError(t, status, "")
		if a.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	// Plain HTTP is told what to do.
	s.raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n").isError(t, 400, "https://")
	if log := s.log.String(); !strings.Contains(log, `"msg":"not a request","status":400`) || !strings.Contains(log, "https://") {
		t.Errorf("not in the log:\n%s", log)
	}
}

// TestTLSStrangers has clients that begin a handshake and do not end it: they
// are cut off, and nobody waits for them.
func TestTLSStrangers(t *testing.T) { onSQLite(t, testTLSStrangers) }

func testTLSStrangers(t *testing.T) {
	long(t)
	s := startTLS(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: 3 * time.Second, Stall: 10 * time.Second, Idle: time.Minute, Stop: 5 * time.Second}
	})
	var slow []net.Conn
	for i := range 50 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			io.WriteString(conn, "\x16\x03\x01")
		}
		slow = append(slow, conn)
	}
	s.hasJobSets()
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("the connection is open still")
		}
	}
}

// TestHTTP2Bounds checks what a connection may ask for at once.
func TestHTTP2Bounds(t *testing.T) { onSQLite(t, testHTTP2Bounds) }

func testHTTP2Bounds(t *testing.T) {
	long(t)
	s := startTLS(t)
	framer := s.http2(nil)
	settings := make(map[http2.SettingID]uint32)
	for len(settings) == 0 {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := frame.(*http2.SettingsFrame); ok && !f.IsAck() {
			_ = f.ForeachSetting(func(s http2.Setting) error { settings[s.ID] = s.Val; return nil })
		}
	}
	for id, most := range map[http2.SettingID]uint32{
		http2.SettingMaxConcurrentStreams: 100, http2.SettingMaxHeaderListSize: 66 << 10, http2.SettingInitialWindowSize: 256 << 10,
	} {
		if got, ok := settings[id]; !ok || got > most {
			t.Errorf("%v is %d, want at most %d", id, got, most)
		}
	}
}

// http2 begins a connection of HTTP/2 with settings of the client's.
func (s *secure) http2(settings []http2.Setting) *http2.Framer {
	s.t.Helper()
	conn := s.dial("h2")
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		s.t.Fatal("the server does not speak HTTP/2")
	}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		s.t.Fatal(err)
	}
	framer := http2.NewFramer(conn, bufio.NewReader(conn))
	if err := framer.WriteSettings(settings...); err != nil {
		s.t.Fatal(err)
	}
	return framer
}

// head returns the encoded head of a request.
func (s *secure) head(method, path string) []byte {
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for _, field := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path}, {"auth_token", s.token}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	return b.Bytes()
}

// TestHTTP2Stalled has streams that stall, in either direction, on connections
// that are otherwise alive: they are ended after a while and not before, and
// others go on.
func TestHTTP2Stalled(t *testing.T) { onSQLite(t, testHTTP2Stalled) }

func testHTTP2Stalled(t *testing.T) {
	long(t)
	s := startTLS(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: 4 * time.Second, Stall: 4 * time.Second, Idle: time.Minute, Find: time.Second, Stop: 5 * time.Second}
	})
	var document strings.Builder
	document.WriteString(`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[`)
	for i := range 40_000 {
		if i > 0 {
			document.WriteByte(',')
		}
		fmt.Fprintf(&document, `{"contentitem":%d}`, 100_000+i)
	}
	document.WriteString(`]}]}]}]}]}`)
	job := s.importSet(document.String()).Children[0]
	contents := fmt.Sprintf("%s/jobs/%d/contents", entities, job)

	framer := s.http2([]http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1000}}) // of an answer of more than 1 MB
	begin := func(stream uint32, method, path string, whole bool) {
		t.Helper()
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: s.head(method, path), EndHeaders: true, EndStream: whole}); err != nil {
			t.Fatal(err)
		}
	}
	const taken, stalled, unsent, alive = 1, 3, 5, 7
	begin(taken, "GET", contents, true)   // is taken slowly, for longer than one may stall
	begin(stalled, "GET", contents, true) // is not taken
	begin(unsent, "POST", "/api/v1/jobsets", false)
	if err := framer.WriteData(unsent, false, []byte(`{"jobs":[`)); err != nil { // and no more
		t.Fatal(err)
	}
	got, ended, errors := make(map[uint32]int), make(map[uint32]bool), make(map[uint32]string)
	begun := time.Now()
	for !ended[taken] || !ended[stalled] || !ended[unsent] {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err, got, ended)
		}
		stream := frame.Header().StreamID
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = framer.WritePing(true, f.Data)
			}
		case *http2.GoAwayFrame:
			t.Fatalf("the connection is ended: %v", f.ErrCode)
		case *http2.RSTStreamFrame:
			ended[stream], errors[stream] = true, f.ErrCode.String()
		case *http2.DataFrame:
			n := len(f.Data())
			got[stream] += n
			ended[stream] = ended[stream] || f.StreamEnded()
			if n == 0 || f.StreamEnded() {
				break
			}
			_ = framer.WriteWindowUpdate(0, uint32(n))
			if stream == taken {
				if time.Since(begun) < 5*time.Second { // longer than one write may stall
					time.Sleep(50 * time.Millisecond)
					n = 10_000
				} else {
					n = 1 << 20
				}
				_ = framer.WriteWindowUpdate(stream, uint32(n))
			}
		}
	}
	if errors[taken] != "" || got[taken] < 1_000_000 {
		t.Errorf("the slow stream was cut off after %d bytes: %s", got[taken], errors[taken])
	}
	if errors[stalled] == "" || got[stalled] != 1000 {
		t.Errorf("the stalled stream got %d bytes, and ended with %q", got[stalled], errors[stalled])
	}
	// The connection is good for others.
	begin(alive, "GET", "/healthz", true)
	for got[alive] == 0 {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := frame.(*http2.DataFrame); ok {
			got[f.StreamID] += len(f.Data())
		}
	}
	if sets, err := s.service.client().Entities(t.Context(), platen.JobSet); err != nil || len(sets) != 1 {
		t.Errorf("half an import left a job set: %v %v", sets, err)
	}
}

// TestHTTP2SlowImport has an import that takes longer than one write may stall.
func TestHTTP2SlowImport(t *testing.T) { onSQLite(t, testHTTP2SlowImport) }

func testHTTP2SlowImport(t *testing.T) {
	long(t)
	s := startTLS(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: 20 * time.Second, Stall: 3 * time.Second, Idle: time.Minute, Find: time.Second, Stop: 5 * time.Second}
	})
	sent, body := io.Pipe()
	go func() {
		defer body.Close()
		_, _ = io.WriteString(body, `{"jobs":[`)
		for range 45 {
			_, _ = io.WriteString(body, strings.Repeat(" ", 4096))
			time.Sleep(100 * time.Millisecond) // a client that is slow
		}
		_, _ = io.WriteString(body, `{}]}`)
	}()
	response := s.http2Status("POST", native+"/jobsets", sent)
	if response.StatusCode != 201 || response.ProtoMajor != 2 {
		t.Error(response.Proto, response.Status)
	}
}

// TestHTTP2RefusedBody sends a body that is refused unread, all of it before anything
// else is done.
func TestHTTP2RefusedBody(t *testing.T) { onSQLite(t, testHTTP2RefusedBody) }

func testHTTP2RefusedBody(t *testing.T) {
	long(t)
	s := startTLS(t)
	framer := s.http2(nil)
	const stream = 1
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: s.head("POST", native+"/nothing"), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 16<<10)
	rest := 4 << 20                                              // bytes to be sent
	windows := map[uint32]int{0: 64<<10 - 1, stream: 64<<10 - 1} // until the settings come
	var answer bytes.Buffer
	for ended := false; !ended; {
		for rest > 0 && min(windows[0], windows[stream]) >= len(part) {
			rest -= len(part)
			windows[0], windows[stream] = windows[0]-len(part), windows[stream]-len(part)
			if err := framer.WriteData(stream, rest == 0, part); err != nil {
				t.Fatal(err)
			}
		}
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if window, ok := f.Value(http2.SettingInitialWindowSize); ok {
				windows[stream] += int(window) - (64<<10 - 1)
			}
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.WindowUpdateFrame:
			windows[f.StreamID] += int(f.Increment)
		case *http2.RSTStreamFrame:
			t.Fatalf("the stream is reset with %d bytes to be sent: %v", rest, f.ErrCode)
		case *http2.DataFrame:
			answer.Write(f.Data())
			ended = f.StreamEnded()
		}
	}
	if rest > 0 || !strings.Contains(answer.String(), `"status":404`) {
		t.Errorf("with %d bytes to be sent: %s", rest, &answer)
	}
}
