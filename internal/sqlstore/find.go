package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/search"
)

// A search is first run as a short one, whose hits are kept. One that takes longer,
// or finds more, is ended, and run anew as a long one. So a cheap search never
// waits for a dear one, which is run twice for a little while. On a busy machine a
// cheap one may take longer, too: while there is no place for a long one it is
// tried as a short one again, with more time.
const (
	shortFor    = 30 * time.Millisecond
	shortMost   = 16 * shortFor
	shortHits   = 4096
	shortAtOnce = 2
	listAtOnce  = 2 // pages of listings
)

// longAtOnce is how many long searches run at once, if the pool of reads has
// connections for them, and some for short searches and other reads.
func longAtOnce() int { return max(2, runtime.GOMAXPROCS(0)) }

// SearchConnections returns how many connections searches can make use of.
func SearchConnections() int { return longAtOnce() + shortAtOnce + listAtOnce }

// probeRows is how far the hits of drivers are counted to choose the best: most
// often few are enough to tell.
var probeRows = [...]int{100, 10_000}

// A querier reads: the pool, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Find implements [storage.Searcher]. The search becomes one statement: candidates
// come from the driver with the fewest hits in the index, or are all entities
// of the kind, and the rest of the rule is a condition on each.
func (s *Store) Find(ctx context.Context, asked *platen.Search, yield func(int, *platen.Found) error) (err error) {
	ctx, done := s.observe(ctx, "find")
	defer func() { done(err) }()
	if len(search.Names(asked)) == 0 { // it does not look at the index
		return s.error("find", s.findIndexed(ctx, asked, false, yield))
	}
	return s.error("find", s.indexed(ctx, asked.Kind, ofImports, func(pending bool) error {
		return s.findIndexed(ctx, asked, pending, yield)
	}))
}

// indexed brings the index up to date for a search of a kind, which run is: for a
// short time only, and then with the changes of the index that are pending. If run
// returns errTooMuchPending it is called again after the index has what was imported,
// and then after it has all.
func (s *Store) indexed(ctx context.Context, kind platen.Kind, of awaited, run func(pending bool) error) error {
	pending, err := s.flushFor(ctx, of, kind)
	if err == nil {
		err = run(pending)
	}
	if errors.Is(err, errTooMuchPending) {
		if err = s.flushImported(ctx, of, kind); err == nil {
			err = run(true)
		}
	}
	if errors.Is(err, errTooMuchPending) {
		if err = s.flush(ctx, of, kind); err == nil {
			err = run(false)
		}
	}
	return err
}

