package olrest

import (
	"net/http"
	"net/url"

	"github.com/platenhq/platen"
)

// A NamesPage is a page of the names that lists of a kind have.
type NamesPage struct {
	Kind  platen.Kind
	Size  int
	After platen.ListName // the last of the page before
}

// ReadNamesPage reads the query of the names of a kind.
func ReadNamesPage(values url.Values) (p NamesPage, err error) {
	if err := CheckQuery(values, kindParameter, pageSizeParameter, pageTokenParameter); err != nil {
		return p, err
	}
	if p.Kind, err = ParseKind(kindParameter, values.Get(kindParameter)); err != nil {
		return p, err
	}
	page, err := readPage(values, p.query())
	p.Size = page.Size
	if len(page.After) > 0 {
		p.After = platen.ListName{Facet: platen.Facet(page.After[0]), Name: string(page.After[1:])}
	}
	return p, err
}

// query is what the page tokens are good for.
func (p NamesPage) query() string { return "names of " + KindName(p.Kind) }

// Reply answers with the names of the page. more: there are others after them.
func (p NamesPage) Reply(w http.ResponseWriter, names []platen.ListName, more bool) {
	var b jsonWriter
	b.object()
	listOf(&b, "names", names, func(j *jsonWriter, one platen.ListName) {
		j.object()
		j.text("list", one.Facet.String())
		j.text("name", one.Name)
		j.end()
	})
	if more {
		last := names[len(names)-1]
		b.pageToken(p.query(), append([]byte{byte(last.Facet)}, last.Name...))
	}
	b.end()
	ReplyJSON(w, b.buf)
}
