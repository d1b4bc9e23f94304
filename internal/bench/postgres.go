package main

import (
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

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

// What pgbench runs: the statement by which platen reads a list, and the one
// that writes it, each by itself and for one list at a time.
const (
	pgbenchGet = `\set id random(%d, %d)
SELECT k.id, CASE WHEN EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = e.root AND (d.state <> 1 OR d.id = k.id)) THEN 0 ELSE e.kind END, l.list
	FROM unnest(ARRAY[:id]::bigint[]) AS k(id)
	JOIN entity AS e ON e.first = (SELECT max(first) FROM entity WHERE first <= k.id) AND e.last >= k.id
	LEFT JOIN properties AS l ON l.id = k.id;
`
	pgbenchPut = `\set id random(%d, %d)
\set n random(1, 1000000000)
INSERT INTO properties (id, list) SELECT * FROM unnest(ARRAY[:id]::bigint[], ARRAY['%s' || :n]::text[]) AS new
	ON CONFLICT (id) DO UPDATE SET list = excluded.list;
`
)

// A postgresRun is what is measured on PostgreSQL.
type postgresRun struct {
	*results
	pgbenchGet, pgbenchPut []float64
}

// measurePostgres runs the requests for properties, and a large import, on a
// private PostgreSQL that writes to the disk as it does by default.
func measurePostgres(ctx context.Context, o options, directory string) (r *postgresRun, err error) {
	cluster, err := pgtest.Start("shared_buffers=512MB", "max_connections=200", "max_wal_size=4GB")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Remove()) }()
	s, err := newServer(o.platen, "", filepath.Join(directory, "server.log"))
	if err != nil {
		return nil, err
	}
	s.database = cluster.Address("postgres")
	defer func() {
		_, stopErr := s.stop()
		err = errors.Join(err, stopErr)
	}()
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	r = &postgresRun{results: &results{options: o}}
	progress("importing %d jobs", o.jobs)
	jobs, err := s.importJobSet(ctx, jobSet{jobs: o.jobs, pages: 2, properties: true, first: 1_000_000_000})
	if err != nil {
		return nil, err
	}
	if err := r.properties(ctx, s, jobs, directory); err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	if err := r.pgbench(ctx, s.database, jobs, directory); err != nil {
		return nil, err
	}
	progress("importing a job of %d document pages", o.pages)
	if err := resetPeak(s.command.Process.Pid); err != nil {
		return nil, err
	}
	started := time.Now()
	if _, err := s.importJobSet(ctx, jobSet{jobs: 1, pages: o.pages, first: 2_000_000_000}); err != nil {
		return nil, fmt.Errorf("large import: %w", err)
	}
	r.importTime = time.Since(started)
	if r.importPeak, err = peak(s.command.Process.Pid); err != nil {
		return nil, err
	}
	progress("copying %d rows in with the bare server", o.pages)
	r.insertTime, err = bareCopy(s.database, o.pages)
	return r, err
}

// pgbench lets PostgreSQL's own load generator run platen's statements.
func (r *postgresRun) pgbench(ctx context.Context, database string, jobs []platen.ID, directory string) error {
	first, last := jobs[0], jobs[len(jobs)-1]
	body := appendProperties(nil, 1)
	for range r.options.rounds {
		for _, step := range []struct {
			script string
			to     *[]float64
		}{
			{fmt.Sprintf(pgbenchGet, first, last), &r.pgbenchGet},
			{fmt.Sprintf(pgbenchPut, first, last, body), &r.pgbenchPut},
		} {
			rate, err := runPgbench(ctx, database, step.script, r.options, directory)
			if err != nil {
				return err
			}
			*step.to = append(*step.to, rate)
		}
	}
	return nil
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
	seconds := strconv.Itoa(int(math.Max(1, math.Round(o.seconds))))
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

// bareCopy lets PostgreSQL make as many rows of two numbers in one
// transaction.
func bareCopy(database string, rows int) (time.Duration, error) {
	started := time.Now()
	err := pgtest.Run(database, "CREATE TABLE bare (id bigint PRIMARY KEY, record bigint NOT NULL)",
		fmt.Sprintf("INSERT INTO bare SELECT n, n + 7 FROM generate_series(1, %d) AS n", rows))
	return time.Since(started), errors.Join(err, pgtest.Run(database, "DROP TABLE IF EXISTS bare"))
}

// rows returns the figures in the order in which they are shown.
func (r *postgresRun) rows() []row {
	constant, get, put := median(r.constant), median(r.get), median(r.put)
	rate := func(values []float64) string { return fmt.Sprintf("%.0f a second", median(values)) }
	return []row{
		{Name: "net/http, constant answer", Value: 1, Unit: "ratio", Note: rate(r.constant)},
		{Name: "PostgreSQL: GET properties / constant answer", Value: get / constant, Unit: "ratio", Goal: 0.30, Note: rate(r.get)},
		{Name: "PostgreSQL: PUT properties / constant answer", Value: put / constant, Unit: "ratio", Goal: 0.30, Note: rate(r.put)},
		{Name: "PostgreSQL: GET / pgbench, same statement", Value: get / median(r.pgbenchGet), Unit: "ratio", Goal: 0.7, Note: rate(r.pgbenchGet)},
		{Name: "PostgreSQL: PUT / pgbench, same statement", Value: put / median(r.pgbenchPut), Unit: "ratio", Goal: 0.7, Note: rate(r.pgbenchPut)},
		{Name: "PostgreSQL: PUT / one caller alone", Value: put / median(r.putAlone), Unit: "ratio", Note: rate(r.putAlone)},
		{Name: "PostgreSQL: import, memory at its peak", Value: r.importPeak, Unit: "MiB", Goal: 200, AtMost: true,
			Note: fmt.Sprintf("%d document pages", r.options.pages)},
		{Name: "PostgreSQL: import / the server's own insert of as many rows", Value: r.importTime.Seconds() / r.insertTime.Seconds(), Unit: "ratio", Goal: 3, AtMost: true},
	}
}
