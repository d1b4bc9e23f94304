package counts

import (
	"encoding/binary"

	"github.com/platenhq/platen"
)

// JobsInBlock is how many jobs a row of the table job_count has: the jobs of a
// job set in their order, all rows but the last one full. An invariant of
// stored rows.
const JobsInBlock = 1024

// jobsVersion is the first byte of a stored block of jobs. What follows are
// six varints for each job: job segments, document sets, documents, content items,
// pages and sheets.
const jobsVersion = 1

// A JobsBuilder packs the counts of jobs.
type JobsBuilder struct {
	insert func(seq int64, body []byte) error
	seq    int64
	jobs   int
	body   []byte
}

// NewJobsBuilder returns a builder that hands each full block to insert, whose
// argument is good during the call only.
func NewJobsBuilder(insert func(seq int64, body []byte) error) *JobsBuilder {
	return &JobsBuilder{insert: insert, body: []byte{jobsVersion}}
}

// Add adds the next job.
func (b *JobsBuilder) Add(c *platen.Counts) error {
	for _, n := range jobNumbers(c) {
		b.body = binary.AppendUvarint(b.body, uint64(*n))
	}
	if b.jobs++; b.jobs == JobsInBlock {
		return b.Finish()
	}
	return nil
}

// Finish hands out the last block.
func (b *JobsBuilder) Finish() error {
	if b.jobs == 0 {
		return nil
	}
	err := b.insert(b.seq, b.body)
	b.seq, b.jobs, b.body = b.seq+1, 0, b.body[:1]
	return err
}

// jobNumbers are the counts of a job in the order in which they are stored.
func jobNumbers(c *platen.Counts) [6]*int64 {
	return [...]*int64{&c.JobSegments, &c.DocumentSets, &c.Documents, &c.ContentItems, &c.Pages, &c.Sheets}
}

// DecodeJob reads the counts of the job at a place in a block. The error is
// [ErrDamaged].
func DecodeJob(body []byte, at int) (c platen.Counts, err error) {
	if len(body) == 0 || body[0] != jobsVersion {
		return c, ErrDamaged
	}
	rest := body[1:]
	for skip := at * len(jobNumbers(&c)); skip > 0 && len(rest) > 0; rest = rest[1:] {
		if rest[0] < 0x80 { // the last byte of a varint
			skip--
		}
	}
	r := reader{rest: rest}
	for _, n := range jobNumbers(&c) {
		if *n = int64(r.uvarint()); *n < 0 {
			r.damaged = true
		}
	}
	if r.damaged {
		return platen.Counts{}, ErrDamaged
	}
	return c, nil
}

// DecodeJobs reads the counts of the jobs in a block. The error is
// [ErrDamaged].
func DecodeJobs(body []byte) ([]platen.Counts, error) {
	if len(body) == 0 || body[0] != jobsVersion {
		return nil, ErrDamaged
	}
	r := reader{rest: body[1:]}
	var jobs []platen.Counts
	for len(r.rest) > 0 && len(jobs) < JobsInBlock {
		var c platen.Counts
		for _, n := range jobNumbers(&c) {
			if *n = int64(r.uvarint()); *n < 0 {
				r.damaged = true
			}
		}
		jobs = append(jobs, c)
	}
	if r.damaged || len(r.rest) > 0 {
		return nil, ErrDamaged
	}
	return jobs, nil
}
