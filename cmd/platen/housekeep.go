package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/platenhq/platen/internal/storage"
)

const (
	// forgetEvery is how often operations that ended long ago are forgotten.
	forgetEvery = time.Minute
	// failEvery is how often those of servers that are gone are ended.
	failEvery = 5 * time.Second
	// neverDeleted is longer ago than any deletion.
	neverDeleted = 100 * 365 * 24 * time.Hour
)

// serverGone is what clients read of an operation whose server is gone.
const serverGone = "the server was stopped before the operation had ended; begin it again"

// upkeep is what housekeeping needs of a store.
type upkeep interface {
	storage.Operations
	storage.Maintenance
}

// housekeep does what has to be done from time to time, until ctx ends.
func housekeep(ctx context.Context, store upkeep, log *slog.Logger, set settings) {
	forget := time.NewTicker(forgetEvery)
	defer forget.Stop()
	fail := time.NewTicker(failEvery)
	defer fail.Stop()
	every, after := set.cleanupEvery, set.cleanupAfter
	if every <= 0 {
		// It is off, but deletions that were broken off have to be finished.
		every, after = forgetEvery, neverDeleted
	}
	cleanup := time.NewTicker(every)
	defer cleanup.Stop()
	cleanUp(ctx, store, log, after)
	for {
		select {
		case <-ctx.Done():
			return
		case <-forget.C:
			if err := store.ForgetOperations(ctx, time.Now().Add(-set.operationGrace)); err != nil {
				log.Error("operations are not forgotten; the next run tries again", "error", err)
			}
		case <-fail.C:
			if err := store.FailOperations(ctx, serverGone); err != nil && ctx.Err() == nil {
				log.Error("operations of servers that are gone are not ended; the next run tries again", "error", err)
			}
		case <-cleanup.C:
			cleanUp(ctx, store, log, after)
		}
	}
}

// cleanUp removes for good what was deleted long enough ago, a batch at a
// time, and leaves the store alone as long as each took.
func cleanUp(ctx context.Context, store upkeep, log *slog.Logger, after time.Duration) {
	before := time.Now().Add(-after)
	for batches := 0; ctx.Err() == nil; batches++ {
		start := time.Now()
		more, err := store.Clean(ctx, before)
		if err != nil && ctx.Err() == nil {
			log.Error("the clean-up broke off; the next run goes on", "error", err)
		}
		if err != nil || !more {
			if batches > 0 {
				log.Info("cleaned up", "batches", batches)
			}
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Since(start)):
		}
	}
}
