package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/storage"
)

// A transaction that changes lists or sets adds a block to the log of changes
// (internal/changelog), so that the log has what was committed, and nothing else.
// A list's row has the number of the change that wrote it last, and an entry of
// the log that of the change before: the history of a list is a chain, from its
// row back to the first block that is kept.
//
// On a database with many writers the lists are locked before the block gets its
// number, so the changes of one list are numbered in the order of their commits.
// What reads the log in the order of commits goes by positions, which committed
// blocks get afterwards (changeevents.go).

// DefaultHistory is how long changes are kept, if nothing else is said.
const DefaultHistory = 720 * time.Hour

// HistoryFor returns the option to keep changes for so long. 0: none are logged.
func HistoryFor(age time.Duration) Option { return func(s *Store) { s.historyFor = age } }

var (
	insertBlock    = onWriter.queryFor(Dialect.InsertChanges)
	insertPart     = onWriter.query(`INSERT INTO change_part (id, part, body) VALUES ($1, $2, $3)`)
	selectNewBlock = onWriter.queryFor(Dialect.NextBlock)

	selectChangeSet = onReader.query(`SELECT change, created FROM change_set WHERE id = $1`)
	upsertChangeSet = upsertInto(changeSetTable, ` ON CONFLICT (id) DO UPDATE SET change = excluded.change,
		created = CASE WHEN excluded.created > 0 THEN excluded.created ELSE change_set.created END`)
	deleteChangeSet = onWriter.query(`DELETE FROM change_set WHERE id = $1`)
	updateSince     = onWriter.query(`UPDATE change_log SET since = $1`)
	updateLog       = onWriter.query(`UPDATE change_log SET since = $1, position = $2, pruned_id = $3, pruned_position = $4, pruned_event = $5, pruned_at = $6`)
	selectClock     = onLookup.queryFor(func(d Dialect) string { return `SELECT ` + d.Clock() })
	selectLog       = onLookup.queryFor(func(d Dialect) string {
		return `SELECT since, position, pruned_id, pruned_position, pruned_event, pruned_at, ` + d.Clock() + ` FROM change_log`
	})
)

// A changeLog is what a transaction adds to the log.
type changeLog struct {
	t        *transaction
	w        *changelog.Writer
	block    int64 // its number; 0: not given yet
	at       int64 // its time, in µs since 1970
	position sql.NullInt64
	parts    int64
}

// changeWriters are writers that no transaction uses.
var changeWriters = sync.Pool{New: func() any { return new(changelog.Writer) }}

// log returns the log of the transaction; nil if nothing is to be logged.
func (t *transaction) log() *changeLog {
	if t.changes == nil && t.store.historyFor > 0 {
		t.changes = &changeLog{t: t, w: changeWriters.Get().(*changelog.Writer)}
		t.changes.w.Reset(t.changes.store)
	}
	return t.changes
}

// store stores the next part of the block.
func (l *changeLog) store(part []byte) (err error) {
	l.parts++
	s := l.t.store
	switch many := s.engine.ManyWriters != nil; {
	case many && l.parts == 1 && l.block == 0:
		return l.t.stmt(insertBlock).QueryRowContext(l.t.ctx, nil, nil, nil, part).Scan(&l.block, &l.at)
	case many && l.parts == 1:
		l.t.later(insertBlock, l.block, l.at, l.position, bytes.Clone(part))
		return nil
	case l.parts > 1:
		_, err = l.t.stmt(insertPart).ExecContext(l.t.ctx, l.block, l.parts-1, part)
		return err
	}
	if l.block == 0 && s.lastBlock > 0 { // the goroutine that writes knows, unless another process has changed a user
		l.block, l.at, l.position = s.lastBlock+1, s.clock(), sql.NullInt64{Int64: s.lastPosition + 1, Valid: true}
		ok, err := changed(l.t, insertBlock, l.block, l.at, l.position, part)
		if ok {
			s.lastBlock, s.lastPosition = l.block, l.position.Int64
		}
		if ok || err != nil {
			return err
		}
		l.block = 0
	}
	if err := l.reserve(); err != nil {
		return err
	}
	_, err = l.t.stmt(insertBlock).ExecContext(l.t.ctx, l.block, l.at, l.position, part)
	return err
}

// reserve gives the block its number before it has a part.
func (l *changeLog) reserve() error {
	s := l.t.store
	if l.block != 0 {
		return nil
	}
	err := l.t.stmt(selectNewBlock).QueryRowContext(l.t.ctx).Scan(&l.block, &l.at, &l.position)
	if err == nil && l.position.Valid {
		l.at, s.lastBlock, s.lastPosition = s.clock(), l.block, l.position.Int64
	}
	return err
}

// time returns when the transaction changes something, in µs since 1970, by the clock that
// all servers of a database have in common.
func (t *transaction) time() (int64, error) {
	if t.at == 0 && t.changes != nil {
		t.at = t.changes.at
	}
	if t.at == 0 {
		t.at = t.store.clock()
	}
	if t.at != 0 {
		return t.at, nil
	}
	err := t.stmt(selectClock).QueryRowContext(t.ctx).Scan(&t.at)
	return t.at, err
}

