package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/telemetry"
)

// listenMetrics opens the listener that serves metrics and nothing else; nil
// if there is to be none.
func listenMetrics(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for metrics: %w; another address can be given with --metrics-listen", address, err)
	}
	return listener, nil
}

// maxScrapers bounds the connections to the listener for metrics.
const maxScrapers = 64

// serveMetrics serves metrics at the listener, if there is one, until the
// function that it returns is called. A failure of it is logged, and is no
// reason to serve nothing else.
func serveMetrics(ctx context.Context, measured *telemetry.Telemetry, listener net.Listener, log *slog.Logger) (stop func()) {
	if listener == nil {
		return func() {}
	}
	listener = admission.Listen(listener, admission.Limits{Connections: maxScrapers}, nil, measured.Refused)
	// It goes on while the server stops, so that this can be watched.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := measured.Serve(ctx, listener); err != nil {
			log.Error("metrics are no longer served at their own address", "error", err)
		}
	})
	return func() {
		cancel()
		serving.Wait()
	}
}
