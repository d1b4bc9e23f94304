// Package counts is the stored format of what a job set has: of how many
// documents, pages, sheets and media its document sets are.
//
// Counts are kept in blocks of some thousand documents, a row of the table
// count_block each, so that a question reads a few rows for each million
// documents or hundred thousand jobs. A block is a version, and four lists, each
// after its length:
//
//   - names of the metadata of its documents, in the order in which they first
//     occur
//   - media of their pages, likewise, as JSON
//   - the documents, as runs of identifiers in their order
//   - the document sets, with their jobs and sums. The first one may be the last
//     one of the block before, and goes on.
//
// Numbers are varints, and identifiers are differences to the one before.
package counts

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// version is the first byte of a stored block: an invariant of stored rows.
const version = 1

// ErrDamaged says that a stored block is not one that [Block.Encode] made.
var ErrDamaged = errors.New("stored counts are damaged")

// A Block is some documents that follow each other in a job set.
type Block struct {
	transfer.Counts
	Documents []platen.IDRange // in their order
}

// Span returns the smallest and the largest identifier of the documents;
// without any, a range that nothing is in.
func (b *Block) Span() platen.IDRange {
	span := platen.IDRange{First: 1}
	for i, run := range b.Documents {
		if i == 0 {
			span = run
		}
		span.First, span.Last = min(span.First, run.First), max(span.Last, run.Last)
	}
	return span
}

// Encode appends the stored form of b.
func (b *Block) Encode(to []byte) ([]byte, error) {
	to = append(to, version)
	to = appendLength(to, b.Names)
	for _, name := range b.Names {
		to = append(appendLength(to, []byte(name)), name...)
	}
	to = appendLength(to, b.Media)
	for i := range b.Media {
		text, err := json.Marshal(&b.Media[i])
		if err != nil {
			return nil, err
		}
		to = append(appendLength(to, text), text...)
	}
	to = appendLength(to, b.Documents)
	last := platen.ID(0)
	for _, run := range b.Documents {
		to = binary.AppendVarint(to, int64(run.First-last))
		to = binary.AppendUvarint(to, uint64(run.Last-run.First))
		last = run.Last
	}
	to = appendLength(to, b.DocumentSets)
	var id, job platen.ID
	for i := range b.DocumentSets {
		set := &b.DocumentSets[i]
		to = binary.AppendVarint(to, int64(set.ID-id))
		to = binary.AppendVarint(to, int64(set.Job-job))
		id, job = set.ID, set.Job
		for _, n := range []int64{set.Documents, set.DocumentPages, set.Sheets, set.Pages} {
			to = binary.AppendVarint(to, n)
		}
		to = appendLength(to, set.ByMedia)
		for _, count := range set.ByMedia {
			to = binary.AppendUvarint(to, uint64(count.Medium))
			to = binary.AppendVarint(to, count.Pages)
		}
	}
	return to, nil
}

func appendLength[S ~[]E, E any](to []byte, list S) []byte {
	return binary.AppendUvarint(to, uint64(len(list)))
}

// Decode reads what Encode made into b. It uses the slices that b has again. The
// error is [ErrDamaged].
func (b *Block) Decode(body []byte) error {
	if len(body) == 0 || body[0] != version {
		return ErrDamaged
	}
	r := reader{rest: body[1:]}
	b.Names, b.Media = b.Names[:0], b.Media[:0]
	b.Documents, b.DocumentSets = b.Documents[:0], b.DocumentSets[:0]
	for range r.length() {
		b.Names = append(b.Names, string(r.bytes(r.length())))
	}
	for range r.length() {
		var medium platen.Media
		if json.Unmarshal(r.bytes(r.length()), &medium) != nil {
			return ErrDamaged
		}
		b.Media = append(b.Media, medium)
	}
	last, documents := platen.ID(0), int64(0)
	for range r.length() {
		run := platen.IDRange{First: last + platen.ID(r.varint())}
		run.Last = run.First + platen.ID(r.uvarint())
		b.Documents = append(b.Documents, run)
		last, documents = run.Last, documents+run.Len()
	}
	r.documentSets(b)
	for i := range b.DocumentSets {
		documents -= b.DocumentSets[i].Documents
	}
	if documents != 0 || r.damaged || len(r.rest) > 0 {
		return ErrDamaged
	}
	return nil
}

func (r *reader) documentSets(b *Block) {
	var id, job platen.ID
	for range r.length() {
		id += platen.ID(r.varint())
		job += platen.ID(r.varint())
		set := transfer.DocumentSetCounts{
			ID: id, Job: job, Documents: r.varint(), DocumentPages: r.varint(), Sheets: r.varint(), Pages: r.varint(),
		}
		if n := r.length(); n > 0 {
			set.ByMedia = make([]transfer.MediumCount, 0, n)
			for range n {
				count := transfer.MediumCount{Medium: int(r.uvarint()), Pages: r.varint()}
				if count.Medium < 0 || count.Medium >= len(b.Media) {
					r.damaged = true
					return
				}
				set.ByMedia = append(set.ByMedia, count)
			}
		}
		b.DocumentSets = append(b.DocumentSets, set)
	}
}

// A reader reads a block. Once that is damaged it reads zeros.
type reader struct {
	rest    []byte
	damaged bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.damaged, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.damaged, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// length reads how long a list is. Each element has a byte at least.
func (r *reader) length() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.damaged, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.damaged, r.rest, n = true, nil, 0
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}
