package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/platenhq/platen"
)

// contentsAtOnce is how many callers fetch the contents of the large job
// together when the growth of memory is measured.
const contentsAtOnce = 8

// results are what was measured. Of a rate there is one value a round.
type results struct {
	options options

	constant, get, put, putAlone, sync []float64 // a second

	sendfile, contents []float64 // MiB a second
	contentsLength     int64
	growthOne          float64 // MiB
	growthMany         float64

	importTime, insertTime time.Duration
	importPeak             float64 // MiB

	getBefore, getAfter []float64 // share of the constant answer
	start, stop         []time.Duration
}

// measure runs everything on a new database in directory.
func measure(ctx context.Context, o options, directory string) (r *results, err error) {
	s, err := newServer(o.platen, filepath.Join(directory, "data"), filepath.Join(directory, "server.log"))
	if err != nil {
		return nil, err
	}
	defer func() {
		_, stopErr := s.stop()
		err = errors.Join(err, stopErr)
	}()
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	r = &results{options: o}
	progress("importing %d jobs", o.jobs)
	small := jobSet{jobs: o.jobs, pages: 2, properties: true, first: 1_000_000_000}
	jobs, err := s.importJobSet(ctx, small)
	if err != nil {
		return nil, err
	}
	if err := r.properties(ctx, s, jobs, directory); err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	progress("importing a job of %d document pages", o.pages)
	large, err := r.largeImport(ctx, s, directory)
	if err != nil {
		return nil, fmt.Errorf("large import: %w", err)
	}
	if err := r.largeContents(ctx, s, large, directory); err != nil {
		return nil, fmt.Errorf("contents: %w", err)
	}
	if err := r.afterwards(ctx, s, jobs, directory); err != nil {
		return nil, fmt.Errorf("with many entities: %w", err)
	}
	for range o.rounds {
		stopped, started, err := s.restart(ctx)
		if err != nil {
			return nil, err
		}
		r.stop, r.start = append(r.stop, stopped), append(r.start, started)
	}
	return r, nil
}

// loads are the requests for properties, to platen and to the reference.
type loads struct{ constant, get, put load }

// newLoads makes the loads from the length that an answer has.
func newLoads(ctx context.Context, s *server, ref *reference, jobs []platen.ID, o options) (loads, error) {
	length, err := s.lengthOf(ctx, propertiesPath(jobs[0]))
	if err != nil {
		return loads{}, err
	}
	gets := make([][]byte, len(jobs))
	puts := make([][]byte, len(jobs))
	for i, job := range jobs {
		gets[i] = s.getRequest(propertiesPath(job))
		puts[i] = s.putPrefix(propertiesPath(job))
	}
	get := func(b []byte, random *rand.Rand) []byte {
		return append(b, gets[random.IntN(len(gets))]...)
	}
	put := func(b []byte, random *rand.Rand) []byte {
		i := random.IntN(len(jobs))
		var space [2048]byte
		body := append(space[:0], `{"id":`...)
		body = strconv.AppendInt(body, int64(jobs[i]), 10)
		body = append(body, ',')
		body = append(appendProperties(body, random.Uint64N(1e16)), '}')
		b = append(b, puts[i]...)
		b = fmt.Appendf(b, "%d\r\n\r\n", len(body))
		return append(b, body...)
	}
	return loads{
		constant: load{ref.address, o.connections, smallBuffer, get, length},
		get:      load{s.address, o.connections, smallBuffer, get, length},
		put:      load{s.address, o.connections, smallBuffer, put, int64(len("true"))},
	}, nil
}

// withReference runs a function beside a reference server whose constant
// answer is as long as the properties of the first job.
func withReference(ctx context.Context, s *server, jobs []platen.ID, file string, do func(*reference) error) error {
	length, err := s.lengthOf(ctx, propertiesPath(jobs[0]))
	if err != nil {
		return err
	}
	ref, err := startReference(ctx, length, file)
	if err != nil {
		return err
	}
	return errors.Join(do(ref), ref.close())
}

