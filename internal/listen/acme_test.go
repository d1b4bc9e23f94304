package listen

import (
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/crypto/acme/autocert"
)

// TestObtained checks that a handshake never has the authority asked: only what
// there is is shown. The rest is tested with an authority, in the module interop.
func TestObtained(t *testing.T) {
	t.Parallel()
	config := ACME{Domains: []string{"A.example.org."}, Directory: "https://127.0.0.1:1/", Cache: autocert.DirCache(t.TempDir()), Log: slog.New(slog.DiscardHandler)}
	o, err := NewObtained(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "no certificate for a.example.org yet", "a.EXAMPLE.org": "no certificate", "b.example.org": "has no domain"} {
		for _, protocols := range [][]string{nil, {"h2", "http/1.1"}} {
			_, err := o.Config().GetCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: protocols})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", name, err, want)
			}
		}
	}
	if !o.Expiry().IsZero() {
		t.Error("a certificate that is not there expires at", o.Expiry())
	}
	for _, domain := range []string{"localhost", "*.example.org", "müller.example"} {
		config.Domains = []string{domain}
		if _, err := NewObtained(config); err == nil {
			t.Errorf("%s is taken", domain)
		}
	}
}
