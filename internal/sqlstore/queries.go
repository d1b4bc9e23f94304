package sqlstore

import (
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// A query is an SQL text, prepared once for each pool. AMONG(column) in it is
// the condition that the column is one of the ids of the one parameter;
// EACH_ID is the table k of these ids.
type query string

// eachID is EACH_ID; a shared database has [sharedEachID].
const eachID = `(SELECT value AS id FROM json_each($1)) AS k`

// The entities of EACH_ID that there are, with their kinds; 0 is hidden.
var selectKindsOf = `SELECT k.id, CASE WHEN ` + hiddenSet("e.root", "k.id") + ` THEN 0 ELSE e.kind END`

const (
	fromKindsOf = ` FROM EACH_ID
		JOIN entity AS e ON e.first = (SELECT max(first) FROM entity WHERE first <= k.id) AND e.last >= k.id`
)

// writes reports whether the query changes something.
func (q query) writes() bool { return !strings.HasPrefix(string(q), "SELECT") }

const (
	selectEntity query = `SELECT ` + rowColumns + ` FROM entity WHERE first <= $1 ORDER BY first DESC LIMIT 1`

	selectRowsOf query = `SELECT k.id, ` + rowColumns + ` FROM EACH_ID
		JOIN entity AS e ON e.first = (SELECT max(first) FROM entity WHERE first <= k.id) AND e.last >= k.id`

	selectAbove query = `SELECT coalesce(min(first), 9007199254740992) FROM entity WHERE first > $1`

	// Only sets can be hidden themselves, so this serves lists of sets, and
	// what is below an entity that is known not to be hidden.
	selectChildren query = `SELECT ord, first, last FROM entity WHERE parent = $1 AND kind = $2
		AND (ord, first) > ($3, $4) AND first NOT IN (SELECT id FROM deleted_set) ORDER BY ord, first LIMIT $5`
	selectRows query = `SELECT ` + rowColumns + ` FROM entity WHERE parent = $1 AND kind = $2
		AND (ord, first) > ($3, $4) ORDER BY ord, first LIMIT $5`
	selectPlaceNext query = `SELECT ord + last - first + 1 FROM entity
		WHERE parent = $1 AND kind = $2 ORDER BY ord DESC LIMIT 1`

	insertEntity query = `INSERT INTO entity (first, last, kind, parent, ord, record, details, root)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

	selectNext query = `SELECT next FROM sequence`
	updateNext query = `UPDATE sequence SET next = $1`

	selectDetails   query = `SELECT body FROM details WHERE id = $1`
	selectDetailsID query = `SELECT id FROM details WHERE body = $1`
	insertDetails   query = `INSERT INTO details (body, pages, sheets, sections, duplex, template)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`
	insertDetailsMedia query = `INSERT INTO details_media (details, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`

	selectSchema      query = `SELECT body FROM data_schema WHERE dataset = $1`
	insertSchema      query = `INSERT INTO data_schema (dataset, body) VALUES ($1, $2)`
	selectTable       query = `SELECT name FROM record_table WHERE id = $1`
	selectTableID     query = `SELECT id FROM record_table WHERE name = $1`
	insertTable       query = `INSERT INTO record_table (name) VALUES ($1) RETURNING id`
	insertContentSet  query = `INSERT INTO content_set (id, type) VALUES ($1, $2)`
	selectContentType query = `SELECT type FROM content_set WHERE id = $1`
	selectContentSets query = `SELECT 0, id, id FROM content_set
		WHERE type = $1 AND id > $2 AND id NOT IN (SELECT id FROM deleted_set) ORDER BY id LIMIT $3`

	selectContentSums  query = `SELECT CAST(coalesce(sum(count), 0) AS BIGINT), CAST(coalesce(sum(digits), 0) AS BIGINT) FROM content_block WHERE job = $1`
	selectContentPairs query = `SELECT seq, pairs FROM content_block
		WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT 8`
	selectContentBlock query = `SELECT pairs, pages FROM content_block WHERE job = $1 AND seq = $2`
	insertContentBlock query = `INSERT INTO content_block
		(job, seq, count, digits, pairs, pages, first_item, last_item, wide)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

	selectNameID    query = `SELECT id FROM find_name WHERE kind = $1 AND facet = $2 AND name = $3`
	insertName      query = `INSERT INTO find_name (kind, facet, name) VALUES ($1, $2, $3) RETURNING id`
	insertValue     query = `INSERT INTO find_value (name, value, entity, digest) VALUES ($1, $2, $3, $4)`
	selectValues    query = `SELECT entity, name, value, digest FROM find_value WHERE AMONG(entity)`
	deleteValue     query = `DELETE FROM find_value WHERE name = $1 AND value = $2 AND entity = $3`
	deleteValues    query = `DELETE FROM find_value WHERE entity BETWEEN $1 AND $2`
	insertLong      query = `INSERT INTO find_long (name, entity, value) VALUES ($1, $2, $3)`
	deleteLong      query = `DELETE FROM find_long WHERE name = $1 AND entity = $2`
	deleteLongs     query = `DELETE FROM find_long WHERE entity BETWEEN $1 AND $2`
	insertStale     query = `INSERT INTO find_stale (id, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	selectNotes     query = `SELECT seq, id, kind FROM find_stale WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`
	selectStaleLast query = `SELECT coalesce(max(seq), 0) FROM find_stale`
	deleteStale     query = `DELETE FROM find_stale WHERE AMONG(seq)`

	insertOperation  query = `INSERT INTO operation (id, type, started, owner) VALUES ($1, $2, $3, $4)`
	updateDone       query = `UPDATE operation SET ended = $2, result = $3 WHERE id = $1 AND ended IS NULL`
	updateFailed     query = `UPDATE operation SET ended = $2, message = $3 WHERE id = $1 AND ended IS NULL`
	updateFailedAll  query = `UPDATE operation SET ended = $1, message = $2 WHERE ended IS NULL AND owner <> $3`
	selectOperation  query = `SELECT ` + operationColumns + ` FROM operation WHERE id = $1`
	selectOperations query = `SELECT ` + operationColumns + ` FROM operation WHERE ended IS NULL ORDER BY started, id`
	deleteOperation  query = `DELETE FROM operation WHERE id = $1`
	deleteRunning    query = `DELETE FROM operation WHERE id = $1 AND ended IS NULL`
	deleteOperations query = `DELETE FROM operation WHERE ended < $1`

	insertDeleted query = `INSERT INTO deleted_set (id, kind, marked, state, owner) VALUES ($1, $2, $3, $4, $5)`
	updateDeleted query = `UPDATE deleted_set SET state = 0, marked = $2 WHERE id = $1`
	// While a set is being deleted nothing is cleaned up: what it still
	// contains may be in what would be removed.
	selectDeleted query = `SELECT id FROM deleted_set WHERE marked <= $1 AND state = 0
		AND NOT EXISTS (SELECT 1 FROM deleted_set WHERE state = 1) ORDER BY marked, id LIMIT 1`
	// Those whose process $1 is not, and lives, are left to it.
	selectDeleting query = `SELECT id, kind FROM deleted_set WHERE state = 1 AND $1 <> '' ORDER BY marked, id LIMIT 1`
	updateDeleting query = `UPDATE deleted_set SET owner = $2 WHERE id = $1 AND state = 1`
	deleteDeleted  query = `DELETE FROM deleted_set WHERE id = $1`
	deleteEntity   query = `DELETE FROM entity WHERE first = $1`

	selectRootSome query = `SELECT ` + rowColumns + ` FROM entity WHERE root = $1 ORDER BY kind DESC, first DESC LIMIT 64`
	// The plus keeps the planner from the wrong index.
	selectNestedFree query = `SELECT ` + rowColumns + ` FROM entity
		WHERE parent BETWEEN $1 AND $2 AND +kind = 2 AND +root IS NULL`

	selectMembers query = `SELECT ` + rowColumns + ` FROM entity
		WHERE root = $1 AND kind = $2 AND first > $3 ORDER BY first LIMIT $4`
	selectRowsAmong query = `SELECT ` + rowColumns + ` FROM entity WHERE AMONG(first)`
	updateFree      query = `UPDATE entity SET parent = NULL, ord = 0, root = NULL WHERE AMONG(first)`
	updateReleased  query = `UPDATE entity SET root = NULL WHERE AMONG(first)`

	// Of blocks of jobs that are not deleted: the next few that overlap $3 to $2.
	selectUsedBlocks query = `SELECT first_item, last_item, job, seq, pairs FROM content_block AS b
		WHERE wide = $1 AND first_item <= $2 AND last_item >= $3 AND (first_item, last_item, job, seq) > ($4, $5, $6, $7)
		AND NOT EXISTS (SELECT 1 FROM deleted_set WHERE state = 0
			AND id = (SELECT root FROM entity WHERE first <= b.job ORDER BY first DESC LIMIT 1))
		ORDER BY first_item, last_item, job, seq LIMIT 8`
	// Data records after $1 of content items that are not deleted, those that
	// overlap $3 to $2.
	selectUsedRecords query = `SELECT record, record + max(last - first) FROM entity
		WHERE record > $1 AND record <= $2 AND record + last - first >= $3
		AND NOT EXISTS (SELECT 1 FROM deleted_set WHERE id = root AND state = 0)
		GROUP BY record ORDER BY record LIMIT $4`

	// Rows of content items whose data records overlap $3 to $2; $1 is $3
	// less the length of the longest row.
	selectItemsWith query = `SELECT ` + rowColumns + ` FROM entity
		WHERE record BETWEEN $1 AND $2 AND record + last - first >= $3`

	// Blocks that may have content items $1 to $2.
	selectBlocksWith query = `SELECT pairs FROM content_block
		WHERE wide = 0 AND first_item BETWEEN CAST($1 AS BIGINT) - 65536 AND $2 AND last_item >= $1
		UNION ALL SELECT pairs FROM content_block
		WHERE wide = 1 AND first_item <= $2 AND last_item >= $1`
	selectFirstBlock query = `SELECT job, seq, pairs, pages FROM content_block
		WHERE job BETWEEN $1 AND $2 ORDER BY job, seq LIMIT 1`
	deleteBlock      query = `DELETE FROM content_block WHERE job = $1 AND seq = $2`
	deleteContentSet query = `DELETE FROM content_set WHERE id = $1`
	deleteSchema     query = `DELETE FROM data_schema WHERE dataset = $1`

	selectSweepNames   query = `SELECT coalesce(max(id), 0) FROM (SELECT id FROM find_name WHERE id > $1 ORDER BY id LIMIT $2) AS batch`
	selectSweepDetails query = `SELECT coalesce(max(id), 0) FROM (SELECT id FROM details WHERE id > $1 ORDER BY id LIMIT $2) AS batch`
	selectSweepTables  query = `SELECT coalesce(max(id), 0) FROM (SELECT id FROM record_table WHERE id > $1 ORDER BY id LIMIT $2) AS batch`
	// The limit keeps a planner from reading all of the other table.
	deleteUnusedNames query = `DELETE FROM find_name WHERE id > $1 AND id <= $2
		AND (SELECT 1 FROM find_value AS v WHERE v.name = find_name.id LIMIT 1) IS NULL`
	deleteUnusedDetails query = `DELETE FROM details WHERE id > $1 AND id <= $2
		AND (SELECT 1 FROM entity AS e WHERE e.kind = 4 AND e.details = details.id LIMIT 1) IS NULL`
	deleteUnusedMedia query = `DELETE FROM details_media WHERE details > $1 AND details <= $2
		AND (SELECT 1 FROM details AS d WHERE d.id = details_media.details) IS NULL`
	deleteUnusedTables query = `DELETE FROM record_table WHERE id > $1 AND id <= $2
		AND (SELECT 1 FROM entity AS e WHERE e.kind = 2 AND e.details = record_table.id LIMIT 1) IS NULL`

	selectUsers        query = `SELECT name, password, epoch, changed FROM server_user ORDER BY name`
	selectUsersVersion query = `SELECT version FROM users_version`
	updateUsersVersion query = `UPDATE users_version SET version = version + 1`
	insertUser         query = `INSERT INTO server_user (name, password, epoch, changed)
		VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`
	updateUser  query = `UPDATE server_user SET password = $2, epoch = $3, changed = $4 WHERE name = $1`
	updateEpoch query = `UPDATE server_user SET epoch = $2 WHERE name = $1`
	deleteUser  query = `DELETE FROM server_user WHERE name = $1
		AND (SELECT count(*) FROM server_user) > 1`
	selectUserCount   query = `SELECT count(*) FROM server_user WHERE name = $1`
	selectUserChanges query = `SELECT version, action, name, address, changed_by FROM user_change WHERE version > $1 ORDER BY version`
	insertUserChange  query = `INSERT INTO user_change (version, action, name, address, changed_by)
		SELECT version, $1, $2, $3, $4 FROM users_version`
	deleteUserChanges query = `DELETE FROM user_change WHERE version <= (SELECT version FROM users_version) - $1`
	selectSecret      query = `SELECT value FROM secret WHERE name = $1`
	insertSecret      query = `INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	upsertSecret      query = `INSERT INTO secret (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`

	selectLogins query = `SELECT name, address, seen FROM known_login WHERE seen >= $1 ORDER BY seen`
	upsertLogin  query = `INSERT INTO known_login (name, address, seen) VALUES ($1, $2, $3)
		ON CONFLICT (name, address) DO UPDATE SET seen = excluded.seen`
	deleteLogins   query = `DELETE FROM known_login WHERE seen < $1`
	deleteLoginsOf query = `DELETE FROM known_login WHERE name = $1 AND seen <
		(SELECT seen FROM known_login WHERE name = $1 ORDER BY seen DESC LIMIT 1 OFFSET $2)`
)

const operationColumns = `id, type, started, coalesce(ended, 0), coalesce(result, 0), message, percent`

// rowColumns are those of a [row].
const rowColumns = `first, last, kind, coalesce(parent, -1), ord, coalesce(record, 0), coalesce(details, 0),
	coalesce(root, 0), coalesce((SELECT CASE WHEN state = 1 AND id <> first THEN 2 ELSE 1 END FROM deleted_set WHERE id = root), 0)`

// hiddenSet is the condition that root, the set that the entity id belongs to,
// hides it.
func hiddenSet(root, id string) string {
	return "EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = " + root + " AND (d.state <> 1 OR d.id = " + id + "))"
}

// facets are those that have a table of lists.
var facets = [...]platen.Facet{platen.Properties, platen.Metadata, platen.Fields}

// The lists of each facet are a table of their own, so that a list is found
// by its entity's id alone. What is hidden has the kind 0.
var (
	selectList, selectLists, selectListsAmong, selectListsOf, selectSizes, upsertList, deleteList, deleteLists = facetQueries()

	// What only a database that is not shared has.
	aloneQueries = []query{selectNotes}

	queries = slices.Concat([]query{
		selectEntity, selectRowsOf, selectAbove, selectChildren, selectRows, selectPlaceNext, insertEntity, selectNext, updateNext,
		selectDetails, selectDetailsID, insertDetails, insertDetailsMedia,
		selectSchema, insertSchema, selectTable, selectTableID, insertTable,
		insertContentSet, selectContentType, selectContentSets,
		selectContentSums, selectContentPairs, selectContentBlock, insertContentBlock,
		selectNameID, insertName, insertValue, selectValues, deleteValue, deleteValues, insertLong, deleteLong, deleteLongs,
		insertStale, selectStaleLast, deleteStale,
		insertOperation, updateDone, updateFailed, updateFailedAll,
		selectOperation, selectOperations, deleteOperation, deleteRunning, deleteOperations,
		insertDeleted, updateDeleted, selectDeleted, selectDeleting, updateDeleting, deleteDeleted, deleteEntity,
		selectRootSome, selectNestedFree, selectMembers, selectRowsAmong, updateFree, updateReleased,
		selectUsedBlocks, selectUsedRecords,
		selectItemsWith, selectBlocksWith, selectFirstBlock, deleteBlock, deleteContentSet, deleteSchema,
		selectSweepNames, selectSweepDetails, selectSweepTables,
		deleteUnusedNames, deleteUnusedDetails, deleteUnusedMedia, deleteUnusedTables,
		selectUsers, selectUsersVersion, updateUsersVersion, insertUser, updateUser, deleteUser,
		updateEpoch, selectUserCount, selectUserChanges, insertUserChange, deleteUserChanges,
		selectSecret, insertSecret, upsertSecret,
		selectLogins, upsertLogin, deleteLogins, deleteLoginsOf,
	}, selectList[:], selectLists[:], selectListsAmong[:], selectListsOf[:], selectSizes[:], upsertList[:], deleteList[:], deleteLists[:])
)

// lookups are the reads of single rows, in a pool of their own.
var lookups = queriesOf([]query{
	selectEntity, selectDetails, selectContentType, selectContentSums, selectOperation, selectOperations, selectStaleLast,
}, selectList[:], selectListsOf[:], sharedGathered[:])

// controls are the statements of what keeps the server itself going.
var controls = queriesOf([]query{
	selectUsers, selectUsersVersion, selectUserChanges, selectSecret, selectLogins, selectNow,
	selectReadOnly, upsertReplica, deleteReplica, deleteReplicas,
	updateLease, updatePercent, insertFailures, selectFailures, deleteFailures,
})

func queriesOf(lists ...[]query) map[query]bool {
	set := make(map[query]bool)
	for _, q := range slices.Concat(lists...) {
		set[q] = true
	}
	return set
}

func facetQueries() (one, some, among, of, sizes, upsert, remove, removeSome [len(facets)]query) {
	for _, f := range facets {
		table := f.String()
		one[f] = query(`SELECT CASE WHEN ` + hiddenSet("e.root", "$1") + ` THEN 0 ELSE e.kind END, l.list FROM
			(SELECT kind, last, root FROM entity WHERE first <= $1 ORDER BY first DESC LIMIT 1) AS e
			LEFT JOIN ` + table + ` AS l ON l.id = $1 WHERE e.last >= $1`)
		some[f] = query(`SELECT id, list FROM ` + table + ` WHERE id BETWEEN $1 AND $2 ORDER BY id`)
		among[f] = query(`SELECT id, list FROM ` + table + ` WHERE AMONG(id)`)
		of[f] = query(selectKindsOf + `, l.list` + fromKindsOf + ` LEFT JOIN ` + table + ` AS l ON l.id = k.id`)
		sizes[f] = query(`SELECT id, octet_length(list) FROM ` + table + ` WHERE AMONG(id)`)
		upsert[f] = query(`INSERT INTO ` + table + ` (id, list) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET list = excluded.list`)
		remove[f] = query(`DELETE FROM ` + table + ` WHERE id = $1`)
		removeSome[f] = query(`DELETE FROM ` + table + ` WHERE id BETWEEN $1 AND $2`)
	}
	return one, some, among, of, sizes, upsert, remove, removeSome
}
