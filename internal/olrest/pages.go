package olrest

import (
	"encoding/json"
	"io"

	"github.com/platenhq/platen"
)

// A PagesWriter writes the page details of a content set: a
// summary, or those of each content item.
type PagesWriter struct {
	jsonWriter
	each bool

	sums  []platen.PageCount // summary: in order of appearance
	place map[platen.Media]int
}

// NewPagesWriter returns a writer of one answer.
func NewPagesWriter(w io.Writer, each bool) *PagesWriter {
	p := &PagesWriter{jsonWriter: jsonWriter{w: w}, each: each, place: make(map[platen.Media]int)}
	if each {
		p.list()
	}
	return p
}

// Write adds content items that have the same details.
func (p *PagesWriter) Write(items platen.IDRange, encoded []byte) error {
	details, err := platen.DecodeDetails(encoded)
	if err != nil {
		return err
	}
	if !p.each {
		for _, part := range details.Pages {
			p.add(part.Count*items.Len(), part.Media)
		}
		return nil
	}
	pages, err := encodePages(details.Pages)
	if err != nil {
		return err
	}
	for id := items.First; id <= items.Last; id++ {
		p.element()
		p.number("id", int64(id))
		p.raw("pages", pages)
		p.end()
		if err := p.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (p *PagesWriter) add(count int64, media platen.Media) {
	i, ok := p.place[media]
	if !ok {
		i = len(p.sums)
		p.place[media] = i
		p.sums = append(p.sums, platen.PageCount{Media: media})
	}
	p.sums[i].Count += count
}

// Close writes what is left.
func (p *PagesWriter) Close() error {
	if p.each {
		p.endList()
	} else {
		pages, err := encodePages(p.sums)
		if err != nil {
			return err
		}
		p.object()
		p.raw("pages", pages)
		p.end()
	}
	return p.close()
}

func encodePages(pages []platen.PageCount) ([]byte, error) {
	if pages == nil {
		pages = []platen.PageCount{}
	}
	return json.Marshal(pages)
}
