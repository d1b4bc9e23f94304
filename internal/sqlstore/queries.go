package sqlstore

import (
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
)

// decimal is a constant in a statement.
func decimal[T ~int | ~int64 | ~uint8](n T) string { return strconv.FormatInt(int64(n), 10) }

// timeOf returns the time of Unix microseconds, zero for 0.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}

// microsOf is the inverse of timeOf.
func microsOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Conditions of rows of deleted_set. The plus keeps the planner from the index by state,
// in which nearly all rows are those of sets that are deleted.
var (
	inDeletion = `state <> ` + decimal(stateImporting) // it is not one of an import
	isDeleted  = `+state = ` + decimal(stateDeleted)
)

// inDeletedSet is the condition that there is a row of deleted_set with an id. With IN,
// PostgreSQL reads all of the table for each statement, or even for each row.
func inDeletedSet(id string) string {
	return `(SELECT 1 FROM deleted_set AS d WHERE d.id = ` + id + `) IS NOT NULL`
}

// Conditions of rows of find_range.
var (
	notOfRecords = `NOT EXISTS (SELECT 1 FROM entity AS e WHERE e.first = find_range.root AND e.kind IN (` +
		decimal(int(platen.DataSet)) + `, ` + decimal(int(platen.ContentSet)) + `))`
	notUnderWay = `root NOT IN (SELECT id FROM deleted_set WHERE state = ` + decimal(stateImporting) + `)`
)

// ofDirty is a column of what a dirty entity is now: a mark may be from before its
// identifier was used again.
func ofDirty(column string) string {
	return `(SELECT CASE WHEN e.last >= dirty.id THEN e.` + column + ` END FROM entity AS e WHERE e.first <= dirty.id ORDER BY e.first DESC LIMIT 1)`
}

