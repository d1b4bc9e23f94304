package olrest

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// readSet runs fn over a document of any size, which holds one set.
func readSet(r io.Reader, kind platen.Kind, fn func(*setDecoder) error) error {
	source := &source{Reader: r}
	d := &setDecoder{decoder: decoder{Decoder: jsontext.NewDecoder(source)}, source: source}
	err := d.whole(func(*decoder) error {
		if d.PeekKind() == jsontext.KindInvalid {
			if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
				return platen.Errorf(platen.Invalid, "the body is empty; it must be a %s document", kind)
			}
		}
		return fn(d)
	})
	if source.err != nil {
		return source.err
	}
	return located(err, d.InputOffset())
}

// located says where in a document an error is, unless it says so itself.
func located(err error, offset int64) error {
	e, ok := err.(*platen.Error)
	if !ok || e.Offset != 0 {
		return err
	}
	at := *e
	at.Offset = offset
	return &at
}

// maxValue bounds what a level of a document may hold besides its children,
// in bytes, so that a document of any size needs little memory.
const maxValue = 16 << 20

// A source is the reader beneath a decoder. It keeps its first error, which
// the decoder would wrap, and is the place where maxValue is enforced.
type source struct {
	io.Reader
	read int64
	mark int64 // where the level that is read began, or its last child ended
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if s.read-s.mark > maxValue {
		s.err = located(platen.Errorf(platen.TooLarge, "after byte %d: a single value, or all that one level holds besides its children, is over %d MiB", s.mark, maxValue>>20), s.mark)
		return 0, s.err
	}
	n, err := s.Reader.Read(p)
	s.read += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// A setDecoder reads a document of any size.
type setDecoder struct {
	decoder
	source          *source
	columns, tables int   // of a data set, so far
	unknown         int64 // bytes of unknown keys and their values in the data records that are open
}

// parts runs fn at each element of a list of any length.
func (d *setDecoder) parts(key string, fn func() error) error {
	return d.each(key, func() error {
		d.source.mark = d.InputOffset()
		err := fn()
		d.source.mark = d.InputOffset()
		return err
	})
}

// head reads the value of a key that all sets have, or skips it.
func (d *setDecoder) head(set *transfer.SourceSet, key string) (err error) {
	switch key {
	case "id":
		set.ID, err = d.entityID()
	case "properties":
		set.Lists[platen.Properties], err = d.encodedList(key)
	case "metadata":
		set.Lists[platen.Metadata], err = d.encodedList(key)
	default:
		err = d.skip()
	}
	return err
}

// encodedList reads a list; an empty one is as good as none.
func (d *setDecoder) encodedList(key string) (platen.List, error) {
	pairs, err := d.list(key)
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	list, err := platen.NewList(pairs)
	if err != nil {
		err = d.fail("%v", err)
	}
	return list, err
}

// details are page details that are read.
type details struct {
	platen.Details
	given bool
}

// detailsKeys are the keys of a document page or content item that are page
// details.
var detailsKeys = map[string]bool{"pages": true, "template": true}

// encode returns the form that is stored, or nil if there was none of the keys.
func (t *details) encode() []byte {
	if !t.given {
		return nil
	}
	return t.Encode()
}

// details reads one of detailsKeys.
func (d *setDecoder) details(key string, into *details) (err error) {
	into.given = true
	if key == "template" {
		into.Template, err = d.text(key, false)
		return err
	}
	return d.each(key, func() error {
		entry, err := d.pageCount()
		into.Pages = append(into.Pages, entry)
		return err
	})
}

func (d *setDecoder) pageCount() (entry platen.PageCount, err error) {
	err = d.members("an entry of pages", func(key string) (err error) {
		switch key {
		case "count":
			entry.Count, err = d.count()
		case "duplex":
			entry.Duplex, err = d.flag(key)
		case "media":
			err = d.media(&entry.Media)
		default:
			err = d.skip()
		}
		return err
	})
	if err == nil && entry.Count == 0 {
		err = d.fail("the entry has no count")
	}
	return entry, err
}

func (d *setDecoder) count() (int64, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return 0, d.syntax(err)
	}
	count, ok := platen.ParseID(string(raw))
	if !ok || count > 1<<31 {
		return 0, d.fail("the count must be a whole number from 1 up, not %s", shorten(raw))
	}
	return int64(count), nil
}

func (d *setDecoder) media(media *platen.Media) error {
	texts := map[string]*string{
		"name":   &media.Name,
		"type":   &media.Type,
		"size":   &media.Size,
		"width":  &media.Width,
		"height": &media.Height,
		"color":  &media.Color,
		"weight": &media.Weight,
	}
	return d.members("media", func(key string) (err error) {
		text := texts[key]
		if text == nil || d.PeekKind() == 'n' {
			return d.skip()
		}
		*text, err = d.text(key, d.PeekKind() == '0')
		return err
	})
}

// details goes on in an object, which has other keys, with those of page details
// in the form in which they are stored.
func (j *jsonWriter) details(details []byte) {
	if within := bytes.TrimSuffix(bytes.TrimPrefix(details, []byte{'{'}), []byte{'}'}); len(within) > 0 {
		j.comma()
		j.buf = append(j.buf, within...)
	}
}

// A SetWriter writes a data set or content set, as [storage.Exporter.ReadDataSet]
// and [storage.Exporter.ReadContentSet] yield them, as a document. It writes to
// the writer beneath only when there is much to write, and in Close.
type SetWriter struct {
	jsonWriter
	open []bool // the last record and those around it: whether its list of records is open
}

// NewSetWriter returns a writer of one document.
func NewSetWriter(w io.Writer) *SetWriter { return &SetWriter{jsonWriter: streamed(w)} }

// begin writes what all sets have.
func (w *SetWriter) begin(set transfer.SourceSet) {
	w.object()
	w.id("id", set.ID)
	for _, facet := range platen.Facets {
		w.pairs(facet, set.Lists[facet])
	}
}

// Close writes what is left.
func (w *SetWriter) Close() error {
	w.endFrom(0)
	w.endList()
	w.end()
	w.buf = append(w.buf, '\n')
	return w.close()
}
