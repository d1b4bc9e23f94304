package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
)

var (
	selectBlock = onReader.query(`SELECT at, body FROM change_block WHERE id = $1`)
	// NULL after the last one; no row if the block is gone.
	selectBlockPart = onReader.query(`SELECT (SELECT body FROM change_part WHERE id = $1 AND part = $2) FROM change_block WHERE id = $1`)
	// The first place to begin again, from those that are still there.
	selectOldest = onReader.query(`SELECT id, at FROM change_block ORDER BY id LIMIT 1`)
)

var errNoLog = platen.Errorf(platen.Conflict, "this server keeps no history of changes: it runs with --history-for=0")

// logOn returns the state of the log; Conflict if nothing is logged.
func (s *Store) logOn(ctx context.Context) (logState, error) {
	if s.historyFor == 0 {
		return logState{}, errNoLog
	}
	return s.logState(ctx)
}

// gone is the error for what is no longer kept.
func gone(what string, oldest string) *platen.Error {
	err := platen.Errorf(platen.Gone, "%s is older than what is kept of the log: it begins with %s", what, oldest)
	err.Param = oldest
	return err
}

// A loggedBlock is a block that is read, part by part.
type loggedBlock struct {
	*changelog.Reader
	id int64
	at int64
}

// openBlock begins to read a block. [sql.ErrNoRows], also in what it reads later: it is
// not there, or no longer.
func (s *Store) openBlock(ctx context.Context, id int64) (*loggedBlock, error) {
	b := &loggedBlock{id: id}
	var first []byte
	err := s.readOne(ctx, s.on(selectBlock), []any{id}, &b.at, &first)
	if err != nil {
		return nil, err
	}
	part := int64(0)
	b.Reader = changelog.NewReader(id, func() (body []byte, err error) {
		if part++; part == 1 {
			return first, nil
		}
		err = s.readOne(ctx, s.on(selectBlockPart), []any{id, part - 1}, &body)
		if err == nil && body == nil {
			err = io.EOF
		}
		return body, err
	})
	return b, nil
}

// readOne reads a row of a query that is short.
func (s *Store) readOne(ctx context.Context, q statement, args []any, into ...any) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.retry(func() error { return q.QueryRowContext(ctx, args...).Scan(into...) })
}

// seek reads up to the change with an index, of which the entries come next.
func (b *loggedBlock) seek(index int) (changelog.Header, error) {
	for {
		header, at, err := b.Next()
		if err == io.EOF {
			err = sql.ErrNoRows
		}
		if err != nil || at == index {
			return header, err
		}
	}
}

// shown returns a change without its entries.
func (b *loggedBlock) shown(header changelog.Header, index int) platen.Change {
	return platen.Change{
		ID: changelog.ChangeID(b.id, index), Time: time.UnixMicro(b.at), Type: header.Type, Reverts: header.Reverts,
		User: header.Origin.User, Token: header.Origin.Token, Request: header.Origin.RequestID,
	}
}

// shownEntry returns an entry as others see it.
func shownEntry(e *changelog.Entry) (platen.ChangeEntry, error) {
	shown := platen.ChangeEntry{Ref: e.Ref, Set: e.Set, List: e.Facet < changelog.Audit}
	if e.Facet == changelog.Audit {
		var err error
		shown.Audit, err = e.Details()
		return shown, err
	}
	if !shown.List {
		for _, run := range e.Ranges {
			shown.Added += run.Len()
		}
		return shown, nil
	}
	var err error
	shown.Facet = e.Facet
	shown.Names, err = changelog.Names(e.Spans)
	return shown, err
}

// openChange begins to read a change, whose entries come next. NotFound, Gone.
func (s *Store) openChange(ctx context.Context, id int64) (*loggedBlock, changelog.Header, error) {
	state, err := s.logOn(ctx)
	if err != nil {
		return nil, changelog.Header{}, err
	}
	block, index := changelog.SplitID(id)
	var header changelog.Header
	b, err := s.openBlock(ctx, block)
	if err == nil {
		header, err = b.seek(index)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows) && block <= state.prunedID:
		oldest, err := s.oldestBlock(ctx)
		if err != nil {
			return nil, header, err
		}
		first := strconv.FormatInt(changelog.ChangeID(oldest, 0), 10)
		about := gone("change "+strconv.FormatInt(id, 10), "change "+first)
		about.Param = first
		return nil, header, about
	case errors.Is(err, sql.ErrNoRows):
		err := platen.Errorf(platen.NotFound, "change %d not found", id)
		err.Param = strconv.FormatInt(id, 10)
		return nil, header, err
	}
	return b, header, err
}

// oldestBlock returns the number of the first block; that of the next one, about,
// if there is none.
func (s *Store) oldestBlock(ctx context.Context) (id int64, err error) {
	var at int64
	err = s.on(selectOldest).QueryRowContext(ctx).Scan(&id, &at)
	if errors.Is(err, sql.ErrNoRows) {
		state, err := s.logState(ctx)
		return state.prunedID + 1, err
	}
	return id, err
}

