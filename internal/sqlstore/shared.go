package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/platenhq/platen"
)

// This file is what differs on a database that several processes share: the
// statements whose text differs, those that it has alone, and its locks.
//
// Writers of lists lock the rows that they write, in one order (committer.go).
// What creates or removes entities holds the row of the sequence, so that one
// process does it at a time; the indexer holds its lease. A clean-up first
// waits for all writers of lists that began before (lockLists): those that
// come later see that the set is deleted.

// Bounds of time on a shared database.
const (
	boundedFor   = 10 * time.Second // of what is short, from its first statement to its last
	lockFor      = 25 * time.Second // of waiting for other creations and deletions, where a client waits
	leaseFor     = 30 * time.Second // of the clean-up, from one batch to the next
	liveEvery    = 2 * time.Second  // a process says that it lives
	liveFor      = 15 * time.Second // it is taken for dead after
	failuresKept = 15 * time.Minute // failed logins are remembered
)

// nowText is the database's clock, in milliseconds.
const nowText = `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`

// sharedText is the text of statements that differ.
var sharedText = sharedTexts()

func sharedTexts() map[query]query {
	texts := maps.Clone(sharedTextOnce)
	for _, f := range facets {
		// A server sends all that a statement finds, also to a reader who has
		// enough.
		texts[selectLists[f]] = query(`SELECT id, list FROM (SELECT id, list, sum(octet_length(list)) OVER (ORDER BY id) - octet_length(list) AS before
			FROM ` + f.String() + ` WHERE id BETWEEN $1 AND $2) AS l WHERE before < ` + strconv.Itoa(listBytes) + ` ORDER BY id`)
	}
	return texts
}

// sharedTextOnce is sharedText but for what there is once for each facet.
var sharedTextOnce = map[query]query{
	// An index can only hold the hash of what may be long.
	selectDetailsID: `SELECT id FROM details WHERE md5(body) = md5($1) AND body = $1`,
	selectTableID:   `SELECT id FROM record_table WHERE md5(name) = md5($1) AND name = $1`,
	selectDeleting: `SELECT id, kind FROM deleted_set WHERE state = 1 AND
		(owner = $1 OR owner NOT IN (SELECT id FROM replica WHERE seen > ` + nowText + ` - 15000)) ORDER BY marked, id LIMIT 1`,
	updateFailedAll: `UPDATE operation SET ended = $1, message = $2 WHERE ended IS NULL AND owner <> $3
		AND owner NOT IN (SELECT id FROM replica WHERE seen > ` + nowText + ` - 15000)`,
}

// Statements that only a shared database has.
const (
	lockStructure query = `SELECT next FROM sequence FOR UPDATE`
	lockIndex     query = `SELECT name FROM lease WHERE name = 'index' FOR UPDATE`
	tryLockIndex  query = `SELECT name FROM lease WHERE name = 'index' FOR UPDATE SKIP LOCKED`
	// The number is platen's own among the database's advisory locks.
	lockLists    query = `SELECT pg_advisory_xact_lock_shared(7528360051)`
	waitForLists query = `SELECT pg_advisory_xact_lock(7528360051)`

	noStatementTimeout query = `SELECT set_config('statement_timeout', '0', true)`
	selectReadOnly     query = `SELECT current_setting('transaction_read_only') FROM users_version`

	updateLease query = `UPDATE lease SET owner = $2, until = ` + nowText + ` + $3
		WHERE name = $1 AND (owner = $2 OR until < ` + nowText + `)`
	upsertReplica query = `INSERT INTO replica (id, seen) VALUES ($1, ` + nowText + `)
		ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`
	deleteReplica  query = `DELETE FROM replica WHERE id = $1`
	deleteReplicas query = `DELETE FROM replica WHERE seen < ` + nowText + ` - 86400000`
	updatePercent  query = `UPDATE operation SET percent = $2 WHERE id = $1 AND ended IS NULL`

	// A note is of a group of entities.
	selectStale query = `SELECT seq, unnest(ids), kind FROM (SELECT * FROM find_stale WHERE seq <= $1 ORDER BY seq LIMIT $2) AS note`
	updateStale query = `UPDATE find_stale SET ids = $2 WHERE seq = $1`

	selectNames query = `SELECT n.id, n.kind, n.facet, n.name FROM find_name AS n JOIN ` + theseNames + `
		ON n.kind = w.kind AND n.facet = w.facet AND n.name = w.name`
	insertNames query = `INSERT INTO find_name (kind, facet, name) SELECT kind, facet, name FROM ` + theseNames + `
		ORDER BY kind, facet, name
		ON CONFLICT (kind, facet, name) DO UPDATE SET name = excluded.name RETURNING id, kind, facet, name`

	// The numbers are given under the lock, which ends with the statement: who
	// reads by number misses none.
	insertFailures query = `WITH turn AS (SELECT name FROM lease WHERE name = 'failures' FOR UPDATE)
		INSERT INTO login_failure (at, owner, address, name) SELECT ` + nowText + `, $1, f.address, f.name
		FROM turn, unnest($2::bytea[], $3::bytea[]) AS f (address, name)`
	selectFailures query = `SELECT seq, address, name FROM login_failure WHERE seq > $1 AND owner <> $2 ORDER BY seq LIMIT 1000`
	deleteFailures query = `DELETE FROM login_failure WHERE at < ` + nowText + ` - $1`
	// Those of a user, or of an address: an empty one stands for all.
	deleteFailuresOf query = `DELETE FROM login_failure
		WHERE (name = $1 OR length($1) = 0) AND (address = $2 OR length($2) = 0)`
	selectNow query = `SELECT ` + nowText + ` FROM users_version`
)

