package olrest

import (
	"cmp"
	"io"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// levels are the levels of a job set document, by the key of the list in
// which they stand: the JSON Job Set Structure, where each
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

type jobSetDecoder struct {
	*setDecoder
	sink   JobSetSink
	levels [platen.DocumentPage + 1]level // by kind: of each, one is read at a time
}

// A level is what is read of an entity of a job set, besides what is below it.
type level struct {
	transfer.Page // of other kinds: ID and Lists
	details       details
	below         bool   // it has a list of children
	unknown       string // the first key that is none of ours
}

// entity reads one level, and what is below it.
func (d *jobSetDecoder) entity(kind platen.Kind) error {
	d.source.mark = d.InputOffset()
	if kind < platen.Document {
		d.sink.Begin(kind)
	}
	read := &d.levels[kind]
	*read = level{}
	if err := d.members("a "+kind.String(), func(key string) error { return d.member(kind, key, read) }); err != nil {
		return err
	}
	if err := d.check(kind, read); err != nil {
		return err
	}
	switch kind {
	case platen.DocumentPage:
		read.Details = read.details.encode()
		return d.sink.Page(&read.Page)
	case platen.Document:
		return d.sink.Document(read.ID, read.Lists)
	}
	return d.sink.End(read.ID, read.Lists)
}

// member reads what stands at a key of a level.
func (d *jobSetDecoder) member(kind platen.Kind, key string, read *level) (err error) {
	child := levels[kind].child
	switch {
	case key == "id":
		read.ID, err = d.entityID()
	case key == "properties":
		read.Lists[platen.Properties], err = d.encodedList(key)
	case key == "metadata":
		read.Lists[platen.Metadata], err = d.encodedList(key)
	case child != "" && key == child:
		read.below = true
		err = d.parts(key, func() error { return d.entity(kind.Info().Child) })
	case child == "" && key == "contentitem":
		read.Item, err = d.entityID()
	case child == "" && key == "datarecord":
		read.Record, err = d.entityID()
	case child == "" && detailsKeys[key]:
		err = d.details(key, &read.details)
	default:
		read.unknown = cmp.Or(read.unknown, key)
		err = d.skip()
	}
	return err
}

// check refuses a level that lacks what it must have.
func (d *jobSetDecoder) check(kind platen.Kind, read *level) error {
	child := levels[kind].child
	switch {
	case child == "" && read.Item == 0:
		return d.fail("the document page has no contentitem")
	case !read.below && kind == platen.JobSet:
		return d.fail("the job set has no list of jobs")
	case !read.below && child != "" && read.unknown != "":
		// Most likely it is mistyped, which would lose all below.
		return d.fail("the %s has no list of %s, but an unknown key %q", kind, child, shorten([]byte(read.unknown)))
	}
	return nil
}

// A JobSetWriter writes elements, as [storage.Exporter.ReadJobSet] yields them,
// as a job set document.
type JobSetWriter struct {
	jsonWriter
	open []platen.Kind // levels whose list of children is open
}

// NewJobSetWriter returns a writer of one document.
func NewJobSetWriter(w io.Writer) *JobSetWriter { return &JobSetWriter{jsonWriter: streamed(w)} }

// Write adds an element. Its error is that of the writer beneath.
func (w *JobSetWriter) Write(e *transfer.Element) error {
	w.endFrom(e.Kind)
	w.element()
	w.id("id", e.ID)
	w.id("contentitem", e.Item)
	w.id("datarecord", e.Record)
	for _, facet := range platen.Facets {
		w.pairs(facet, e.Lists[facet])
	}
	w.details(e.Details)
	if child := levels[e.Kind].child; child != "" {
		w.key(child)
		w.list()
		w.open = append(w.open, e.Kind)
	} else {
		w.end()
	}
	return w.flush()
}

// endFrom ends the open levels that do not contain the kind.
func (w *JobSetWriter) endFrom(kind platen.Kind) {
	for n := len(w.open); n > 0 && w.open[n-1] >= kind; n-- {
		w.endList()
		w.end()
		w.open = w.open[:n-1]
	}
}

// Close writes what is left.
func (w *JobSetWriter) Close() error {
	w.endFrom(platen.JobSet)
	w.buf = append(w.buf, '\n')
	return w.close()
}
