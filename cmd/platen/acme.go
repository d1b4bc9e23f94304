package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/acme/autocert"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/storage"
)

// An acmeSettings says whether and how certificates are obtained.
type acmeSettings struct {
	domains   []string
	directory string
	email     string
	agreed    bool
	ca        string
	http      string
}

func (a *acmeSettings) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&a.domains, "acme-domain", nil, "domain that a certificate is obtained for by ACME, and renewed; may be given more than once, or with commas. The authority has to reach this server at port 443 of the domain, or with --acme-http at port 80")
	flags.StringVar(&a.directory, "acme-directory", autocert.DefaultACMEDirectory, "URL of the authority's directory")
	flags.StringVar(&a.email, "acme-email", "", "address for the authority's messages")
	flags.BoolVar(&a.agreed, "acme-accept-terms", false, "agree to the authority's terms of service, which its directory names")
	flags.StringVar(&a.ca, "acme-ca", "", "PEM file of who signs the certificate of the authority's own server, for one of your own; default: whom this system trusts")
	flags.StringVar(&a.http, "acme-http", "", "address (0.0.0.0:80) at which the authority's challenges are answered over plain HTTP, and nothing else")
}

// check refuses settings that do not fit each other.
func (a *acmeSettings) check(files listen.Files) error {
	wrong := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), "platen serve"}
	}
	directory, err := url.Parse(a.directory)
	switch {
	case len(a.domains) == 0 && (a.email != "" || a.ca != "" || a.http != "" || a.agreed):
		return wrong("--acme-email, --acme-ca, --acme-http and --acme-accept-terms need --acme-domain")
	case len(a.domains) == 0:
		return nil
	case files.Cert != "" || files.Key != "":
		return wrong("--acme-domain and --tls-cert are two ways to have a certificate: choose one")
	case files.ClientCA != "":
		return wrong("--tls-client-ca does not go with --acme-domain: clients are asked for certificates with --tls-cert and --tls-key alone")
	case err != nil || directory.Scheme != "https" || directory.Host == "":
		return wrong("--acme-directory %q is no https:// URL", a.directory)
	case !a.agreed:
		return wrong("the authority at %s has terms of service, which its directory names: read them, and agree by --acme-accept-terms", directory.Host)
	}
	return nil
}

// open returns the certificates. They are kept where cache says, once that
// has a store.
func (a *acmeSettings) open(cache autocert.Cache, log *slog.Logger) (*listen.Obtained, error) {
	obtained, err := listen.NewObtained(listen.ACME{Domains: a.domains, Directory: a.directory, Email: a.email, CA: a.ca, Cache: cache, Log: log})
	if err != nil {
		return nil, usageError{fmt.Errorf("ACME: %w", err), "platen serve"}
	}
	return obtained, nil
}

// runACME obtains and renews certificates until the function that it returns is
// called.
func (p *service) runACME(ctx context.Context) (stop func()) {
	obtained, ok := p.config.Certificates.(*listen.Obtained)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	answers := &http.Server{ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)}
	var running sync.WaitGroup
	if p.challenges != nil {
		answers.Handler = obtained.Challenges()
		running.Go(func() {
			if err := answers.Serve(p.challenges); !errors.Is(err, http.ErrServerClosed) {
				p.log.Error("challenges of ACME are no longer answered over plain HTTP", "error", err)
			}
		})
	}
	running.Go(func() { obtained.Run(ctx) })
	return func() {
		cancel()
		_ = answers.Close()
		running.Wait()
	}
}

// listenChallenges takes the address for challenges, if there is one.
func (p *service) listenChallenges() (err error) {
	if p.set.front.acme.http == "" {
		return nil
	}
	if p.challenges, err = net.Listen("tcp", p.set.front.acme.http); err != nil {
		return fmt.Errorf("listen on %s for challenges of ACME: %w", p.set.front.acme.http, err)
	}
	p.atEnd(func() error { _ = p.challenges.Close(); return nil })
	return nil
}

// A certificateCache is the library's view of a store, which is opened after the
// settings of TLS are made.
type certificateCache struct {
	store atomic.Pointer[storage.Certificates]
}

func (c *certificateCache) use(store storage.Certificates) { c.store.Store(&store) }

func (c *certificateCache) there() (storage.Certificates, error) {
	if store := c.store.Load(); store != nil {
		return *store, nil
	}
	return nil, errors.New("the store of certificates is not open")
}

// Get implements [autocert.Cache].
func (c *certificateCache) Get(ctx context.Context, name string) ([]byte, error) {
	store, err := c.there()
	if err != nil {
		return nil, err
	}
	data, err := store.CertificateData(ctx, name)
	if platen.ErrorCode(err) == platen.NotFound {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

// Put implements [autocert.Cache].
func (c *certificateCache) Put(ctx context.Context, name string, data []byte) error {
	store, err := c.there()
	if err != nil {
		return err
	}
	return store.PutCertificateData(ctx, name, data)
}

// Delete implements [autocert.Cache].
func (c *certificateCache) Delete(ctx context.Context, name string) error {
	store, err := c.there()
	if err != nil {
		return err
	}
	return store.DeleteCertificateData(ctx, name)
}
