package olrest

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// levels are the levels of a job set document, by the key of the list in
// which they stand: the JSON Job Set Structure (api-facts 2.4), where each
// level may also carry id, properties and metadata.
var levels = map[platen.Kind]struct{ key, child string }{
	platen.JobSet:       {"", "jobs"},
	platen.Job:          {"jobs", "segments"},
	platen.JobSegment:   {"segments", "documentsets"},
	platen.DocumentSet:  {"documentsets", "documents"},
	platen.Document:     {"documents", "documentpages"},
	platen.DocumentPage: {"documentpages", ""},
}

// A JobSetSink takes a job set document apart, in its order.
type JobSetSink interface {
	// Begin and End enclose a job set, job, job segment or document set. An
	// id of 0 and nil lists are not given.
	Begin(kind platen.Kind)
	End(id platen.ID, lists [2]platen.List) error
	// Page is a page of the document that Document ends.
	Page(page *transfer.Page) error
	Document(id platen.ID, lists [2]platen.List) error
}

// ReadJobSet reads a job set document from r into sink, in memory that does
// not grow with the document. An error of r itself is returned as it is.
func ReadJobSet(r io.Reader, sink JobSetSink) error {
	return readSet(r, platen.JobSet, func(d *setDecoder) error {
		return (&jobSetDecoder{setDecoder: d, sink: sink}).entity(platen.JobSet)
	})
}

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
	return err
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
		s.err = platen.Errorf(platen.TooLarge, "after byte %d: a single value, or all that one level holds besides its children, is over %d MiB", s.mark, maxValue>>20)
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
	columns, tables int // of a data set, so far
}

type jobSetDecoder struct {
	*setDecoder
	sink JobSetSink
}

// entity reads one level, and what is below it.
func (d *jobSetDecoder) entity(kind platen.Kind) error {
	d.source.mark = d.InputOffset()
	if err := d.open('{', "a "+kind.String()); err != nil {
		return err
	}
	var (
		page    transfer.Page // of other levels: ID and Lists
		details details
		child   = levels[kind].child
		below   bool
		unknown string
	)
	if kind < platen.Document {
		d.sink.Begin(kind)
	}
	for {
		ok, err := d.more()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		switch {
		case key == "id":
			page.ID, err = d.entityID()
		case key == "properties":
			page.Lists[platen.Properties], err = d.encodedList(key)
		case key == "metadata":
			page.Lists[platen.Metadata], err = d.encodedList(key)
		case child != "" && key == child:
			below = true
			err = d.children(kind.Info().Child, key)
		case child == "" && key == "contentitem":
			page.Item, err = d.entityID()
		case child == "" && key == "datarecord":
			page.Record, err = d.entityID()
		case child == "" && detailsKeys[key]:
			err = d.details(key, &details)
		default:
			if unknown == "" {
				unknown = key
			}
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
	switch {
	case child == "" && page.Item == 0:
		return d.fail("the document page has no contentitem")
	case !below && kind == platen.JobSet:
		return d.fail("the job set has no list of jobs")
	case !below && child != "" && unknown != "":
		// Most likely a slip of the pen, which would lose all below.
		return d.fail("the %s has no list of %s, but an unknown key %q", kind, child, shorten([]byte(unknown)))
	}
	switch kind {
	case platen.DocumentPage:
		page.Details = details.encode()
		return d.sink.Page(&page)
	case platen.Document:
		return d.sink.Document(page.ID, page.Lists)
	}
	return d.sink.End(page.ID, page.Lists)
}

func (d *jobSetDecoder) children(kind platen.Kind, key string) error {
	if err := d.open('[', key); err != nil {
		return err
	}
	for {
		ok, err := d.more()
		if !ok || err != nil {
			return err
		}
		if err := d.entity(kind); err != nil {
			return err
		}
		d.source.mark = d.InputOffset()
	}
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

// details reads one of detailsKeys (api-facts 2.5).
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

// appendDetails goes on in an object, which has other keys, with those of page
// details in the form in which they are stored.
func appendDetails(b, details []byte) []byte {
	if within := bytes.TrimSuffix(bytes.TrimPrefix(details, []byte{'{'}), []byte{'}'}); len(within) > 0 {
		b = append(append(b, ','), within...)
	}
	return b
}

// A JobSetWriter writes elements, as [storage.Exporter.ReadJobSet] yields them,
// as a job set document.
type JobSetWriter struct {
	w    io.Writer
	buf  []byte
	open []platen.Kind // levels whose list of children is open
}

// NewJobSetWriter returns a writer of one document.
func NewJobSetWriter(w io.Writer) *JobSetWriter {
	return &JobSetWriter{w: w, buf: make([]byte, 0, flushBytes+4096)}
}

// Write adds an element. Its error is that of the writer beneath.
func (w *JobSetWriter) Write(e *transfer.Element) error {
	first := w.begin(e.Kind)
	b := w.buf
	if !first {
		b = append(b, ',')
	}
	b = append(b, '{')
	comma := func(key string) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), key...), `":`...)
	}
	number := func(key string, id platen.ID) {
		if id != 0 {
			comma(key)
			b = strconv.AppendInt(b, int64(id), 10)
		}
	}
	number("id", e.ID)
	number("contentitem", e.Item)
	number("datarecord", e.Record)
	for _, f := range platen.Facets {
		if list := e.Lists[f]; len(list) > 0 {
			comma(f.String())
			b = append(b, list...)
		}
	}
	b = appendDetails(b, e.Details)
	if child := levels[e.Kind].child; child != "" {
		comma(child)
		b = append(b, '[')
		w.open = append(w.open, e.Kind)
	} else {
		b = append(b, '}')
	}
	w.buf = b
	return w.flush(flushBytes)
}

// begin closes what does not contain the kind, and reports whether an element
// of it is the first in its list.
func (w *JobSetWriter) begin(kind platen.Kind) bool {
	first := true
	for n := len(w.open); n > 0 && w.open[n-1] >= kind; n-- {
		w.buf = append(w.buf, `]}`...)
		w.open = w.open[:n-1]
		first = false
	}
	if kind == platen.DocumentPage && len(w.buf) > 0 {
		// Pages have no list of their own to close.
		first = w.buf[len(w.buf)-1] == '['
	}
	return first
}

func (w *JobSetWriter) flush(above int) error {
	if len(w.buf) <= above {
		return nil
	}
	// The last byte stays, for begin to look at.
	last := len(w.buf) - 1
	_, err := w.w.Write(w.buf[:last])
	w.buf[0] = w.buf[last]
	w.buf = w.buf[:1]
	return err
}

// Close writes what is left.
func (w *JobSetWriter) Close() error {
	w.begin(platen.JobSet)
	w.buf = append(w.buf, '\n')
	_, err := w.w.Write(w.buf)
	return err
}
