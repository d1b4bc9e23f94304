package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

const (
	// entitiesOfJob is how many entities a job of importJobs is: itself, a job
	// segment, a document set, a document, a content item, a data record.
	entitiesOfJob = 6
	// jobsAtOnce is how many jobs one import brings.
	jobsAtOnce = 50_000
	// growthGoal is by how much a request may take longer among many.
	growthGoal = 1.3
	// restFor is how long a server rests before its memory at rest is measured.
	restFor = 2 * time.Second
)

// sizes are the numbers of entities among which requests are measured.
func (o options) sizes() []int {
	switch {
	case o.short:
		return []int{1_000, 5_000}
	case o.large:
		return []int{1_000, 100_000, 10_000_000}
	}
	return []int{1_000, 100_000}
}

// growth measures requests among few entities and among many, each as a share
// of a constant answer, and what the server needs for many.
func (r *run) growth(ctx context.Context) (err error) {
	s, err := r.newServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	empty, err := r.bytesOnDisk(s)
	if err != nil {
		return err
	}
	sizes := r.sizes()
	total := sizes[0] / entitiesOfJob
	first := jobSet{jobs: total, pages: 1, properties: true, first: r.take(2 * total)}
	set, jobs, err := s.importDocument(ctx, first)
	if err != nil {
		return err
	}
	var few []series // the shares among the fewest
	for i, size := range sizes {
		for total < size/entitiesOfJob {
			progress("%d of %d entities", total*entitiesOfJob, size)
			more := min(jobsAtOnce, size/entitiesOfJob-total)
			if _, err := r.importJobs(ctx, s, more, uint64(total)); err != nil {
				return err
			}
			total += more
		}
		got, err := r.among(ctx, s, set, jobs, fmt.Sprintf("among %d entities", size))
		if err != nil {
			return err
		}
		if i == 0 {
			few = got
			continue
		}
		for j, what := range amongWhat {
			r.add(row{Name: fmt.Sprintf("%s among %d / %d", what, size, sizes[0]), Value: few[j].median() / got[j].median(),
				Unit: "ratio", Goal: growthGoal, AtMost: true, Waits: got[j].waits.summary(),
				Note: fmt.Sprintf("%.3f of the constant", got[j].median())})
		}
	}
	return r.needs(ctx, s, total*entitiesOfJob, empty)
}

// indexMetric is what a server says of its index.
const indexMetric = "platen_index_pending_entities"

// amongWhat are the requests that among measures.
var amongWhat = []string{"GET", "PUT", amongSearch, "children"}

const (
	amongSearch = "search by value"
	// searchesAtOnce is fewer than a server takes by default.
	searchesAtOnce = 8
	// indexLimit bounds how long the index may take after an import.
	indexLimit = time.Hour
	// indexCounted is after how long the server has counted what the index lacks.
	indexCounted = 6 * time.Second
)

// among measures the rates of requests as shares of a constant answer's.
func (r *run) among(ctx context.Context, s *server, set platen.ID, jobs []platen.ID, what string) (shares []series, err error) {
	children, err := s.lengthOf(ctx, childrenPath(set))
	if err != nil {
		return nil, err
	}
	search := func(i uint64) string {
		return searchBody(fmt.Sprintf(`{"ruleType":"PROPERTY","property":"property-00","condition":"EQ","value":"%s"}`, propertyValue(i)),
			fmt.Sprintf(`,"setIds":[%d]`, set))
	}
	// As many others are updated, so that the search finds what it did.
	changed, err := r.importJobs(ctx, s, len(jobs), changingBase)
	if err != nil {
		return nil, err
	}
	if err := awaitIndex(ctx, s, what); err != nil {
		return nil, err
	}
	found, err := s.send(ctx, http.MethodPut, findPath, strings.NewReader(search(0)), http.StatusOK)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(found), jobs[0].String()) {
		return nil, fmt.Errorf("a search does not find job %d: %.200s", jobs[0], found)
	}
	put := s.putPrefix(findPath)
	find := request{length: int64(len(found)), append: func(b []byte, c *connection) []byte {
		body := search(c.random.Uint64N(uint64(len(jobs))))
		return fmt.Appendf(append(b, put...), "%d\r\n\r\n%s", len(body), body)
	}}
	err = r.withConstant(ctx, s, jobs, func(constant load, get request) error {
		var limit series
		rates := make([]series, len(amongWhat))
		all := []measurement{{to: &limit, load: constant}}
		for i, q := range []request{get, newValues(s, changed), find, constantly(s.getRequest(childrenPath(set)), children)} {
			l := r.smallLoad(s, q)
			if amongWhat[i] == amongSearch {
				l.connections = min(l.connections, searchesAtOnce)
			}
			all = append(all, measurement{to: &rates[i], load: l})
		}
		if err := r.inRounds(ctx, what, all...); err != nil {
			return err
		}
		for i := range rates {
			for round := range rates[i].rates {
				rates[i].rates[round] /= limit.rates[round]
			}
		}
		shares = rates
		return nil
	})
	return shares, err
}

// awaitIndex waits until all that was imported is in the index, which follows an
// import of millions for minutes and needs the processor meanwhile.
func awaitIndex(ctx context.Context, s *server, what string) error {
	for start := time.Now(); time.Since(start) < indexLimit; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(indexCounted):
		}
		metrics, err := s.send(ctx, http.MethodGet, "/metrics", nil, http.StatusOK)
		if err != nil {
			return err
		}
		_, rest, found := strings.Cut(string(metrics), "\n"+indexMetric+" ")
		count, _, _ := strings.Cut(rest, "\n")
		if !found || count == "0" {
			return nil // or a server of before it
		}
		progress("%s: the index lacks %s entities", what, count)
	}
	return fmt.Errorf("the index is still behind after %v", indexLimit)
}

