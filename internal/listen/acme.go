package listen

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/idna"
)

const (
	// renewedEvery is how often a certificate that there is is looked at; the
	// library renews it after two thirds of its time.
	renewedEvery = time.Minute
	// firstTry and lastTry are the pauses after a certificate could not be had.
	// The library does not ask again within a minute.
	firstTry = 65 * time.Second
	lastTry  = time.Hour
)

// ACME says how certificates are obtained from an authority (RFC 8555).
type ACME struct {
	Domains   []string       // that the server has; the first is shown to who names none
	Directory string         // the authority's URL
	Email     string         // for its messages; may be ""
	CA        string         // a PEM file of who signs the authority's own certificate; "": the system's
	Cache     autocert.Cache // keeps account, keys and certificates; shared by all servers of the domains
	Log       *slog.Logger
}

// Obtained are certificates that an authority gives and renews by ACME. The
// authority's terms are agreed to.
type Obtained struct {
	manager *autocert.Manager
	domains []string
	log     *slog.Logger

	mu     sync.Mutex
	expiry map[string]time.Time // of the certificates that there are, by domain
}

// NewObtained returns certificates, none of which there is before [Obtained.Run].
func NewObtained(config ACME) (*Obtained, error) {
	domains, err := parseDomains(config.Domains)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if config.CA != "" {
		pem, err := os.ReadFile(config.CA)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", config.CA)
		}
	}
	return &Obtained{
		manager: &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(domains...), Cache: config.Cache, Email: config.Email,
			Client: &acme.Client{DirectoryURL: config.Directory, UserAgent: "platen", HTTPClient: &http.Client{Transport: transport, Timeout: time.Minute}},
		},
		domains: domains, log: config.Log, expiry: make(map[string]time.Time),
	}, nil
}

// domainNames are names as DNS takes them: letters, digits and hyphens.
var domainNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// parseDomains returns the names of domains as DNS has them, each once.
func parseDomains(texts []string) (domains []string, err error) {
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if net.ParseIP(strings.Trim(text, "[]")) != nil {
			return nil, fmt.Errorf("%q is an address: certificates are obtained for names of domains, such as platen.example.com", text)
		}
		domain, err := domainNames.ToASCII(strings.TrimSuffix(text, "."))
		if err != nil || !strings.Contains(strings.Trim(domain, "."), ".") {
			return nil, fmt.Errorf("%q is no domain that a certificate can be obtained for: want a whole name such as platen.example.com, without scheme, port, path or wildcard", text)
		}
		if !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains, nil
}

// Config returns the settings of TLS connections. Each handshake goes by the
// certificate of now.
func (o *Obtained) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     append(slices.Clone(protocols), acme.ALPNProto),
		GetCertificate: o.certificate,
	}
}

// certificate returns that of the name that a client asks for. It never waits
// for the authority: only Run does.
func (o *Obtained) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := cmp.Or(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")), o.domains[0])
	challenge := len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto
	o.mu.Lock()
	_, there := o.expiry[name]
	o.mu.Unlock()
	switch {
	case !there && !o.has(name):
		return nil, fmt.Errorf("this server has no domain %q", name)
	case !there && !challenge:
		return nil, fmt.Errorf("there is no certificate for %s yet", name)
	}
	return o.get(name, hello.SupportedProtos)
}

func (o *Obtained) has(name string) bool {
	for _, domain := range o.domains {
		if domain == name {
			return true
		}
	}
	return false
}

// get returns the certificate of a domain, with a key that all clients of TLS
// 1.2 and later take: one kind of key is one certificate to renew.
func (o *Obtained) get(domain string, protocols []string) (*tls.Certificate, error) {
	return o.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName: domain, SupportedProtos: protocols, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
}

// Expiry returns the end of the certificate that ends first; zero if there is
// none.
func (o *Obtained) Expiry() (first time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, end := range o.expiry {
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}

// Run obtains the certificates, which needs the listener to take connections,
// and follows their renewal, until ctx ends.
func (o *Obtained) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, domain := range o.domains {
		all.Go(func() { o.follow(ctx, domain) })
	}
	all.Wait()
}

func (o *Obtained) follow(ctx context.Context, domain string) {
	pause := firstTry
	for {
		wait := renewedEvery
		if err := o.look(ctx, domain); err != nil {
			wait = pause
			pause = min(2*pause, lastTry)
			o.log.Error("a certificate can not be obtained; it is tried again", "domain", domain, "error", err, "in", wait)
		} else {
			pause = firstTry
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// look obtains the certificate of a domain unless there is one, and notices
// that it is another. It returns when ctx ends, though the library goes on.
func (o *Obtained) look(ctx context.Context, domain string) error {
	type result struct {
		certificate *tls.Certificate
		err         error
	}
	got := make(chan result, 1)
	go func() {
		certificate, err := o.get(domain, nil)
		got <- result{certificate, err}
	}()
	var now result
	select {
	case <-ctx.Done():
		return nil
	case now = <-got:
	}
	if now.err != nil {
		return now.err
	}
	if now.certificate.Leaf == nil {
		return errors.New("the certificate can not be read")
	}
	end := now.certificate.Leaf.NotAfter
	o.mu.Lock()
	before := o.expiry[domain]
	o.expiry[domain] = end
	o.mu.Unlock()
	if !end.Equal(before) {
		o.log.Info("TLS certificate obtained", "domain", domain, "by", now.certificate.Leaf.Issuer.String(), "expires", end)
	} else if left := time.Until(end); left < end.Sub(now.certificate.Leaf.NotBefore)/6 {
		o.log.Warn("the TLS certificate is not renewed; is the authority reachable, and this server for it?", "domain", domain, "expires", end)
	}
	return nil
}

// Challenges returns what answers the authority's questions over plain HTTP, and
// nothing else. The authority is then also asked to ask so.
func (o *Obtained) Challenges() http.Handler {
	answer := o.manager.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "here are only the challenges of ACME; the API speaks HTTPS", http.StatusNotFound)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r.Host = host // the library knows the port 80 alone
		}
		answer.ServeHTTP(w, r)
	})
}
