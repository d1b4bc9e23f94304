package olrest

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/filter"
)

// The parameters of a listing, besides those of its page.
const (
	kindParameter    = "kind"
	filterParameter  = "filter"
	orderByParameter = "orderBy"
	fieldsParameter  = "fields"
)

// A Listing is a listing that was asked for, with what its answer has.
type Listing struct {
	platen.Listing
	query  string // what its page tokens are good for
	fields chosen
}

// ReadListing reads the query of a listing.
func ReadListing(values url.Values) (*Listing, error) {
	if err := CheckQuery(values, kindParameter, filterParameter, orderByParameter, fieldsParameter, pageSizeParameter, pageTokenParameter); err != nil {
		return nil, err
	}
	kind, err := ParseKind(kindParameter, values.Get(kindParameter))
	if err != nil {
		return nil, err
	}
	l := &Listing{}
	l.Kind = kind
	if l.Rule, err = readFilter(kind, values.Get(filterParameter)); err != nil {
		return nil, err
	}
	if l.Order, err = readOrder(kind, values.Get(orderByParameter)); err != nil {
		return nil, err
	}
	l.query = strings.Join([]string{"entities", KindName(kind), values.Get(filterParameter), values.Get(orderByParameter)}, "\x00")
	return l, l.readShape(values)
}

// readShape reads which page of a listing is asked for, and what of each entity.
func (l *Listing) readShape(values url.Values) (err error) {
	if l.fields, err = readFields(l.Kind, values); err != nil {
		return err
	}
	l.Parts = l.fields.parts()
	page, err := readPage(values, l.query)
	if err != nil {
		return err
	}
	l.Size = page.Size
	if page.After != nil {
		l.After, err = readPosition(page.After)
	}
	return err
}

// readFilter makes a filter a rule about entities of a kind. An empty one holds for
// all.
func readFilter(kind platen.Kind, text string) (platen.Rule, error) {
	names := names{filterParameter, kind}
	node, err := filter.Parse(text)
	if err != nil {
		return platen.Rule{}, names.syntax(err)
	}
	return names.rule(&node)
}

// readOrder reads what a listing is ordered by: one name, which id may follow.
func readOrder(kind platen.Kind, text string) (order platen.ListingOrder, err error) {
	names := names{orderByParameter, kind}
	if text == "" {
		return order, nil
	}
	keys, err := filter.ParseOrder(text)
	if err != nil {
		return order, names.syntax(err)
	}
	first := keys[0]
	of, err := names.resolve(first.Name, first.At)
	order.Descending = first.Descending
	switch {
	case err != nil:
		return order, err
	case of.id && len(keys) > 1:
		return order, names.failed(keys[1].At, "expected the end: no two entities have the same id")
	case of.id:
		return order, nil
	case of.name == "":
		return order, names.failed(first.At, "%q is nothing to order by; there are %s", strings.Join(first.Name, "."), strings.Join(names.known(), ", "))
	case of.facet == platen.Fields && kind == platen.ContentItem:
		return order, names.failed(first.At, "content items are not ordered by fields, since several may have one data record: list data records")
	}
	if len(keys) > 2 || len(keys) == 2 && (len(keys[1].Name) != 1 || keys[1].Name[0] != "id") {
		return order, names.failed(keys[1].At, "expected id or the end: entities are ordered by one name and then by their ids")
	}
	if len(keys) == 2 && keys[1].Descending != order.Descending {
		return order, names.failed(keys[1].At, "id has the same direction as what is before it")
	}
	order.Name, order.Facet = of.name, of.facet
	if of.fact != nil && !of.fact.own && !kind.Info().Set {
		order.OfSet = setOf(kind)
	}
	return order, nil
}

// chosen are the members that an answer has of each entity; nil: all. Of a list it
// has the names that were chosen, none: all.
type chosen map[string][]string

// members are what can be chosen besides lists and facts.
var members = []string{"id", "kind", "ancestors", "position", "datarecord", "counts", "revision"}