// findIndexed is Find after the index was waited for. With pending changes it takes
// a place for a long search if there is one, since to read them twice would cost more
// than what the search itself takes.
func (s *Store) findIndexed(ctx context.Context, asked *platen.Search, pending bool, yield func(int, *platen.Found) error) error {
	if pending {
		select {
		case s.longSearches <- struct{}{}:
			defer func() { <-s.longSearches }()
			return s.findLong(ctx, asked, pending, yield)
		default:
		}
	}
	for limit := shortFor; ; limit = min(4*limit, shortMost) {
		short, many, err := s.findShort(ctx, limit, asked, pending, yield)
		if err != nil || short {
			return err
		}
		bounded, cancel := ctx, func() {}
		if !many {
			bounded, cancel = context.WithTimeout(ctx, limit)
		}
		release, err := take(bounded, s.longSearches)
		cancel()
		if err == nil {
			defer release()
			return s.findLong(ctx, asked, pending, yield)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// findLong runs a search for as long as it takes.
func (s *Store) findLong(ctx context.Context, asked *platen.Search, pending bool, yield func(int, *platen.Found) error) error {
	plan, err := s.plan(ctx, asked, pending)
	if err != nil {
		return err
	}
	return errors.Join(s.find(ctx, plan, asked, 0, yield), plan.end())
}

// take waits for a place in a channel.
func take(ctx context.Context, places chan struct{}) (release func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errLong = errors.New("the search is a long one")

// findShort runs a search and reports whether that was short. If not, it has
// yielded nothing. many: it finds more than a short one does.
func (s *Store) findShort(ctx context.Context, limit time.Duration, asked *platen.Search, pending bool, yield func(int, *platen.Found) error) (short, many bool, err error) {
	release, err := take(ctx, s.shortSearches)
	if err != nil {
		return false, false, err
	}
	plan, err := s.plan(ctx, asked, pending)
	if err != nil {
		release()
		return false, false, err
	}
	type found struct {
		group int
		platen.Found
	}
	var all []found
	start := time.Now()
	within, cancel := context.WithTimeoutCause(ctx, limit, errLong)
	err = s.find(within, plan, asked, shortHits+1, func(group int, one *platen.Found) error {
		if len(all) == shortHits {
			many = true
			return errLong
		}
		all = append(all, found{group, *one})
		return nil
	})
	// A driver may see the deadline before the context's timer has fired.
	long := errors.Is(err, errLong) || err != nil && ctx.Err() == nil && time.Since(start) >= limit
	cancel()
	err = errors.Join(err, plan.end())
	release()
	if err != nil && long {
		return false, many, nil
	}
	if err != nil {
		return false, false, err
	}
	for i := range all {
		if err := yield(all[i].group, &all[i].Found); err != nil {
			return false, false, err
		}
	}
	return true, false, nil
}

// find runs a search. It need not yield more than most, unless that is 0.
func (s *Store) find(ctx context.Context, plan *searchPlan, asked *platen.Search, most int, yield func(int, *platen.Found) error) (err error) {
	if err := plan.decide(ctx); err != nil {
		return err
	}
	driver, err := choose(ctx, plan.db, plan.Plan)
	if err != nil {
		return err
	}
	statement, err := plan.Statement(driver)
	if err != nil {
		return err
	}
	keys := search.Keys(asked)
	if most > 0 && len(keys) == 0 {
		statement.Text += " LIMIT " + decimal(most)
	}
	rows, err := plan.db.QueryContext(ctx, statement.Text, statement.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if len(keys) == 0 {
		return yieldIDs(rows, yield)
	}
	hits, err := readHits(rows, keys)
	if err != nil {
		return err
	}
	return arrange(hits, asked, yield)
}

// A searchPlan is a search that was compiled, and where its statements run.
type searchPlan struct {
	*search.Plan
	indexReader
	db      querier
	tx      *sql.Tx               // db, if the statements must see the same; or nil
	ids     map[search.Name]int64 // of the names
	dialect search.Dialect
}

// An indexReader is where the other queries of a search run: those of values, and the
// rest.
type indexReader struct {
	index func(indexQuery) statement
	stmt  func(*query) statement
}

// plan compiles a search, which may need more names than it has itself. Its
// statements run until end is called.
func (s *Store) plan(ctx context.Context, asked *platen.Search, pending bool, more ...search.Name) (_ *searchPlan, err error) {
	p := &searchPlan{db: s.engine.Reader, dialect: s.engine.Dialect}
	p.index, p.stmt = func(q indexQuery) statement { return s.on(q.stored) }, s.on
	options := search.Options{Hidden: hiddenSet, LongestRun: longestItemRun}
	names := slices.Concat(search.Names(asked), more)
	if pending {
		if p.tx, p.ids, err = s.beginPending(ctx, asked.Kind, names); err != nil {
			return nil, err
		}
		options.Values, options.Longs = valuesWithPending, longsWithPending
		p.index = func(q indexQuery) statement { return direct{p.tx, q.text(s.engine.Dialect, valuesWithPending)} }
		p.stmt = func(q *query) statement { return direct{p.tx, q.text(s.engine.Dialect)} }
	} else if p.ids, err = nameIDs(s.planner(ctx, s.on, s.engine.Reader), names); err != nil {
		return nil, err
	}
	p.Plan, err = search.Compile(asked, p.ids, s.engine.Dialect, options)
	if err == nil && len(p.Outside) > 0 && !pending { // more than one statement
		p.tx, err = s.engine.Reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	}
	if err != nil {
		return nil, errors.Join(err, p.end())
	}
	if p.tx != nil {
		p.db = p.tx
	}
	return p, nil
}

// end ends the transaction, if there is one.
func (p *searchPlan) end() error {
	if p.tx == nil {
		return nil
	}
	return ignoreDone(p.tx.Rollback())
}

// decide decides what the database does not, before any other statement.
func (p *searchPlan) decide(ctx context.Context) error {
	for _, outside := range p.Outside {
		ids, err := decide(ctx, p.db, outside)
		if err != nil {
			return err
		}
		outside.Entities = p.dialect.IDs(ids)
	}
	return nil
}

// nameIDs returns the ids of those names that are in the index.
func nameIDs(p planner, names []search.Name) (map[search.Name]int64, error) {
	stored := make([]searchName, len(names))
	for i, name := range names {
		stored[i] = searchName{name.Kind, name.Facet, nameKey(name.Name)}
	}
	if err := p.s.writers.findNames(p, stored); err != nil {
		return nil, err
	}
	ids := make(map[search.Name]int64, len(names))
	for i, name := range names {
		ids[name] = p.names[stored[i]]
	}
	return ids, nil
}

// decide returns the entities for which a rule holds that the database does
// not decide.
func decide(ctx context.Context, db querier, outside *search.Outside) ([]int64, error) {
	rows, err := db.QueryContext(ctx, outside.Values.Text, outside.Values.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := []int64{}
	for rows.Next() {
		var id int64
		var value, other sql.RawBytes
		if err := rows.Scan(&id, &value, &other); err != nil {
			return nil, err
		}
		holds, err := outside.Holds(ctx, value, other)
		if err != nil {
			return nil, err
		}
		if holds {
			ids = append(ids, id)
		}
	}
	return ids, rows.Err()
}

// choose returns the driver of a plan that finds the fewest candidates.
func choose(ctx context.Context, db querier, plan *search.Plan) (best search.Driver, err error) {
	if len(plan.Drivers) < 2 {
		return slices.Concat(plan.Drivers...), nil
	}
	best, _, err = fewest(ctx, db, plan)
	return best, err
}

// fewest returns the driver of a plan that finds the fewest candidates, and how
// many, as far as they are counted. It has none if there are none.
func fewest(ctx context.Context, db querier, plan *search.Plan) (best search.Driver, least int, err error) {
	for _, limit := range probeRows {
		least = limit + 1
		for _, driver := range plan.Drivers {
			probe, err := plan.Probe(driver, limit)
			if err != nil {
				return nil, 0, err
			}
			var hits int
			if err := db.QueryRowContext(ctx, probe.Text, probe.Args...).Scan(&hits); err != nil {
				return nil, 0, err
			}
			if hits < least {
				best, least = driver, hits
			}
		}
		if least < limit {
			break
		}
	}
	return best, least, nil
}

// yieldIDs yields the ids in the order of the database.
func yieldIDs(rows *sql.Rows, yield func(int, *platen.Found) error) error {
	for rows.Next() {
		var found platen.Found
		if err := rows.Scan(&found.ID); err != nil {
			return err
		}
		if err := yield(0, &found); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A hit is an entity with the values of its keys.
type hit struct {
	id   platen.ID
	keys []platen.SearchValue // of Group, then of Sort
}

// About what a hit takes in memory, besides the texts of its keys.
const (
	hitBytes    = 48
	keyBytes    = 24
	numberBytes = 120 // of a key that is compared as a number
)

// readHits reads all hits. Invalid: they take more than [platen.MaxSortBytes].
func readHits(rows *sql.Rows, keys []platen.SearchKey) ([]hit, error) {
	var hits []hit
	values := make([]sql.RawBytes, len(keys))
	left := platen.MaxSortBytes
	for rows.Next() {
		h := hit{keys: make([]platen.SearchValue, len(keys))}
		into := []any{&h.id}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		left -= hitBytes
		for i, value := range values {
			if left -= keyBytes + len(value); keys[i].Numeric {
				left -= numberBytes
			}
			h.keys[i] = keys[i].Value(string(value))
		}
		if left < 0 {
			return nil, platen.Errorf(platen.Invalid, "the search finds more than can be sorted or grouped, which is %d entities so far: "+
				"restrict it with setIds, or with rules that fewer entities fulfil, or leave out sort and group", len(hits)+1)
		}
		hits = append(hits, h)
	}
	return hits, rows.Err()
}

// arrange sorts hits, and passes them on in their groups.
func arrange(hits []hit, asked *platen.Search, yield func(int, *platen.Found) error) error {
	keys := search.Keys(asked)
	slices.SortFunc(hits, func(a, b hit) int {
		for i, key := range keys {
			if c := key.Compare(a.keys[i], b.keys[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.id, b.id)
	})
	sameGroup := func(a, b hit) bool {
		for i := range asked.Group {
			if a.keys[i].Text != b.keys[i].Text {
				return false
			}
		}
		return true
	}
	var sortKey strings.Builder
	group := 0
	for i, h := range hits {
		sortKey.Reset()
		for n, value := range h.keys[len(asked.Group):] {
			if n > 0 {
				sortKey.WriteByte('|')
			}
			sortKey.WriteString(value.Text)
		}
		if i > 0 && !sameGroup(h, hits[i-1]) {
			group++
		}
		if err := yield(group, &platen.Found{ID: h.id, SortKey: sortKey.String()}); err != nil {
			return err
		}
	}
	return nil
}