var (
	selectEntity = onLookup.query(`SELECT ` + rowColumns + ` FROM entity WHERE first <= $1 ORDER BY first DESC LIMIT 1`)

	selectRowsOf = onReader.queryFor(func(d Dialect) string {
		return `SELECT k.id, ` + rowColumns + ` FROM ` + d.EachEntity("$1")
	})

	// The kinds of entities for the index, which keeps those that are deleted until
	// the clean-up removes them: they may come back. It has none of an import that
	// is under way or was broken off.
	selectIndexedKinds = onReader.queryFor(func(d Dialect) string {
		return `SELECT k.id, e.kind FROM ` + d.EachEntity("$1") + `
			WHERE NOT EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = e.root AND (d.state = ` + decimal(stateImporting) + ` OR d.marked = 0))`
	})

	selectAbove = onReader.query(`SELECT coalesce(min(first), ` + decimal(platen.MaxID+1) + `) FROM entity WHERE first > $1`)

	// It leaves out hidden sets. Other children are hidden with their set only,
	// which the caller checks.
	selectChildren = onReader.query(`SELECT ord, first, last FROM entity WHERE parent = $1 AND kind = $2
		AND (ord, first) > ($3, $4) AND NOT ` + inDeletedSet("first") + ` ORDER BY ord, first LIMIT $5`)
	// The children of some neighbours, none of which are sets. The plus keeps SQLite from
	// the index by kind, and the order is that of the index by parent.
	selectChildrenOf = onReader.query(`SELECT parent, first, last FROM entity WHERE parent BETWEEN $1 AND $2 AND +kind = $3 ORDER BY parent, kind, ord, first LIMIT $4`)
	selectRows       = onReader.query(`SELECT ` + rowColumns + ` FROM entity WHERE parent = $1 AND kind = $2
		AND (ord, first) > ($3, $4) ORDER BY ord, first LIMIT $5`)
	selectPlaceNext = onReader.query(`SELECT ord + last - first + 1 FROM entity
		WHERE parent = $1 AND kind = $2 ORDER BY ord DESC LIMIT 1`)

	insertEntity = insertInto(entityTable, "")

	selectNext = onReader.query(`SELECT next FROM sequence`)
	updateNext = onWriter.query(`UPDATE sequence SET next = $1`)

	selectDetails   = onLookup.query(`SELECT body FROM details WHERE id = $1`)
	selectDetailsID = onReader.queryFor(func(d Dialect) string { return `SELECT id FROM details WHERE ` + d.SameText("body", "$1") })
	insertDetails   = onWriter.query(`INSERT INTO details (body, pages, sheets, sections, duplex, template)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`)
	insertDetailsMedia = insertInto(detailsMediaTable, " ON CONFLICT DO NOTHING")

	selectSchema      = onReader.query(`SELECT body FROM data_schema WHERE dataset = $1`)
	insertSchema      = onWriter.query(`INSERT INTO data_schema (dataset, body) VALUES ($1, $2)`)
	selectTable       = onReader.query(`SELECT name FROM record_table WHERE id = $1`)
	selectTableID     = onReader.queryFor(func(d Dialect) string { return `SELECT id FROM record_table WHERE ` + d.SameText("name", "$1") })
	insertTable       = onWriter.query(`INSERT INTO record_table (name) VALUES ($1) RETURNING id`)
	insertContentSet  = onWriter.query(`INSERT INTO content_set (id, type) VALUES ($1, $2)`)
	selectContentType = onLookup.query(`SELECT type FROM content_set WHERE id = $1`)
	selectContentSets = onReader.query(`SELECT 0, id, id FROM content_set
		WHERE type = $1 AND id > $2 AND NOT ` + inDeletedSet("content_set.id") + ` ORDER BY id LIMIT $3`)

	selectContentSums  = onLookup.query(`SELECT CAST(coalesce(sum(count), 0) AS BIGINT), CAST(coalesce(sum(digits), 0) AS BIGINT) FROM content_block WHERE job = $1`)
	selectContentPairs = onReader.query(`SELECT seq, pairs FROM content_block
		WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT ` + decimal(blockFetch))
	selectContentBlocks = onReader.query(`SELECT job, seq, pairs, pages FROM content_block
		WHERE (job, seq) >= ($1, $2) AND job <= $3 ORDER BY job, seq LIMIT ` + decimal(blockFetch))
	// A block that is not full is stored again by the next transaction.
	insertContentBlock = insertInto(contentBlockTable, ` ON CONFLICT (job, seq) DO UPDATE SET count = excluded.count, digits = excluded.digits,
		pairs = excluded.pairs, pages = excluded.pages, first_item = excluded.first_item, last_item = excluded.last_item, wide = excluded.wide`)

	insertCountBlock = insertInto(countBlockTable, "")
	// Blocks of counts, and whether the names of one may have changed.
	selectCounts = onReader.query(`SELECT seq, version, body,
		EXISTS (SELECT 1 FROM document_changed WHERE id BETWEEN b.first AND b.last)
		FROM count_block AS b WHERE job_set = $1 AND seq > $2 ORDER BY seq LIMIT ` + decimal(countsFetch))
	selectCounted = onReader.query(`SELECT EXISTS (SELECT 1 FROM count_block WHERE job_set = $1)`)
	updateCounts  = onWriter.query(`UPDATE count_block SET body = $1, version = version + 1
		WHERE job_set = $2 AND seq = $3 AND version = $4`)
	deleteCounts = onWriter.query(`DELETE FROM count_block WHERE job_set = $1 AND seq IN
		(SELECT seq FROM count_block WHERE job_set = $1 ORDER BY seq LIMIT ` + decimal(countsCleaned) + `)`)
	upsertChanged        = upsertInto(changedTable, " ON CONFLICT (id) DO UPDATE SET version = document_changed.version + 1")
	selectChanged        = onReader.query(`SELECT id, version FROM document_changed WHERE id BETWEEN $1 AND $2 ORDER BY id`)
	deleteChanged        = deleteFrom(table{changedTable.name, 2, changedTable.columns, ""})
	deleteChangedBetween = onWriter.query(`DELETE FROM document_changed WHERE id BETWEEN $1 AND $2`)

	selectNameID = onReader.query(`SELECT id FROM find_name WHERE kind = $1 AND facet = $2 AND name = $3`)
	insertName   = onWriter.query(`INSERT INTO find_name (kind, facet, name) VALUES ($1, $2, $3) RETURNING id`)
	insertValue  = insertInto(findValueTable, "")
	selectValues = onReader.queryFor(func(d Dialect) string {
		return `SELECT entity, name, value FROM find_value WHERE ` + d.Among("entity", "$1") + ` AND +name NOT IN (` + factNames + `)`
	})
	selectFacts = onReader.queryFor(func(d Dialect) string {
		return `SELECT entity, name, value FROM find_value WHERE ` + d.Among("entity", "$1") + ` AND +name IN (` + factNames + `)`
	})
	// The rows that have a digest. Apart, since the index by entity has all else. SQLite
	// reads the left table of a CROSS JOIN first; the other way around it would look up
	// each value. The plus keeps it from all values of the name.
	selectDigests = onReader.queryFor(func(d Dialect) string {
		return `SELECT v.entity, v.name, v.value, v.digest FROM find_long AS l CROSS JOIN find_value AS v
			WHERE ` + d.Among("l.entity", "$1") + ` AND v.entity = l.entity AND +v.name = l.name`
	})
	deleteValue  = deleteFrom(findValueTable)
	deleteValues = onWriter.query(`DELETE FROM find_value WHERE entity BETWEEN $1 AND $2`)
	insertLong   = insertInto(findLongTable, "")
	deleteLong   = deleteFrom(findLongTable)
	deleteLongs  = onWriter.query(`DELETE FROM find_long WHERE entity BETWEEN $1 AND $2`)
	insertDirty  = registerInsertDirty()
	selectDirty  = onReader.queryFor(Dialect.Dirty)
	// Those dirty entities that are of one of the kinds $1, or are $2; and those in the
	// set $3, whose members are from $1 to $2.
	selectDirtyOf = onReader.queryFor(func(d Dialect) string {
		return `SELECT seq, id, changed FROM ` + d.DirtyEntities() + ` WHERE ` + d.Among(ofDirty("kind"), "$1") + ` OR id = $2 LIMIT $3`
	})
	selectDirtyIn = onReader.queryFor(func(d Dialect) string {
		return `SELECT seq, id, changed FROM ` + d.DirtyEntities() + ` WHERE id BETWEEN $1 AND $2 AND ` + ofDirty("root") + ` = $3 LIMIT $4`
	})
	selectDirtyLast = onLookup.query(`SELECT coalesce((SELECT max(seq) FROM find_stale), 0),
		coalesce((SELECT max(seq) FROM find_range WHERE late = 0), 0), coalesce((SELECT max(seq) FROM (SELECT max(seq) AS seq FROM find_range WHERE late = 1
			UNION ALL SELECT max(seq) FROM find_range WHERE late = ` + decimal(lateFacts) + `) AS late), 0)`)
	deleteDirty = onWriter.queryFor(func(d Dialect) string { return `DELETE FROM find_stale WHERE ` + d.Among("seq", "$1") })

	updateDirtyAgain = onWriter.query(`UPDATE find_stale SET seq = (SELECT max(seq) + 1 FROM find_stale) WHERE seq = $1`)
	updateDirtyTime  = onWriter.queryFor(func(d Dialect) string {
		return `UPDATE find_stale SET changed = $1 WHERE seq IN (SELECT seq FROM ` + d.DirtyEntities() + ` WHERE id = $2) AND changed < $1`
	})
	insertRange = insertInto(newRangeTable, "")
	// The first ranges of lateness $1 up to $2, but for those of imports that are under way;
	// if $3 is 1 without those of data sets and content sets. late >= 0 is for the index of
	// PostgreSQL.
	selectRanges = onReader.query(`SELECT seq, first, last, root FROM find_range WHERE late = $1 AND late >= 0 AND seq <= $2
		AND ($3 = 0 OR ` + notOfRecords + `) AND ` + notUnderWay + ` ORDER BY seq LIMIT $4`)
	// The first entities from $1 to $2 that have lists.
	selectListed = onReader.query(`SELECT id FROM (SELECT id FROM properties WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3) AS p
		UNION SELECT id FROM (SELECT id FROM metadata WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3) AS m
		UNION SELECT id FROM (SELECT id FROM fields WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3) AS f ORDER BY id LIMIT $3`)
	insertAllRanges = onWriter.query(`INSERT INTO find_range (first, last, root)
		SELECT first, last, coalesce(root, 0) FROM entity WHERE kind <= $1`)
	// A range for each set, and one for its jobs.
	insertAllFacts = onWriter.query(`INSERT INTO find_range (first, last, root, late)
		SELECT min(first), max(last), root, ` + decimal(lateFacts) + ` FROM entity WHERE kind IN (` + factKinds + `) GROUP BY root, kind`)
	selectIndexLost = onLookup.query(`SELECT NOT EXISTS (SELECT 1 FROM find_value) AND EXISTS (SELECT 1 FROM find_name)
		AND NOT EXISTS (SELECT 1 FROM find_stale) AND NOT EXISTS (SELECT 1 FROM find_range WHERE late = 0)
		AND (EXISTS (SELECT 1 FROM properties) OR EXISTS (SELECT 1 FROM metadata) OR EXISTS (SELECT 1 FROM fields))`)
	updateRange  = onWriter.query(`UPDATE find_range SET first = $1 WHERE seq = $2`)
	deleteRanges = onWriter.queryFor(func(d Dialect) string { return `DELETE FROM find_range WHERE ` + d.Among("seq", "$1") })
	// About how much is dirty: with the rows of find_stale, and with the entities in them.
	selectBehind = onLookup.queryFor(func(d Dialect) string {
		return `SELECT CAST(imported + (SELECT count(*) FROM find_stale) AS BIGINT), CAST(imported + ` + d.DirtyCount() + ` AS BIGINT)
			FROM (SELECT coalesce(sum(last - first + 1), 0) AS imported FROM find_range) AS ranges`
	})

	insertOperation = onWriter.query(`INSERT INTO operation (id, type, started, owner) VALUES ($1, $2, $3, $4)`)
	updateDone      = onWriter.query(`UPDATE operation SET ended = $1, result = $2 WHERE id = $3 AND ended IS NULL`)
	updateFailed    = onWriter.query(endOperation + ` WHERE id = $4 AND ended IS NULL`)
	updateCancelled = onWriter.query(endOperation + `, cancelled = 1 WHERE id = $4 AND ended IS NULL`)
	updateOutcome   = onWriter.query(`UPDATE operation SET outcome = $1 WHERE id = $2 AND ended IS NULL`)
	updateUpdated   = onWriter.query(`UPDATE operation SET ended = $1, outcome = $2 WHERE id = $3 AND ended IS NULL`)
	updateFailedAll = onWriter.queryFor(func(d Dialect) string {
		return `UPDATE operation SET ended = $1, message = $2 WHERE ended IS NULL AND owner <> $3 AND ` + d.Gone("owner")
	})
	selectOperation  = onLookup.query(`SELECT ` + operationColumns + ` FROM operation WHERE id = $1`)
	selectOperations = onLookup.query(`SELECT ` + operationColumns + ` FROM operation WHERE ended IS NULL ORDER BY started, id`)
	selectEnded      = onLookup.query(`SELECT ` + operationColumns + ` FROM operation WHERE ended IS NOT NULL ORDER BY ended DESC, id LIMIT $1`)
	deleteOperation  = onWriter.query(`DELETE FROM operation WHERE id = $1`)
	deleteRunning    = onWriter.query(`DELETE FROM operation WHERE id = $1 AND ended IS NULL`)
	deleteOperations = onWriter.query(`DELETE FROM operation WHERE ended < $1`)

	// The rows of a kind after $2, $3 at most: how many, the entities in those that
	// are not hidden, and the last of them.
	selectInventory = onReader.queryFor(func(d Dialect) string {
		return `SELECT count(*), CAST(coalesce(sum(CASE WHEN ` + inDeletedSet("root") + ` THEN 0 ELSE last - first + 1 END), 0) AS BIGINT),
			coalesce(max(first), 0) FROM (SELECT first, last, root FROM entity WHERE ` + d.OfKind("$1", ">", "$2") + ` ORDER BY kind, first LIMIT $3) AS batch`
	})
	selectSchemaNumber = onReader.query(`SELECT coalesce(max(version), 0) FROM migration`)
	selectDeletedCount = onReader.query(`SELECT count(*) FROM deleted_set WHERE id > 0 AND ` + inDeletion + ` AND marked > 0`)

	insertDeleted      = onWriter.query(`INSERT INTO deleted_set (id, kind, marked, state, owner, begun, deleted_by) VALUES ($1, $2, $3, $4, $5, 0, $6)`)
	updateDeleted      = onWriter.query(`UPDATE deleted_set SET state = ` + decimal(stateDeleted) + `, marked = $1 WHERE id = $2`)
	selectLastDeletion = onWriter.query(`SELECT coalesce((SELECT marked FROM deleted_set WHERE ` + inDeletion + ` ORDER BY marked DESC LIMIT 1), 0)`)
	updateBegun        = onWriter.query(`UPDATE deleted_set SET begun = 1 WHERE id = $1 AND begun = 0`)
	// A set that comes back is one that is being deleted, until all its members are
	// there: if that breaks off it is deleted again.
	updateReturning   = onWriter.query(`UPDATE deleted_set SET state = ` + decimal(stateDeleting) + `, owner = $1 WHERE id = $2 AND state = ` + decimal(stateDeleted) + ` AND marked > 0 AND begun = 0`)
	selectDeletedSet  = onReader.query(`SELECT kind, marked, state, begun FROM deleted_set WHERE id = $1`)
	selectDeletedSets = onReader.query(`SELECT id, kind, marked, state, begun, deleted_by FROM deleted_set
		WHERE ` + inDeletion + ` AND id > 0 AND (marked, id) > ($1, $2) AND marked > 0 ORDER BY marked, id LIMIT $3`)
	// The sets of a kind that were deleted at $2 or later, or are being deleted.
	selectDeletedSince = onReader.query(`SELECT id, marked, state FROM deleted_set
		WHERE kind = $1 AND (marked >= $2 OR state = ` + decimal(stateDeleting) + `) AND ` + inDeletion)
	selectDetached = onReader.query(`SELECT first, last, parent, ord FROM detached WHERE root = $1 AND first > $2 ORDER BY first LIMIT $3`)
	// The last of the first $2.
	selectDetachedLast = onReader.query(`SELECT coalesce(max(first), 0) FROM (SELECT first FROM detached WHERE root = $1 ORDER BY first LIMIT $2) AS batch`)
	selectAnyDetached  = onReader.query(`SELECT EXISTS (SELECT 1 FROM detached)`)
	insertDetached     = insertInto(detachedTable, "")
	// That begin at $1, of a set that can come back.
	updateLeft = onWriter.query(`UPDATE detached SET freed = 1 WHERE first = $1 AND EXISTS (SELECT 1 FROM deleted_set AS s WHERE s.id = detached.root AND s.begun = 0)`)
	// The last ones apart, since SQLite takes the index of freed ones only where that has all
	// that is read.
	selectFreed = onReader.query(`SELECT first, (SELECT d.last FROM detached AS d WHERE d.root = f.root AND d.first = f.first)
		FROM detached AS f WHERE root = $1 AND freed = 1 ORDER BY first LIMIT ` + decimal(detachBatch))
	updateFreed    = onWriter.query(`UPDATE detached SET last = $1, freed = $2 WHERE root = $3 AND first = $4`)
	deleteDetached = onWriter.query(`DELETE FROM detached WHERE root = $1 AND first <= $2`)
	// While a set is being deleted nothing is cleaned up, since members of it may
	// be in the entities that a clean-up would remove. Of sets that were deleted in the
	// same second what uses others goes first.
	selectDeleted = onReader.query(`SELECT id FROM deleted_set WHERE marked BETWEEN 1 AND $1 AND ` + isDeleted + `
		AND NOT EXISTS (SELECT 1 FROM deleted_set WHERE state = ` + decimal(stateDeleting) + `) ORDER BY marked, kind DESC, id LIMIT 1`)
	// The deletions of process $1, and those of processes that have ended.
	selectOwnDeleting  = onReader.query(`SELECT id, kind, owner FROM deleted_set WHERE state = ` + decimal(stateDeleting) + ` AND owner = $1 ORDER BY marked, id`)
	selectLeftDeleting = onReader.queryFor(func(d Dialect) string {
		return `SELECT id, kind, owner FROM deleted_set WHERE state = ` + decimal(stateDeleting) + ` AND ` + d.Gone("owner") + ` ORDER BY marked, id`
	})
	insertImporting = onWriter.query(`INSERT INTO deleted_set (id, kind, marked, state, owner, given_first, given_last) VALUES ($1, $2, $3, ` + decimal(stateImporting) + `, $4, $5, $6)`)
	// The ranges of identifiers that the imports under way give themselves.
	selectGiven     = onReader.query(`SELECT given_first, given_last FROM deleted_set WHERE state = ` + decimal(stateImporting) + ` AND given_last > 0`)
	selectImporting = onReader.query(`SELECT count(*) FROM deleted_set WHERE id = $1 AND state = ` + decimal(stateImporting))
	// The imports of process $1, and those of processes that have ended.
	selectOwnImports  = onReader.query(`SELECT id, kind, owner FROM deleted_set WHERE state = ` + decimal(stateImporting) + ` AND owner = $1 ORDER BY id`)
	selectLeftImports = onReader.queryFor(func(d Dialect) string {
		return `SELECT id, kind, owner FROM deleted_set WHERE state = ` + decimal(stateImporting) + ` AND ` + d.Gone("owner") + ` ORDER BY id`
	})
	// What is left of an import of process $2 that was broken off is cleaned up before all
	// else.
	updateAbandoned = onWriter.query(`UPDATE deleted_set SET state = ` + decimal(stateDeleted) + `, marked = 0 WHERE id = $1 AND owner = $2 AND state = ` + decimal(stateImporting))
	selectAbandoned = onReader.query(`SELECT id FROM deleted_set WHERE marked = 0 AND ` + isDeleted + ` ORDER BY id LIMIT 1`)

	selectUndone = onLookup.query(`SELECT count(*) FROM deleted_set WHERE state IN (` + decimal(stateDeleting) + `, ` + decimal(stateImporting) + `) OR marked = 0`)

	// Process $1 goes on with the deletion of set $2, which was that of process $3.
	updateDeleting = onWriter.query(`UPDATE deleted_set SET owner = $1 WHERE id = $2 AND owner = $3 AND state = ` + decimal(stateDeleting))
	deleteDeleted  = onWriter.query(`DELETE FROM deleted_set WHERE id = $1`)
	deleteEntity   = onWriter.query(`DELETE FROM entity WHERE first = $1`)

	deleteEntities = deleteAmong("entity", "first")

	// removeAmong remove the entities of a parameter, which are rows of their own.
	removeAmong = []*query{
		deleteAmong("properties", "id"), deleteAmong("metadata", "id"), deleteAmong("fields", "id"),
		deleteAmong("find_value", "entity"), deleteAmong("find_long", "entity"), deleteAmong("document_changed", "id"), deleteAmong("entity_updated", "id"), deleteEntities,
	}

	selectRootSome = onReader.query(`SELECT ` + rowColumns + ` FROM entity WHERE root = $1 ORDER BY kind DESC, first DESC LIMIT 512`)
	// The plus keeps the planner from the wrong index.
	selectNestedFree = onReader.query(`SELECT ` + rowColumns + ` FROM entity
		WHERE parent BETWEEN $1 AND $2 AND +kind = ` + decimal(platen.DataRecord) + ` AND coalesce(root, 0) = $3`)

	selectMembers = onReader.query(`SELECT ` + rowColumns + ` FROM entity
		WHERE root = $1 AND kind = $2 AND first > $3 ORDER BY first LIMIT $4`)
	selectRowsAmong = onReader.queryFor(func(d Dialect) string { return `SELECT ` + rowColumns + ` FROM entity WHERE ` + d.Among("first", "$1") })
	updateFree      = onWriter.queryFor(func(d Dialect) string {
		return `UPDATE entity SET parent = NULL, ord = 0, root = NULL WHERE ` + d.Among("first", "$1")
	})
	updateReleased = onWriter.queryFor(func(d Dialect) string { return `UPDATE entity SET root = NULL WHERE ` + d.Among("first", "$1") })

	// The next few blocks that overlap $3 to $2, of jobs that are not deleted.
	selectUsedBlocks = onReader.query(`SELECT first_item, last_item, job, seq, pairs FROM content_block AS b
		WHERE wide = $1 AND first_item <= $2 AND last_item >= $3 AND (first_item, last_item, job, seq) > ($4, $5, $6, $7)
		AND NOT EXISTS (SELECT 1 FROM deleted_set WHERE state = ` + decimal(stateDeleted) + `
			AND id = (SELECT root FROM entity WHERE first <= b.job ORDER BY first DESC LIMIT 1))
		ORDER BY first_item, last_item, job, seq LIMIT ` + decimal(blockFetch))
	// The data records after $1 that overlap $3 to $2, of content items that are
	// not deleted.
	selectUsedRecords = onReader.query(`SELECT record, record + max(last - first) FROM entity
		WHERE record > $1 AND record <= $2 AND record + last - first >= $3
		AND NOT EXISTS (SELECT 1 FROM deleted_set WHERE id = root AND state = ` + decimal(stateDeleted) + `)
		GROUP BY record ORDER BY record LIMIT $4`)

	// Rows of content items whose data records overlap $3 to $2; $1 is $3
	// less the length of the longest row.
	selectItemsWith = onReader.query(`SELECT ` + rowColumns + ` FROM entity
		WHERE record BETWEEN $1 AND $2 AND record + last - first >= $3`)

	// Blocks that may have content items $1 to $2.
	selectBlocksWith = onReader.query(`SELECT pairs FROM content_block
		WHERE wide = 0 AND first_item BETWEEN CAST($1 AS BIGINT) - ` + decimal(block.Narrow) + ` AND $2 AND last_item >= $1
		UNION ALL SELECT pairs FROM content_block
		WHERE wide = 1 AND first_item <= $2 AND last_item >= $1`)
	selectFreeItem = onReader.query(`SELECT EXISTS (SELECT 1 FROM entity WHERE kind = ` + decimal(platen.ContentItem) + `
		AND first BETWEEN $1 AND $2 AND parent IS NULL)`)
	selectFirstBlock = onReader.query(`SELECT job, seq, pairs, pages FROM content_block
		WHERE job BETWEEN $1 AND $2 ORDER BY job, seq LIMIT 1`)
	deleteBlock      = onWriter.query(`DELETE FROM content_block WHERE job = $1 AND seq = $2`)
	deleteContentSet = onWriter.query(`DELETE FROM content_set WHERE id = $1`)
	deleteSchema     = onWriter.query(`DELETE FROM data_schema WHERE dataset = $1`)

	selectSweepNames   = onReader.query(`SELECT coalesce(max(id), 0) FROM (SELECT id FROM find_name WHERE id > $1 ORDER BY id LIMIT $2) AS batch`)
	selectSweepDetails = onReader.query(`SELECT coalesce(max(id), 0) FROM (SELECT id FROM details WHERE id > $1 ORDER BY id LIMIT $2) AS batch`)
	selectSweepTables  = onReader.query(`SELECT coalesce(max(id), 0) FROM (SELECT id FROM record_table WHERE id > $1 ORDER BY id LIMIT $2) AS batch`)
	// The limit keeps a planner from reading all of the other table.
	deleteUnusedNames = onWriter.query(`DELETE FROM find_name WHERE id > $1 AND id <= $2
		AND (SELECT 1 FROM find_value AS v WHERE v.name = find_name.id LIMIT 1) IS NULL`)
	deleteUnusedDetails = onWriter.query(`DELETE FROM details WHERE id > $1 AND id <= $2
		AND (SELECT 1 FROM entity AS e WHERE e.kind = ` + decimal(platen.ContentItem) + ` AND e.details = details.id LIMIT 1) IS NULL`)
	deleteUnusedMedia = onWriter.query(`DELETE FROM details_media WHERE details > $1 AND details <= $2
		AND (SELECT 1 FROM details AS d WHERE d.id = details_media.details) IS NULL`)
	deleteUnusedTables = onWriter.query(`DELETE FROM record_table WHERE id > $1 AND id <= $2
		AND (SELECT 1 FROM entity AS e WHERE e.kind = ` + decimal(platen.DataRecord) + ` AND e.details = record_table.id LIMIT 1) IS NULL`)

	setUsersVersion = onWriter.query(`UPDATE users_version SET version = $1`)
	deleteSecret    = onWriter.query(`DELETE FROM secret WHERE name = $1`)
	selectSecret    = onControl.query(`SELECT value FROM secret WHERE name = $1`)
	insertSecret    = onWriter.query(`INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`)
	upsertSecret    = onWriter.query(`INSERT INTO secret (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`)

	selectLogins = onControl.query(`SELECT name, address, seen FROM known_login WHERE seen >= $1 ORDER BY seen`)
	upsertLogin  = onWriter.query(`INSERT INTO known_login (name, address, seen) VALUES ($1, $2, $3)
		ON CONFLICT (name, address) DO UPDATE SET seen = excluded.seen`)
	deleteLogins   = onWriter.query(`DELETE FROM known_login WHERE seen < $1`)
	deleteLoginsOf = onWriter.query(`DELETE FROM known_login WHERE name = $1 AND seen <
		(SELECT seen FROM known_login WHERE name = $1 ORDER BY seen DESC LIMIT 1 OFFSET $2)`)
)

