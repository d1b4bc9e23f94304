// Package changelog is the stored format of the log of changes. What one
// transaction changes in lists and sets is a block: changes, each with who made
// it and an entry for each list or set. An entry has what was before and what is
// after, of a list as [Span]s, so that a list as it was is worked out from the
// one that came after it.
//
// A block is a sequence of bytes that is stored in parts of up to [PartBytes],
// each compressed by itself:
//
//	block  = change*
//	change = type user token request reverts entry* 0
//	entry  = (facet+1) kind id set previous (spans | ranges)
//	spans  = n (skip before after)*     ranges = n (first length)*
//
// Numbers are varints, texts have their length before them.
package changelog

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// PartBytes is the most that a part has, before it is compressed.
const PartBytes = 1 << 20

// version is the first byte of a part.
const version = 1

// MaxChanges is how many changes a block can have.
const MaxChanges = 4096

// ChangeID returns the number of a change, from that of its block and its index
// there.
func ChangeID(block int64, index int) int64 { return block*MaxChanges + int64(index) }

// SplitID is the inverse of [ChangeID].
func SplitID(change int64) (block int64, index int) {
	return change / MaxChanges, int(change % MaxChanges)
}

// Here is an [Entry.Previous] in the block that is being written, whose number
// is not known yet.
func Here(index int) int64 { return -1 - int64(index) }

// Resolve returns the number of a change that may be made by [Here].
func Resolve(change, block int64) int64 {
	if change < 0 {
		return ChangeID(block, int(-1-change))
	}
	return change
}

// Structure is the facet of entries that are about a set and not about a list.
const Structure platen.Facet = 15

// Audit is the facet of entries that say what happened beside the lists and sets.
const Audit platen.Facet = 14

// NewAudit returns the entry of something that happened.
func NewAudit(details []platen.NameValue) *Entry {
	return &Entry{Facet: Audit, Spans: []Span{{After: platen.EncodeList(details)}}}
}

// Details is the inverse of [NewAudit].
func (e *Entry) Details() ([]platen.NameValue, error) {
	if len(e.Spans) != 1 {
		return nil, fmt.Errorf("an entry of an audit has %d spans", len(e.Spans))
	}
	return platen.List(e.Spans[0].After).Decode()
}

// A Header is what a change has besides its entries.
type Header struct {
	Type    platen.ChangeType
	Origin  storage.Origin
	Reverts int64 // the change that it reverts, 0 for none
}

// An Entry is what a change did to one list or set.
type Entry struct {
	Facet    platen.Facet // of the list, or [Structure] or [Audit]
	Ref      platen.Ref   // the entity
	Set      platen.ID    // that it belongs to; 0 for none
	Previous int64        // the change before of the same list or set; 0: none is known

	Spans  []Span           // lists: what differs, in order
	Ranges []platen.IDRange // sets: the entities that were added
}

// Size returns how many bytes an entry has of what was before and is after.
func (e *Entry) Size() (size int) {
	for _, span := range e.Spans {
		size += len(span.Before) + len(span.After)
	}
	return size
}

// A Writer encodes a block, after a Reset.
type Writer struct {
	store  func(part []byte) error
	buf    []byte
	packed []byte
	header Header
	open   bool // the change has an entry
	count  int
}

// Reset makes the writer empty, for a block whose parts are given to store. store must
// not keep them.
func (w *Writer) Reset(store func(part []byte) error) {
	*w = Writer{store: store, buf: w.buf[:0], packed: w.packed[:0]}
}

// Begin begins a change. Without entries it leaves nothing in the block. index is
// what it has then.
func (w *Writer) Begin(header Header) (index int) {
	w.end()
	w.header = header
	return w.count
}

func (w *Writer) end() {
	if w.open {
		w.buf = append(w.buf, 0)
		w.count++
		w.open = false
	}
}

// Add adds an entry to the change. Its bytes are copied.
func (w *Writer) Add(e *Entry) error {
	b := w.buf
	if !w.open {
		w.open = true
		b = append(b, byte(w.header.Type))
		for _, text := range [...]string{w.header.Origin.User, w.header.Origin.Token, w.header.Origin.RequestID} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
		b = binary.AppendUvarint(b, uint64(w.header.Reverts))
	}
	b = append(b, byte(e.Facet)+1, byte(e.Ref.Kind))
	b = binary.AppendUvarint(b, uint64(e.Ref.ID))
	b = binary.AppendUvarint(b, uint64(e.Set))
	b = binary.AppendVarint(b, e.Previous)
	if e.Facet == Structure {
		b = binary.AppendUvarint(b, uint64(len(e.Ranges)))
		for _, run := range e.Ranges {
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(run.First)), uint64(run.Len()))
		}
	} else {
		b = binary.AppendUvarint(b, uint64(len(e.Spans)))
		for _, span := range e.Spans {
			b = binary.AppendUvarint(b, uint64(span.Skip))
			b = append(binary.AppendUvarint(b, uint64(len(span.Before))), span.Before...)
			b = append(binary.AppendUvarint(b, uint64(len(span.After))), span.After...)
		}
	}
	w.buf = b
	return w.flush(PartBytes)
}

// Close ends the block. Without changes nothing is flushed.
func (w *Writer) Close() error {
	w.end()
	return w.flush(1)
}

