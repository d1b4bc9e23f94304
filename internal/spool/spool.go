// Package spool keeps a set between the network, which may be slow, and the
// transaction that stores it, which must not wait: a compact copy in a
// temporary file, written while the document arrives. Its types are the
// sources of imports: [transfer.JobSetSource], [transfer.DataSetSource] and
// [transfer.ContentSetSource]. Spools of printers are something else.
package spool

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// The entries of the file: a byte that says which, then what it holds.
const (
	entryList = iota + 1
	entryPage
	entryDocument
	entryRecord
	entryRest
)

// A file is the temporary file of a set.
type file struct {
	temporary *os.File
	w         *bufio.Writer
	buf       []byte
	size      int64
	ids       platen.IDRange // smallest and largest identifier given
}

// newFile makes the file of a set.
func (d Dir) newFile() (file, error) {
	temporary, err := d.temporaryFile()
	if err != nil {
		return file{}, err
	}
	return file{temporary: temporary, w: bufio.NewWriterSize(temporary, 64<<10)}, nil
}

// Close removes the temporary file.
func (f *file) Close() error { return closeTemporary(f.temporary) }

// ExplicitIDs implements the source of each kind of set.
func (f *file) ExplicitIDs() platen.IDRange { return f.ids }

func (f *file) given(id platen.ID) platen.ID {
	f.ids = transfer.Widen(f.ids, id)
	return id
}

// entry begins an entry, which write ends.
func (f *file) entry(kind byte) []byte { return append(f.buf[:0], kind) }

func (f *file) write(b []byte) error {
	f.buf = b
	n, err := f.w.Write(b)
	f.size += int64(n)
	return noRoom(err)
}

// overwrite replaces what was written at an offset.
func (f *file) overwrite(b []byte, offset int64) error {
	err := f.w.Flush()
	if err == nil {
		_, err = f.temporary.WriteAt(b, offset)
	}
	return noRoom(err)
}

func noRoom(err error) error {
	if err == nil {
		return nil
	}
	return &platen.Error{Code: platen.Unavailable, Message: "the server has no room for this in its spool directory", Err: err}
}

func appendText[T ~[]byte | ~string](b []byte, text T) []byte {
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

// read runs fn at each entry, from the first on. fn reads what the entry holds
// and passes it on, unless that has failed.
func (f *file) read(fn func(r *reader, kind byte) error) error {
	if err := f.w.Flush(); err != nil {
		return noRoom(err)
	}
	if _, err := f.temporary.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := &reader{Reader: bufio.NewReaderSize(f.temporary, 64<<10)}
	for {
		kind, err := r.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		err = fn(r, kind)
		if r.err != nil {
			return r.err
		}
		if err != nil {
			return err
		}
	}
}

// A reader reads entries back. It keeps the first error.
type reader struct {
	*bufio.Reader
	err     error
	buffers [3][]byte
	fields  []platen.NameValue // used by record
}

func (r *reader) keep(err error) {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // an entry has begun
	}
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

// The buffers of a reader. Those of lists are numbered by facet.
const textBuffer = len(platen.Facets)

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
