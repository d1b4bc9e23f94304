// Package spool keeps a job set between the network, which may be slow, and
// the transaction that stores it, which must not wait: a compact copy in a
// temporary file, written while the document arrives. It is the
// [platen.JobSetSource] of imports.
package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/platenhq/platen"
)

// keepsSequence bounds the identifiers that move the sequence: from here up
// they do not, so that a single one can not use it up.
const keepsSequence platen.ID = 1 << 52

// The records of the file.
const (
	recordList = iota + 1
	recordPage
	recordDocument
)

// The flags of a page.
const (
	pageRecord   = 1 << iota // its data record follows
	pageDetails              // page details follow
	pageSame                 // the page details of the page before
	pageIdentity             // id, properties and metadata follow
)

// A Spool is a job set on its way in. It is filled by Begin, End, Page and
// Document in the order of the document; then it is read.
type Spool struct {
	file *os.File
	w    *bufio.Writer
	buf  []byte

	nodes []platen.Node
	open  []int      // nodes that have begun and not ended
	ids   platen.Run // smallest and largest identifier given

	item, record platen.ID // of the page before
	details      []byte    // of the page before that had any
}

var _ platen.JobSetSource = (*Spool)(nil)

// New returns an empty spool, with its file in the directory for temporary
// files. The caller closes it.
func New() (*Spool, error) {
	file, err := os.CreateTemp("", "platen-import-")
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	// Where the system allows it, the file goes with the process.
	_ = os.Remove(file.Name())
	return &Spool{file: file, w: bufio.NewWriterSize(file, 64<<10)}, nil
}

// Close removes the temporary file.
func (s *Spool) Close() error {
	err := s.file.Close()
	if removed := os.Remove(s.file.Name()); !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// Begin begins a job set, job, job segment or document set within the one
// that has begun last.
func (s *Spool) Begin(kind platen.Kind) {
	parent := -1
	if n := len(s.open); n > 0 {
		parent = s.open[n-1]
	}
	s.open = append(s.open, len(s.nodes))
	s.nodes = append(s.nodes, platen.Node{Kind: kind, Parent: parent})
}

// End ends what has begun last, with its identifier (0 for none) and lists.
func (s *Spool) End(id platen.ID, lists [2]platen.List) error {
	node := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	s.nodes[node].ID = s.given(id)
	for f, list := range lists {
		if list == nil {
			continue
		}
		b := append(s.buf[:0], recordList)
		b = binary.AppendUvarint(b, uint64(node))
		b = append(b, byte(f))
		if err := s.write(appendBytes(b, list)); err != nil {
			return err
		}
	}
	return nil
}

// Page adds a page to the document that ends next.
func (s *Spool) Page(page *platen.Page) error {
	var flags byte
	if page.Record != 0 {
		flags |= pageRecord
	}
	if page.Details != nil {
		flags |= pageDetails
		if string(page.Details) == string(s.details) {
			flags ^= pageDetails | pageSame
		}
	}
	if page.ID != 0 || page.Lists[0] != nil || page.Lists[1] != nil {
		flags |= pageIdentity
	}
	b := append(s.buf[:0], recordPage)
	b = binary.AppendUvarint(b, uint64(s.open[len(s.open)-1]))
	b = append(b, flags)
	b = binary.AppendVarint(b, int64(s.given(page.Item)-s.item))
	s.item = page.Item
	if page.Record != 0 {
		b = binary.AppendVarint(b, int64(s.given(page.Record)-s.record))
		s.record = page.Record
	}
	if flags&pageDetails != 0 {
		b = appendBytes(b, page.Details)
		s.details = append(s.details[:0], page.Details...)
	}
	if flags&pageIdentity != 0 {
		b = appendIdentity(b, s.given(page.ID), page.Lists)
	}
	return s.write(b)
}

// Document ends a document, with its identifier (0 for none) and lists.
func (s *Spool) Document(id platen.ID, lists [2]platen.List) error {
	b := append(s.buf[:0], recordDocument)
	b = binary.AppendUvarint(b, uint64(s.open[len(s.open)-1]))
	return s.write(appendIdentity(b, s.given(id), lists))
}

func (s *Spool) given(id platen.ID) platen.ID {
	if id > 0 && id < keepsSequence {
		if s.ids.First == 0 || id < s.ids.First {
			s.ids.First = id
		}
		s.ids.Last = max(s.ids.Last, id)
	}
	return id
}

func (s *Spool) write(b []byte) error {
	s.buf = b
	if _, err := s.w.Write(b); err != nil {
		return &platen.Error{Code: platen.Unavailable, Message: "the server has no room for the import in its directory for temporary files", Err: err}
	}
	return nil
}

func appendBytes(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendIdentity writes each list's length plus one, 0 for no list.
func appendIdentity(b []byte, id platen.ID, lists [2]platen.List) []byte {
	b = binary.AppendUvarint(b, uint64(id))
	for _, list := range lists {
		if list == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(list))+1)
		b = append(b, list...)
	}
	return b
}