// flush stores full parts, until less than least is left.
func (w *Writer) flush(least int) error {
	done := 0
	for len(w.buf)-done >= least {
		n := min(len(w.buf)-done, PartBytes)
		w.packed = append(slices.Grow(w.packed[:0], 1+s2.MaxEncodedLen(n)), version)
		w.packed = w.packed[:1+len(s2.Encode(w.packed[1:cap(w.packed)], w.buf[done:done+n]))]
		if err := w.store(w.packed); err != nil {
			return err
		}
		done += n
	}
	if done > 0 {
		w.buf = append(w.buf[:0], w.buf[done:]...)
	}
	return nil
}

// A Reader decodes a block.
type Reader struct {
	block int64
	next  func() ([]byte, error) // the next part; io.EOF after the last
	buf   []byte
	pos   int
	count int
	in    bool // within a change, whose entries come next
	err   error
}

// NewReader returns a reader of the block with a number, whose parts next
// returns; io.EOF after the last.
func NewReader(block int64, next func() ([]byte, error)) *Reader {
	return &Reader{block: block, next: next}
}

// Next returns the next change, and its index. What is left of the entries of the
// one before is passed over. io.EOF: there is none.
func (r *Reader) Next() (header Header, index int, err error) {
	for r.in {
		if entry, err := r.Entry(); err != nil {
			return Header{}, 0, err
		} else if entry == nil {
			break
		}
	}
	if !r.need(1) && r.err == io.EOF {
		return Header{}, 0, io.EOF
	}
	header.Type = platen.ChangeType(r.byte())
	header.Origin = storage.Origin{User: string(r.text()), Token: string(r.text()), RequestID: string(r.text())}
	header.Reverts = int64(r.uvarint())
	if r.err == nil && r.count == MaxChanges {
		r.fail("it has too many changes")
	}
	if r.err != nil {
		return Header{}, 0, r.damaged()
	}
	r.count++
	r.in = true
	return header, r.count - 1, nil
}

// Entry returns the next entry of the change; nil after the last. The entry is its
// caller's to keep.
func (r *Reader) Entry() (*Entry, error) {
	if !r.in {
		return nil, nil
	}
	facet := r.byte()
	if r.err == nil && facet == 0 {
		r.in = false
		return nil, nil
	}
	e := &Entry{Facet: platen.Facet(facet - 1)}
	e.Ref.Kind = platen.Kind(r.byte())
	e.Ref.ID, e.Set = platen.ID(r.uvarint()), platen.ID(r.uvarint())
	e.Previous = Resolve(r.varint(), r.block)
	n := int(min(r.uvarint(), 1<<32))
	for i := 0; i < n && r.err == nil; i++ {
		if e.Facet == Structure {
			first, length := platen.ID(r.uvarint()), platen.ID(r.uvarint())
			e.Ranges = append(e.Ranges, platen.IDRange{First: first, Last: first + length - 1})
			continue
		}
		span := Span{Skip: int(min(r.uvarint(), 1<<32))}
		span.Before = append([]byte(nil), r.text()...)
		span.After = append([]byte(nil), r.text()...)
		e.Spans = append(e.Spans, span)
	}
	if r.err != nil {
		return nil, r.damaged()
	}
	return e, nil
}

func (r *Reader) damaged() error {
	if r.err == io.EOF {
		r.err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("block %d of changes is damaged: %w", r.block, r.err)
}

func (r *Reader) fail(why string) { r.err = fmt.Errorf("%s", why) }

// need reads parts until there are n bytes.
func (r *Reader) need(n int) bool {
	for r.err == nil && len(r.buf)-r.pos < n {
		part, err := r.next()
		if err != nil {
			r.err = err
			break
		}
		if len(part) == 0 || part[0] != version {
			r.fail("it is of a newer version")
			break
		}
		size, err := s2.DecodedLen(part[1:])
		if err != nil || size > PartBytes {
			r.fail("a part is not compressed as it should be")
			break
		}
		raw, err := s2.Decode(nil, part[1:])
		if err != nil {
			r.err = err
			break
		}
		if r.pos == len(r.buf) {
			r.buf, r.pos = raw, 0
			continue
		}
		r.buf, r.pos = append(append(make([]byte, 0, len(r.buf)-r.pos+len(raw)), r.buf[r.pos:]...), raw...), 0
	}
	return r.err == nil
}

func (r *Reader) byte() byte {
	if !r.need(1) {
		return 0
	}
	r.pos++
	return r.buf[r.pos-1]
}

func (r *Reader) uvarint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := r.byte()
		n |= uint64(c&0x7f) << shift
		if r.err != nil || c < 0x80 {
			return n
		}
	}
	r.fail("a number is too long")
	return 0
}

func (r *Reader) varint() int64 {
	n := r.uvarint()
	if n&1 != 0 {
		return ^int64(n >> 1)
	}
	return int64(n >> 1)
}

// text returns the next text, which is good until the next call.
func (r *Reader) text() []byte {
	n := r.uvarint()
	if n > 1<<30 {
		r.fail("a text is too long")
	}
	if !r.need(int(n)) {
		return nil
	}
	r.pos += int(n)
	return r.buf[r.pos-int(n) : r.pos]
}