// factKinds are the kinds that have facts.
var factKinds = decimal(platen.DataSet) + ", " + decimal(platen.ContentSet) + ", " + decimal(platen.JobSet) + ", " + decimal(platen.Job)

// factNames selects the names of facts in the index.
var factNames = `SELECT id FROM find_name WHERE kind IN (` + factKinds + `) AND facet = ` + decimal(platen.KeptFacts)

// deleteAmong removes the rows of a table in which a column is one of the ids
// of a parameter.
func deleteAmong(table, column string) *query {
	return onWriter.queryFor(func(d Dialect) string { return "DELETE FROM " + table + " WHERE " + d.Among(column, "$1") })
}

const operationColumns = `id, type, started, coalesce(ended, 0), coalesce(result, 0), message, percent, outcome, cancelled`

// rowColumns are those of a [row].
var rowColumns = `first, last, kind, coalesce(parent, -1), ord, coalesce(record, 0), coalesce(details, 0),
	coalesce(root, 0), coalesce((SELECT CASE WHEN state = ` + decimal(stateDeleting) + ` AND id <> first THEN ` + decimal(rootDeleting) + ` WHEN state = ` + decimal(stateImporting) + ` OR marked = 0 THEN ` + decimal(rootImporting) + ` ELSE ` + decimal(rootDeleted) + ` END FROM deleted_set WHERE id = root), 0)`

