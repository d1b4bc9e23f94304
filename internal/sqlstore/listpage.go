package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/search"
)

// How much is done for a page.
const (
	smallListing = 10_000                 // candidates of a rule that are all read and sorted
	probeFor     = 40 * time.Millisecond  // what it may take to see that they are so few
	fillFor      = 80 * time.Millisecond  // after which a page with something on it is left as it is
	emptyPageFor = 250 * time.Millisecond // after which an empty page is
	tailFor      = 4 * time.Millisecond   // after which one is with all that has the name of the order
	chunkMost    = 2048                   // entities that are tested together
)

// ListPage implements [storage.Lister]. If the index finds few candidates for the
// rule, they are all read, and sorted. Otherwise the entities are walked through
// in the order asked for, and the rule is a condition on each.
func (s *Store) ListPage(ctx context.Context, asked *platen.Listing) (_ *platen.ListingPage, err error) {
	ctx, done := s.observe(ctx, "list_page")
	defer func() { done(err) }()
	facts := asked.Parts.Facts && hasFacts(asked.Kind)
	var page *platen.ListingPage
	switch indexed, of := usesIndex(asked.Rule, asked.Order); {
	case indexed:
		err = s.indexed(ctx, asked.Kind, of, func(pending bool) (err error) {
			var times map[platen.ID]int64
			if pending && facts {
				if times, err = s.pendingTimes(ctx, asked.Kind, 0); err != nil {
					return err
				}
			}
			page, err = s.listPage(ctx, asked, pending, times)
			return err
		})
	default:
		var times map[platen.ID]int64
		if facts {
			times, err = s.changeTimes(ctx, asked.Kind, 0)
		}
		if err == nil {
			page, err = s.listPage(ctx, asked, false, times)
		}
	}
	return page, s.error("list entities", err)
}

// listPage returns a page as soon as few others are read. times are those that the
// index has not passed on yet.
func (s *Store) listPage(ctx context.Context, asked *platen.Listing, pending bool, times map[platen.ID]int64) (*platen.ListingPage, error) {
	release, err := take(ctx, s.listings)
	if err != nil {
		return nil, err
	}
	defer release()
	page, err := s.findPage(ctx, asked, pending)
	if err != nil {
		return nil, err
	}
	return s.readPage(ctx, asked, page, times)
}

// usesIndex reports whether a rule and an order look at the index, and at how much of
// it.
func usesIndex(rule platen.Rule, order platen.ListingOrder) (indexed bool, of awaited) {
	of = ofImports
	see := func(facet platen.Facet) {
		if indexed = true; facet == platen.Metadata || facet == platen.KeptFacts {
			of = ofImportsAndLate
		}
	}
	var walk func(*platen.Rule)
	walk = func(rule *platen.Rule) {
		if rule.Type == platen.Text {
			see(rule.Facet)
		}
		for i := range rule.Rules {
			walk(&rule.Rules[i])
		}
	}
	walk(&rule)
	if order.Name != "" {
		see(order.Facet)
	}
	return indexed, of
}

// A foundPage is a page before its entities are read.
type foundPage struct {
	at    []platen.Position
	next  *platen.Position
	total int64
}

func (s *Store) findPage(ctx context.Context, asked *platen.Listing, pending bool) (_ *foundPage, err error) {
	var orders []search.Name
	if asked.Order.Name != "" {
		orders = append(orders, search.Name{Kind: cmp.Or(asked.Order.OfSet, asked.Kind), Facet: asked.Order.Facet, Name: asked.Order.Name})
	}
	plan, err := s.plan(ctx, &platen.Search{Kind: asked.Kind, Rule: asked.Rule}, pending, orders...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plan.end()) }()
	if err := plan.decide(ctx); err != nil {
		return nil, err
	}
	l := lister{plan: plan, asked: asked, walk: walk{s: s, ctx: ctx, kind: asked.Kind, order: asked.Order, indexReader: plan.indexReader}}
	for _, order := range orders {
		l.name = plan.ids[order]
		l.bound(&asked.Rule)
	}
	driver, err := l.selective()
	if err != nil {
		return nil, err
	}
	if driver != nil {
		return l.few(driver)
	}
	return l.many()
}

// A lister reads a page.
type lister struct {
	walk
	plan  *searchPlan
	asked *platen.Listing
}

// selective returns a driver that finds few candidates, if there is one and that can
// be seen in a short time.
func (l *lister) selective() (_ search.Driver, err error) {
	if len(l.plan.Drivers) == 0 {
		return nil, nil
	}
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(l.ctx, probeFor, errLong)
	defer cancel()
	if l.plan.tx != nil { // an interrupted statement may end a transaction
		if _, err := l.plan.tx.ExecContext(l.ctx, `SAVEPOINT probed`); err != nil {
			return nil, err
		}
		defer func() {
			_, rolledBack := l.plan.tx.ExecContext(l.ctx, `ROLLBACK TO SAVEPOINT probed`)
			err = errors.Join(err, rolledBack)
		}()
	}
	driver, hits, err := fewest(ctx, l.plan.db, l.plan.Plan)
	if err != nil && l.ctx.Err() == nil && time.Since(start) >= probeFor || err == nil && hits >= smallListing {
		return nil, nil
	}
	return driver, err
}

