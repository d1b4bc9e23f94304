package listen

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/tlstest"
)

// shown returns the name in the certificate that a handshake shows.
func shown(t *testing.T, c *Certificates, config *tls.Config) (string, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan error, 1)
	go func() {
		far, err := listener.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer far.Close()
		ended <- tls.Server(far, c.Config()).Handshake()
	}()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	client := tls.Client(near, config)
	err = client.Handshake()
	if late := <-ended; err == nil {
		err = late
	}
	if err != nil {
		return "", err
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// TestReload changes the files beneath a server: good ones are used from then
// on, bad ones are not, and are told of once.
func TestReload(t *testing.T) {
	authority, dir := tlstest.New(t), t.TempDir()
	long := time.Now().Add(1000 * time.Hour)
	cert, key := authority.Files(dir, "one", long)
	var log bytes.Buffer
	c, err := LoadCertificates(Files{Cert: cert, Key: key}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
	shows := func(want string) {
		t.Helper()
		if got, err := shown(t, c, config); got != want || err != nil {
			t.Errorf("shows %q, want %q: %v", got, want, err)
		}
	}
	logged := func(text string, times int) {
		t.Helper()
		if got := strings.Count(log.String(), text); got != times {
			t.Errorf("the log has %q %d times, want %d:\n%s", text, got, times, log.String())
		}
	}
	shows("one")
	c.Reload()
	logged("TLS certificate loaded", 1)

	authority.Files(dir, "two", long)
	c.Reload()
	shows("two")
	logged("TLS certificate loaded", 2)

	good, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := authority.Issue("three", long)
	for i, bad := range [][]byte{other, good[:len(good)/2], nil, []byte("garbage")} {
		if err := os.WriteFile(cert, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		c.Reload()
		c.Reload()
		shows("two")
		logged("the changed TLS files are not used", i+1)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	c.Reload()
	c.Reload()
	shows("two")
	logged("the changed TLS files are not used", 5)
	logged("no such file", 1)

	if err := os.WriteFile(cert, good, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Reload()
	shows("two")
	logged("TLS certificate loaded", 3)
	if !c.Expiry().Equal(long.UTC().Truncate(time.Second)) {
		t.Errorf("expires %v, want %v", c.Expiry(), long)
	}
}

// TestWarnings checks what an operator is warned of.
func TestWarnings(t *testing.T) {
	authority, dir := tlstest.New(t), t.TempDir()
	for until, want := range map[time.Duration]string{
		-time.Minute: "has expired", 13 * 24 * time.Hour: "expires soon", 15 * 24 * time.Hour: "",
	} {
		var log bytes.Buffer
		cert, key := authority.Files(dir, "one", time.Now().Add(until))
		c, err := LoadCertificates(Files{Cert: cert, Key: key}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			t.Fatal(err)
		}
		c.Reload()
		if got := log.String(); want == "" && got != "" || strings.Count(got, "level=WARN") > 1 || !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q once", until, got, want)
		}
	}
	cert, key := authority.Files(dir, "one", time.Now().Add(1000*time.Hour))
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o602: true} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if _, err := LoadCertificates(Files{Cert: cert, Key: key}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "can open the TLS key"); got != warned {
			t.Errorf("%v: %v\n%s", mode, got, log.String())
		}
	}
}

// TestTLS checks what is asked of clients: a version, and a certificate if
// there is an authority for them, which may change.
func TestTLS(t *testing.T) {
	authority, dir := tlstest.New(t), t.TempDir()
	cert, key := authority.Files(dir, "one", time.Now().Add(1000*time.Hour))
	c, err := LoadCertificates(Files{Cert: cert, Key: key, ClientCA: authority.File(dir)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	other := tlstest.New(t)
	mine, others := []tls.Certificate{authority.Pair("client")}, []tls.Certificate{other.Pair("client")}
	sessions := tls.NewLRUClientSessionCache(10)
	for name, test := range map[string]struct {
		config *tls.Config
		good   bool
	}{
		"mine":           {&tls.Config{Certificates: mine}, true},
		"by version 1.2": {&tls.Config{Certificates: mine, MaxVersion: tls.VersionTLS12}, true},
		"by version 1.1": {&tls.Config{Certificates: mine, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"none":           {&tls.Config{}, false},
		"another's":      {&tls.Config{Certificates: others}, false},
		"none, by 1.2":   {&tls.Config{MaxVersion: tls.VersionTLS12}, false},
	} {
		test.config.RootCAs, test.config.ServerName = authority.Pool(), "localhost"
		test.config.ClientSessionCache = sessions
		if _, err := shown(t, c, test.config); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	other.File(dir) // in the place of the first
	c.Reload()
	for name, test := range map[string]struct {
		certificates []tls.Certificate
		good         bool
	}{"the old": {mine, false}, "the new": {others, true}} {
		config := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost", Certificates: test.certificates, ClientSessionCache: sessions}
		if _, err := shown(t, c, config); (err == nil) != test.good {
			t.Errorf("%s authority: %v", name, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	authority, dir := tlstest.New(t), t.TempDir()
	cert, key := authority.Files(dir, "one", time.Now().Add(time.Hour))
	_, otherKey := authority.Files(t.TempDir(), "two", time.Now().Add(time.Hour))
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	encrypted := write("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	older := write("older.pem", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	for want, files := range map[string]Files{
		"no such file":                                 {Cert: dir + "/nothing", Key: key},
		"private key does not":                         {Cert: cert, Key: otherKey},
		"the key in " + cert:                           {Cert: cert, Key: cert},
		"no certificate in PEM":                        {Cert: cert, Key: key, ClientCA: key},
		"nothing.pem: no such":                         {Cert: cert, Key: key, ClientCA: dir + "/nothing.pem"},
		"encrypted.pem is encrypted with a passphrase": {Cert: cert, Key: encrypted},
		"older.pem is encrypted with a passphrase":     {Cert: cert, Key: older},
		"is a directory":                               {Cert: dir, Key: key},
		"failed to find any PEM":                       {Cert: os.DevNull, Key: key},
	} {
		if _, err := LoadCertificates(files, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", files, err, want)
		}
	}
}
