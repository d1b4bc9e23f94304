package sandbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/retention"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/telemetry"
	"github.com/platenhq/platen/internal/webhook"
)

// A world is a server with all that it remembers, from one reset to the next.
// Connections, clock, faults and journal outlive it.
type world struct {
	store   *sqlstore.Store
	guard   *auth.Guard
	handler *server.Server
	rules   *retention.Runner
	end     func()
	ended   sync.Once
}

// operationLost is what clients read of an operation that a snapshot has
// under way.
const operationLost = "the sandbox was reset while the operation was under way; begin it again"

// begin makes the server that goes by what the database has now.
func (s *Sandbox) begin(ctx context.Context) (_ *world, err error) {
	w := &world{}
	measured := telemetry.New(telemetry.Config{Version: s.Version, Log: s.Log})
	if w.store, err = s.memory.Open(ctx, sqlstore.ObservedBy(measured.Store())); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.store.Close())
		}
	}()
	if err := w.store.Start(ctx, operationLost); err != nil {
		return nil, err
	}
	if err := s.addUser(ctx, w.store); err != nil {
		return nil, err
	}
	if w.guard, err = auth.NewGuard(ctx, auth.Config{Store: w.store, TokenTTL: s.TokenTTL, Log: s.Log, Clock: s.clock}); err != nil {
		return nil, err
	}
	policy, err := webhook.ParsePolicy([]string{"127.0.0.0/8", "::1"})
	if err != nil {
		return nil, err
	}
	w.handler = server.New(server.Config{
		Store: w.store, Guard: w.guard, Log: s.Log, Version: s.Version, APIVersion: s.APIVersion, MaxBody: s.MaxBody,
		About:        func() olrest.ServerFacts { return olrest.ServerFacts{Database: "memory"} },
		CleanupAfter: cleanupAfter, Spool: s.group.spool, Telemetry: measured, Clock: s.clock, Journal: s.journal, Sandbox: s, LoopbackHosts: true,
		Webhooks: webhook.Config{Policy: policy, Version: s.Version},
	})
	w.rules = retention.New(retention.Config{Store: w.store, Log: s.Log, Every: retentionEvery})
	w.end = w.handler.Begin(context.WithoutCancel(ctx))
	return w, nil
}

// close ends a world whose requests have ended.
func (w *world) close() (err error) {
	w.ended.Do(func() {
		w.end()
		w.guard.Close()
		err = w.store.Close()
	})
	return err
}

// Those settings of a server that have to do with its clock.
const (
	cleanupAfter   = 24 * time.Hour
	operationGrace = 24 * time.Hour
	retentionEvery = time.Hour
)

// upkeep does what is due by the clock: it deletes sets by the rules of retention,
// removes what was deleted long ago, and forgets operations.
func (s *Sandbox) upkeep(ctx context.Context, w *world) error {
	now := s.clock.Now()
	if err := errors.Join(w.rules.Due(ctx), w.store.ForgetOperations(ctx, now.Add(-operationGrace))); err != nil {
		return err
	}
	for {
		more, err := w.store.Clean(ctx, now.Add(-cleanupAfter))
		if err != nil || !more {
			return err
		}
	}
}

// addUser adds the user whose password everybody knows, unless there is one.
func (s *Sandbox) addUser(ctx context.Context, store *sqlstore.Store) error {
	users, err := store.Users(ctx)
	if err != nil || len(users) > 0 {
		return err
	}
	user := auth.CheapUser(s.User, s.Password)
	user.Role, user.Changed = platen.Admin, s.clock.Now()
	return store.AddUser(ctx, user)
}
