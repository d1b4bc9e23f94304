package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

// A step measures something and adds its rows. It needs nothing of the steps
// before it.
type step struct {
	name    string
	measure func(*run, context.Context) error
}

// steps are what is measured, in this order.
var steps = []step{
	{"properties", (*run).properties},
	{"changing", (*run).changing},
	{"history", (*run).history},
	{"contents", (*run).contents},
	{"records", (*run).records},
	{"statistics", (*run).statistics},
	{"beside", (*run).beside},
	{"growth", (*run).growth},
	{"users", (*run).users},
	{"peers", (*run).peers},
}

// stepNames lists the steps.
func stepNames() string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// A run measures on one database.
type run struct {
	options
	directory string
	cluster   *pgtest.Cluster // nil: SQLite
	servers   int             // so far
	taken     int64           // identifiers of content items and data records, so far
	rows      []row

	// What the steps share that need no server of their own.
	server *server
	jobs   []platen.ID
}

// measure runs the steps that are asked for on new databases in directory. On
// an error, there are the rows of the other steps.
func measure(ctx context.Context, o options, directory string) (rows []row, err error) {
	r := &run{options: o, directory: directory, taken: 1_000_000_000}
	if o.postgres {
		// It writes to the disk as it does by default.
		if r.cluster, err = pgtest.Start("shared_buffers=512MB", "max_connections=200", "max_wal_size=4GB"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.cluster.Remove()) }()
	}
	if r.server, err = r.newServer(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.server.stop()) }()
	progress("importing %d jobs", o.jobs)
	if r.jobs, err = r.importJobs(ctx, r.server, o.jobs, 0); err != nil {
		return nil, err
	}
	for _, s := range steps {
		if s.name == "peers" && !o.peers || !o.only.MatchString(s.name) {
			continue
		}
		if stepErr := s.measure(r, ctx); stepErr != nil {
			stepErr = fmt.Errorf("%s: %w", s.name, stepErr)
			progress("%v; the shared server's log:\n%s", stepErr, r.server.logTail())
			err = errors.Join(err, stepErr) // the other steps are worth having
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r.rows, err
}

// newServer starts a server on a new database, with more variables in its
// environment.
func (r *run) newServer(ctx context.Context, settings ...string) (*server, error) {
	r.servers++
	name := "data" + strconv.Itoa(r.servers)
	data := filepath.Join(r.directory, name)
	if r.cluster != nil {
		if err := pgtest.Run(r.cluster.Address("postgres"), "CREATE DATABASE "+name); err != nil {
			return nil, err
		}
	}
	s, err := newServer(r.platen, data, data+".log")
	if err != nil {
		return nil, err
	}
	s.settings = settings
	if r.cluster != nil {
		s.database = r.cluster.Address(name)
	}
	if _, err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// take returns the first of so many identifiers that nobody has used.
func (r *run) take(n int) int64 {
	first := r.taken
	r.taken += int64(n)
	return first
}

// importJobs imports jobs of a page each, with properties, in a set of their
// own. base is what the values of the first begin at.
func (r *run) importJobs(ctx context.Context, s *server, jobs int, base uint64) ([]platen.ID, error) {
	_, ids, err := s.importDocument(ctx, jobSet{jobs: jobs, pages: 1, properties: true, base: base, first: r.take(2 * jobs)})
	return ids, err
}

// goal is the goal on the database of this run.
func (r *run) goal(onSQLite, onPostgres float64) float64 {
	if r.cluster != nil {
		return onPostgres
	}
	return onSQLite
}

// add adds a row.
func (r *run) add(added ...row) { r.rows = append(r.rows, added...) }

// A series is what rounds of a measurement gave.
type series struct {
	rates []float64
	waits waits // over all rounds
}

// median returns the middle of the rates.
func (s *series) median() float64 { return median(s.rates) }

// over returns the median of the rates as shares of another series, round by
// round.
func (s *series) over(other *series) float64 {
	shares := make([]float64, len(s.rates))
	for i := range shares {
		shares[i] = s.rates[i] / other.rates[i]
	}
	return median(shares)
}

// note says the rate in a row.
func (s *series) note() string { return fmt.Sprintf("%.0f a second", s.median()) }

// A measurement is one of those that are done in turn in each round.
type measurement struct {
	to   *series
	load load
	// other is measured instead of a load, if it is there.
	other func(context.Context) (float64, error)
	bytes bool // the rate is in MiB a second
}

// inRounds does measurements in turn, as often as there are rounds.
func (r *run) inRounds(ctx context.Context, what string, all ...measurement) error {
	// What comes first, the first second of a process, counts for nothing.
	for _, m := range all {
		if m.other == nil {
			if _, err := m.load.run(ctx, r.duration()/4); err != nil {
				return err
			}
		}
	}
	for round := range r.rounds {
		progress("%s, round %d of %d", what, round+1, r.rounds)
		for _, m := range all {
			if m.other != nil {
				rate, err := m.other(ctx)
				if err != nil {
					return err
				}
				m.to.rates = append(m.to.rates, rate)
				continue
			}
			got, err := m.load.run(ctx, r.duration())
			if err != nil {
				return err
			}
			rate := got.perSecond()
			if m.bytes {
				rate = got.mebibytesPerSecond()
			}
			m.to.rates = append(m.to.rates, rate)
			for i := range got.waits {
				m.to.waits.merge(&got.waits[i])
			}
		}
	}
	return nil
}

// median returns the middle of the values.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
