package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/tlstest"
)

// TestTLS changes the certificate beneath a server that runs.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority, dir := tlstest.New(t), t.TempDir()
	long := time.Now().Add(1000 * time.Hour)
	cert, key := authority.Files(dir, "one", long)
	p := serveProcess(t, t.TempDir(), "PLATEN_TLS_CERT="+cert, "PLATEN_TLS_KEY="+key, "PLATEN_TLS_CLIENT_CA="+authority.File(dir))
	if !strings.HasPrefix(p.url, "https://127.0.0.1:") {
		t.Fatalf("the address is %s", p.url)
	}
	config := &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{authority.Pair("client")}}
	await := func(name string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			conn, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "https://"), config)
			if err != nil {
				t.Fatalf("%v\n%s", err, p.log)
			}
			got := conn.ConnectionState().PeerCertificates[0].Subject.CommonName
			conn.Close()
			if got == name {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("shows %q, want %q\n%s", got, name, p.log)
			}
		}
	}
	await("one")
	authority.Files(dir, "two", long)
	await("two") // it looks by itself

	other, _ := authority.Issue("three", long) // without its key
	if err := os.WriteFile(filepath.Join(dir, "tls.pem"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.log.String(), "the changed TLS files are not used"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log says nothing of the bad pair:\n%s", p.log)
		}
	}
	await("two")
	authority.Files(dir, "four", long)
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await("four")

	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest("GET", p.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(adminName, testPassword)
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^platen_tls_certificate_expiry_timestamp_seconds \d`).Match(text) || response.ProtoMajor != 2 {
		t.Errorf("%s %s: the metrics have no end of the certificate", response.Proto, response.Status)
	}
	// Without a certificate there is no answer.
	config = &tls.Config{RootCAs: authority.Pool()}
	stranger := &http.Transport{TLSClientConfig: config}
	defer stranger.CloseIdleConnections()
	if response, err := (&http.Client{Transport: stranger}).Get(p.url + "/healthz"); err == nil {
		response.Body.Close()
		t.Error("a client without a certificate is answered")
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log)
	}
}
