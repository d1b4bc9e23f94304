package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/platenhq/platen/internal/pgtest"
)

// What pgbench runs: the statement by which platen reads a list, and the one
// that writes it, each by itself and for one list at a time.
const (
	pgbenchGet = `\set id random(%d, %d)
SELECT k.id, CASE WHEN EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = e.root AND (d.state <> 1 OR d.id = k.id)) THEN 0 ELSE e.kind END, l.list
	FROM unnest(ARRAY[:id]::bigint[]) AS k(id)
	JOIN LATERAL (SELECT * FROM entity WHERE first <= k.id ORDER BY first DESC LIMIT 1) AS e ON e.last >= k.id
	LEFT JOIN properties AS l ON l.id = k.id;
`
	pgbenchPut = `\set id random(%d, %d)
INSERT INTO properties (id, list) SELECT * FROM unnest(ARRAY[:id]::bigint[], ARRAY['%s']::text[]) AS new
	ON CONFLICT (id) DO UPDATE SET list = excluded.list;
`
)

// pgbench returns what lets PostgreSQL's own load generator run platen's
// statements, for a GET and a PUT.
func (r *run) pgbench() (get, put func(context.Context) (float64, error)) {
	first, last := r.jobs[0], r.jobs[len(r.jobs)-1]
	of := func(script string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			return runPgbench(ctx, r.server.database, script, r.options, r.directory)
		}
	}
	_, list, _ := bytes.Cut(appendProperties(nil, 1), []byte(":"))
	return of(fmt.Sprintf(pgbenchGet, first, last)), of(fmt.Sprintf(pgbenchPut, first, last, list))
}

func runPgbench(ctx context.Context, database, script string, o options, directory string) (float64, error) {
	progress("pgbench")
	file := filepath.Join(directory, "pgbench.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return 0, err
	}
	program, err := pgtest.Program("pgbench")
	if err != nil {
		return 0, err
	}
	seconds := strconv.Itoa(int(math.Max(2, math.Round(o.seconds))))
	out, err := exec.CommandContext(ctx, program, "-n", "-M", "prepared", "-c", strconv.Itoa(o.connections), "-j", "2", "-T", seconds, "-f", file, database).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("pgbench says no rate: %s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// bareCopy copies rows into a new table, in one transaction.
func bareCopy(ctx context.Context, database string, rows int, text func(n int) string) (took time.Duration, err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, "CREATE TABLE bare (id bigint PRIMARY KEY, value text)"); err != nil {
		return 0, err
	}
	started := time.Now()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"bare"}, []string{"id", "value"}, pgx.CopyFromSlice(rows, func(n int) ([]any, error) {
		return []any{int64(n + 1), text(n)}, nil
	}))
	took = time.Since(started)
	_, dropErr := conn.Exec(ctx, "DROP TABLE bare")
	return took, errors.Join(err, dropErr)
}
