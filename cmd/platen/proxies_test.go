package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/tlstest"
)

// A proxyServer is a program that the operations manual has settings for.
type proxyServer struct {
	program string
	snippet string // how the settings begin in the manual
	secure  bool   // platen speaks TLS itself
	config  func(dir, snippet string) (file, text string)
	args    func(dir, file string) []string
}

var proxyServers = map[string]proxyServer{
	"nginx": {
		program: "nginx", snippet: "# nginx:",
		config: func(dir, snippet string) (string, string) {
			return "nginx.conf", fmt.Sprintf("daemon off;\npid %[1]s/pid;\nerror_log %[1]s/error.log;\nworker_processes 1;\nevents {}\nhttp {\naccess_log off;\n"+
				"client_body_temp_path %[1]s/a;\nproxy_temp_path %[1]s/b;\nfastcgi_temp_path %[1]s/c;\nuwsgi_temp_path %[1]s/d;\nscgi_temp_path %[1]s/e;\n%[2]s\n}\n", dir, snippet)
		},
		args: func(dir, file string) []string { return []string{"-e", dir + "/error.log", "-p", dir, "-c", file} },
	},
	"Caddy": {
		program: "caddy", snippet: "# Caddy:",
		config: func(_, snippet string) (string, string) {
			return "Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + snippet
		},
		args: func(_, file string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} },
	},
	"HAProxy": {
		program: "haproxy", snippet: "# HAProxy:",
		config: func(_, snippet string) (string, string) { return "haproxy.cfg", snippet },
		args:   func(_, file string) []string { return []string{"-db", "-f", file} },
	},
	"HAProxy without TLS": {
		program: "haproxy", snippet: "# HAProxy without TLS:", secure: true,
		config: func(_, snippet string) (string, string) { return "haproxy.cfg", snippet },
		args:   func(_, file string) []string { return []string{"-db", "-f", file} },
	},
}

// find returns the path of the proxy's program. Without it the test is skipped.
func (p proxyServer) find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{p.program, "/usr/sbin/" + p.program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("PLATEN_TEST_ALL") != "" {
		t.Fatalf("%s is not installed", p.program)
	}
	t.Skipf("%s is not installed (apt-get install %[1]s)", p.program)
	return ""
}

// documented returns the settings that begin so in the operations manual.
func documented(t *testing.T, begin string) string {
	t.Helper()
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(manual), "\n"+begin)
	snippet, _, ended := strings.Cut(after, "\n```")
	if !found || !ended {
		t.Fatalf("the manual has no settings that begin with %q", begin)
	}
	_, snippet, _ = strings.Cut(snippet, "\n") // the rest of the comment
	return snippet + "\n"
}

// freePort returns a port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// start runs the proxy before the server, and returns its address.
func (p proxyServer) start(t *testing.T, authority *tlstest.Authority, server string) string {
	t.Helper()
	program, dir, port := p.find(t), t.TempDir(), freePort(t)
	address := "127.0.0.1:" + port
	cert, key := authority.Files(dir, "proxy", time.Now().Add(time.Hour))
	both := filepath.Join(dir, "platen.pem")
	var pem []byte
	for _, name := range []string{cert, key} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, text...)
	}
	if err := os.WriteFile(both, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	snippet := documented(t, p.snippet)
	for _, replace := range [][2]string{
		{"127.0.0.1:9340", server}, {"/etc/platen/tls.pem", cert}, {"/etc/platen/tls.key", key}, {"/etc/platen/platen.pem", both},
		{"listen 443 ", "listen " + address + " "}, {"bind :443", "bind " + address},
		// Caddy would listen on all addresses, and so on those of the clients of other tests.
		{"platen.example {", "https://" + address + " {\n\tbind 127.0.0.1"},
	} {
		snippet = strings.ReplaceAll(snippet, replace[0], replace[1])
	}
	name, text := p.config(dir, snippet)
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	command := exec.Command(program, p.args(dir, file)...)
	command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Signal(syscall.SIGTERM); <-ended })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s\n%s", p.program, err, log.String(), text)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer\n%s", p.program, text)
		}
	}
}

// clientFrom returns a client that comes from an address of this machine.
func clientFrom(t *testing.T, address string, authority *tlstest.Authority) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: authority.Pool()},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// TestProxies runs the proxies of the operations manual with the settings that
// stand there, and checks what it promises of them.
func TestProxies(t *testing.T) {
	t.Parallel()
	long(t)
	for name, proxy := range proxyServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy.find(t)
			testProxy(t, proxy)
		})
	}
}