// Nodes implements [platen.JobSetSource].
func (s *Spool) Nodes() []platen.Node { return s.nodes }

// Given implements [platen.JobSetSource].
func (s *Spool) Given() platen.Run { return s.ids }

// Read implements [platen.JobSetSource].
func (s *Spool) Read(v platen.JobSetVisitor) error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := reader{Reader: bufio.NewReaderSize(s.file, 64<<10)}
	for {
		tag, err := r.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		node := int(r.uvarint())
		switch tag {
		case recordList:
			facet := platen.Facet(r.byte())
			list := r.bytes(0, r.uvarint())
			if r.err == nil {
				err = v.NodeList(node, facet, list)
			}
		case recordPage:
			page := r.page()
			if r.err == nil {
				err = v.Page(node, page)
			}
		case recordDocument:
			document := platen.SourceDocument{Set: node}
			document.ID, document.Lists = r.identity()
			if r.err == nil {
				err = v.Document(&document)
			}
		}
		if err := errors.Join(r.err, err); err != nil {
			return err
		}
	}
}

// A reader reads records back. It keeps the first error.
type reader struct {
	*bufio.Reader
	err          error
	buffers      [3][]byte
	item, record platen.ID
	page1        platen.Page
}

func (r *reader) keep(err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("read temporary file: %w", err)
	}
}

func (r *reader) byte() byte {
	b, err := r.ReadByte()
	r.keep(err)
	return b
}

func (r *reader) uvarint() uint64 {
	v, err := binary.ReadUvarint(r)
	r.keep(err)
	return v
}

func (r *reader) varint() int64 {
	v, err := binary.ReadVarint(r)
	r.keep(err)
	return v
}

// bytes reads n bytes into one of the reader's buffers.
func (r *reader) bytes(buffer int, n uint64) []byte {
	if r.err != nil {
		return nil
	}
	b := r.buffers[buffer]
	if uint64(cap(b)) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	r.buffers[buffer] = b
	_, err := io.ReadFull(r, b)
	r.keep(err)
	return b
}

func (r *reader) identity() (platen.ID, [2]platen.List) {
	id := platen.ID(r.uvarint())
	var lists [2]platen.List
	for f := range lists {
		if n := r.uvarint(); n > 0 {
			lists[f] = r.bytes(f, n-1)
		}
	}
	return id, lists
}

func (r *reader) page() *platen.Page {
	details := r.buffers[2]
	page := &r.page1
	*page = platen.Page{}
	flags := r.byte()
	r.item += platen.ID(r.varint())
	page.Item = r.item
	if flags&pageRecord != 0 {
		r.record += platen.ID(r.varint())
		page.Record = r.record
	}
	switch {
	case flags&pageDetails != 0:
		page.Details = r.bytes(2, r.uvarint())
	case flags&pageSame != 0:
		page.Details = details
	}
	if flags&pageIdentity != 0 {
		page.ID, page.Lists = r.identity()
	}
	return page
}
