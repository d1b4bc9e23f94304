package sqlstore

import (
	"encoding/binary"
	"errors"

	"github.com/platenhq/platen"
)

// The contents of a job never change. They are kept in blocks of about
// blockPairs content items, in two columns:
//
//   - pairs: the content items that the block adds to the job with their data
//     records, each once, as differences to the pair before (zigzag varints,
//     from 0 in each block). This is all that Contents reads.
//   - pages: the documents, in order, with their pages. A document is a varint
//     of its pages and two flags. The pages of a plain one are the next pairs,
//     one each, so it costs a byte. A page of any other one has a byte of its
//     own flags, and what these announce.
const (
	blockPairs = 4096
	blockFetch = 8 // blocks that a reader of contents takes at a time

	narrow = 65536 // a block whose items lie wider apart is wide

	documentSpecial   = 1 // its pages have flags
	documentContinued = 2 // the next entry has more of its pages
	documentShift     = 2

	pageRepeats = 1 // item and record follow: they are in the job already
	pageExtras  = 2 // id, properties and metadata of the page follow
)

var errBlock = errors.New("stored content block is damaged")

// A blockBuilder packs the pages of one job.
type blockBuilder struct {
	job    platen.ID
	insert func(b *blockBuilder) error // stores the block

	seq    int64
	count  int64
	digits int64
	pairs  []byte
	pages  []byte
	items  platen.Run // smallest and largest content item of pairs

	last platen.Page // the pair before in this block
	seen idSet       // content items of the job so far
	open []platen.Page
}

// part adds pages of a document; flags say whether more of them come.
func (b *blockBuilder) part(pages []platen.Page, flags uint64) error {
	b.open = b.open[:0]
	special := false
	for i := range pages {
		page := pages[i]
		repeats := !b.seen.add(page.Item)
		if !repeats {
			b.pair(page)
			page.Item = 0 // the next pair
		}
		special = special || repeats || extras(&page)
		b.open = append(b.open, page)
	}
	if special {
		flags |= documentSpecial
	}
	b.pages = binary.AppendUvarint(b.pages, uint64(len(pages))<<documentShift|flags)
	if special {
		for i := range b.open {
			b.pages = appendPage(b.pages, &b.open[i])
		}
	}
	if b.count >= blockPairs || len(b.pages) > 4*blockPairs {
		return b.flush()
	}
	return nil
}

// pair adds the content item and data record of a page.
func (b *blockBuilder) pair(page platen.Page) {
	b.pairs = binary.AppendVarint(b.pairs, int64(page.Item-b.last.Item))
	b.pairs = binary.AppendVarint(b.pairs, int64(page.Record-b.last.Record))
	b.last = page
	if b.count == 0 || page.Item < b.items.First {
		b.items.First = page.Item
	}
	b.items.Last = max(b.items.Last, page.Item)
	b.count++
	b.digits += digits(page.Item) + digits(page.Record)
}

func extras(page *platen.Page) bool {
	return page.ID != 0 || page.Lists[0] != nil || page.Lists[1] != nil
}

func appendPage(b []byte, page *platen.Page) []byte {
	var flags byte
	if page.Item != 0 {
		flags |= pageRepeats
	}
	if extras(page) {
		flags |= pageExtras
	}
	b = append(b, flags)
	if flags&pageRepeats != 0 {
		b = binary.AppendUvarint(b, uint64(page.Item))
		b = binary.AppendUvarint(b, uint64(page.Record))
	}
	if flags&pageExtras != 0 {
		b = binary.AppendUvarint(b, uint64(page.ID))
		for _, list := range page.Lists {
			b = binary.AppendUvarint(b, uint64(len(list)))
			b = append(b, list...)
		}
	}
	return b
}

// flush stores what is packed and begins the next block.
func (b *blockBuilder) flush() error {
	if len(b.pages) == 0 {
		return nil
	}
	if err := b.insert(b); err != nil {
		return err
	}
	b.seq++
	b.count, b.digits = 0, 0
	b.pairs, b.pages = b.pairs[:0], b.pages[:0]
	b.last, b.items = platen.Page{}, platen.Run{}
	return nil
}

func digits(id platen.ID) int64 {
	n := int64(1)
	for ; id >= 10; id /= 10 {
		n++
	}
	return n
}

// unpack appends the pairs of a block to contents.
func unpack(contents []platen.Content, pairs []byte) ([]platen.Content, error) {
	var last platen.Content
	for len(pairs) > 0 {
		item, n := binary.Varint(pairs)
		if n <= 0 {
			return nil, errBlock
		}
		pairs = pairs[n:]
		record, n := binary.Varint(pairs)
		if n <= 0 {
			return nil, errBlock
		}
		pairs = pairs[n:]
		last.Item += platen.ID(item)
		last.Record += platen.ID(record)
		contents = append(contents, last)
	}
	return contents, nil
}

// A blockReader reads back the pages of one job, document by document.
type blockReader struct {
	next func() (pairs, pages []byte, err error) // the next block

	contents []platen.Content
	pages    []byte
}

// document yields the pages of the next document.
func (r *blockReader) document(yield func(platen.Page) error) error {
	for {
		if len(r.pages) == 0 {
			pairs, pages, err := r.next()
			if err != nil {
				return err
			}
			if r.contents, err = unpack(r.contents[:0], pairs); err != nil {
				return err
			}
			r.pages = pages
		}
		head, err := r.uvarint()
		if err != nil {
			return err
		}
		for range head >> documentShift {
			page, err := r.page(head&documentSpecial != 0)
			if err != nil {
				return err
			}
			if err := yield(page); err != nil {
				return err
			}
		}
		if head&documentContinued == 0 {
			return nil
		}
	}
}

func (r *blockReader) page(special bool) (page platen.Page, err error) {
	var flags byte
	if special {
		if len(r.pages) == 0 {
			return page, errBlock
		}
		flags, r.pages = r.pages[0], r.pages[1:]
	}
	if flags&pageRepeats == 0 {
		if len(r.contents) == 0 {
			return page, errBlock
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
	if flags&pageExtras != 0 {
		id, err := r.uvarint()
		if err != nil {
			return page, err
		}
		page.ID = platen.ID(id)
		for f := range page.Lists {
			n, err := r.uvarint()
			if err != nil || n > uint64(len(r.pages)) {
				return page, errBlock
			}
			if n > 0 {
				page.Lists[f] = r.pages[:n:n]
			}
			r.pages = r.pages[n:]
		}
	}
	return page, nil
}

func (r *blockReader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.pages)
	if n <= 0 {
		return 0, errBlock
	}
	r.pages = r.pages[n:]
	return v, nil
}

// An idSet is a set of identifiers: a word for each 64 neighbours.
type idSet map[platen.ID]uint64

// add reports whether id was not in the set.
func (s idSet) add(id platen.ID) bool {
	word, bit := s[id>>6], uint64(1)<<(id&63)
	if word&bit != 0 {
		return false
	}
	s[id>>6] = word | bit
	return true
}

// has reports whether id is in the set.
func (s idSet) has(id platen.ID) bool { return s[id>>6]>>(id&63)&1 != 0 }
