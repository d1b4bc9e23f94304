package spool

import (
	"encoding/binary"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A JobSet is a job set on its way in. It is filled by Begin, End, Page and
// Document in the order of the document; then it is read.
type JobSet struct {
	pages
	nodes []transfer.Node
	open  []int // nodes that have begun and not ended
}

var _ transfer.JobSetSource = (*JobSet)(nil)

// NewJobSet returns an empty spool of a job set. The caller closes it.
func (d Dir) NewJobSet() (*JobSet, error) {
	file, err := d.newFile()
	if err != nil {
		return nil, err
	}
	return &JobSet{pages: pages{file: file}}, nil
}

// Begin begins a job set, job, job segment or document set within the one
// that has begun last.
func (s *JobSet) Begin(kind platen.Kind) {
	parent := -1
	if n := len(s.open); n > 0 {
		parent = s.open[n-1]
	}
	s.open = append(s.open, len(s.nodes))
	s.nodes = append(s.nodes, transfer.Node{Kind: kind, Parent: parent})
}

// End ends what has begun last, with its identifier (0 for none) and lists.
func (s *JobSet) End(id platen.ID, lists [2]platen.List) error {
	node := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	s.nodes[node].ID = s.given(id)
	for f, list := range lists {
		if list == nil {
			continue
		}
		b := binary.AppendUvarint(s.entry(entryList), uint64(node))
		b = append(b, byte(f))
		if err := s.write(appendText(b, list)); err != nil {
			return err
		}
	}
	return nil
}

// Page adds a page to the document that ends next.
func (s *JobSet) Page(page *transfer.Page) error {
	return s.page(s.open[len(s.open)-1], page)
}

// Document ends a document, with its identifier (0 for none) and lists.
func (s *JobSet) Document(id platen.ID, lists [2]platen.List) error {
	b := binary.AppendUvarint(s.entry(entryDocument), uint64(s.open[len(s.open)-1]))
	return s.write(appendIdentity(b, s.given(id), lists))
}

// Nodes implements [transfer.JobSetSource].
func (s *JobSet) Nodes() []transfer.Node { return s.nodes }

// Read implements [transfer.JobSetSource].
func (s *JobSet) Read(v transfer.JobSetVisitor) error {
	var last lastPage
	var page transfer.Page // not in the loop, where each would be allocated
	return s.read(func(r *reader, kind byte) error {
		node := int(r.uvarint())
		switch kind {
		case entryList:
			facet := platen.Facet(r.byte())
			list := r.bytes(int(facet), r.uvarint())
			if r.err == nil {
				return v.NodeList(node, facet, list)
			}
		case entryPage:
			page = r.page(&last)
			if r.err == nil {
				return v.Page(node, &page)
			}
		case entryDocument:
			document := transfer.SourceDocument{Set: node}
			document.ID, document.Lists = r.identity()
			if r.err == nil {
				return v.Document(&document)
			}
		}
		return nil
	})
}
