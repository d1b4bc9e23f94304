package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/platenhq/platen"
)

// contentsAtOnce is how many callers fetch the contents of the large job
// together when the growth of memory is measured.
const contentsAtOnce = 8

// contents measures the import of a job with many pages, and its contents
// against a file of the same bytes that the kernel sends.
func (r *run) contents(ctx context.Context) error {
	job, err := r.largeImport(ctx)
	if err != nil {
		return fmt.Errorf("large import: %w", err)
	}
	file := filepath.Join(r.directory, "contents.json")
	length, err := r.server.contents(ctx, job, r.pages, file)
	if err != nil {
		return err
	}
	ref, err := startReference(ctx, 1, file)
	if err != nil {
		return err
	}
	contents := load{r.server.address, 1, largeBuffer, []request{constantly(r.server.getRequest(contentsPath(job)), length)}}
	sendfile := load{ref.address, 1, largeBuffer, []request{constantly([]byte("GET "+filePath+" HTTP/1.1\r\nHost: reference\r\n\r\n"), length)}}
	var limit, read series
	err = r.inRounds(ctx, "contents", measurement{to: &limit, load: sendfile, bytes: true}, measurement{to: &read, load: contents, bytes: true})
	if err := errors.Join(err, ref.close()); err != nil {
		return err
	}
	r.add(row{Name: "contents / sendfile", Value: read.over(&limit), Unit: "ratio", Goal: r.goal(0.35, 0), Waits: read.waits.summary(),
		Note: fmt.Sprintf("%.0f MiB a second, %d bytes", read.median(), length)})
	for _, callers := range []int{1, contentsAtOnce} {
		growth, err := r.memoryGrowth(ctx, job, length, callers)
		if err != nil {
			return err
		}
		r.add(row{Name: fmt.Sprintf("contents, more memory, callers: %d", callers), Value: growth, Unit: "MiB", Goal: 32, AtMost: true})
	}
	return nil
}

// largeImport imports the large job, and inserts as many rows with the bare
// database.
func (r *run) largeImport(ctx context.Context) (platen.ID, error) {
	progress("importing a job of %d document pages", r.pages)
	time.Sleep(restFor) // the start has given back what it took
	process := r.server.command.Process.Pid
	if err := resetPeak(process); err != nil {
		return 0, err
	}
	started := time.Now()
	_, jobs, err := r.server.importDocument(ctx, jobSet{jobs: 1, pages: r.pages, first: r.take(2 * r.pages)})
	if err != nil {
		return 0, err
	}
	took := time.Since(started)
	memory, err := peak(process)
	if err != nil {
		return 0, err
	}
	progress("inserting %d rows with the bare database", r.pages)
	bare, err := r.bareInsert(ctx, r.pages, func(int) string { return "a value of 20 bytes." })
	if err != nil {
		return 0, err
	}
	r.add(
		row{Name: "import, most memory", Value: memory, Unit: "MiB", Goal: 200, AtMost: true, Note: fmt.Sprintf("%d document pages", r.pages)},
		row{Name: "import of pages / bare inserts", Value: took.Seconds() / bare.Seconds(), Unit: "ratio", Goal: 3, AtMost: true,
			Note: fmt.Sprintf("%.2f s, as many rows", took.Seconds())},
	)
	return jobs[0], nil
}

// memoryGrowth restarts the server, and measures by how much its memory grows
// while so many callers fetch contents.
func (r *run) memoryGrowth(ctx context.Context, job platen.ID, length int64, callers int) (float64, error) {
	if _, _, err := r.server.restart(ctx); err != nil {
		return 0, err
	}
	process := r.server.command.Process.Pid
	if err := resetPeak(process); err != nil {
		return 0, err
	}
	before, err := peak(process)
	if err != nil {
		return 0, err
	}
	contents := load{r.server.address, callers, largeBuffer, []request{constantly(r.server.getRequest(contentsPath(job)), length)}}
	if _, err := contents.run(ctx, r.duration()); err != nil {
		return 0, err
	}
	after, err := peak(process)
	return after - before, err
}

// constantly is a request that is always the same.
func constantly(bytes []byte, length int64) request {
	return request{length: length, append: func(b []byte, _ *connection) []byte { return append(b, bytes...) }}
}

// records measures the import of data records against the bare database, one
// row a record and no index.
func (r *run) records(ctx context.Context) error {
	var took, bare []time.Duration
	for range r.rounds {
		progress("importing %d data records", r.dataRecords)
		started := time.Now()
		if _, _, err := r.server.importDocument(ctx, dataSet(r.dataRecords)); err != nil {
			return err
		}
		took = append(took, time.Since(started))
		least, err := r.bareInsert(ctx, r.dataRecords, func(n int) string { return string(appendFields(nil, n)) })
		if err != nil {
			return err
		}
		bare = append(bare, least)
	}
	r.add(row{Name: "import of records / bare inserts", Value: median(took).Seconds() / median(bare).Seconds(), Unit: "ratio", Goal: 2, AtMost: true,
		Note: fmt.Sprintf("%.2f s, %d of %d fields", median(took).Seconds(), r.dataRecords, fields)})
	return nil
}

// statistics measures the statistics of job sets with as many documents in one
// job and in many, without the documents and with them.
func (r *run) statistics(ctx context.Context) error {
	for _, shape := range []struct {
		name string
		jobs int
	}{{"one job", 1}, {"many jobs", max(1, r.documents/10)}} {
		progress("importing %d documents in %d jobs", r.documents, shape.jobs)
		each := max(1, r.documents/shape.jobs)
		set, _, err := r.server.importDocument(ctx, jobSet{jobs: shape.jobs, pages: 2 * each, first: r.take(4 * each * shape.jobs)})
		if err != nil {
			return err
		}
		var without, with, export []float64 // s, and bytes a second
		for range r.rounds {
			for _, part := range []struct {
				path  string
				bytes bool
				to    *[]float64
			}{
				{statisticsPath(set) + "?levelMode=documentSetOnly", false, &without},
				{statisticsPath(set) + "?levelMode=documentSetAll", true, &with},
				{exportPath(set), true, &export},
			} {
				started := time.Now()
				length, err := r.server.discard(ctx, part.path)
				if err != nil {
					return err
				}
				value := time.Since(started).Seconds()
				if part.bytes {
					value = float64(length) / value
				}
				*part.to = append(*part.to, value)
			}
		}
		r.add(
			row{Name: "statistics, " + shape.name, Value: median(without), Unit: "s", Goal: 0.1, AtMost: true,
				Note: fmt.Sprintf("%d documents, jobs: %d", each*shape.jobs, shape.jobs)},
			row{Name: "with documents / export, " + shape.name, Value: median(with) / median(export), Unit: "ratio", Goal: 1,
				Note: fmt.Sprintf("%.0f MiB a second", median(with)/(1<<20))},
		)
	}
	return nil
}
