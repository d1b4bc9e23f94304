// Package retention runs the rules by which sets are deleted for their age
// ([platen.RetentionRule]). A rule deletes what its preview lists, one set after the
// other, in the way of any other deletion; so a set that it has deleted can come
// back as long as the clean-up has not begun with it.
package retention

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
)

// A Store is what the rules need of one.
type Store interface {
	storage.Retention
	storage.Lister
	// Now is that of [storage.Users].
	Now(ctx context.Context) (time.Time, error)
}

// Config says what a [Runner] does.
type Config struct {
	Store   Store
	Log     *slog.Logger
	Every   time.Duration // from one run of a rule to the next
	Deleted func()        // is called after each deletion; nil: nothing is
}

// A Runner runs rules.
type Runner struct{ Config }

// New returns a runner.
func New(config Config) *Runner {
	if config.Deleted == nil {
		config.Deleted = func() {}
	}
	return &Runner{config}
}

const (
	// checkEvery is how often it is checked whether rules are due, or were changed.
	checkEvery = 5 * time.Second
	// pageSize is how many sets are listed at once.
	pageSize = 100
	// turnEvery is how often a run asks whether it is still this process's turn.
	turnEvery = 5 * time.Second
	// leastRest is the shortest pause after a deletion.
	leastRest = time.Millisecond
)

// Run runs rules that are due, until ctx ends.
func (r *Runner) Run(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.Due(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			r.Log.Error("the rules of retention can not be run; it is tried again", "error", err)
		}
		failing = err != nil
	}
}

// Due runs the rules that are due: those that did not run for so long, or not since
// they were changed. Of all processes on a database one does so at a time.
func (r *Runner) Due(ctx context.Context) error {
	rules, err := r.Store.RetentionRules(ctx)
	if err != nil || !slices.ContainsFunc(rules, func(rule platen.RetentionRule) bool { return rule.Enabled }) {
		return err
	}
	if mine, err := r.Store.RetentionTurn(ctx); err != nil || !mine {
		return err
	}
	// Another process may have run them since they were read.
	if rules, err = r.Store.RetentionRules(ctx); err != nil {
		return err
	}
	for _, rule := range rules {
		now, err := r.Store.Now(ctx)
		if err != nil {
			return err
		}
		since := now.Sub(rule.Last.Ended) // negative if the clock was set back
		if !rule.Enabled || rule.Last.Version == rule.Version && 0 <= since && since < r.Every {
			continue
		}
		if err := r.run(ctx, &rule, now); err != nil {
			return err
		}
	}
	return nil
}

// run runs a rule, and records how that ended. An error is one of the store: the
// next turn runs the rule again.
func (r *Runner) run(ctx context.Context, rule *platen.RetentionRule, now time.Time) error {
	run := run{Runner: r, rule: rule, now: now, asked: time.Now()}
	err := run.all(storage.WithOrigin(ctx, &storage.Origin{Token: "retention:" + rule.Name}))
	if run.deleted > 0 || run.skipped > 0 {
		r.Log.Info("sets deleted by a rule of retention", "rule", rule.Name, "deleted", run.deleted, "skipped", run.skipped)
	}
	last := platen.RetentionRun{Version: rule.Version, Deleted: run.deleted}
	switch {
	case run.over, ctx.Err() != nil:
		return nil
	case platen.ErrorCode(err) == platen.Invalid:
		last.Error = err.Error()
		r.Log.Error("a rule of retention can not be run; change it", "rule", rule.Name, "error", err)
	case err != nil:
		return err
	}
	if last.Ended, err = r.Store.Now(ctx); err != nil {
		return err
	}
	return r.Store.RecordRetentionRun(ctx, rule.Name, last)
}

// A run is one of a rule.
type run struct {
	*Runner
	rule             *platen.RetentionRule
	now              time.Time // when it began
	asked            time.Time // when it was last asked whose turn it is
	deleted, skipped int64
	over             bool // the rule was changed, or it is another's turn
}

// all deletes what the rule lists. Invalid: the filter is none.
func (r *run) all(ctx context.Context) error {
	listing, err := olrest.RuleListing(r.rule, r.now, pageSize)
	if err != nil {
		return err
	}
	for !r.over {
		page, err := Page(ctx, r.Store, r.rule, r.now, listing)
		if err != nil {
			return err
		}
		for _, set := range page.Entities {
			if err := r.delete(ctx, set); err != nil || r.over {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		listing.After = page.Next
	}
	return nil
}

// delete deletes a set that was listed, and then leaves the store alone for as long
// as that took. A set that has changed since is left for the next run.
func (r *run) delete(ctx context.Context, set *platen.Entity) error {
	if time.Since(r.asked) >= turnEvery {
		mine, err := r.Store.RetentionTurn(ctx)
		if err != nil || !mine {
			r.over = err == nil
			return err
		}
		r.asked = time.Now()
	}
	start := time.Now()
	err := r.Store.DeleteByRule(ctx, r.rule, set.Ref, &platen.Match{Tags: []platen.Tag{set.Tag()}}, r.rule.Before(r.now))
	switch platen.ErrorCode(err) {
	case platen.Conflict:
		r.over = true
		return nil
	case platen.NotFound:
	case platen.Changed, platen.Unavailable:
		r.skipped++
		r.Log.Debug("a set is not deleted now", "rule", r.rule.Name, "kind", set.Kind.String(), "id", set.ID, "error", err)
	default:
		if err != nil {
			return err
		}
		r.deleted++
		r.Deleted()
		r.Log.Info("set deleted", "kind", set.Kind.String(), "id", set.ID, "rule", r.rule.Name)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(time.Since(start), leastRest)):
		return nil
	}
}

// Page returns a page of the sets that a rule deletes at a time, of a listing of
// them by their creation: without those that were undeleted since.
func Page(ctx context.Context, store Store, rule *platen.RetentionRule, now time.Time, listing *platen.Listing) (*platen.ListingPage, error) {
	page, err := store.ListPage(ctx, listing)
	if err != nil {
		return nil, err
	}
	ids := make([]platen.ID, len(page.Entities))
	for i, set := range page.Entities {
		ids[i] = set.ID
	}
	undeleted, err := store.UndeletedSince(ctx, ids, rule.Before(now))
	if err != nil {
		return nil, err
	}
	page.Entities = slices.DeleteFunc(page.Entities, func(set *platen.Entity) bool { return slices.Contains(undeleted, set.ID) })
	if page.Next == nil {
		page.Total = max(0, page.Total-int64(len(undeleted)))
	}
	return page, nil
}
