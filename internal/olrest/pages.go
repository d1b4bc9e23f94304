package olrest

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// ParseContentType reads the query parameter type of a list of content sets;
// "" is all.
func ParseContentType(query url.Values) (string, error) {
	contentType := strings.ToLower(query.Get("type"))
	if contentType != "" && !slices.Contains(contentTypes, contentType) {
		err := platen.Errorf(platen.Invalid, "the type must be one of %s", strings.Join(contentTypes, ", "))
		err.Param = shorten([]byte(contentType))
		return "", err
	}
	return contentType, nil
}

// A PagesWriter writes the page details of a content set (api-facts 2.5): a
// summary, or those of each content item.
type PagesWriter struct {
	w    io.Writer
	each bool
	buf  []byte

	sums  []platen.PageCount // summary: in order of appearance
	place map[platen.Media]int
}

// NewPagesWriter returns a writer of one answer.
func NewPagesWriter(w io.Writer, each bool) *PagesWriter {
	p := &PagesWriter{w: w, each: each, place: make(map[platen.Media]int)}
	if each {
		p.buf = append(p.buf, '[')
	}
	return p
}

// Write adds content items that have the same details.
func (p *PagesWriter) Write(items platen.Run, encoded []byte) error {
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
		if len(p.buf) != 1 || p.buf[0] != '[' {
			p.buf = append(p.buf, ',')
		}
		p.buf = append(p.buf, `{"id":`...)
		p.buf = strconv.AppendInt(p.buf, int64(id), 10)
		p.buf = append(append(append(p.buf, `,"pages":`...), pages...), '}')
		if len(p.buf) >= flushBytes {
			if _, err := p.w.Write(p.buf); err != nil {
				return err
			}
			p.buf = p.buf[:0]
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
		p.buf = append(p.buf, ']')
	} else {
		pages, err := encodePages(p.sums)
		if err != nil {
			return err
		}
		p.buf = append(append(append(p.buf, `{"pages":`...), pages...), '}')
	}
	_, err := p.w.Write(p.buf)
	return err
}

func encodePages(pages []platen.PageCount) ([]byte, error) {
	if pages == nil {
		pages = []platen.PageCount{}
	}
	return json.Marshal(pages)
}
