package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// getProperties reads the properties of random jobs.
func getProperties(s *server, jobs []platen.ID, length int64) request {
	gets := make([][]byte, len(jobs))
	for i, job := range jobs {
		gets[i] = s.getRequest(propertiesPath(job))
	}
	return request{length: length, append: func(b []byte, c *connection) []byte {
		return append(b, gets[c.random.IntN(len(gets))]...)
	}}
}

// putProperties writes the properties of random jobs. next says which job, and
// of which number its values are made.
func putProperties(s *server, jobs []platen.ID, next func(*connection) (job int, value uint64)) request {
	return putLists(s, jobs, propertiesPath, next)
}

// putLists writes the lists at the paths of jobs as putProperties does.
func putLists(s *server, jobs []platen.ID, path func(platen.ID) string, next func(*connection) (job int, value uint64)) request {
	puts := make([][]byte, len(jobs))
	for i, job := range jobs {
		puts[i] = s.putPrefix(path(job))
	}
	return request{length: int64(len("true")), append: func(b []byte, c *connection) []byte {
		c.job, c.value = next(c)
		var space [2048]byte
		body := append(space[:0], `{"id":`...)
		body = strconv.AppendInt(body, int64(jobs[c.job]), 10)
		body = append(body, ',')
		body = append(appendProperties(body, c.value), '}')
		b = append(b, puts[c.job]...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n\r\n"...)
		return append(b, body...)
	}}
}

// sameValues writes to random jobs what they were imported with.
func sameValues(s *server, jobs []platen.ID) request {
	return putProperties(s, jobs, func(c *connection) (int, uint64) {
		job := c.random.IntN(len(jobs))
		return job, uint64(job)
	})
}

// newMetadata is newValues for metadata.
func newMetadata(s *server, jobs []platen.ID) request {
	return putLists(s, jobs, metadataPath, func(c *connection) (int, uint64) {
		return c.random.IntN(len(jobs)), changingBase + c.random.Uint64N(changingBase)
	})
}

// newValues writes to random jobs what none of them has. The lists stay as long
// as they were.
func newValues(s *server, jobs []platen.ID) request {
	return putProperties(s, jobs, func(c *connection) (int, uint64) {
		return c.random.IntN(len(jobs)), changingBase + c.random.Uint64N(changingBase)
	})
}

// smallLoad sends requests with small answers on all connections.
func (r *run) smallLoad(s *server, requests ...request) load {
	return load{s.address, r.connections, smallBuffer, requests}
}

// withConstant runs a function with the load of a constant answer that is as
// long as the properties of a job.
func (r *run) withConstant(ctx context.Context, s *server, jobs []platen.ID, do func(constant load, get request) error) error {
	length, err := s.lengthOf(ctx, propertiesPath(jobs[0]))
	if err != nil {
		return err
	}
	ref, err := startReference(ctx, length, "")
	if err != nil {
		return err
	}
	get := getProperties(s, jobs, length)
	constant := load{ref.address, r.connections, smallBuffer, []request{get}}
	return errors.Join(do(constant, get), ref.close())
}

// properties measures the requests for properties against a constant answer,
// the disk, and on PostgreSQL pgbench.
func (r *run) properties(ctx context.Context) error {
	changed, err := r.importJobs(ctx, r.server, len(r.jobs), changingBase) // whose values may change
	if err != nil {
		return err
	}
	return r.withConstant(ctx, r.server, r.jobs, func(constant load, get request) error {
		gets := r.smallLoad(r.server, get)
		same := r.smallLoad(r.server, sameValues(r.server, r.jobs))
		puts := r.smallLoad(r.server, newValues(r.server, changed))
		metadata := r.smallLoad(r.server, newMetadata(r.server, changed))
		one := puts
		one.connections = 1
		var limit, read, again, write, other, alone, syncs, benchGet, benchPut series
		all := []measurement{
			{to: &limit, load: constant}, {to: &read, load: gets}, {to: &again, load: same},
			{to: &write, load: puts}, {to: &other, load: metadata}, {to: &alone, load: one},
			{to: &syncs, other: func(context.Context) (float64, error) { return syncRate(r.directory, r.duration()) }},
		}
		if r.cluster != nil {
			get, put := r.pgbench()
			all = append(all, measurement{to: &benchGet, other: get}, measurement{to: &benchPut, other: put})
		}
		if err := r.inRounds(ctx, "properties", all...); err != nil {
			return err
		}
		r.add(
			row{Name: "net/http, constant answer", Value: 1, Unit: "ratio", Waits: limit.waits.summary(), Note: limit.note()},
			row{Name: "GET / constant", Value: read.over(&limit), Unit: "ratio", Goal: r.goal(0.80, 0.30), Waits: read.waits.summary(), Note: read.note()},
			row{Name: "PUT, same values / constant", Value: again.over(&limit), Unit: "ratio", Goal: r.goal(0.36, 0.30), Waits: again.waits.summary(), Note: again.note()},
			row{Name: "PUT, new values of few / constant", Value: write.over(&limit), Unit: "ratio", Goal: 0.30, Waits: write.waits.summary(), Note: write.note()},
			row{Name: "PUT of metadata / of properties", Value: other.over(&write), Unit: "ratio", Goal: 0.9, Waits: other.waits.summary(), Note: other.note()},
			row{Name: "PUT, new values / one caller alone", Value: write.over(&alone), Unit: "ratio", Goal: r.goal(5, 0), Waits: alone.waits.summary(), Note: alone.note()},
			row{Name: "PUT, new values / syncs of the disk", Value: write.over(&syncs), Unit: "ratio", Goal: r.goal(3, 0), Note: syncs.note()},
		)
		if r.cluster != nil {
			r.add(
				row{Name: "GET / pgbench, same statement", Value: read.over(&benchGet), Unit: "ratio", Goal: 0.9, Note: benchGet.note()},
				row{Name: "PUT, new values / pgbench", Value: write.over(&benchPut), Unit: "ratio", Goal: 0.9, Note: benchPut.note()},
			)
		}
		return nil
	})
}

// changing measures updates that change all values of many jobs, and whether a
// search that follows sees each of them.
func (r *run) changing(ctx context.Context) error {
	progress("importing %d jobs", r.manyJobs)
	jobs, err := r.importJobs(ctx, r.server, r.manyJobs, changingBase)
	if err != nil {
		return err
	}
	written := make([]uint64, len(jobs))
	for i := range written {
		written[i] = changingBase + uint64(i)
	}
	// A job belongs to one connection, so that it is known what it was
	// acknowledged last.
	put := putProperties(r.server, jobs, func(c *connection) (int, uint64) {
		own := (len(jobs) - c.number + r.connections - 1) / r.connections
		return c.number + r.connections*c.random.IntN(own), changingBase + c.random.Uint64N(changingBase)
	})
	put.answered = func(c *connection) { written[c.job] = c.value }
	return r.withConstant(ctx, r.server, jobs, func(constant load, _ request) error {
		var limit, write series
		err := r.inRounds(ctx, "changing values", measurement{to: &limit, load: constant}, measurement{to: &write, load: r.smallLoad(r.server, put)})
		if err != nil {
			return err
		}
		searches, beside, err := r.searchBeside(ctx, r.smallLoad(r.server, put), len(jobs))
		if err != nil {
			return err
		}
		started := time.Now()
		if err := checkFound(ctx, r.server, jobs, written); err != nil {
			return err
		}
		took := time.Since(started)
		waits := write.waits.summary()
		waits.P99Goal = r.goal(25, 0)
		r.add(
			row{Name: "PUT, new values / constant", Value: write.over(&limit), Unit: "ratio", Goal: 0.30, Waits: waits,
				Note: fmt.Sprintf("%s, %d jobs", write.note(), len(jobs))},
			row{Name: "search of all beside it, longest", Value: slices.Max(searches).Seconds(), Unit: "s",
				Note: fmt.Sprintf("median %.2f s, %.0f PUTs a second", median(searches).Seconds(), beside.perSecond())},
			row{Name: "search after it that finds all", Value: took.Seconds(), Unit: "s"},
		)
		return nil
	})
}

// searchBeside searches again and again for all of so many jobs while updates go on,
// and returns how long that took, and the rate of the updates.
func (r *run) searchBeside(ctx context.Context, updates load, jobs int) (took []time.Duration, beside rate, err error) {
	beside, err = updates.during(ctx, func(ctx context.Context) error {
		for begin := time.Now(); len(took) == 0 || time.Since(begin) < time.Duration(r.rounds)*r.duration(); {
			started := time.Now()
			answer, err := r.server.find(ctx, allChanged, "")
			if err != nil {
				return err
			}
			took = append(took, time.Since(started))
			if n := bytes.Count(answer, []byte(`"identifier"`)); n < jobs { // those of other steps may be among them
				return fmt.Errorf("a search beside updates finds %d of %d jobs", n, jobs)
			}
		}
		return nil
	})
	return took, beside, err
}

// allChanged is a rule that all jobs fulfil whose values changing writes.
const allChanged = `{"ruleType":"PROPERTY","property":"property-00","condition":"STARTS_WITH","value":"a value of this property 1"}`

// changingBase is the least value that changing writes; all have as many
// digits and the same first one.
const changingBase = 1_000_000_000_000_000

// checkFound searches for the jobs, sorted by a property, which is answered
// with them, and compares its values with what was acknowledged.
func checkFound(ctx context.Context, s *server, jobs []platen.ID, written []uint64) error {
	answer, err := s.find(ctx, allChanged, `,"sort":[{"type":"property","name":"property-00"}]`)
	if err != nil {
		return err
	}
	var groups [][]struct {
		ID    platen.ID `json:"identifier"`
		Value string    `json:"sortkey"`
	}
	if err := json.Unmarshal(answer, &groups); err != nil {
		return fmt.Errorf("answer to a search: %w", err)
	}
	found := make(map[platen.ID]string)
	for _, group := range groups {
		for _, entity := range group {
			found[entity.ID] = entity.Value
		}
	}
	for i, job := range jobs {
		if want := propertyValue(written[i]); found[job] != want {
			return fmt.Errorf("after an acknowledged write a search finds %q as a value of job %d, not %q", found[job], job, want)
		}
	}
	return nil
}

// find searches jobs, by a rule and more of the body that follows it.
func (s *server) find(ctx context.Context, rule, more string) ([]byte, error) {
	return s.send(ctx, http.MethodPut, findPath, strings.NewReader(searchBody(rule, more)), http.StatusOK)
}

const findPath = "/rest/serverengine/entity/find"

func searchBody(rule, more string) string {
	return `{"entity":"JOBS","search":{"ruleType":"RULESET","condition":"ALL","rules":[` + rule + `]}` + more + `}`
}

// syncRate appends blocks of 4 KiB to a file, each followed by a sync, and
// returns how many a second there were. This is the least that a durable
// write can cost its caller.
func syncRate(directory string, duration time.Duration) (rate float64, err error) {
	file, err := os.CreateTemp(directory, "sync-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block := make([]byte, 4<<10)
	started := time.Now()
	for n := 1; ; n++ {
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		if err := syncData(file); err != nil {
			return 0, err
		}
		if elapsed := time.Since(started); elapsed >= duration {
			return float64(n) / elapsed.Seconds(), nil
		}
	}
}