// needs measures what a server with so many entities needs: memory, disk, and
// time to start.
func (r *run) needs(ctx context.Context, s *server, entities int, empty int64) error {
	loaded, err := resident(s.command.Process.Pid)
	if err != nil {
		return err
	}
	var stops, starts []time.Duration
	for range r.rounds {
		stopped, started, err := s.restart(ctx)
		if err != nil {
			return err
		}
		stops, starts = append(stops, stopped), append(starts, started)
	}
	progress("the server rests")
	time.Sleep(restFor)
	rests, err := resident(s.command.Process.Pid)
	if err != nil {
		return err
	}
	full, err := r.bytesOnDisk(s)
	if err != nil {
		return err
	}
	r.add(
		row{Name: "memory after it", Value: loaded, Unit: "MiB", Note: fmt.Sprintf("%d entities", entities)},
		row{Name: "memory at rest after a start", Value: rests, Unit: "MiB"},
		row{Name: "disk for each entity", Value: float64(full-empty) / float64(entities), Unit: "bytes",
			Note: fmt.Sprintf("one in %d has %d properties", entitiesOfJob, properties)},
		row{Name: "start until the first answer", Value: median(starts).Seconds(), Unit: "s", Goal: 0.3, AtMost: true},
		row{Name: "stop", Value: median(stops).Seconds(), Unit: "s", Goal: 10, AtMost: true},
	)
	return nil
}

// bytesOnDisk returns how large the database is.
func (r *run) bytesOnDisk(s *server) (total int64, err error) {
	if r.cluster != nil {
		err := pgtest.Query(s.database, "SELECT pg_database_size(current_database())", &total)
		return total, err
	}
	err = filepath.WalkDir(s.data, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// userCounts are the numbers of users whose tokens are used.
func (o options) userCounts() []int {
	switch {
	case o.short:
		return []int{1, 10}
	case o.large:
		return []int{1, 1_000, 100_000}
	}
	return []int{1, 1_000}
}

// users measures GET with the token of one user, and with those of many in
// turn.
func (r *run) users(ctx context.Context) (err error) {
	s, err := r.newServer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	jobs, err := r.importJobs(ctx, s, r.options.jobs, 0)
	if err != nil {
		return err
	}
	var one float64
	for i, count := range r.userCounts() {
		tokens, err := r.tokens(ctx, s, count)
		if err != nil {
			return err
		}
		var limit, read series
		err = r.withConstant(ctx, s, jobs, func(constant load, get request) error {
			requests := make([][]byte, len(tokens))
			for i, token := range tokens {
				requests[i] = s.getRequestAs(token, propertiesPath(jobs[i%len(jobs)]))
			}
			get.append = func(b []byte, c *connection) []byte {
				return append(b, requests[c.random.IntN(len(requests))]...)
			}
			return r.inRounds(ctx, fmt.Sprintf("%d users", count),
				measurement{to: &limit, load: constant}, measurement{to: &read, load: r.smallLoad(s, get)})
		})
		if err != nil {
			return err
		}
		if i == 0 {
			one = read.over(&limit)
			continue
		}
		r.add(row{Name: fmt.Sprintf("GET, tokens of %d users / of one", count), Value: one / read.over(&limit), Unit: "ratio", Goal: growthGoal, AtMost: true,
			Waits: read.waits.summary(), Note: fmt.Sprintf("%.3f of the constant", read.over(&limit))})
	}
	return nil
}

// loginsAtOnce is how many users log in at once.
const loginsAtOnce = 4

// tokens returns a token of each of so many users, who are made if need be.
// They have the password of the administrator, so that no password has to be
// hashed to make them: their rows are copies of that one.
func (r *run) tokens(ctx context.Context, s *server, users int) ([]string, error) {
	progress("making %d users", users)
	if err := s.stop(); err != nil {
		return nil, err
	}
	if err := r.makeUsers(ctx, s, users); err != nil {
		return nil, err
	}
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	progress("logging %d users in", users)
	var (
		group  sync.WaitGroup
		tokens = make([]string, users)
		errs   = make([]error, loginsAtOnce)
	)
	for n := range loginsAtOnce {
		group.Go(func() {
			for i := n; i < users && errs[n] == nil; i += loginsAtOnce {
				tokens[i], errs[n] = s.loginAs(ctx, fmt.Sprintf("user-%d", i+1))
			}
		})
	}
	group.Wait()
	return tokens, errors.Join(errs...)
}

// makeUsers copies the row of the administrator.
func (r *run) makeUsers(ctx context.Context, s *server, users int) error {
	const insert = `INSERT INTO server_user (name, password, epoch, changed)
		SELECT 'user-' || n.n, password, epoch + n.n, changed FROM server_user, n WHERE name = '` + adminName + `'
		ON CONFLICT (name) DO NOTHING`
	if r.cluster != nil {
		return pgtest.Run(s.database, fmt.Sprintf("WITH n AS (SELECT generate_series(1, %d) AS n) ", users)+insert)
	}
	return execSQLite(ctx, filepath.Join(s.data, "platen.db"),
		fmt.Sprintf("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d) ", users)+insert)
}
