package sqlstore

import (
	"strings"

	"github.com/platenhq/platen"
)

// A query is an SQL text, prepared once for each pool.
type query string

// writes reports whether the query changes something.
func (q query) writes() bool { return !strings.HasPrefix(string(q), "SELECT") }

const (
	selectEntity query = `SELECT first, last, kind, coalesce(record, 0), coalesce(details, 0)
		FROM entity WHERE first <= $1 ORDER BY first DESC LIMIT 1`

	selectChildren query = `SELECT first, last FROM entity
		WHERE parent = $1 AND kind = $2 ORDER BY ord, first`

	insertEntity query = `INSERT INTO entity (first, last, kind, parent, ord, record, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`

	selectNext query = `SELECT next FROM sequence`
	updateNext query = `UPDATE sequence SET next = $1`

	selectDetails      query = `SELECT body FROM page_details WHERE id = $1`
	selectDetailsID    query = `SELECT id FROM page_details WHERE body = $1`
	insertDetails      query = `INSERT INTO page_details (body) VALUES ($1) RETURNING id`
	selectContentSums  query = `SELECT coalesce(sum(count), 0), coalesce(sum(digits), 0) FROM content_block WHERE job = $1`
	selectContentPairs query = `SELECT seq, pairs FROM content_block
		WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT 8`
	selectContentBlock query = `SELECT pairs, pages FROM content_block WHERE job = $1 AND seq = $2`
	insertContentBlock query = `INSERT INTO content_block (job, seq, count, digits, pairs, pages)
		VALUES ($1, $2, $3, $4, $5, $6)`

	selectUsers        query = `SELECT name, password, epoch, changed FROM server_user ORDER BY name`
	selectUsersVersion query = `SELECT version FROM users_version`
	updateUsersVersion query = `UPDATE users_version SET version = version + 1`
	insertUser         query = `INSERT INTO server_user (name, password, epoch, changed)
		VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`
	updateUser query = `UPDATE server_user SET password = $2, epoch = $3, changed = $4 WHERE name = $1`
	deleteUser query = `DELETE FROM server_user WHERE name = $1
		AND (SELECT count(*) FROM server_user) > 1`
	selectSecret query = `SELECT value FROM secret WHERE name = $1`
	insertSecret query = `INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
)

// The lists of each facet are a table of their own, so that a list is found
// by its entity's id alone.
var (
	selectList, selectLists, upsertList, deleteList = facetQueries()

	queries = append([]query{
		selectEntity, selectChildren, insertEntity, selectNext, updateNext,
		selectDetails, selectDetailsID, insertDetails,
		selectContentSums, selectContentPairs, selectContentBlock, insertContentBlock,
		selectUsers, selectUsersVersion, updateUsersVersion, insertUser, updateUser, deleteUser,
		selectSecret, insertSecret,
	}, facets(selectList, selectLists, upsertList, deleteList)...)
)

func facetQueries() (one, some, upsert, remove [len(platen.Facets)]query) {
	for _, f := range platen.Facets {
		table := f.String()
		one[f] = query(`SELECT e.kind, l.list FROM
			(SELECT kind, last FROM entity WHERE first <= $1 ORDER BY first DESC LIMIT 1) AS e
			LEFT JOIN ` + table + ` AS l ON l.id = $1 WHERE e.last >= $1`)
		some[f] = query(`SELECT id, list FROM ` + table + ` WHERE id BETWEEN $1 AND $2`)
		upsert[f] = query(`INSERT INTO ` + table + ` (id, list) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET list = excluded.list`)
		remove[f] = query(`DELETE FROM ` + table + ` WHERE id = $1`)
	}
	return one, some, upsert, remove
}

func facets(sets ...[len(platen.Facets)]query) []query {
	var all []query
	for _, set := range sets {
		all = append(all, set[:]...)
	}
	return all
}