// shownBytes bounds what is shown at once of a change, a history or a preview. Each
// ends with the first entity that is beyond it.
const shownBytes = 4 << 20

// Change implements [storage.Changes].
func (s *Store) Change(ctx context.Context, id int64, limit int) (_ platen.Change, err error) {
	ctx, done := s.observe(ctx, "change")
	defer func() { done(err) }()
	b, header, err := s.openChange(ctx, id)
	if err != nil {
		return platen.Change{}, s.error("read a change", err)
	}
	_, index := changelog.SplitID(id)
	change := b.shown(header, index)
	for size := 0; ; {
		e, err := b.Entry()
		if err != nil {
			return change, s.error("read a change", err)
		}
		if e == nil {
			return change, nil
		}
		if len(change.Entries) == limit || size >= shownBytes {
			change.More = true
			return change, nil
		}
		size += e.Size()
		shown, err := shownEntry(e)
		if err != nil {
			return change, s.error("read a change", err)
		}
		change.Entries = append(change.Entries, shown)
	}
}

// A chain is the history of one list or set, from its last change back.
type chain struct {
	facet platen.Facet // or changelog.Structure
	id    platen.ID    // of the entity or the set
	next  int64        // change, 0: there is no other
}

// read returns the entry of a change for the chain, and goes on to the change before
// it. A nil entry: the change only made the entity.
func (c *chain) read(b *loggedBlock) (*changelog.Entry, error) {
	for {
		e, err := b.Entry()
		if err != nil {
			return nil, err
		}
		if e == nil {
			c.next = 0
			return nil, nil
		}
		if e.Ref.ID == c.id && e.Facet == c.facet {
			c.next = e.Previous
			return e, nil
		}
	}
}

// openLink begins to read the next change of a chain; nil if it is no longer there.
func (s *Store) openLink(ctx context.Context, change int64) (*loggedBlock, changelog.Header, error) {
	block, index := changelog.SplitID(change)
	b, err := s.openBlock(ctx, block)
	var header changelog.Header
	if err == nil {
		header, err = b.seek(index)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, header, nil
	}
	return b, header, err
}

// History implements [storage.Changes].
func (s *Store) History(ctx context.Context, id platen.ID, position []byte, limit int) (changes []platen.Change, next []byte, err error) {
	ctx, done := s.observe(ctx, "history")
	defer func() { done(err) }()
	if _, err := s.logOn(ctx); err != nil {
		return nil, nil, s.error("read the log", err)
	}
	chains, err := s.chains(ctx, id)
	if err == nil && position != nil {
		err = goTo(position, chains)
	}
	for size := 0; err == nil && len(changes) < limit && size < shownBytes; {
		last := int64(0)
		for i := range chains {
			last = max(last, chains[i].next)
		}
		if last == 0 {
			break
		}
		var change *platen.Change
		var read int
		if change, read, err = s.historyOf(ctx, last, chains); change != nil {
			changes = append(changes, *change)
		}
		size += read
	}
	if err != nil {
		return nil, nil, s.error("read the history", err)
	}
	for i := range chains {
		if chains[i].next != 0 {
			next = positionIn(chains)
		}
	}
	return changes, next, nil
}

// chains returns the chains that are the history of an entity: those of its lists,
// and that of its set.
func (s *Store) chains(ctx context.Context, id platen.ID) ([]chain, error) {
	found, err := s.anyRow(ctx, id)
	if err != nil {
		return nil, err
	}
	var chains []chain
	for _, facet := range facets {
		one := chain{facet: facet, id: id}
		if hasFacet(found.kind, facet) {
			now, err := s.selectList(ctx, s.on(selectList[facet]), id)
			if err := ignoreNoRows(err); err != nil {
				return nil, err
			}
			one.next = now.Change
		}
		chains = append(chains, one)
	}
	one := chain{facet: changelog.Structure, id: found.set()}
	if one.id != 0 {
		var created int64
		err := s.on(selectChangeSet).QueryRowContext(ctx, int64(one.id)).Scan(&one.next, &created)
		if err := ignoreNoRows(err); err != nil {
			return nil, err
		}
	}
	return append(chains, one), nil
}

// hasFacet reports whether entities of a kind have a list.
func hasFacet(kind platen.Kind, facet platen.Facet) bool {
	if facet == platen.Fields {
		return kind == platen.DataRecord
	}
	for _, have := range kind.Info().Facets {
		if have == facet {
			return true
		}
	}
	return false
}

// anyRow returns the row of an entity of whatever kind.
func (s *Store) anyRow(ctx context.Context, id platen.ID) (row, error) {
	found, err := selectRow(ctx, s.on(selectEntity), id)
	if err == nil && (id > found.Last || found.hidden) {
		err := platen.Errorf(platen.NotFound, "there is no entity %d", id)
		err.Param = id.String()
		return row{}, err
	}
	return found, err
}

