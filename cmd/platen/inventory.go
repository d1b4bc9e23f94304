package main

import (
	"context"
	"time"

	"github.com/platenhq/platen/internal/olrest"
)

const (
	// firstInventory is how long after the start it is first counted what there is.
	firstInventory = 10 * time.Second
	// inventoryEvery is how often after that, at most.
	inventoryEvery = 5 * time.Minute
	// inventoryRest is by how much longer than a count takes the next one is off.
	inventoryRest = 200
)

// takeInventories counts what there is from time to time, until ctx ends.
func (p *service) takeInventories(ctx context.Context) {
	for wait := firstInventory; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		start := time.Now()
		have, err := p.store.Inventory(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("it can not be counted what there is; the next run tries again", "error", err)
		default:
			p.inventory.Store(have)
		}
		wait = max(inventoryEvery, inventoryRest*time.Since(start))
	}
}

// about returns what the server says of itself.
func (p *service) about() olrest.ServerFacts {
	made := thisBuild()
	return olrest.ServerFacts{Revision: made.commit, RevisionAt: made.date, Database: p.set.location.String(), Inventory: p.inventory.Load(), Settings: p.set.list}
}