// few returns the page of a listing whose driver finds few candidates.
func (l *lister) few(driver search.Driver) (*foundPage, error) {
	statement, err := l.plan.Statement(driver)
	if err != nil {
		return nil, err
	}
	ids, err := l.readIDs(statement)
	if err != nil {
		return nil, err
	}
	all, err := l.sorted(ids)
	if err != nil {
		return nil, err
	}
	page := &foundPage{total: int64(len(all))}
	if l.asked.After != nil {
		n, found := slices.BinarySearchFunc(all, l.asked.After, func(a platen.Position, b *platen.Position) int { return l.compare(&a, b) })
		if found {
			n++
		}
		all = all[n:]
	}
	if len(all) > l.asked.Size {
		all = all[:l.asked.Size]
		page.next = &all[len(all)-1]
	}
	page.at = all
	return page, nil
}

func (l *lister) readIDs(statement search.Statement) ([]platen.ID, error) {
	rows, err := l.plan.db.QueryContext(l.ctx, statement.Text, statement.Args...)
	return collect(rows, err, func(from scanner) (id platen.ID, err error) { return id, from.Scan(&id) })
}

// many walks through the entities until the page is full, or enough were looked at.
func (l *lister) many() (*foundPage, error) {
	start, tested := time.Now(), 0
	at := l.start()
	if l.asked.After != nil {
		at = *l.asked.After
	}
	page := &foundPage{}
	for chunk := min(l.asked.Size+1, chunkMost); ; chunk = min(2*chunk, chunkMost) {
		found, stopped, err := l.next(at, chunk)
		if err != nil {
			return nil, err
		}
		holds, err := l.holds(found)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			if tested++; !holds[one.ID] {
				continue
			}
			if len(page.at) == l.asked.Size {
				page.next = &page.at[len(page.at)-1]
				return page, l.estimate(page, tested-1)
			}
			page.at = append(page.at, one)
		}
		if stopped == nil {
			return page, l.estimate(page, tested)
		}
		at = *stopped
		took := time.Since(start)
		tail := l.name != 0 && at.Missing && at.ID != l.start().ID // and some of it was looked at
		if took > emptyPageFor || len(page.at) > 0 && (took > fillFor || took > tailFor && tail) {
			page.next = &at
			return page, l.estimate(page, tested)
		}
	}
}

// holds returns which entities the listing has.
func (l *lister) holds(found []platen.Position) (map[platen.ID]bool, error) {
	if len(found) == 0 {
		return nil, nil
	}
	ids := make([]platen.ID, len(found))
	for i, one := range found {
		ids[i] = one.ID
	}
	statement, err := l.plan.Among(l.s.idsOf(ids))
	if err != nil {
		return nil, err
	}
	ids, err = l.readIDs(statement)
	holds := make(map[platen.ID]bool, len(ids))
	for _, id := range ids {
		holds[id] = true
	}
	return holds, err
}

// estimate sets the total of a page: that of the first page, or as many of all of
// the kind as of those that were looked at.
func (l *lister) estimate(page *foundPage, looked int) error {
	switch {
	case l.asked.After != nil:
		page.total = l.asked.After.Total
	case page.next == nil:
		page.total = int64(len(page.at))
	default:
		total, err := l.countKind()
		if err != nil {
			return err
		}
		held := len(page.at)
		if l.asked.Order.Name != "" && (looked > held || l.has) { // the order may have to do with the rule
			if held, looked, err = l.sample(); err != nil {
				return err
			}
		}
		page.total = max(int64(float64(total)*float64(held)/float64(max(looked, 1))), int64(len(page.at)))
	}
	return nil
}

// sample tests entities here and there, and returns how many of how many the listing
// has.
func (l *lister) sample() (held, looked int, err error) {
	const places, each = 8, 64
	var first, last int64
	if err := l.stmt(selectKindBounds).QueryRowContext(l.ctx, int64(l.kind)).Scan(&first, &last); err != nil {
		return 0, 0, err
	}
	byID := walk{s: l.s, ctx: l.ctx, kind: l.kind, indexReader: l.indexReader}
	var found []platen.Position
	for n := range int64(places) {
		ids, err := byID.ids(selectKindRows, nil, platen.ID(first-1+(last-first)/places*n), each)
		if err != nil {
			return 0, 0, err
		}
		for _, id := range ids {
			found = append(found, platen.Position{ID: id})
		}
	}
	holds, err := l.holds(found)
	for _, one := range found {
		if holds[one.ID] {
			held++
		}
	}
	return held, len(found), err
}

// pageBytes bounds the lists on a page, but for the first.
const pageBytes = 4 << 20

// readPage reads the entities of a page, or the first of them if their lists are
// long. What was removed meanwhile is left out.
func (s *Store) readPage(ctx context.Context, asked *platen.Listing, found *foundPage, times map[platen.ID]int64) (*platen.ListingPage, error) {
	r := bulkReader{s: s, ctx: ctx, kind: asked.Kind, parts: asked.Parts, times: times}
	ids := make([]platen.ID, len(found.at))
	for i, at := range found.at {
		ids[i] = at.ID
	}
	n, err := r.few(ids)
	if err != nil {
		return nil, err
	}
	page := &platen.ListingPage{Total: found.total, Next: found.next}
	if n < len(ids) {
		ids, page.Next = ids[:n], &found.at[n-1]
	}
	if page.Next != nil {
		next := *page.Next
		next.Total = found.total
		page.Next = &next
	}
	page.Entities, err = r.read(ids)
	return page, err
}