// What the last of rowColumns says, if it is not 0.
const (
	rootDeleted   = 1
	rootDeleting  = 2
	rootImporting = 3
)

// hiddenSet is the condition that root, the set that the entity id belongs to,
// hides it.
func hiddenSet(root, id string) string {
	return "EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = " + root + " AND (d.state <> " + decimal(stateDeleting) + " OR d.id = " + id + "))"
}

func registerInsertDirty() *query {
	q := onWriter.queryFor(func(d Dialect) string { one, _ := d.InsertDirty(); return one })
	q.batch = &batchQuery{columns: integers("id", "kind", "changed"), text: func(d Dialect) string { _, many := d.InsertDirty(); return many }}
	return q
}

// facets are the facets, each of which has a table of lists.
var facets = [...]platen.Facet{platen.Properties, platen.Metadata, platen.Fields}

// The queries of the tables of lists, by facet. A hidden entity has kind 0.
var selectList, selectLists, selectListsAmong, selectListsOf, selectListsUpTo, selectSizes, upsertList, deleteList, deleteLists = facetQueries()

// endOperation ends an operation with a message. How far it was may be known better by
// what was reported before.
const endOperation = `UPDATE operation SET ended = $1, message = $2, percent = CASE WHEN percent < $3 THEN $3 ELSE percent END`

