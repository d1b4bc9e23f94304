package olrest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/filter"
)

// A BulkUpdate is an update of many entities that was asked for.
type BulkUpdate struct {
	platen.BulkUpdate
	ValidateOnly bool
	InParts      bool // by an operation, however few there are
}

// Kinds returns the kinds that the update looks into and changes; those of entities
// that it names are not known yet.
func (u *BulkUpdate) Kinds() (set platen.KindSet) {
	if u.Entities == nil {
		set = platen.KindsOf(u.Kind) | kindsOfRule(&u.Rule)
	}
	return set
}

// A bulkBody is the body of an update, before its names are understood.
type bulkBody struct {
	kind         string
	filter       *string
	all          bool
	entities     []platen.BulkEntity
	given        bool // entities are
	set          []platen.NameValue
	unset        []string
	validateOnly bool
	inParts      bool
}

// ReadBulkUpdate reads an update of many entities.
func ReadBulkUpdate(body []byte) (*BulkUpdate, error) {
	var b bulkBody
	err := decode(body, func(d *decoder) error {
		return d.strictMembers("the update", map[string]func() error{
			"kind":         d.textInto("kind", &b.kind),
			"filter":       given(&b.filter, func(to *string) func() error { return d.textInto("filter", to) }),
			"all":          d.boolInto("all", &b.all),
			"entities":     func() error { return d.bulkEntities(&b) },
			"set":          func() error { return d.bulkSet(&b) },
			"unset":        func() error { return d.bulkUnset(&b) },
			"validateOnly": d.boolInto("validateOnly", &b.validateOnly),
			"inParts":      d.boolInto("inParts", &b.inParts),
		})
	})
	if err != nil {
		return nil, err
	}
	return b.update()
}

// bulkEntities reads the entities of an update.
func (d *decoder) bulkEntities(b *bulkBody) error {
	b.given = true
	seen := make(map[platen.ID]bool)
	return d.each("entities", func() error {
		var e platen.BulkEntity
		err := d.strictMembers("an entity", map[string]func() error{
			"id":   func() (err error) { e.ID, err = d.entityID(); return err },
			"tags": func() error { return d.bulkTags(&e) },
		})
		switch {
		case err != nil:
			return err
		case e.ID == 0:
			return d.fail("the entity has no id")
		case seen[e.ID]:
			return d.fail("the entity %d is named twice", e.ID)
		case len(b.entities) == platen.MaxBulkIDs:
			return platen.Errorf(platen.TooLarge, "the update names more than %d entities; split it", platen.MaxBulkIDs)
		}
		seen[e.ID] = true
		b.entities = append(b.entities, e)
		return nil
	})
}

// bulkTags reads the tags that the lists of an entity must have.
func (d *decoder) bulkTags(e *platen.BulkEntity) error {
	read := make(map[string]func() error)
	for _, facet := range listFacets {
		read[facet.String()] = func() error {
			text, err := d.text("tag", false)
			if err != nil {
				return err
			}
			tag, ok := platen.ParseTag(text)
			if !ok {
				return d.fail(`the tag is not one that this server gives, such as "\"d751713988987e9331980363e24189ce\"": it is the ETag of a list, with its quotes`)
			}
			e.Match[facet] = &platen.Match{Tags: []platen.Tag{tag}}
			return nil
		}
	}
	return d.strictMembers("the tags", read)
}

// listFacets are all lists that some entities have.
var listFacets = []platen.Facet{platen.Properties, platen.Metadata, platen.Fields}

// bulkSet reads the names to set, with their values.
func (d *decoder) bulkSet(b *bulkBody) error {
	return d.each("set", func() error {
		var pair platen.NameValue
		value := false
		err := d.strictMembers("an entry", map[string]func() error{
			"name": d.textInto("name", &pair.Name),
			"value": func() (err error) {
				value = true
				pair.Value, err = d.value(false)
				return err
			},
		})
		switch {
		case err != nil:
			return err
		case pair.Name == "":
			return d.fail("the entry has no name")
		case !value:
			return d.fail("the entry has no value; to remove a name, list it in unset")
		case len(b.set) == platen.MaxNames:
			return d.fail("there are more than %d names", platen.MaxNames)
		}
		b.set = append(b.set, pair)
		return nil
	})
}

// bulkUnset reads the names to remove.
func (d *decoder) bulkUnset(b *bulkBody) error {
	return d.each("unset", func() error {
		name, err := d.text("name", false)
		if err == nil && len(b.unset) == platen.MaxNames {
			err = d.fail("there are more than %d names", platen.MaxNames)
		}
		b.unset = append(b.unset, name)
		return err
	})
}