const theseNames = `unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS w(kind, facet, name)`

// sharedEachID is EACH_ID.
const sharedEachID = `unnest($1::bigint[]) AS k(id)`

var sharedKinds = query(selectKindsOf + fromKindsOf)

// largeBytes is from where on a group does not fetch a list that it locks,
// but its hash.
const largeBytes = 64 << 10

// A largeList is what a group knows of such a list.
type largeList struct {
	bytes  int
	digest [sha256.Size]byte
}

// Of each facet: rows for lists, so that they can be locked; the lists, locked;
// and lists up to a size, and whether they are larger, for the gatherer.
var (
	sharedRows, sharedLocked, sharedGathered = sharedFacetQueries()
	sharedQueries                            = sharedQueryList()
)

func sharedFacetQueries() (rows, locked, gathered [len(facets)]query) {
	large := `octet_length(list) > ` + strconv.Itoa(largeBytes)
	for _, f := range facets {
		table := f.String()
		rows[f] = query(`INSERT INTO ` + table + ` (id, list) SELECT id, '[]' FROM unnest($1::bigint[]) AS k(id) ORDER BY id ON CONFLICT DO NOTHING`)
		locked[f] = query(`SELECT id, octet_length(list), CASE WHEN NOT ` + large + ` THEN list END,
			CASE WHEN ` + large + ` THEN sha256(convert_to(list, 'UTF8')) END
			FROM ` + table + ` WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE`)
		gathered[f] = query(selectKindsOf + `, CASE WHEN octet_length(l.list) <= $2 THEN l.list END, coalesce(octet_length(l.list) > $2, false)` +
			fromKindsOf + ` LEFT JOIN ` + table + ` AS l ON l.id = k.id`)
	}
	return rows, locked, gathered
}

func sharedQueryList() []query {
	all := []query{
		lockStructure, lockIndex, tryLockIndex, lockLists, waitForLists, noStatementTimeout, selectReadOnly,
		updateLease, upsertReplica, deleteReplica, deleteReplicas, updatePercent,
		selectStale, updateStale, selectNames, insertNames,
		insertFailures, selectFailures, deleteFailures, deleteFailuresOf, selectNow, sharedKinds,
	}
	for _, f := range facets {
		all = append(all, sharedRows[f], sharedLocked[f], sharedGathered[f])
	}
	return all
}

// bounded limits the time of what is short, on a database that can be out of
// reach without saying so.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !s.engine.Shared {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, boundedFor, errTooSlow)
}

var errTooSlow = platen.Errorf(platen.Unavailable, "the database did not answer in time")

// errInDoubt is in the error of a commit whose end is not known.
var errInDoubt = errors.New("the end of the commit is not known")

// settle commits, and tells its error: one that the database did not answer
// is in doubt, and so is an answer that is worth less than it says.
func (s *Store) settle(tx *sql.Tx) error {
	warned := s.engine.Warned()
	err := tx.Commit()
	if err != nil && s.engine.Refused(err) || err == nil && warned == s.engine.Warned() {
		return err
	}
	return &platen.Error{
		Code:    platen.Unavailable,
		Message: "the database was lost while the change was stored: it may be there or not; look, or send it again",
		Err:     errors.Join(errInDoubt, err),
	}
}

// again reports whether what has failed may be tried again: it surely did
// nothing, for a reason that may be gone.
func (s *Store) again(err error) bool {
	return s.engine.Lost(err) && !errors.Is(err, errInDoubt)
}

