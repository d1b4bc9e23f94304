package spool

import (
	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A ContentSet is a content set on its way in. It is filled by Item and then
// End; then it is read.
type ContentSet struct {
	pages
	set transfer.SourceSet
}

var _ transfer.ContentSetSource = (*ContentSet)(nil)

// NewContentSet returns an empty spool of a content set. The caller closes it.
func (d Dir) NewContentSet() (*ContentSet, error) {
	file, err := d.newFile()
	if err != nil {
		return nil, err
	}
	return &ContentSet{pages: pages{file: file}}, nil
}

// Item adds a content item.
func (s *ContentSet) Item(item *transfer.SourceItem) error {
	page := transfer.Page{Item: item.ID, Record: item.Record, Details: item.Details}
	page.Lists[platen.Properties] = item.Properties
	return s.page(0, &page)
}

// End says what there is besides the items.
func (s *ContentSet) End(set transfer.SourceSet) error {
	s.given(set.ID)
	s.set = set
	return nil
}

// ContentSet implements [transfer.ContentSetSource].
func (s *ContentSet) ContentSet() transfer.SourceSet { return s.set }

// Read implements [transfer.ContentSetSource].
func (s *ContentSet) Read(yield func(*transfer.SourceItem) error) error {
	var last lastPage
	var item transfer.SourceItem // not in the loop, where each would be allocated
	return s.read(func(r *reader, _ byte) error {
		r.uvarint() // a content set has no nodes
		page := r.page(&last)
		if r.err != nil {
			return nil
		}
		item = transfer.SourceItem{ID: page.Item, Record: page.Record, Properties: page.Lists[platen.Properties], Details: page.Details}
		return yield(&item)
	})
}