// readFields reads which members were chosen.
func readFields(kind platen.Kind, values url.Values) (chosen, error) {
	if !values.Has(fieldsParameter) {
		return nil, nil
	}
	names := names{fieldsParameter, kind}
	keys, err := filter.ParseNames(values.Get(fieldsParameter))
	if err != nil {
		return nil, names.syntax(err)
	}
	fields := make(chosen)
	for _, key := range keys {
		of, err := names.resolve(key.Name, key.At)
		member := strings.Join(key.Name, ".")
		switch {
		case slices.Contains(members, member):
			fields[member] = nil
		case err == nil && of.fact != nil && of.fact.holds == factNumber:
			fields["counts"] = append(fields["counts"], strings.TrimPrefix(member, "counts."))
		case err == nil && of.fact != nil:
			fields[member] = nil
		case err != nil, of.id, of.parent, of.ancestor != 0, of.facet == platen.Fields && kind == platen.ContentItem:
			return nil, names.failed(key.At, "a %s has no %q to choose; there are %s", kind, member, strings.Join(names.choices(), ", "))
		default:
			list := of.facet.String()
			if now, all := fields[list]; len(key.Name) == 1 || all && now == nil {
				fields[list] = nil // all of it
			} else {
				fields[list] = append(now, of.name)
			}
		}
	}
	return fields, nil
}

// choices lists what can be chosen, for messages.
func (n names) choices() []string {
	all := slices.Clone(members)
	for _, one := range facts {
		if one.of(n.kind) && one.holds != factNumber {
			all = append(all, one.name)
		}
	}
	for _, facet := range n.facets() {
		if facet != platen.Fields || n.kind == platen.DataRecord {
			all = append(all, facet.String(), facet.String()+".NAME")
		}
	}
	return all
}

// has reports whether a member was chosen.
func (c chosen) has(member string) bool {
	_, ok := c[member]
	return c == nil || ok
}

// parts returns what has to be read.
func (c chosen) parts() (parts platen.EntityParts) {
	all := c.has("revision")
	parts.Places = all || c.has("ancestors") || c.has("position") || c.has("datarecord")
	parts.Facts = all || c.has("counts") || slices.ContainsFunc(facts, func(f fact) bool { return c.has(f.name) })
	for facet := range parts.Lists {
		parts.Lists[facet] = all || c.has(platen.Facet(facet).String())
	}
	return parts
}

// pick returns a list with the names that were chosen.
func (c chosen) pick(member string, list platen.List) (platen.List, error) {
	names := c[member]
	if names == nil {
		return list, nil
	}
	pairs, err := list.Decode()
	if err != nil {
		return nil, err
	}
	return platen.EncodeList(slices.DeleteFunc(pairs, func(pair platen.NameValue) bool { return !slices.Contains(names, pair.Name) })), nil
}

// ReplyListing answers with a page of a listing.
func (l *Listing) ReplyListing(w http.ResponseWriter, page *platen.ListingPage) error {
	var b jsonWriter
	b.object()
	b.key("entities")
	b.list()
	for _, e := range page.Entities {
		b.element()
		if err := b.chosenEntity(e, l.fields); err != nil {
			return err
		}
		b.end()
	}
	b.endList()
	if page.Next != nil {
		b.pageToken(l.query, appendPosition(nil, page.Next))
	}
	b.number("totalEstimate", page.Total)
	b.end()
	ReplyJSON(w, b.buf)
	return nil
}

// chosenEntity writes the members of an entity that were chosen.
func (j *jsonWriter) chosenEntity(e *platen.Entity, fields chosen) error {
	revision := ""
	if fields.has("revision") {
		revision = strings.Trim(e.Tag().String(), `"`)
	}
	shown := *e
	for facet, list := range e.Lists {
		member := platen.Facet(facet).String()
		if !fields.has(member) {
			list = nil
		}
		var err error
		if list != nil {
			list, err = fields.pick(member, list)
		}
		if shown.Lists[facet] = list; err != nil {
			return err
		}
	}
	j.entity(&shown, fields)
	j.optionalText("revision", revision)
	return nil
}

// A position is a flag, three numbers, and the value.
func appendPosition(b []byte, at *platen.Position) []byte {
	missing := byte(0)
	if at.Missing {
		missing = 1
	}
	b = append(b, missing)
	for _, n := range []int64{int64(at.ID), int64(at.Set), at.Total} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return append(b, at.Value...)
}

func readPosition(b []byte) (*platen.Position, error) {
	failed := parameterError(pageTokenParameter, "the %s names no position", pageTokenParameter)
	if len(b) == 0 || b[0] > 1 {
		return nil, failed
	}
	at := &platen.Position{Missing: b[0] == 1}
	b = b[1:]
	for _, to := range []*int64{(*int64)(&at.ID), (*int64)(&at.Set), &at.Total} {
		n, size := binary.Uvarint(b)
		if size <= 0 || int64(n) < 0 {
			return nil, failed
		}
		*to, b = int64(n), b[size:]
	}
	if at.ID > platen.MaxID+1 || at.Set > platen.MaxID+1 { // one more than any is before the last one
		return nil, failed
	}
	at.Value = b
	return at, nil
}
