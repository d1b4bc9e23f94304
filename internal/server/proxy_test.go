package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/server"
)

// trust believes the proxies at the addresses.
func trust(addresses ...string) func(*server.Config, *auth.Config) {
	return func(c *server.Config, _ *auth.Config) {
		var err error
		if c.Proxies, err = listen.ParseProxies(addresses); err != nil {
			panic(err)
		}
	}
}

// TestTrustedProxy checks that log and limit know the client behind a proxy
// that is trusted, and believe nobody else.
func TestTrustedProxy(t *testing.T) { onSQLite(t, testTrustedProxy) }

func testTrustedProxy(t *testing.T) {
	long(t)
	from := func(client string) option { return header("X-Forwarded-For", client) }
	// guess guesses until that is refused. About 30 may be guessed at once, and
	// on a slow machine the allowance grows meanwhile.
	guess := func(s *service, options func(i int) []option) {
		t.Helper()
		for i := range 100 {
			if a := s.do("GET", entities+"/jobs", "", append(options(i), none, basic("nobody", "guess"))...); a.status == 429 {
				return
			}
		}
		t.Error("the guesser is not stopped")
	}
	t.Run("trusted", func(t *testing.T) {
		s := start(t, trust("127.0.0.1"))
		guess(s, func(int) []option { return []option{from("198.51.100.1")} })
		if a := s.do("POST", login, "", none, basic(user, password), from("198.51.100.2")); a.status != 200 {
			t.Errorf("another client: %d %s", a.status, a.body)
		}
		if a := s.do("POST", login, "", none, basic(user, password), from("198.51.100.1, 198.51.100.3")); a.status != 200 {
			t.Errorf("a client that says that it is another: %d %s", a.status, a.body)
		}
		for _, want := range []string{`"client":"198.51.100.1"`, `"client":"198.51.100.2"`, `"client":"198.51.100.3"`} {
			if log := s.log.String(); !strings.Contains(log, want) {
				t.Errorf("%s is not in the log:\n%s", want, log)
			}
		}
	})
	t.Run("not trusted", func(t *testing.T) {
		s := start(t, trust("10.0.0.0/8"))
		guess(s, func(i int) []option {
			return []option{from(fmt.Sprintf("198.51.100.%d", i)), header("Forwarded", "for=198.51.100.9")}
		})
		if log := s.log.String(); strings.Contains(log, "198.51.100") {
			t.Errorf("the log believes it:\n%s", log)
		}
	})
}

// proxied sends a request behind a header of the PROXY protocol.
func proxied(t *testing.T, conn net.Conn, version byte, client string) {
	t.Helper()
	proxy := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:443")))
	if _, err := proxy.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
}

// TestProxyProtocol checks that a trusted proxy may begin a connection with
// the client's address, and need not, and that nobody else may.
func TestProxyProtocol(t *testing.T) { onSQLite(t, testProxyProtocol) }

func testProxyProtocol(t *testing.T) {
	s := start(t, trust("127.0.0.1", "10.0.0.0/8"), func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: time.Second, Stall: 5 * time.Second, Idle: time.Minute, Find: time.Second, Stop: 5 * time.Second}
	})
	dial := func(from string) net.Conn {
		t.Helper()
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	request := "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n%s\r\n"
	for _, test := range []struct {
		id, from string
		version  byte
		client   string
		headers  string
		want     string
	}{
		{"v1", "127.0.0.1", 1, "198.51.100.1:4711", "", "198.51.100.1"},
		{"v2", "127.0.0.1", 2, "198.51.100.2:4711", "", "198.51.100.2"},
		{"v6", "127.0.0.1", 2, "[2001:db8::1]:4711", "", "2001:db8::1"},
		{"without", "127.0.0.1", 0, "", "", "127.0.0.1"},
		{"client-claims", "127.0.0.1", 2, "198.51.100.3:4711", "X-Forwarded-For: 203.0.113.1\r\n", "198.51.100.3"},
		{"two-proxies", "127.0.0.1", 2, "10.0.0.7:4711", "X-Forwarded-For: 203.0.113.1\r\n", "203.0.113.1"},
	} {
		conn := dial(test.from)
		if test.version > 0 {
			proxied(t, conn, test.version, test.client)
		}
		fmt.Fprintf(conn, request, test.id, test.headers)
		if a := s.readAnswer(conn); a.status != 200 {
			t.Errorf("%s: %d %s", test.id, a.status, a.body)
		}
		if line := fmt.Sprintf(`"client":"%s","user":"","request":"%s"`, test.want, test.id); !strings.Contains(s.log.String(), line) {
			t.Errorf("the log has no %s:\n%s", line, s.log.String())
		}
	}
	// 127.0.0.2 is another address, and not trusted.
	stranger := dial("127.0.0.2")
	proxied(t, stranger, 1, "198.51.100.66:4711")
	fmt.Fprintf(stranger, request, "stranger", "")
	s.readAnswer(stranger).isError(t, 400, "")

	broken := dial("127.0.0.1")
	fmt.Fprintf(broken, "PROXY TCP4 garbage\r\n"+request, "broken", "")
	s.readAnswer(broken).isError(t, 400, "PROXY")
	for _, id := range []string{"198.51.100.66", `"request":"stranger"`, `"request":"broken"`} {
		if strings.Contains(s.log.String(), id) {
			t.Errorf("%s was served:\n%s", id, s.log.String())
		}
	}
	// One that begins a header and does not end it is cut off, and nobody
	// waits for it.
	slow := dial("127.0.0.1")
	io.WriteString(slow, "PROXY TCP4 198")
	if a := s.do("GET", "/healthz", ""); a.status != 200 {
		t.Errorf("others wait: %d", a.status)
	}
	if err := slow.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(slow); err != nil {
		t.Errorf("half a header: %v", err)
	}
}

// TestProxyProtocolTLS checks the header in front of a handshake.
func TestProxyProtocolTLS(t *testing.T) { onSQLite(t, testProxyProtocolTLS) }

func testProxyProtocolTLS(t *testing.T) {
	long(t)
	s := startTLS(t, trust("127.0.0.1"))
	s.client.Transport.(*http.Transport).DialContext = func(_ context.Context, network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		if err == nil {
			proxied(t, conn, 2, "198.51.100.5:4711")
		}
		return conn, err
	}
	s.client.CloseIdleConnections()
	response, err := s.client.Get(s.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || response.ProtoMajor != 2 || !strings.Contains(s.log.String(), `"client":"198.51.100.5"`) {
		t.Errorf("%s %s\n%s", response.Proto, response.Status, s.log.String())
	}
}