// retry runs fn, which only reads, and again if a connection was lost.
func (s *Store) retry(fn func() error) error {
	err := fn()
	for tries := 0; err != nil && tries < groupTries && s.again(err); tries++ {
		err = fn()
	}
	return err
}

// writable returns an error unless the database takes writes.
func (s *Store) writable(ctx context.Context) error {
	var readOnly string
	err := s.retry(func() error { return s.control[selectReadOnly].QueryRowContext(ctx).Scan(&readOnly) })
	if err == nil && readOnly != "off" {
		err = platen.Errorf(platen.Unavailable, "the database is read-only")
	}
	return err
}

// locks are the turns of this process at each lock of the database, so that
// those that wait for it do not use up the connections.
type locks map[query]chan struct{}

func newLocks() locks {
	return locks{
		lockStructure: make(chan struct{}, 1),
		lockIndex:     make(chan struct{}, 2),
		tryLockIndex:  make(chan struct{}, 1),
		"":            make(chan struct{}, 2),
	}
}

// take waits for a turn.
func (l locks) take(ctx context.Context, lock query) (release func(), err error) {
	turn := l[lock]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errLocked = platen.Errorf(platen.Unavailable, "another import or deletion is under way, and this one's turn has not come: try again")

// errHeld is for a lock that is not waited for.
var errHeld = errors.New("another process does it")

// updateShared is update on a shared database, with one of its locks, or
// none. turn bounds the time until the lock is held.
func (s *Store) updateShared(ctx, turn context.Context, lock query, fn func(*transaction) error) error {
	if !s.enter() {
		return errStopping
	}
	defer s.running.Done()
	turn, stopWaiting := s.within(turn)
	defer stopWaiting()
	release, err := s.locks.take(turn, lock)
	if err != nil {
		return err
	}
	defer release()
	within, cancel := s.within(ctx)
	defer cancel()
	if lock == "" {
		within, cancel = s.bounded(within)
		defer cancel()
	}
	t, err := s.begin(within)
	for tries := 0; err != nil && tries < groupTries && s.again(err); tries++ {
		t, err = s.begin(within)
	}
	if err != nil {
		return ended(within, err)
	}
	if lock != "" {
		if err := t.lock(turn, lock); err != nil {
			return t.rollback(err)
		}
	}
	if err := t.run(fn); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	if t.wrote >= analyzeRows {
		s.analyze()
	}
	return nil
}

// lock takes a lock of the database. What holds one may take its time.
func (t *transaction) lock(ctx context.Context, lock query) error {
	if err := t.exec(noStatementTimeout); err != nil {
		return err
	}
	result, err := t.stmt(lock).ExecContext(ctx)
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errHeld, err)
	}
	return nil
}

// enter reports whether a change may begin; Close waits for those that have.
func (s *Store) enter() bool {
	s.entry.Lock()
	defer s.entry.Unlock()
	if s.stop.Err() != nil {
		return false
	}
	s.running.Add(1)
	return true
}

// analyzeRows is how many new rows make the planner's statistics worthless:
// its plans for an empty table read all of it.
const analyzeRows = 10_000

// analyze renews the statistics of the tables that an import fills.
func (s *Store) analyze() {
	_, _ = s.engine.Writer.ExecContext(s.stop, `ANALYZE entity, properties, metadata, fields, content_block, find_name, find_value, find_long`)
}

