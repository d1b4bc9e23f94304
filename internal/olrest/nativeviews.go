package olrest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/platenhq/platen"
)

// views are the routes of the listings that users have saved.
var views = []Route{
	{Method: http.MethodGet, Path: viewsPath, Action: ListViews},
	{Method: http.MethodPost, Path: viewsPath, Action: AddView},
	{Method: http.MethodGet, Path: viewsPath + "/{view}", Action: DescribeView},
	{Method: http.MethodPut, Path: viewsPath + "/{view}", Action: ReplaceView},
	{Method: http.MethodDelete, Path: viewsPath + "/{view}", Action: RemoveView},
}

const viewsPath = NativePrefix + "/views"

// ParseViewID reads the id of a view in a path. NotFound: it can be none.
func ParseViewID(text string) (int64, error) {
	id, ok := platen.ParseID(text)
	if !ok {
		err := platen.Errorf(platen.NotFound, "view %.80q not found", text)
		err.Param = shorten([]byte(text))
		return 0, err
	}
	return int64(id), nil
}

// ReadView reads what a view is to be: all of it but its id and owner. It must be
// a listing that can be asked for.
func ReadView(body []byte) (v platen.View, err error) {
	kind := ""
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the view", map[string]func() error{
			"name": d.textInto("name", &v.Name), "kind": d.textInto("kind", &kind),
			"filter": d.textInto("filter", &v.Filter), "orderBy": d.textInto("orderBy", &v.OrderBy), "fields": d.textInto("fields", &v.Fields),
			"shared": d.boolInto("shared", &v.Shared),
		})
	})
	switch {
	case err != nil:
		return v, err
	case strings.TrimSpace(v.Name) == "":
		return v, missing("name")
	case kind == "":
		return v, missing("kind")
	case utf8.RuneCountInString(v.Name) > platen.MaxViewName:
		return v, platen.Errorf(platen.Invalid, "the name is longer than %d characters", platen.MaxViewName)
	}
	if size := len(v.Filter) + len(v.OrderBy) + len(v.Fields); size > platen.MaxViewBytes {
		return v, platen.Errorf(platen.Invalid, "filter, orderBy and fields have %d bytes together, and they can have %d", size, platen.MaxViewBytes)
	}
	values := url.Values{kindParameter: {kind}, filterParameter: {v.Filter}, orderByParameter: {v.OrderBy}}
	if v.Fields != "" {
		values.Set(fieldsParameter, v.Fields)
	}
	listing, err := ReadListing(values)
	if err == nil {
		v.Kind = listing.Kind
	}
	return v, err
}

// ViewTag returns the tag of a view: another one after each change.
func ViewTag(v *platen.View) platen.Tag {
	return platen.TagOf([]byte("view " + strconv.FormatInt(v.ID, 10) + " " + strconv.FormatInt(v.Version, 10)))
}

// MatchView returns Changed unless a view has a tag of match.
func MatchView(v *platen.View, match *platen.Match) error {
	now := ViewTag(v)
	if match.Has(now) {
		return nil
	}
	err := platen.Errorf(platen.Changed, "the view is not the one that If-Match names: it has the tag %s now; read it again", now)
	err.Param, err.Tag = strconv.FormatInt(v.ID, 10), now.String()
	return err
}

// view writes a view as an object.
func (j *jsonWriter) view(v platen.View) {
	j.object()
	j.number("id", v.ID)
	j.text("name", v.Name)
	j.text("kind", KindName(v.Kind))
	j.text("filter", v.Filter)
	j.text("orderBy", v.OrderBy)
	j.text("fields", v.Fields)
	j.flag("shared", v.Shared)
	j.text("owner", v.Owner)
	j.time("createTime", v.Created)
	j.time("updateTime", v.Changed)
	j.text("revision", strings.Trim(ViewTag(&v).String(), `"`))
	j.end()
}

// ReplyView answers with a view that the request asks for.
func ReplyView(w http.ResponseWriter, request http.Header, v platen.View) error {
	var b jsonWriter
	b.view(v)
	return ReplyTagged(w, request, b.buf, []string{ViewTag(&v).String()})
}

// ReplyViewSaved answers with a view that the request has changed or, created,
// added.
func ReplyViewSaved(w http.ResponseWriter, v platen.View, created bool) {
	var b jsonWriter
	b.view(v)
	w.Header()[tagHeader] = []string{ViewTag(&v).String()}
	replyOne(w, "views", strconv.FormatInt(v.ID, 10), created, b.buf)
}

// ReplyViews answers with all views that the caller sees.
func ReplyViews(w http.ResponseWriter, all []platen.View) {
	replyAll(w, "views", all, (*jsonWriter).view)
}