// selectKind selects an id k and the kind of its entity e; 0 is hidden.
var selectKind = `SELECT k.id, CASE WHEN ` + hiddenSet("e.root", "k.id") + ` THEN 0 ELSE e.kind END`

// listOrigin are the set of an entity e and the last change of its list l.
const listOrigin = `coalesce(e.root, 0), coalesce(l.change, 0)`

func facetQueries() (one, some, among, of, upTo, sizes, upsert, remove, removeSome [len(facets)]*query) {
	for _, f := range facets {
		list := listTables[f]
		one[f] = onLookup.query(`SELECT CASE WHEN ` + hiddenSet("e.root", "$1") + ` THEN 0 ELSE e.kind END, l.list, ` + listOrigin + ` FROM
			(SELECT kind, last, root FROM entity WHERE first <= $1 ORDER BY first DESC LIMIT 1) AS e
			LEFT JOIN ` + list.name + ` AS l ON l.id = $1 WHERE e.last >= $1`)
		some[f] = onReader.queryFor(func(d Dialect) string { return d.ListsBetween(list.name, listBytes) })
		among[f] = onReader.queryFor(func(d Dialect) string { return `SELECT id, list FROM ` + list.name + ` WHERE ` + d.Among("id", "$1") })
		of[f] = onLookup.queryFor(func(d Dialect) string {
			return selectKind + `, l.list, ` + listOrigin + ` FROM ` + d.EachEntity("$1") + ` LEFT JOIN ` + list.name + ` AS l ON l.id = k.id`
		})
		// Lists of up to $1 bytes, and whether they are longer.
		upTo[f] = onLookup.queryFor(func(d Dialect) string {
			return selectKind + `, CASE WHEN octet_length(l.list) <= $1 THEN l.list END, coalesce(octet_length(l.list) > $1, false) FROM ` +
				d.EachEntity("$2") + ` LEFT JOIN ` + list.name + ` AS l ON l.id = k.id`
		})
		sizes[f] = onReader.queryFor(func(d Dialect) string {
			return `SELECT id, octet_length(list) FROM ` + list.name + ` WHERE ` + d.Among("id", "$1")
		})
		upsert[f] = upsertInto(list, " ON CONFLICT (id) DO UPDATE SET list = excluded.list, change = excluded.change")
		remove[f] = onWriter.query(`DELETE FROM ` + list.name + ` WHERE id = $1`)
		removeSome[f] = onWriter.query(`DELETE FROM ` + list.name + ` WHERE id BETWEEN $1 AND $2`)
	}
	return one, some, among, of, upTo, sizes, upsert, remove, removeSome
}