// lead reports whether this process has the lease to do something for all.
func (s *Store) lead(ctx context.Context, task string) (bool, error) {
	if !s.engine.Shared {
		return true, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	result, err := s.control[updateLease].ExecContext(ctx, task, s.id, leaseFor.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// waitForLists waits for the writers of lists that have begun.
func (s *Store) waitForLists(ctx context.Context) error {
	if !s.engine.Shared {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	_, err := s.write[waitForLists].ExecContext(ctx)
	return ended(ctx, err)
}

// lockIndex keeps the indexer from what is removed.
func (t *transaction) lockIndex() error {
	if !t.store.engine.Shared {
		return nil
	}
	return t.exec(lockIndex)
}

// eachName yields the ids of names that a statement finds or makes.
func eachName(ctx context.Context, stmt statement, names []searchName, yield func(searchName, int64)) error {
	for names := range slices.Chunk(names, putOffRows) {
		kinds, facets, texts := make([]int64, len(names)), make([]int64, len(names)), make([][]byte, len(names))
		for i, name := range names {
			kinds[i], facets[i], texts[i] = int64(name.kind), int64(name.facet), []byte(name.name)
		}
		rows, err := stmt.QueryContext(ctx, kinds, facets, texts)
		_, err = collect(rows, err, func(from interface{ Scan(...any) error }) (name searchName, err error) {
			var id int64
			var text []byte
			err = from.Scan(&id, &name.kind, &name.facet, &text)
			name.name = string(text)
			yield(name, id)
			return name, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resolveShared looks names up, and adds those that there are not.
func (x *indexer) resolveShared(names []searchName) error {
	if err := eachName(x.t.ctx, x.t.stmt(selectNames), names, x.remember); err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name searchName) bool { return x.names[name] != 0 })
	// By itself: nobody else who comes upon a name should have to wait for
	// this transaction, and a name too many is no harm.
	return eachName(x.t.ctx, x.t.store.write[insertNames], names, x.remember)
}

// live says to other processes that share the database, and from time to time
// again, that this one lives by the name id, and forgets those that have long
// been dead. Operations of those that do not live are taken for lost. It ends with Close, or when
// the function that it returns is called.
func (s *Store) live(id string) (end func()) {
	if !s.engine.Shared || !s.enter() {
		return func() {}
	}
	beat := func(q query, args ...any) {
		ctx, cancel := s.bounded(s.killed)
		defer cancel()
		_, _ = s.control[q].ExecContext(ctx, args...) // the next one makes up for it
	}
	beat(upsertReplica, id)
	ctx, cancel := context.WithCancel(s.stop)
	ended := make(chan struct{})
	go func() {
		defer s.running.Done()
		defer close(ended)
		ticker := time.NewTicker(liveEvery)
		defer ticker.Stop()
		for n := 0; ; n++ {
			if n%100 == 0 {
				beat(deleteReplicas)
				beat(deleteFailures, failuresKept.Milliseconds())
			}
			select {
			case <-ctx.Done():
				beat(deleteReplica, id)
				return
			case <-ticker.C:
				beat(upsertReplica, id)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// readAll reads what the writes of a group need to know of their entities:
// their kinds, and the lists to merge into, which stay locked.
func (g *lists) readAll(group []*write) error {
	if err := g.t.exec(lockLists); err != nil {
		return err
	}
	ids := make(map[listKey]bool, len(group))
	merges := false
	for _, w := range group {
		if w.merge == nil {
			ids[listKey{w.id, w.facet}] = true
			continue
		}
		merges = true
		for _, entry := range w.merge.entries {
			ids[listKey{entry.id, w.facet}] = true
		}
	}
	kinds, err := g.kinds(ids)
	if err != nil {
		return err
	}
	var there [len(facets)][]int64
	for key := range ids {
		g.now[key] = cached{kind: kinds[key.id]}
		if kinds[key.id] != 0 {
			g.now[key] = cached{kinds[key.id], platen.EmptyList}
			there[key.facet] = append(there[key.facet], int64(key.id))
		}
	}
	if !merges {
		return nil
	}
	for f, ids := range there {
		if len(ids) > 0 {
			if err := g.lock(platen.Facet(f), ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// kinds returns the kinds of those entities that there are.
func (g *lists) kinds(keys map[listKey]bool) (map[platen.ID]platen.Kind, error) {
	seen := make(map[platen.ID]platen.Kind, len(keys))
	ids := make([]int64, 0, len(keys))
	for key := range keys {
		if _, ok := seen[key.id]; !ok {
			seen[key.id] = 0
			ids = append(ids, int64(key.id))
		}
	}
	rows, err := g.t.stmt(sharedKinds).QueryContext(g.t.ctx, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id platen.ID
		var kind platen.Kind
		if err := rows.Scan(&id, &kind); err != nil {
			return nil, err
		}
		seen[id] = kind
	}
	return seen, rows.Err()
}

// lock locks lists until the end of the transaction, and reads those that are
// not large.
func (g *lists) lock(facet platen.Facet, ids []int64) error {
	if err := g.t.exec(sharedRows[facet], ids); err != nil {
		return err
	}
	rows, err := g.t.stmt(sharedLocked[facet]).QueryContext(g.t.ctx, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id platen.ID
		var large largeList
		var list, digest []byte
		if err := rows.Scan(&id, &large.bytes, &list, &digest); err != nil {
			return err
		}
		key := listKey{id, facet}
		g.now[key] = cached{g.now[key].kind, list}
		if list == nil {
			copy(large.digest[:], digest)
			if g.large == nil {
				g.large = make(map[listKey]largeList)
			}
			g.large[key] = large
		}
	}
	return rows.Err()
}
