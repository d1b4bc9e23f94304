package interop

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/platenhq/platen/internal/pgtest"
)

const domain = "print.example.org"

// authority starts Pebble, which validates a domain at ports of loopback and
// gives certificates that are good for some seconds. It returns the flags with
// which a server uses it.
func authority(t *testing.T, httpPort, tlsPort, seconds int) []string {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(io.Discard, "", 0)
	memory := db.NewMemoryStore()
	signs := ca.New(quiet, memory, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(seconds)}})
	validates := va.New(quiet, httpPort, tlsPort, false, names(t), memory)
	front := wfe.New(quiet, memory, validates, signs, []string{"authority.example"}, false, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--acme-domain", domain, "--acme-directory", server.URL + wfe.DirectoryPath, "--acme-ca", file, "--acme-accept-terms", "--acme-email", "print@example.org"}
}

// names starts a name server for which all names are loopback.
func names(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // Pebble asks by TCP
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		if question.Question[0].Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{Hdr: dns.RR_Header{Name: question.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return listener.Addr().String()
}

// serial returns the serial number of the certificate that a server shows, nil
// if it has none.
func serial(t *testing.T, port int, name string) *big.Int {
	t.Helper()
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return nil
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	if leaf.VerifyHostname(domain) != nil {
		t.Errorf("the certificate is for %v", leaf.DNSNames)
	}
	return leaf.SerialNumber
}

func listenAt(port int) string { return fmt.Sprintf("--listen=127.0.0.1:%d", port) }

// TestRenewal obtains a certificate, and renews it while a connection stays
// open; after a restart it is still there.
func TestRenewal(t *testing.T) {
	port := freePort(t)
	flags := append(authority(t, freePort(t), port, 15), listenAt(port), "--data", t.TempDir())
	url, log := serve(t, flags...)
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("it is at %s", url)
	}
	waitFor(t, "a certificate", func() bool { return serial(t, port, domain) != nil })
	first := serial(t, port, domain)
	if unnamed := serial(t, port, ""); unnamed == nil || unnamed.Cmp(first) != 0 {
		t.Errorf("who names no domain is shown %v", unnamed)
	}
	if other := serial(t, port, "other.example.org"); other != nil {
		t.Error("another domain is answered")
	}

	transport := &http.Transport{TLSClientConfig: &tls.Config{ServerName: domain, InsecureSkipVerify: true}}
	client := http.Client{Transport: transport}
	defer transport.CloseIdleConnections()
	ask := func() (reused bool) {
		t.Helper()
		request, err := http.NewRequest("GET", url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
		response, err := client.Do(request.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
		if body(t, response, err); response.StatusCode != 200 {
			t.Error(response.Status)
		}
		return reused
	}
	ask()
	// It is used meanwhile: a connection without credentials may be idle for 10 s, in
	// which the renewal comes.
	kept := true
	waitFor(t, "the renewal", func() bool {
		kept = ask() && kept
		now := serial(t, port, domain)
		return now != nil && now.Cmp(first) != 0
	})
	if !ask() || !kept {
		t.Error("the renewal cost a connection")
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Error(log)
	}
}

// TestReplicas checks that a second server on a database has the certificate of
// the first, which the authority reaches alone, and that challenges are answered
// over plain HTTP too.
func TestReplicas(t *testing.T) {
	cluster := pgtest.NewCluster(t, "fsync=off")
	pgtest.Exec(t, cluster.Address("postgres"), "CREATE DATABASE platen TEMPLATE template0 ENCODING 'UTF8'")
	database := cluster.Address("platen")
	port, other, plain := freePort(t), freePort(t), freePort(t)
	flags := append(authority(t, plain, freePort(t), 3600), "--database", database)
	_, log := serve(t, append(flags, listenAt(port), fmt.Sprintf("--acme-http=127.0.0.1:%d", plain))...)
	waitFor(t, "a certificate", func() bool { return serial(t, port, domain) != nil })
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/me", plain))
	if text := body(t, response, err); response.StatusCode != 404 {
		t.Errorf("over plain HTTP there is more than challenges: %s %s", response.Status, text)
	}
	serve(t, append(flags, listenAt(other))...)
	waitFor(t, "the certificate on the second", func() bool { return serial(t, other, domain) != nil })
	if one, two := serial(t, port, domain), serial(t, other, domain); one.Cmp(two) != 0 {
		t.Errorf("the second has obtained another: %v, %v\n%s", one, two, log)
	}
}
