package olrest

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// creationWords are how a set was made.
var creationWords = map[platen.Creation]string{platen.ByImport: "import", platen.ByJobCreation: "jobcreation"}

// ReplyEntity answers with an entity.
func ReplyEntity(w http.ResponseWriter, request http.Header, e *platen.Entity) error {
	tag := e.Tag().String()
	var b jsonWriter
	b.object()
	b.entity(e, nil)
	b.text("revision", strings.Trim(tag, `"`))
	b.end()
	return ReplyTagged(w, request, b.buf, []string{tag})
}

// entity writes those members of an entity that were chosen.
func (j *jsonWriter) entity(e *platen.Entity, fields chosen) {
	if fields.has("kind") {
		j.text("kind", KindName(e.Kind))
	}
	if fields.has("id") {
		j.number("id", int64(e.ID))
	}
	if fields.has("ancestors") {
		j.key("ancestors")
		j.list()
		for _, above := range e.Ancestors {
			j.element()
			j.ref(above)
			j.end()
		}
		j.endList()
	}
	if e.Position >= 0 && fields.has("position") {
		j.number("position", e.Position)
	}
	if fields.has("datarecord") {
		j.id("datarecord", e.Record)
	}
	if e.Facts != nil {
		j.facts(e.Kind, e.Facts, fields)
	}
	for facet, list := range e.Lists {
		if list != nil {
			j.raw(platen.Facet(facet).String(), list)
		}
	}
}

func (j *jsonWriter) ref(ref platen.Ref) {
	j.text("kind", KindName(ref.Kind))
	j.number("id", int64(ref.ID))
}

// facts writes those facts that were chosen; what is not known is left out.
func (j *jsonWriter) facts(kind platen.Kind, f *platen.Facts, fields chosen) {
	text := func(member, value string) {
		if value != "" && fields.has(member) {
			j.text(member, value)
		}
	}
	updated := f.UpdateTime
	if !f.CreateTime.IsZero() {
		text("createTime", FormatTime(f.CreateTime))
		if updated.IsZero() {
			updated = f.CreateTime
		}
	}
	text("createdBy", f.CreatedBy)
	text("createdToken", f.Token)
	text("createdHow", creationWords[f.How])
	if !updated.IsZero() {
		text("updateTime", FormatTime(updated))
	}
	if !fields.has("counts") {
		return
	}
	j.key("counts")
	j.object()
	for _, row := range countRows {
		if names := fields["counts"]; row.of(kind) && (names == nil || slices.Contains(names, row.key)) {
			j.number(row.key, *row.count(&f.Counts))
		}
	}
	j.end()
}

// countRows are the counts that there are, and the kinds that have them.
var countRows = []struct {
	key   string
	of    func(platen.Kind) bool
	count func(*platen.Counts) *int64
}{
	{"jobs", is(platen.JobSet), func(c *platen.Counts) *int64 { return &c.Jobs }},
	{"jobsegments", is(platen.JobSet, platen.Job), func(c *platen.Counts) *int64 { return &c.JobSegments }},
	{"documentsets", is(platen.JobSet, platen.Job), func(c *platen.Counts) *int64 { return &c.DocumentSets }},
	{"documents", is(platen.JobSet, platen.Job), func(c *platen.Counts) *int64 { return &c.Documents }},
	{"contentitems", is(platen.JobSet, platen.Job, platen.ContentSet), func(c *platen.Counts) *int64 { return &c.ContentItems }},
	{"pages", is(platen.JobSet, platen.Job), func(c *platen.Counts) *int64 { return &c.Pages }},
	{"sheets", is(platen.JobSet, platen.Job), func(c *platen.Counts) *int64 { return &c.Sheets }},
	{"datarecords", is(platen.DataSet), func(c *platen.Counts) *int64 { return &c.DataRecords }},
}

func is(kinds ...platen.Kind) func(platen.Kind) bool {
	return func(kind platen.Kind) bool { return slices.Contains(kinds, kind) }
}

// positionParameter is where a page begins, for who does not come from the page
// before.
const positionParameter = "position"

// ReadChildrenPage reads the query of the children of an entity: how many to
// answer with, from which position on.
func ReadChildrenPage(values url.Values, ref platen.Ref) (size int, position int64, err error) {
	return readPositions(values, childrenOf(ref))
}