// clock returns the time in µs since 1970 where the server has it, 0 if it is that
// of the database.
func (s *Store) clock() int64 {
	if s.engine.ManyWriters != nil {
		return 0
	}
	return s.now().UnixMicro()
}

// end stores what is left, and reports whether there is anything in the log.
func (l *changeLog) end() (logged bool, err error) {
	if l == nil {
		return false, nil
	}
	if l.w != nil {
		if err := l.w.Close(); err != nil {
			return false, err
		}
		l.discard()
	}
	return l.parts > 0, nil
}

// discard gives the writer back.
func (l *changeLog) discard() {
	if l != nil && l.w != nil {
		changeWriters.Put(l.w)
		l.w = nil
	}
}

// logSet logs a change of a set as a whole.
func (t *transaction) logSet(how platen.ChangeType, set platen.Ref) error {
	return t.logSets(how, set.Kind, map[platen.ID][]platen.IDRange{set.ID: nil})
}

// logAdded logs data records that are added to data sets.
func (t *transaction) logAdded(added map[platen.ID][]platen.IDRange) error {
	return t.logSets(platen.Added, platen.DataSet, added)
}

func (t *transaction) logSets(how platen.ChangeType, kind platen.Kind, sets map[platen.ID][]platen.IDRange) error {
	log := t.log()
	if log == nil || len(sets) == 0 {
		return nil
	}
	if err := log.reserve(); err != nil {
		return err
	}
	created := int64(0)
	if how == platen.Imported || how == platen.JobsCreated {
		created = log.at
	}
	change := changelog.ChangeID(log.block, log.w.Begin(changelog.Header{Type: how, Origin: storage.OriginOf(t.ctx)}))
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		var previous, before int64
		err := t.stmt(selectChangeSet).QueryRowContext(t.ctx, int64(set)).Scan(&previous, &before)
		if err := ignoreNoRows(err); err != nil {
			return err
		}
		err = log.w.Add(&changelog.Entry{Facet: changelog.Structure, Ref: platen.Ref{Kind: kind, ID: set}, Set: set, Previous: previous, Ranges: sets[set]})
		if err != nil {
			return err
		}
		if err := t.exec(upsertChangeSet, int64(set), change, created); err != nil {
			return err
		}
	}
	return nil
}

// reserveChange returns the number that the first change of the transaction gets, 0
// if nothing is logged.
func (t *transaction) reserveChange() (int64, error) {
	log := t.log()
	if log == nil {
		return 0, nil
	}
	err := log.reserve()
	return changelog.ChangeID(log.block, 0), err
}

// beginChange begins the change of one write of a group.
func (g *lists) beginChange(w *write) {
	log := g.t.log()
	if log == nil {
		return
	}
	header := changelog.Header{Type: platen.Updated, Origin: w.origin}
	if w.swap != nil {
		header.Type, header.Reverts = w.swap.change, w.swap.reverts
	}
	g.index = log.w.Begin(header)
}

// endLog stores the block, and so learns its number.
func (g *lists) endLog() error {
	if _, err := g.t.changes.end(); err != nil {
		return err
	}
	for _, l := range g.changed {
		if g.t.changes == nil {
			l.Change = 0
		} else {
			l.Change = changelog.Resolve(l.Change, g.t.changes.block)
		}
	}
	return nil
}

// beginLog says in the database whether changes are logged, since a list that was
// changed meanwhile has lost its history.
func (s *Store) beginLog(ctx context.Context) error {
	state, err := s.logState(ctx)
	if err != nil || (state.since == 0) == (s.historyFor == 0) {
		return err
	}
	since := int64(0)
	if s.historyFor > 0 {
		since = state.now
	}
	return s.error("begin the log of changes", s.update(func(t *transaction) error { return t.exec(updateSince, since) }))
}

// A logState is what is known of the log as a whole. Times are in µs since 1970.
type logState struct {
	since, position                   int64
	prunedID, prunedPosition, pruneAt int64
	prunedEvent                       platen.EventID // the last one, 0 if it is not known
	now                               int64
}

func (s *Store) logState(ctx context.Context) (state logState, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	err = s.retry(func() error {
		return s.on(selectLog).QueryRowContext(ctx).Scan(&state.since, &state.position, &state.prunedID, &state.prunedPosition, &state.prunedEvent, &state.pruneAt, &state.now)
	})
	if now := s.clock(); now != 0 {
		state.now = now
	}
	return state, err
}

// A broadcast wakes all who wait.
type broadcast struct {
	mu      sync.Mutex
	waiting chan struct{}
}

// wait returns a channel that is closed by the next wake.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = make(chan struct{})
	}
	return b.waiting
}

// wake wakes those who wait; without any it costs next to nothing.
func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting != nil {
		close(b.waiting)
		b.waiting = nil
	}
}