// historyOf returns what a change did to the chains that it is the next of, and goes
// on in them. nil: nothing that belongs to their entity.
func (s *Store) historyOf(ctx context.Context, id int64, chains []chain) (*platen.Change, int, error) {
	var change *platen.Change
	size := 0
	for i := range chains {
		if chains[i].next != id {
			continue
		}
		b, header, err := s.openLink(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		if b == nil {
			chains[i].next = 0
			continue
		}
		e, err := chains[i].read(b)
		if err != nil {
			return nil, 0, err
		}
		if e == nil && header.Type != platen.Added {
			return nil, 0, errors.New("a change of the log lacks what refers to it")
		}
		if change == nil {
			_, index := changelog.SplitID(id)
			shown := b.shown(header, index)
			change = &shown
		}
		if e == nil {
			continue // that of the set says it
		}
		shown, err := shownEntry(e)
		if err != nil {
			return nil, 0, err
		}
		size += e.Size()
		change.Entries = append(change.Entries, shown)
	}
	return change, size, nil
}

// positionIn returns where chains are, goTo goes there.
func positionIn(chains []chain) (position []byte) {
	for _, one := range chains {
		position = binary.AppendUvarint(position, uint64(one.next))
	}
	return position
}

func goTo(position []byte, chains []chain) error {
	for i := range chains {
		next, n := binary.Uvarint(position)
		if n <= 0 || int64(next) < 0 || int64(next) > chains[i].next {
			return errPosition
		}
		position = position[n:]
		chains[i].next = int64(next)
	}
	if len(position) > 0 {
		return errPosition
	}
	return nil
}

var errPosition = platen.Errorf(platen.Invalid, "the pageToken names no change of this entity; leave it out to begin anew")

// ListAt implements [storage.Changes].
func (s *Store) ListAt(ctx context.Context, id platen.ID, facet platen.Facet, at time.Time) (_ platen.Kind, _ platen.List, err error) {
	ctx, done := s.observe(ctx, "list_at")
	defer func() { done(err) }()
	micros := int64(0)
	if !at.IsZero() {
		micros = max(at.UnixMicro(), 1)
	}
	kind, list, err := s.listAt(ctx, id, facet, micros)
	return kind, list, s.error("read the log", err)
}

func (s *Store) listAt(ctx context.Context, id platen.ID, facet platen.Facet, at int64) (platen.Kind, platen.List, error) {
	found, err := s.anyRow(ctx, id)
	if err != nil {
		return 0, nil, err
	}
	if !hasFacet(found.kind, facet) {
		return 0, nil, platen.Errorf(platen.Invalid, "a %s has no %s", found.kind, facet)
	}
	if at == 0 {
		now, err := s.selectList(ctx, s.on(selectList[facet]), id)
		return found.kind, now.List, err
	}
	state, err := s.logOn(ctx)
	if err != nil {
		return 0, nil, err
	}
	switch oldest := max(state.since, state.pruneAt); {
	case at > state.now:
		err := platen.Errorf(platen.Invalid, "the readTime has not come yet")
		err.Param = "readTime"
		return 0, nil, err
	case state.since == 0 || at < oldest:
		return 0, nil, gone("the readTime", formatMicros(oldest))
	}
	if set := found.set(); set != 0 {
		var change, created int64
		err := s.on(selectChangeSet).QueryRowContext(ctx, int64(set)).Scan(&change, &created)
		if err := ignoreNoRows(err); err != nil {
			return 0, nil, err
		}
		if at < created {
			return 0, nil, notYet(found.kind, id, created)
		}
	}
	if found.kind == platen.DataRecord && facet != platen.Fields {
		// Of a record that was added to its data set only the fields have the change that made it.
		if _, err := s.listUntil(ctx, id, platen.Fields, at); err != nil {
			return 0, nil, err
		}
	}
	list, err := s.listUntil(ctx, id, facet, at)
	return found.kind, list, err
}

func notYet(kind platen.Kind, id platen.ID, created int64) error {
	err := platen.Errorf(platen.NotFound, "%s %d was created at %s, after the readTime", kind, id, formatMicros(created))
	err.Param = id.String()
	return err
}

// listUntil returns a list as it was at a time.
func (s *Store) listUntil(ctx context.Context, id platen.ID, facet platen.Facet, at int64) (platen.List, error) {
	now, err := s.selectList(ctx, s.on(selectList[facet]), id)
	if err != nil {
		return nil, err
	}
	list := now.List
	for c := (chain{facet: facet, id: id, next: now.Change}); c.next != 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, header, err := s.openLink(ctx, c.next)
		if err != nil {
			return nil, err
		}
		if b == nil || b.at <= at {
			break
		}
		e, err := c.read(b)
		switch {
		case err != nil:
			return nil, err
		case e == nil && header.Type == platen.Added:
			return nil, notYet(now.Kind, id, b.at)
		case e == nil:
			return list, nil
		}
		if list, err = changelog.Undo(list, e.Spans); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func formatMicros(at int64) string {
	return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000Z")
}
