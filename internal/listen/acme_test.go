package listen

import (
	"crypto/tls"
	"log/slog"
	"slices"
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
}

// TestParseDomains checks what is taken as the name of a domain, and as which.
func TestParseDomains(t *testing.T) {
	t.Parallel()
	got, err := parseDomains([]string{"A.example.org.", " b.example.org", "a.example.org", "müller.example", "xn--mller-kva.example"})
	if want := []string{"a.example.org", "b.example.org", "xn--mller-kva.example"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for text, want := range map[string]string{
		"localhost": "want a whole name", "*.example.org": "want a whole name", "": "want a whole name", ".": "want a whole name",
		"https://a.example.org": "without scheme", "a.example.org:443": "without scheme", "a.example.org/x": "without scheme",
		"a_b.example.org": "no domain", "a b.example.org": "no domain", "-a.example.org": "no domain", "a..org": "no domain",
		"192.0.2.1": "is an address", "2001:db8::1": "is an address", "[2001:db8::1]": "is an address",
	} {
		if got, err := parseDomains([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
