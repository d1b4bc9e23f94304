package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sqlstore"
)

const (
	// firstInventory is how long after the start it is first counted what there is.
	firstInventory = 10 * time.Second
	// inventoryEvery is how often after that, at most.
	inventoryEvery = 5 * time.Minute
	// inventoryRest is by how much longer than a count takes the next one is off.
	inventoryRest = 200
)

// takeInventories counts what there is from time to time, until ctx ends. set
// gets the figures.
func takeInventories(ctx context.Context, store *sqlstore.Store, log *slog.Logger, set func(sqlstore.Inventory)) {
	for wait := firstInventory; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		start := time.Now()
		have, err := store.Inventory(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("it can not be counted what there is; the next run tries again", "error", err)
		default:
			set(have)
		}
		wait = max(inventoryEvery, inventoryRest*time.Since(start))
	}
}

// A counted inventory says when it was taken.
type counted struct {
	sqlstore.Inventory
	at time.Time
}

// about returns what the server says of itself.
func (p *service) about(started time.Time) olrest.ServerFacts {
	facts := olrest.ServerFacts{Version: buildVersion(), Started: started, Database: p.set.location.String(), Settings: p.set.list}
	if have := p.inventory.Load(); have != nil {
		facts.Counted, facts.Schema, facts.Entities, facts.DeletedSets = have.at, have.Schema, have.Entities, have.Deleted
		facts.DatabaseBytes, facts.FreeBytes, facts.LastBackup = have.Bytes, have.FreeBytes, have.LastBackup
	}
	return facts
}
