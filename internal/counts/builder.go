package counts

import (
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// Tuning: a block is full when it has so many documents, document sets, or
// bytes of names and media, at least.
const (
	fullDocuments = 4096
	fullSets      = 1024
	fullBytes     = 64 << 10
)

// A Builder counts a job set as it is passed to it, in document order.
type Builder struct {
	Total platen.Counts // of all so far: document sets, documents, pages and sheets

	insert func(seq int64, block *Block) error

	seq    int64
	block  Block
	bytes  int // of names and media
	docs   int
	names  Names
	media  map[platen.Media]int
	parts  map[*platen.PageCount][]part // of page details that came before
	place  []int                        // in ByMedia of the document set, 1 more, by medium
	set    *transfer.DocumentSetCounts  // the last of block, that now has more; nil: none
	recent struct {
		pages *platen.PageCount
		parts []part
	}

	job     platen.ID // of elements
	details []byte    // of the element before
	decoded []platen.PageCount
}

// A part is what page details say of one medium.
type part struct {
	medium        int // -1: unknown
	sheets, pages int64
}

// A page without page details.
var onePage = []part{{-1, 1, 1}}

// partsMost bounds the page details that are remembered.
const partsMost = 1024

// NewBuilder returns a builder that hands each full block to insert, whose
// argument is good during the call only.
func NewBuilder(insert func(seq int64, block *Block) error) *Builder {
	return &Builder{
		insert: insert, media: make(map[platen.Media]int), parts: make(map[*platen.PageCount][]part),
	}
}

// DocumentSet begins the next document set.
func (b *Builder) DocumentSet(job, id platen.ID) error {
	if len(b.block.DocumentSets) >= fullSets {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.Total.DocumentSets++
	b.begin(job, id)
	return nil
}

// begin adds a document set to the block.
func (b *Builder) begin(job, id platen.ID) {
	b.place = b.place[:0]
	b.block.DocumentSets = append(b.block.DocumentSets, transfer.DocumentSetCounts{ID: id, Job: job})
	b.set = &b.block.DocumentSets[len(b.block.DocumentSets)-1]
}

// Document adds a document of the document set. Its pages come before it or
// after it.
func (b *Builder) Document(id platen.ID, metadata platen.List) error {
	if err := b.flushFull(); err != nil {
		return err
	}
	b.docs++
	b.Total.Documents++
	b.set.Documents++
	if n := len(b.block.Documents); n > 0 && b.block.Documents[n-1].Last+1 == id {
		b.block.Documents[n-1].Last = id
	} else {
		b.block.Documents = append(b.block.Documents, platen.IDRange{First: id, Last: id})
	}
	return b.names.Add(metadata)
}

// Page adds a page of a document of the document set. pages are those that its
// content item has, the same slice each time if it can be: what is worked out of
// one is remembered.
func (b *Builder) Page(pages []platen.PageCount) error {
	if err := b.flushFull(); err != nil {
		return err
	}
	b.set.DocumentPages++
	for _, p := range b.partsOf(pages) {
		b.set.Sheets += p.sheets
		b.set.Pages += p.pages
		b.Total.Sheets += p.sheets
		b.Total.Pages += p.pages
		if p.medium >= 0 {
			b.add(p)
		}
	}
	return nil
}

// add adds pages on a medium to the document set.
func (b *Builder) add(p part) {
	for len(b.place) <= p.medium {
		b.place = append(b.place, 0)
	}
	if b.place[p.medium] == 0 {
		b.set.ByMedia = append(b.set.ByMedia, transfer.MediumCount{Medium: p.medium})
		b.place[p.medium] = len(b.set.ByMedia)
		b.bytes += 8
	}
	b.set.ByMedia[b.place[p.medium]-1].Pages += p.pages
}

func (b *Builder) partsOf(pages []platen.PageCount) []part {
	if len(pages) == 0 {
		return onePage
	}
	if b.recent.pages == &pages[0] {
		return b.recent.parts
	}
	parts, ok := b.parts[&pages[0]]
	if !ok {
		for _, entry := range pages {
			medium, ok := b.media[entry.Media]
			if !ok {
				medium = len(b.block.Media)
				b.media[entry.Media] = medium
				b.block.Media = append(b.block.Media, entry.Media)
				m := &entry.Media
				b.bytes += 64 + len(m.Name) + len(m.Type) + len(m.Size) + len(m.Width) + len(m.Height) + len(m.Color) + len(m.Weight)
			}
			parts = append(parts, part{medium, entry.Sheets(), entry.Count})
		}
		if len(b.parts) >= partsMost {
			clear(b.parts)
		}
		b.parts[&pages[0]] = parts
	}
	b.recent.pages, b.recent.parts = &pages[0], parts
	return parts
}

// Element adds an element of a job set that is read.
func (b *Builder) Element(e *transfer.Element) error {
	switch e.Kind {
	case platen.Job:
		b.job = e.ID
	case platen.DocumentSet:
		return b.DocumentSet(b.job, e.ID)
	case platen.Document:
		return b.Document(e.ID, e.Lists[platen.Metadata])
	case platen.DocumentPage:
		if string(e.Details) != string(b.details) {
			details, err := platen.DecodeDetails(e.Details)
			if err != nil {
				return err
			}
			b.details, b.decoded = append(b.details[:0], e.Details...), details.Pages
		}
		return b.Page(b.decoded)
	}
	return nil
}

// Finish hands out the last block. Each job set has one at least.
func (b *Builder) Finish() error { return b.flush() }

// flushFull begins a new block if this one is full. The document set goes on in
// it.
func (b *Builder) flushFull() error {
	if b.docs < fullDocuments && b.bytes+b.names.bytes < fullBytes {
		return nil
	}
	job, id := b.set.Job, b.set.ID
	if err := b.flush(); err != nil {
		return err
	}
	b.begin(job, id)
	return nil
}

func (b *Builder) flush() error {
	b.block.Names = b.names.List
	if err := b.insert(b.seq, &b.block); err != nil {
		return err
	}
	b.seq++
	b.block = Block{Counts: transfer.Counts{DocumentSets: b.block.DocumentSets[:0]}, Documents: b.block.Documents[:0]}
	b.set, b.bytes, b.docs = nil, 0, 0
	b.recent.pages, b.recent.parts = nil, nil
	b.names = Names{}
	clear(b.media)
	clear(b.parts)
	return nil
}

// Names are the names of the metadata of documents, in the order in which they
// first occur.
type Names struct {
	List  []string
	known map[string]bool
	bytes int
}

// Add adds the names of the metadata of a document.
func (n *Names) Add(metadata platen.List) error {
	pairs, err := metadata.Decode()
	for _, pair := range pairs {
		if n.known[pair.Name] {
			continue
		}
		if n.known == nil {
			n.known = make(map[string]bool)
		}
		name := strings.Clone(pair.Name) // it is a part of the list
		n.known[name] = true
		n.List = append(n.List, name)
		n.bytes += len(name)
	}
	return err
}