// update understands the names and the filter.
func (b *bulkBody) update() (*BulkUpdate, error) {
	u := &BulkUpdate{ValidateOnly: b.validateOnly, InParts: b.inParts}
	if err := b.selection(u); err != nil {
		return nil, err
	}
	if len(b.set)+len(b.unset) == 0 {
		return nil, platen.Errorf(platen.Invalid, "there is nothing to change: name something to set or to unset")
	}
	seen := make(map[string]bool)
	for i, pair := range b.set {
		facet, name, err := b.name(u.Kind, fmt.Sprintf("set/%d/name", i), pair.Name, seen)
		if err != nil {
			return nil, err
		}
		u.Set[facet] = append(u.Set[facet], platen.NameValue{Name: name, Value: pair.Value})
	}
	for i, text := range b.unset {
		facet, name, err := b.name(u.Kind, fmt.Sprintf("unset/%d", i), text, seen)
		if err != nil {
			return nil, err
		}
		u.Unset[facet] = append(u.Unset[facet], name)
	}
	return u, nil
}

// selection reads which entities the update is about.
func (b *bulkBody) selection(u *BulkUpdate) (err error) {
	ways := 0
	for _, way := range []bool{b.filter != nil, b.all, b.given} {
		if way {
			ways++
		}
	}
	switch {
	case b.filter != nil && strings.TrimSpace(*b.filter) == "":
		return platen.Errorf(platen.Invalid, `the filter is empty: to change all entities of the kind, send "all":true in its place`)
	case ways == 0:
		return platen.Errorf(platen.Invalid, `it does not say which entities: send kind and filter, or entities, or kind and "all":true`)
	case ways > 1:
		return platen.Errorf(platen.Invalid, "filter, entities and all exclude each other: send one of them")
	case b.given && b.kind != "":
		return platen.Errorf(platen.Invalid, "entities have their kinds: leave kind out")
	case b.given && len(b.entities) == 0:
		return platen.Errorf(platen.Invalid, "the list of entities is empty")
	case b.given:
		u.Entities = b.entities
		return nil
	case b.kind == "":
		return platen.Errorf(platen.Invalid, "the kind is missing")
	}
	if u.Kind, err = ParseKind(kindParameter, b.kind); err != nil || b.all {
		return err
	}
	u.Rule, err = readFilter(u.Kind, *b.filter)
	return err
}

// name reads the name of a value in a list, which seen has not yet. kind is 0 if it
// is not known.
func (b *bulkBody) name(kind platen.Kind, parameter, text string, seen map[string]bool) (platen.Facet, string, error) {
	names := names{parameter, kind}
	keys, err := filter.ParseNames(text)
	if err != nil {
		return 0, "", names.syntax(err)
	}
	if len(keys) > 1 {
		return 0, "", names.failed(keys[1].At, "expected one name")
	}
	facets := listFacets
	if kind != 0 {
		facets = slices.DeleteFunc(slices.Clone(facets), func(f platen.Facet) bool {
			return !slices.Contains(names.facets(), f) || f == platen.Fields && kind != platen.DataRecord
		})
	}
	segments := keys[0].Name
	for _, facet := range facets {
		if segments[0] != facet.String() || len(segments) == 1 {
			continue
		}
		name := strings.Join(segments[1:], ".")
		if at := facet.String() + "." + name; seen[at] {
			return 0, "", names.failed(keys[0].At, "%s is named twice", shorten([]byte(at)))
		} else {
			seen[at] = true
		}
		return facet, name, nil
	}
	known := make([]string, len(facets))
	for i, facet := range facets {
		known[i] = facet.String() + ".NAME"
	}
	what := "entities have"
	if kind != 0 {
		what = "a " + kind.String() + " has"
	}
	return 0, "", names.failed(keys[0].At, "%s no %q that can be set; there are %s", what, shorten([]byte(text)), strings.Join(known, ", "))
}

// bulkResult writes the members of what an update did.
func (j *jsonWriter) bulkResult(r *platen.BulkResult) {
	j.number("matched", r.Matched)
	j.number("changed", r.Changed)
}

// ReplyUpdated answers with what an update did.
func ReplyUpdated(w http.ResponseWriter, r *platen.BulkResult) {
	var j jsonWriter
	j.object()
	for _, change := range r.Changes {
		j.number("change", change)
	}
	j.bulkResult(r)
	j.end()
	ReplyJSON(w, j.buf)
}

// ReplyPreview answers with what an update would do.
func ReplyPreview(w http.ResponseWriter, r *platen.BulkResult, previews []platen.BulkPreview) {
	var j jsonWriter
	j.object()
	j.bulkResult(r)
	listOf(&j, "preview", previews, func(j *jsonWriter, p platen.BulkPreview) {
		j.object()
		j.text("kind", KindName(p.Ref.Kind))
		j.id("id", p.Ref.ID)
		for _, facet := range listFacets {
			if p.After[facet] == nil {
				continue
			}
			j.key(facet.String())
			j.object()
			j.raw("before", p.Before[facet])
			j.raw("after", p.After[facet])
			j.end()
		}
		j.end()
	})
	j.end()
	ReplyJSON(w, j.buf)
}