func testProxy(t *testing.T, proxy proxyServer) {
	authority := tlstest.New(t)
	settings := []string{"PLATEN_TRUSTED_PROXY=127.0.0.1"}
	if proxy.secure {
		cert, key := authority.Files(t.TempDir(), "platen", time.Now().Add(time.Hour))
		settings = append(settings, "PLATEN_TLS_CERT="+cert, "PLATEN_TLS_KEY="+key)
	}
	p := serveProcess(t, t.TempDir(), settings...)
	_, server, _ := strings.Cut(p.url, "://")
	url := "https://" + proxy.start(t, authority, server)

	const good, guesser, other = "127.0.0.7", "127.0.0.8", "127.0.0.9"
	send := func(from, method, path string, body io.Reader, change func(*http.Request)) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		response, err := clientFrom(t, from, authority).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s %s: %v", method, path, response.Header)
		}
		return response.StatusCode, string(text)
	}
	password := func(r *http.Request) { r.SetBasicAuth(adminName, testPassword) }
	const login = "/rest/serverengine/authentication/login"
	status, token := send(good, "POST", login, nil, password)
	if status != 200 {
		t.Fatalf("login: %d %s", status, token)
	}
	withToken := func(r *http.Request) { r.Header["auth_token"] = []string{token} }

	// The token passes, and a client that says that it is another is not.
	status, body := send(good, "GET", "/rest/serverengine/entity/jobs", nil, func(r *http.Request) {
		withToken(r)
		r.Header.Set("X-Request-Id", "by-token")
		r.Header.Set("X-Forwarded-For", "203.0.113.1")
		r.Header.Set("Forwarded", "for=203.0.113.2")
	})
	if status != 200 {
		t.Errorf("by token: %d %s", status, body)
	}
	line := regexp.MustCompile(`client=` + regexp.QuoteMeta(good) + ` user=` + adminName + ` request=by-token`)
	for deadline := time.Now().Add(10 * time.Second); !line.Match(p.log.Bytes()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) { // it is written after the answer
			t.Fatalf("the log does not know the client:\n%s", p.log)
		}
	}
	// A filter may have 16 KiB, and three times as many bytes in a query.
	filter := "id=1 OR properties.a=\"" + strings.Repeat("é", 8000) + "\""
	if status, body := send(good, "GET", "/api/v1/entities?kind=job&filter="+neturl.QueryEscape(filter), nil, withToken); status != 200 {
		t.Errorf("a long filter: %d %.200s", status, body)
	}
	testProxyImport(t, p, authority, clientFrom(t, good, authority), url, withToken)

	// Who guesses is slowed down, and nobody else.
	for range 100 { // the allowance grows while the guesses are answered
		status, _ = send(guesser, "POST", login, nil, func(r *http.Request) { r.SetBasicAuth("nobody", "guess") })
		if status == 429 {
			break
		}
	}
	if status != 429 {
		t.Errorf("the guesser: %d", status)
	}
	if status, body = send(other, "POST", login, nil, password); status != 200 {
		t.Errorf("another client beside the guesser: %d %s", status, body)
	}
}

// testProxyImport checks that an import gets to the server while it is sent,
// and may be large.
func testProxyImport(t *testing.T, p *process, authority *tlstest.Authority, client *http.Client, url string, withToken func(*http.Request)) {
	t.Helper()
	document, send := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/api/v1/jobsets", document)
	if err != nil {
		t.Fatal(err)
	}
	withToken(r)
	r.Header.Set("Content-Type", "application/json")
	type answer struct {
		status int
		body   string
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		response, err := client.Do(r)
		if err != nil {
			answered <- answer{err: err}
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answered <- answer{response.StatusCode, string(body), err}
	}()
	job := `{"properties":[{"name":"a","value":"` + strings.Repeat("x", 100_000) + `"}]}`
	fmt.Fprint(send, `{"jobs":[`+job)
	direct := clientFrom(t, "127.0.0.1", authority)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if underWay(t, direct, p.url, withToken) >= 2 { // the question itself is one
			break
		}
		if time.Now().After(deadline) {
			t.Error("the server does not hear of an import before it is sent whole")
			break
		}
	}
	for range 39 {
		fmt.Fprint(send, ","+job)
	}
	fmt.Fprint(send, "]}")
	send.Close()
	if a := <-answered; a.err != nil || a.status != 201 {
		t.Errorf("an import of 4 MB: %d %s %v", a.status, a.body, a.err)
	}
}

// underWay returns how many requests the server works on.
func underWay(t *testing.T, client *http.Client, url string, withToken func(*http.Request)) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	withToken(r)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?m)^platen_http_requests_in_flight (\d+)$`).FindSubmatch(text); found != nil {
		fmt.Sscan(string(found[1]), &n)
	}
	return n
}
