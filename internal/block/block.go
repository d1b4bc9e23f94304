// Package block is the stored format of the contents of jobs.
//
// The contents of a job never change. They are kept in blocks of about 4,096
// content items, a row of the table content_block each, in two columns:
//
//   - pairs: the content items that the block adds to the job with their data
//     records, each once, as differences to the pair before (zigzag varints,
//     from 0 in each block). This is all that a listing of contents reads.
//   - pages: the documents, in order, with their pages. A document is a varint
//     of its number of pages and two flags. The pages of a plain document are
//     the next pairs, one each, so it costs a byte. A page of any other document
//     has a byte of its own flags, and what these announce.
//
// The numbers of flags and the order of values are those of rows that databases
// have: they may be added to, never changed. Golden files in testdata hold rows
// of all versions.
package block

import (
	"encoding/binary"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// Invariants of stored rows.
const (
	// Narrow is the widest span of content items, from the smallest to the
	// largest identifier, of a row that is stored as not wide. Queries that
	// look for the blocks of a content item look this far back.
	Narrow = 65536

	documentSpecial   = 1 // its pages have flags
	documentContinued = 2 // the next entry has more of its pages
	documentShift     = 2

	pageRepeats  = 1 // item and record follow: they are in the job already
	pageTwoLists = 2 // id, properties and metadata of the page follow; written until 2026
	pageLists    = 4 // id, the number of lists, and so many lists of the page follow
)

// Tuning: a block is stored when it has so many pairs, or so many bytes of pages.
const (
	fullPairs = 4096
	fullBytes = 4 * fullPairs
)

// ErrDamaged says that a stored block is not one that a [Builder] made.
var ErrDamaged = errors.New("stored content block is damaged")

// A Row is a row of the table content_block.
type Row struct {
	Job    platen.ID
	Seq    int64          // from 0 in each job
	Count  int64          // content items in Pairs
	Digits int64          // decimal digits of all identifiers in Pairs
	Items  platen.IDRange // smallest and largest content item of Pairs
	Pairs  []byte
	Pages  []byte
}

// Wide reports whether the content items of the row lie further apart than
// [Narrow].
func (r *Row) Wide() bool { return r.Items.Len() > Narrow }

// add adds a content item and its data record; last is the one before.
func (r *Row) add(content, last platen.Content) {
	r.Pairs = binary.AppendVarint(r.Pairs, int64(content.Item-last.Item))
	r.Pairs = binary.AppendVarint(r.Pairs, int64(content.Record-last.Record))
	if r.Count == 0 || content.Item < r.Items.First {
		r.Items.First = content.Item
	}
	r.Items.Last = max(r.Items.Last, content.Item)
	r.Count++
	r.Digits += digits(content.Item) + digits(content.Record)
}

func digits(id platen.ID) int64 { return platen.IDRange{First: id, Last: id}.Digits() }

// Pack returns a row of contents without documents.
func Pack(job platen.ID, seq int64, contents []platen.Content) Row {
	row := Row{Job: job, Seq: seq}
	var last platen.Content
	for _, content := range contents {
		row.add(content, last)
		last = content
	}
	return row
}

// A Builder packs the pages of one job.
type Builder struct {
	row    Row
	insert func(*Row) error // stores a row; its slices are good during the call

	items int64 // in the rows before
	saved int   // bytes of row.Pages that are stored already

	last platen.Content // the pair before in this block
	seen IDSet          // content items of the job so far
	open []transfer.Page
}

// NewBuilder returns a builder that hands each full row to insert, whose
// argument is good during the call only.
func NewBuilder(job platen.ID, insert func(*Row) error) *Builder {
	return &Builder{row: Row{Job: job}, insert: insert, seen: make(IDSet)}
}

// Job returns the job whose pages are packed.
func (b *Builder) Job() platen.ID { return b.row.Job }

// Items returns how many content items the job has so far.
func (b *Builder) Items() int64 { return b.items + b.row.Count }

// Document adds pages of a document; continued says that the next call has
// more pages of it.
func (b *Builder) Document(pages []transfer.Page, continued bool) error {
	var flags uint64
	if continued {
		flags = documentContinued
	}
	b.open = b.open[:0]
	special := false
	for i := range pages {
		page := pages[i]
		repeats := !b.seen.Add(page.Item)
		if !repeats {
			content := platen.Content{Item: page.Item, Record: page.Record}
			b.row.add(content, b.last)
			b.last = content
			page.Item = 0 // the next pair
		}
		special = special || repeats || extras(&page)
		b.open = append(b.open, page)
	}
	if special {
		flags |= documentSpecial
	}
	b.row.Pages = binary.AppendUvarint(b.row.Pages, uint64(len(pages))<<documentShift|flags)
	if special {
		for i := range b.open {
			b.row.Pages = appendPage(b.row.Pages, &b.open[i])
		}
	}
	if b.row.Count >= fullPairs || len(b.row.Pages) > fullBytes {
		return b.Flush()
	}
	return nil
}

// Save stores what is packed. The block goes on, and is stored again with what
// is added to it.
func (b *Builder) Save() error {
	if len(b.row.Pages) == b.saved {
		return nil
	}
	b.saved = len(b.row.Pages)
	return b.insert(&b.row)
}

// Flush stores what is packed and begins the next block.
func (b *Builder) Flush() error {
	if err := b.Save(); err != nil || len(b.row.Pages) == 0 {
		return err
	}
	b.saved = 0
	b.items += b.row.Count
	b.row = Row{Job: b.row.Job, Seq: b.row.Seq + 1, Pairs: b.row.Pairs[:0], Pages: b.row.Pages[:0]}
	b.last = platen.Content{}
	return nil
}

func extras(page *transfer.Page) bool {
	return page.ID != 0 || page.Lists[0] != nil || page.Lists[1] != nil
}

func appendPage(b []byte, page *transfer.Page) []byte {
	var flags byte
	if page.Item != 0 {
		flags |= pageRepeats
	}
	if extras(page) {
		flags |= pageLists
	}
	b = append(b, flags)
	if flags&pageRepeats != 0 {
		b = binary.AppendUvarint(b, uint64(page.Item))
		b = binary.AppendUvarint(b, uint64(page.Record))
	}
	if flags&pageLists != 0 {
		b = binary.AppendUvarint(b, uint64(page.ID))
		b = binary.AppendUvarint(b, uint64(len(page.Lists)))
		for _, list := range page.Lists {
			b = binary.AppendUvarint(b, uint64(len(list)))
			b = append(b, list...)
		}
	}
	return b
}

// AppendContents appends the content items of the column pairs, with their
// data records, to contents. The error is [ErrDamaged].
func AppendContents(contents []platen.Content, pairs []byte) ([]platen.Content, error) {
	var last platen.Content
	for len(pairs) > 0 {
		item, n := binary.Varint(pairs)
		if n <= 0 {
			return nil, ErrDamaged
		}
		pairs = pairs[n:]
		record, n := binary.Varint(pairs)
		if n <= 0 {
			return nil, ErrDamaged
		}
		pairs = pairs[n:]
		last.Item += platen.ID(item)
		last.Record += platen.ID(record)
		contents = append(contents, last)
	}
	return contents, nil
}

// A Reader reads back the pages of one job, document by document.
type Reader struct {
	next func() (pairs, pages []byte, err error)

	pairs    []byte           // of the row; nil: they are decoded
	skipped  uint64           // of pairs, how many were passed over
	contents []platen.Content // the next ones, once pairs are decoded
	pages    []byte
}

// NewReader returns a reader of the rows that next returns, one after the other.
func NewReader(next func() (pairs, pages []byte, err error)) *Reader { return &Reader{next: next} }

// Document yields the pages of the next document. A list of a page is a part
// of its row. An error is that of next, that of yield, or [ErrDamaged].
func (r *Reader) Document(yield func(transfer.Page) error) error {
	for {
		err := r.fill()
		if err == nil {
			err = r.decode()
		}
		if err != nil {
			return err
		}
		continued, err := r.part(yield)
		if err != nil || !continued {
			return err
		}
	}
}

// Skip passes over documents. That costs little: the pairs of rows that are passed
// over are not decoded, unless a page has more than its pair.
func (r *Reader) Skip(documents int64) error {
	for documents > 0 {
		if err := r.fill(); err != nil {
			return err
		}
		continued, err := r.skipPart()
		if err != nil {
			return err
		}
		if !continued {
			documents--
		}
	}
	return nil
}

// fill takes the next row if nothing is left of this one.
func (r *Reader) fill() (err error) {
	for len(r.pages) == 0 {
		if r.pairs, r.pages, err = r.next(); err != nil {
			return err
		}
		r.contents, r.skipped = r.contents[:0], 0
	}
	return nil
}

// decode decodes the pairs of the row, unless that is done.
func (r *Reader) decode() (err error) {
	if r.pairs == nil {
		return nil
	}
	if r.contents, err = AppendContents(r.contents[:0], r.pairs); err != nil {
		return err
	}
	skipped := r.skipped
	r.pairs, r.skipped = nil, 0
	return r.drop(skipped)
}

// drop passes over contents.
func (r *Reader) drop(n uint64) error {
	if n > uint64(len(r.contents)) {
		return ErrDamaged
	}
	r.contents = r.contents[n:]
	return nil
}

// skipPart passes over what part yields.
func (r *Reader) skipPart() (continued bool, err error) {
	if head, n := binary.Uvarint(r.pages); n > 0 && head&documentSpecial == 0 && r.pairs != nil {
		r.pages = r.pages[n:]
		r.skipped += head >> documentShift
		return head&documentContinued != 0, nil
	}
	if err := r.decode(); err != nil {
		return false, err
	}
	return r.part(func(transfer.Page) error { return nil })
}

// EachPage yields the pages of one row, from its first document to its last.
func EachPage(pairs, pages []byte, yield func(transfer.Page) error) error {
	contents, err := AppendContents(nil, pairs)
	if err != nil {
		return err
	}
	r := Reader{contents: contents, pages: pages}
	for len(r.pages) > 0 {
		if _, err := r.part(yield); err != nil {
			return err
		}
	}
	return nil
}

// part yields the pages of the next entry of the column pages, and reports
// whether the next entry has more pages of the same document.
func (r *Reader) part(yield func(transfer.Page) error) (continued bool, err error) {
	head, err := r.uvarint()
	if err != nil {
		return false, err
	}
	for range head >> documentShift {
		page, err := r.page(head&documentSpecial != 0)
		if err != nil {
			return false, err
		}
		if err := yield(page); err != nil {
			return false, err
		}
	}
	return head&documentContinued != 0, nil
}

func (r *Reader) page(special bool) (page transfer.Page, err error) {
	var flags byte
	if special {
		if len(r.pages) == 0 {
			return page, ErrDamaged
		}
		flags, r.pages = r.pages[0], r.pages[1:]
	}
	if flags&pageRepeats == 0 {
		if len(r.contents) == 0 {
			return page, ErrDamaged
		}
		page.Item, page.Record = r.contents[0].Item, r.contents[0].Record
		r.contents = r.contents[1:]
	} else {
		item, err1 := r.uvarint()
		record, err2 := r.uvarint()
		if err := errors.Join(err1, err2); err != nil {
			return page, err
		}
		page.Item, page.Record = platen.ID(item), platen.ID(record)
	}
	if flags&(pageTwoLists|pageLists) == 0 {
		return page, nil
	}
	id, err := r.uvarint()
	if err != nil {
		return page, err
	}
	page.ID = platen.ID(id)
	lists := uint64(2)
	if flags&pageLists != 0 {
		if lists, err = r.uvarint(); err != nil || lists > uint64(len(page.Lists)) {
			return page, ErrDamaged
		}
	}
	for f := range lists {
		n, err := r.uvarint()
		if err != nil || n > uint64(len(r.pages)) {
			return page, ErrDamaged
		}
		if n > 0 {
			page.Lists[f] = r.pages[:n:n]
		}
		r.pages = r.pages[n:]
	}
	return page, nil
}

func (r *Reader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.pages)
	if n <= 0 {
		return 0, ErrDamaged
	}
	r.pages = r.pages[n:]
	return v, nil
}
