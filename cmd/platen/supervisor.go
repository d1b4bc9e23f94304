package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A supervisor is systemd, if that started the process and wants to know how
// it is (Type=notify). If nobody does, the methods do nothing.
type supervisor struct {
	log   *slog.Logger
	ready atomic.Bool
}

func (s *supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("systemd can not be told of the server's state", "state", state, "error", err)
	}
}

// serving says that requests are answered.
func (s *supervisor) serving(status string) {
	s.ready.Store(true)
	s.tell(daemon.SdNotifyReady + "\nSTATUS=" + status)
}

// reloading says that settings are read again while reload runs.
func (s *supervisor) reloading(reload func()) {
	if s.ready.Load() {
		s.tell(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonicMicroseconds()))
		defer s.tell(daemon.SdNotifyReady)
	}
	reload()
}

// stopping says that the process is about to end.
func (s *supervisor) stopping() {
	s.ready.Store(false)
	s.tell(daemon.SdNotifyStopping)
}

// watch tells the watchdog that the server lives, twice in the time that it
// allows, until the function that it returns is called. ping is given a time to
// answer in. An error of it is an answer, which a restart would not change: the
// database is away. A ping that never returns is a server that hangs, and
// systemd starts another.
func (s *supervisor) watch(ctx context.Context, ping func(context.Context) error) (stop func()) {
	allowed, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("the watchdog of systemd is not answered", "error", err)
	}
	if err != nil || allowed == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(allowed / 2)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			limited, cancel := context.WithTimeout(ctx, allowed/4)
			_ = ping(limited)
			cancel()
			s.tell(daemon.SdNotifyWatchdog)
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}
