package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/telemetry"
)

// certificatesEvery is how often the TLS files are looked at.
const certificatesEvery = 5 * time.Second

// A front is how a server meets the network: its TLS, the proxies before it,
// and the web pages that may call it.
type front struct {
	tls         listen.Files
	acme        acmeSettings
	behindProxy bool
	proxies     []string
	origins     []string
}

// flags declares the settings of a front.
func (f *front) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.tls.Cert, "tls-cert", "", "PEM file of the TLS certificate, with its intermediates behind it; read again when it changes, and on SIGHUP")
	flags.StringVar(&f.tls.Key, "tls-key", "", "PEM file of the certificate's private key")
	flags.StringVar(&f.tls.ClientCA, "tls-client-ca", "", "PEM file of the authorities that sign the certificates of clients, which then all need one")
	f.acme.flags(flags)
	flags.BoolVar(&f.behindProxy, "behind-proxy", false, "allow plain HTTP on an address that is not loopback: a proxy before it speaks TLS, and nobody else can reach it")
	flags.StringSliceVar(&f.proxies, "trusted-proxy", nil, "address or network (10.0.0.0/8) of the proxies that are believed about the client: X-Forwarded-For, Forwarded, PROXY protocol; may be given more than once, or with commas")
	flags.StringSliceVar(&f.origins, "cors-origin", nil, "origin (https://app.example) whose pages may call the API from a browser; may be given more than once, or with commas")
}

// check refuses settings that do not fit each other or the address.
func (f *front) check(address net.Addr) error {
	wrong := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), "platen serve"}
	}
	if err := f.acme.check(f.tls); err != nil {
		return err
	}
	secure := f.tls.Cert != "" || len(f.acme.domains) > 0
	switch {
	case (f.tls.Cert != "") != (f.tls.Key != ""):
		return wrong("--tls-cert and --tls-key are given together or not at all")
	case f.tls.Cert == "" && f.tls.ClientCA != "":
		return wrong("--tls-client-ca needs --tls-cert and --tls-key")
	case !secure && !f.behindProxy && !loopback(address):
		return wrong("plain HTTP on %s would show passwords to the network; give a certificate (--tls-cert FILE --tls-key FILE), or have one obtained (--acme-domain), "+
			"or say that a proxy before it speaks TLS (--behind-proxy), or listen on a loopback address (--listen %s)", address, defaultListen)
	}
	return nil
}

// open reads what the settings name, and warns of what an operator should look
// at. The telemetry is told of the certificate; cache keeps those that are
// obtained.
func (f *front) open(config *server.Config, address net.Addr, cache *certificateCache, measured *telemetry.Telemetry, log *slog.Logger) (err error) {
	if config.Proxies, err = listen.ParseProxies(f.proxies); err != nil {
		return usageError{fmt.Errorf("--trusted-proxy: %w", err), "platen serve"}
	}
	if config.Origins, err = server.ParseOrigins(f.origins); err != nil {
		return usageError{fmt.Errorf("--cors-origin: %w", err), "platen serve"}
	}
	switch {
	case f.tls.Cert != "":
		loaded, err := listen.LoadCertificates(f.tls, log)
		if err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
		config.Certificates = loaded
		measured.WatchCertificate(loaded.Expiry)
	case len(f.acme.domains) > 0:
		obtained, err := f.acme.open(cache, log)
		if err != nil {
			return err
		}
		config.Certificates = obtained
		measured.WatchCertificate(obtained.Expiry)
	case !loopback(address):
		log.Warn("plain HTTP: only the proxy before it may reach this address", "address", address.String())
		if len(config.Proxies) == 0 {
			log.Warn("without --trusted-proxy the log and the limit on guessing know the proxy alone, not the clients behind it")
		}
	}
	return nil
}

// watch reads certificates again when their files change, or on SIGHUP, until
// the function that it returns is called. Without certificates SIGHUP does
// nothing.
func watch(ctx context.Context, certificates listen.Source, by *supervisor) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	reload := func() {
		if files, ok := certificates.(*listen.Certificates); ok {
			files.Reload()
		}
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(certificatesEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				reload()
			case <-hangups:
				by.reloading(reload)
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		cancel()
		watching.Wait()
	}
}