// properties measures the requests for properties, in rounds.
func (r *results) properties(ctx context.Context, s *server, jobs []platen.ID, directory string) error {
	return withReference(ctx, s, jobs, "", func(ref *reference) error {
		loads, err := newLoads(ctx, s, ref, jobs, r.options)
		if err != nil {
			return err
		}
		alone := loads.put
		alone.connections = 1
		// What comes first, the first second of a process, counts for nothing.
		for _, l := range []load{loads.constant, loads.get, loads.put} {
			if _, err := l.run(ctx, r.options.duration()/2); err != nil {
				return err
			}
		}
		for round := range r.options.rounds {
			progress("properties, round %d of %d", round+1, r.options.rounds)
			for _, step := range []struct {
				load load
				to   *[]float64
			}{
				{loads.constant, &r.constant},
				{loads.get, &r.get},
				{loads.put, &r.put},
				{alone, &r.putAlone},
			} {
				got, err := step.load.run(ctx, r.options.duration())
				if err != nil {
					return err
				}
				*step.to = append(*step.to, got.perSecond())
			}
			syncs, err := syncRate(directory, r.options.duration())
			if err != nil {
				return err
			}
			r.sync = append(r.sync, syncs)
			r.getBefore = append(r.getBefore, r.get[round]/r.constant[round])
		}
		return nil
	})
}

// afterwards measures GET once more, when the database holds the large job.
func (r *results) afterwards(ctx context.Context, s *server, jobs []platen.ID, directory string) error {
	return withReference(ctx, s, jobs, "", func(ref *reference) error {
		loads, err := newLoads(ctx, s, ref, jobs, r.options)
		if err != nil {
			return err
		}
		for round := range r.options.rounds {
			progress("GET with many entities, round %d of %d", round+1, r.options.rounds)
			constant, err := loads.constant.run(ctx, r.options.duration())
			if err != nil {
				return err
			}
			get, err := loads.get.run(ctx, r.options.duration())
			if err != nil {
				return err
			}
			r.getAfter = append(r.getAfter, get.perSecond()/constant.perSecond())
		}
		return nil
	})
}

// largeImport imports the large job, and inserts as many rows with the bare
// driver.
func (r *results) largeImport(ctx context.Context, s *server, directory string) (platen.ID, error) {
	process := s.command.Process.Pid
	if err := resetPeak(process); err != nil {
		return 0, err
	}
	started := time.Now()
	created, err := s.importJobSet(ctx, jobSet{jobs: 1, pages: r.options.pages, first: 2_000_000_000})
	if err != nil {
		return 0, err
	}
	r.importTime = time.Since(started)
	if r.importPeak, err = peak(process); err != nil {
		return 0, err
	}
	progress("inserting %d rows with the bare driver", r.options.pages)
	r.insertTime, err = bareInsert(ctx, filepath.Join(directory, "bare.db"), r.options.pages)
	return created[0], err
}

// largeContents measures the contents of the large job against a file of the
// same bytes that the kernel sends.
func (r *results) largeContents(ctx context.Context, s *server, job platen.ID, directory string) error {
	file := filepath.Join(directory, "contents.json")
	length, err := s.contents(ctx, job, r.options.pages, file)
	if err != nil {
		return err
	}
	r.contentsLength = length
	ref, err := startReference(ctx, 1, file)
	if err != nil {
		return err
	}
	request := s.getRequest(contentsPath(job))
	contents := load{s.address, 1, largeBuffer, constantly(request), length}
	sendfile := load{ref.address, 1, largeBuffer, constantly([]byte("GET " + filePath + " HTTP/1.1\r\nHost: reference\r\n\r\n")), length}
	measured := func() error {
		for round := range r.options.rounds {
			progress("contents, round %d of %d", round+1, r.options.rounds)
			for _, step := range []struct {
				load load
				to   *[]float64
			}{{sendfile, &r.sendfile}, {contents, &r.contents}} {
				got, err := step.load.run(ctx, r.options.duration())
				if err != nil {
					return err
				}
				*step.to = append(*step.to, got.mebibytesPerSecond())
			}
		}
		return nil
	}
	if err := errors.Join(measured(), ref.close()); err != nil {
		return err
	}
	if r.growthOne, err = r.growth(ctx, s, contents, 1); err != nil {
		return err
	}
	r.growthMany, err = r.growth(ctx, s, contents, contentsAtOnce)
	return err
}

// growth restarts the server, and measures by how much its memory grows while
// so many callers fetch contents.
func (r *results) growth(ctx context.Context, s *server, contents load, callers int) (float64, error) {
	if _, _, err := s.restart(ctx); err != nil {
		return 0, err
	}
	process := s.command.Process.Pid
	if err := resetPeak(process); err != nil {
		return 0, err
	}
	before, err := peak(process)
	if err != nil {
		return 0, err
	}
	contents.connections = callers
	if _, err := contents.run(ctx, r.options.duration()); err != nil {
		return 0, err
	}
	after, err := peak(process)
	return after - before, err
}

// constantly is the request of a load that always sends the same.
func constantly(request []byte) func([]byte, *rand.Rand) []byte {
	return func(b []byte, _ *rand.Rand) []byte { return append(b, request...) }
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

// median returns the middle of the values.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