// readPositions reads the query of a list whose pages begin at positions.
func readPositions(values url.Values, list string) (size int, position int64, err error) {
	if err := CheckQuery(values, pageSizeParameter, pageTokenParameter, positionParameter); err != nil {
		return 0, 0, err
	}
	page, err := readPage(values, list)
	if err != nil {
		return 0, 0, err
	}
	if values.Has(positionParameter) {
		position, err = strconv.ParseInt(values.Get(positionParameter), 10, 64)
		if err != nil || !isPosition(position) || page.After != nil {
			return 0, 0, parameterError(positionParameter, "%s must be a whole number from 0 to %d, without a %s", positionParameter, platen.MaxID, pageTokenParameter)
		}
		return page.Size, position, nil
	}
	if page.After == nil {
		return page.Size, 0, nil
	}
	from, n := binary.Uvarint(page.After)
	if n != len(page.After) || !isPosition(int64(from)) {
		return 0, 0, parameterError(pageTokenParameter, "the %s names no position", pageTokenParameter)
	}
	return page.Size, int64(from), nil
}

// isPosition reports whether a list can have a position: nothing contains more than
// there are identifiers.
func isPosition(n int64) bool { return 0 <= n && n <= int64(platen.MaxID) }

// childrenOf names the list of an entity's children for its page tokens.
func childrenOf(ref platen.Ref) string { return "children of " + ref.ID.String() }

// ReplyChildren answers with children of an entity, of which there are total, from
// a position on. more: there are others after them.
func ReplyChildren(w http.ResponseWriter, ref platen.Ref, kind platen.Kind, position, total int64, runs []platen.IDRange, more bool) {
	var b jsonWriter
	b.object()
	b.key("children")
	b.list()
	for _, run := range runs {
		for id := run.First; id <= run.Last; id++ {
			b.element()
			b.ref(platen.Ref{Kind: kind, ID: id})
			b.number("position", position)
			b.end()
			position++
		}
	}
	b.endList()
	b.number("total", total)
	if more {
		b.pageToken(childrenOf(ref), binary.AppendUvarint(nil, uint64(position)))
	}
	b.end()
	ReplyJSON(w, b.buf)
}

// ReadPagesPage reads the query of the pages of a document, as [ReadChildrenPage]
// does.
func ReadPagesPage(values url.Values, ref platen.Ref) (size int, position int64, err error) {
	return readPositions(values, pagesOf(ref))
}

// pagesOf names the list of a document's pages for its page tokens.
func pagesOf(ref platen.Ref) string { return "pages of " + ref.ID.String() }

// fullPage is how many bytes an answer has at most before one more page: the lists
// of a page may be long.
const fullPage = 4 << 20

// A DocumentPagesWriter writes some pages of a document.
type DocumentPagesWriter struct {
	b              jsonWriter
	ref            platen.Ref
	position, left int64
	more           bool
	err            error
}

// NewDocumentPagesWriter returns a writer of up to size pages from a position on.
func NewDocumentPagesWriter(ref platen.Ref, position int64, size int) *DocumentPagesWriter {
	w := &DocumentPagesWriter{ref: ref, position: position, left: int64(size)}
	w.b.object()
	w.b.key("pages")
	w.b.list()
	return w
}

// Write adds a page, and reports whether there may be another one.
func (w *DocumentPagesWriter) Write(page *transfer.Page) bool {
	if w.left == 0 || len(w.b.buf) > fullPage {
		w.more = true
		return false
	}
	details, err := platen.DecodeDetails(page.Details)
	var pages []byte
	if err == nil {
		pages, err = encodePages(details.Pages)
	}
	if err != nil {
		w.err = err
		return false
	}
	w.b.element()
	w.b.number("position", w.position)
	w.b.id("contentitem", page.Item)
	w.b.id("datarecord", page.Record)
	w.b.optionalText("template", details.Template)
	w.b.raw("pages", pages)
	for facet, list := range page.Lists {
		if list != nil {
			w.b.raw(platen.Facet(facet).String(), list)
		}
	}
	w.b.end()
	w.position++
	w.left--
	return true
}

// Len returns how many bytes the pages have so far.
func (w *DocumentPagesWriter) Len() int { return len(w.b.buf) }

// Reply answers with the pages.
func (w *DocumentPagesWriter) Reply(to http.ResponseWriter) error {
	w.b.endList()
	if w.more {
		w.b.pageToken(pagesOf(w.ref), binary.AppendUvarint(nil, uint64(w.position)))
	}
	w.b.end()
	if w.err == nil {
		ReplyJSON(to, w.b.buf)
	}
	return w.err
}
