package olrest

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/platenhq/platen"
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
	return func(kind platen.Kind) bool {
		for _, one := range kinds {
			if one == kind {
				return true
			}
		}
		return false
	}
}

// ReadChildrenPage reads the query of the children of an entity: how many to
// answer with, from which position on.
func ReadChildrenPage(values url.Values, ref platen.Ref) (size int, position int64, err error) {
	if err := CheckQuery(values, pageSizeParameter, pageTokenParameter); err != nil {
		return 0, 0, err
	}
	page, err := readPage(values, childrenOf(ref))
	if err != nil || page.After == nil {
		return page.Size, 0, err
	}
	from, n := binary.Uvarint(page.After)
	if n != len(page.After) || int64(from) < 0 {
		return 0, 0, platen.Errorf(platen.Invalid, "the %s names no position", pageTokenParameter)
	}
	return page.Size, int64(from), nil
}

// childrenOf names the list of an entity's children for its page tokens.
func childrenOf(ref platen.Ref) string { return "children of " + ref.ID.String() }

// ReplyChildren answers with children of an entity from a position on. more: there
// are others after them.
func ReplyChildren(w http.ResponseWriter, ref platen.Ref, kind platen.Kind, position int64, runs []platen.IDRange, more bool) {
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
	if more {
		b.pageToken(childrenOf(ref), binary.AppendUvarint(nil, uint64(position)))
	}
	b.end()
	ReplyJSON(w, b.buf)
}

// ReplyDeleted answers the deletion of an entity.
func ReplyDeleted(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }
