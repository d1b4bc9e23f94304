package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A thing is an entity as the plain evaluation of a search sees it.
type thing struct {
	kind, root platen.ID
	parent     platen.ID
	lists      [3]map[string]string // by Facet
	record     platen.ID            // content items
	details    platen.Details
}

// A world is a store, and the same in memory.
type world struct {
	t      *testing.T
	s      storage.Store
	random *rand.Rand
	things map[platen.ID]*thing
}

var (
	searchNames  = []string{"a", "b", "c", strings.Repeat("n", 600)}
	searchValues = []string{
		"", "1", "10", "9", "1.0", "x", "X", "xy", "a%b", "a_b", "*?[x]", "ä", "Ärger", "äö", "\U0010ffff",
		strings.Repeat("l", 512), strings.Repeat("l", 513), strings.Repeat("l", 512) + "x", strings.Repeat("l", 511) + "x",
		strings.Repeat("ä", 300), strings.Repeat("ä", 300) + "b",
	}
	searchMedia = []string{"A4", "A5", ""}
)

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// list makes up a list, and remembers it.
func (w *world) list(to *thing, facet platen.Facet) []platen.NameValue {
	values := make(map[string]string)
	var list []platen.NameValue
	for _, name := range searchNames {
		if w.random.IntN(2) == 0 {
			values[name] = pick(w.random, searchValues)
			list = append(list, platen.NameValue{Name: name, Value: values[name]})
		}
	}
	to.lists[facet] = values
	return list
}

func (w *world) encoded(to *thing) platen.List {
	return platen.EncodeList(w.list(to, platen.Properties))
}

func (w *world) detail(to *thing) []byte {
	switch w.random.IntN(4) {
	case 0:
		return nil
	case 1:
		to.details = platen.Details{Template: pick(w.random, searchValues)}
	default:
		for range 1 + w.random.IntN(2) {
			to.details.Pages = append(to.details.Pages, platen.PageCount{
				Count: 1 + w.random.Int64N(3), Duplex: w.random.IntN(2) == 0, Media: platen.Media{Name: pick(w.random, searchMedia)},
			})
		}
	}
	return to.details.Encode()
}

func (w *world) add(kind platen.Kind, id, root platen.ID) *thing {
	one := &thing{kind: platen.ID(kind), root: root}
	if id != root {
		one.parent = root
	}
	w.things[id] = one
	return one
}

// fill makes a data set, a content set on it, and a job set.
func (w *world) fill(base platen.ID) {
	set := dataSet{set: transfer.SourceSet{ID: base}}
	set.set.Lists[0] = w.encoded(w.add(platen.DataSet, base, base))
	for i := range platen.ID(60) {
		id := base + 100 + i
		record := w.add(platen.DataRecord, id, base)
		source := platen.SourceRecord{ID: id, Fields: w.list(record, platen.Fields), Properties: w.encoded(record)}
		if i%4 == 3 {
			source.Depth, source.Table = 1, "detail"
			record.parent = id - 1
		}
		set.records = append(set.records, source)
	}
	mustDataSet(w.t, w.s, set)
	items := contentSet{set: transfer.SourceSet{ID: base + 1}}
	items.set.Lists[0] = w.encoded(w.add(platen.ContentSet, base+1, base+1))
	for i := range platen.ID(60) {
		id := base + 200 + i
		item := w.add(platen.ContentItem, id, base+1)
		item.record = base + 100 + platen.ID(w.random.IntN(60))
		items.items = append(items.items, transfer.SourceItem{ID: id, Record: item.record, Properties: w.encoded(item), Details: w.detail(item)})
	}
	mustContentSet(w.t, w.s, items)
	jobs := jobSetOf().as(base+2).with(platen.Properties, w.encoded(w.add(platen.JobSet, base+2, base+2)))
	for i := range platen.ID(40) {
		id := base + 300 + i
		job := w.add(platen.Job, id, base+2)
		jobs.In = append(jobs.In, jobOf().as(id).with(platen.Properties, w.encoded(job)).with(platen.Metadata, platen.EncodeList(w.list(job, platen.Metadata))))
	}
	mustCreate(w.t, w.s, jobs)
}

// change writes some lists anew.
func (w *world) change() {
	ids := w.ids()
	for range 30 {
		id := pick(w.random, ids)
		one := w.things[id]
		if one.kind == platen.ID(platen.DataRecord) && w.random.IntN(2) == 0 {
			fields := w.list(&thing{}, platen.Fields)
			if err := w.s.UpdateFields(w.t.Context(), []platen.Update{{ID: id, Pairs: fields}}); err != nil {
				w.t.Fatal(err)
			}
			for _, pair := range fields {
				one.lists[platen.Fields][pair.Name] = pair.Value
			}
			continue
		}
		facet := platen.Properties
		if one.kind == platen.ID(platen.Job) {
			facet = pick(w.random, platen.Facets[:])
		}
		update := platen.Update{ID: id, Pairs: w.list(one, facet)}
		if err := w.s.Replace(w.t.Context(), platen.Kind(one.kind), facet, update); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) ids() []platen.ID {
	var ids []platen.ID
	for id := range w.things {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

var textConditions = []platen.Condition{
	platen.Equal, platen.NotEqual, platen.Less, platen.Greater, platen.LessOrEqual, platen.GreaterOrEqual,
	platen.Contains, platen.NotContains, platen.StartsWith, platen.EndsWith, platen.Like, platen.NotLike, platen.In, platen.NotIn,
}

var patterns = []string{"%", "", "x%", "%x", "a%b", "a_b", "_", "__", "%l%l%x", "%ä%", "*%", "*?[x]"}

// rule makes up a rule that the kind can be asked.
func (w *world) rule(kind platen.Kind, depth int) platen.Rule {
	if depth > 0 && w.random.IntN(3) > 0 {
		rule := platen.Rule{Type: pick(w.random, []platen.RuleType{platen.All, platen.Any, platen.NotAll, platen.NotAny})}
		for range w.random.IntN(4) {
			rule.Rules = append(rule.Rules, w.rule(kind, depth-1))
		}
		return rule
	}
	types := []platen.RuleType{platen.Text, platen.Text, platen.Text, platen.IDs}
	if kind == platen.ContentItem {
		types = append(types, platen.Size, platen.Duplex, platen.Template, platen.MediaName)
	}
	rule := platen.Rule{Type: pick(w.random, types)}
	switch rule.Type {
	case platen.IDs:
		rule.Condition = pick(w.random, []platen.Condition{platen.In, platen.NotIn})
		for range w.random.IntN(30) {
			rule.IDs = append(rule.IDs, pick(w.random, w.ids()))
			if w.random.IntN(4) == 0 {
				rule.IDs = append(rule.IDs, rule.IDs[0])
			}
		}
	case platen.Size:
		rule.Unit = pick(w.random, []platen.Unit{platen.Pages, platen.Sheets, platen.Sections})
		rule.Condition = textConditions[w.random.IntN(6)]
		rule.Number = w.random.Int64N(5)
	case platen.Duplex:
		rule.Value = pick(w.random, []string{"true", "false"})
	case platen.Template:
		rule.Condition, rule.Value = textConditions[w.random.IntN(2)], pick(w.random, searchValues)
	case platen.MediaName:
		rule.Condition, rule.Value = textConditions[w.random.IntN(2)], pick(w.random, searchMedia)
	case platen.Text:
		rule.Facet = w.facet(kind)
		rule.Name = pick(w.random, append([]string{"none"}, searchNames...))
		rule.Condition = pick(w.random, textConditions)
		rule.Value = pick(w.random, searchValues)
		switch {
		case rule.Condition == platen.In || rule.Condition == platen.NotIn:
			rule.Values = []string{pick(w.random, searchValues), pick(w.random, searchValues)}[:w.random.IntN(3)]
		case rule.Condition == platen.Like || rule.Condition == platen.NotLike:
			rule.Value = pick(w.random, patterns)
		case w.random.IntN(4) == 0:
			rule.Other = pick(w.random, searchNames)
		}
	}
	return rule
}

func (w *world) facet(kind platen.Kind) platen.Facet {
	if kind == platen.DataRecord || kind == platen.ContentItem {
		return pick(w.random, []platen.Facet{platen.Properties, platen.Fields})
	}
	return platen.Properties
}

// value returns what an entity has under a name.
func (w *world) value(one *thing, facet platen.Facet, name string) (string, bool) {
	if facet == platen.Fields && one.kind == platen.ID(platen.ContentItem) {
		one = w.things[one.record]
	}
	value, ok := one.lists[facet][name]
	return value, ok
}

// holds evaluates a rule, as its documentation says.
func (w *world) holds(rule platen.Rule, id platen.ID, one *thing) bool {
	switch rule.Type {
	case platen.All, platen.NotAll:
		all := true
		for _, sub := range rule.Rules {
			all = all && w.holds(sub, id, one)
		}
		return all == (rule.Type == platen.All)
	case platen.Any, platen.NotAny:
		any := false
		for _, sub := range rule.Rules {
			any = any || w.holds(sub, id, one)
		}
		return any == (rule.Type == platen.Any)
	case platen.IDs:
		return slices.Contains(rule.IDs, id) == (rule.Condition == platen.In)
	case platen.Size:
		var n int64
		for _, part := range one.details.Pages {
			n += [...]int64{part.Count, part.Sheets(), 1}[rule.Unit]
		}
		return order(rule.Condition, int(n-rule.Number))
	case platen.Duplex:
		duplex := slices.ContainsFunc(one.details.Pages, func(p platen.PageCount) bool { return p.Duplex })
		return fmt.Sprint(duplex) == rule.Value
	case platen.Template:
		return order(rule.Condition, strings.Compare(one.details.Template, rule.Value))
	case platen.Identifier:
		return order(rule.Condition, int(int64(id)-rule.Number))
	case platen.Ancestor:
		if rule.Kind.Info().Set {
			return rule.IDs[0] == one.root && id != one.root
		}
		return rule.IDs[0] == one.parent
	case platen.MediaName:
		has := slices.ContainsFunc(one.details.Pages, func(p platen.PageCount) bool { return p.Media.Name == rule.Value })
		return has == (rule.Condition == platen.Equal)
	}
	value, ok := w.value(one, rule.Facet, rule.Name)
	if !ok {
		return false
	}
	if rule.Numeric {
		a, isNumber := platen.ParseNumber(value)
		b, _ := platen.ParseNumber(rule.Value)
		return isNumber && order(rule.Condition, cmp.Compare(a, b))
	}
	other := rule.Value
	if rule.Other != "" {
		if other, ok = w.value(one, rule.Facet, rule.Other); !ok {
			return false
		}
	}
	switch rule.Condition {
	case platen.Contains:
		return strings.Contains(value, other)
	case platen.NotContains:
		return !strings.Contains(value, other)
	case platen.StartsWith:
		return strings.HasPrefix(value, other)
	case platen.EndsWith:
		return strings.HasSuffix(value, other)
	case platen.Like:
		return like([]rune(value), []rune(other))
	case platen.NotLike:
		return !like([]rune(value), []rune(other))
	case platen.In:
		return slices.Contains(rule.Values, value)
	case platen.NotIn:
		return !slices.Contains(rule.Values, value)
	}
	return order(rule.Condition, strings.Compare(value, other))
}

func order(condition platen.Condition, c int) bool {
	switch condition {
	case platen.Equal:
		return c == 0
	case platen.NotEqual:
		return c != 0
	case platen.Less:
		return c < 0
	case platen.Greater:
		return c > 0
	case platen.LessOrEqual:
		return c <= 0
	}
	return c >= 0
}

// like matches a letter of the pattern after the other: matched says at which
// places of the value what precedes it in the pattern may end.
func like(value, pattern []rune) bool {
	matched := make([]bool, len(value)+1)
	matched[0] = true
	for _, letter := range pattern {
		next := make([]bool, len(matched))
		for i := range next {
			switch {
			case letter == '%':
				next[i] = matched[i] || i > 0 && next[i-1]
			case i > 0:
				next[i] = matched[i-1] && (letter == '_' || letter == value[i-1])
			}
		}
		matched = next
	}
	return matched[len(value)]
}

func (w *world) keys(kind platen.Kind) []platen.SearchKey {
	var keys []platen.SearchKey
	for range w.random.IntN(3) {
		key := platen.SearchKey{Facet: w.facet(kind), Name: pick(w.random, searchNames), Descending: w.random.IntN(2) == 0}
		key.Numeric = key.Facet == platen.Fields && w.random.IntN(2) == 0
		keys = append(keys, key)
	}
	return keys
}

// find returns what a search finds, in groups.
func find(ctx context.Context, s storage.Store, search *platen.Search) (groups [][]platen.Found, err error) {
	err = s.Find(ctx, search, func(group int, found *platen.Found) error {
		if group == len(groups) {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], *found)
		return nil
	})
	return groups, err
}

// compare checks one search against the plain evaluation.
func (w *world) compare(search platen.Search, deleted []platen.ID) {
	w.t.Helper()
	groups, err := find(w.t.Context(), w.s, &search)
	if err != nil {
		w.t.Fatalf("%+v: %v", search, err)
	}
	var got, want []platen.ID
	keys := slices.Concat(search.Group, search.Sort)
	values := func(id platen.ID, keys []platen.SearchKey) (texts []string, comparable []platen.SearchValue) {
		for _, key := range keys {
			text, _ := w.value(w.things[id], key.Facet, key.Name)
			texts, comparable = append(texts, text), append(comparable, key.Value(text))
		}
		return texts, comparable
	}
	var before []platen.SearchValue
	seen := make(map[string]bool)
	for _, group := range groups {
		if len(group) == 0 {
			w.t.Errorf("%+v: an empty group", search)
			continue
		}
		texts, _ := values(group[0].ID, search.Group)
		if name := strings.Join(texts, "\x00"); seen[name] {
			w.t.Errorf("%+v: the group %q comes twice", search, texts)
		} else {
			seen[name] = true
		}
		for _, found := range group {
			if w.things[found.ID] == nil {
				w.t.Fatalf("%+v: found %d", search, found.ID)
			}
			got = append(got, found.ID)
			in, _ := values(found.ID, search.Group)
			if !slices.Equal(in, texts) {
				w.t.Errorf("%+v: %d is in the wrong group", search, found.ID)
			}
			sorted, _ := values(found.ID, search.Sort)
			diff(w.t, "sort key", found.SortKey, strings.Join(sorted, "|"))
			_, now := values(found.ID, keys)
			for i := range before {
				c := keys[i].Compare(before[i], now[i])
				if c > 0 {
					w.t.Errorf("%+v: %d is out of order", search, found.ID)
				}
				if c != 0 {
					break
				}
			}
			before = now
		}
	}
	for _, id := range w.ids() {
		one := w.things[id]
		if one.kind == platen.ID(search.Kind) && !slices.Contains(deleted, one.root) &&
			(search.Sets == nil || slices.Contains(search.Sets, one.root)) && w.holds(search.Rule, id, one) {
			want = append(want, id)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Fatalf("%+v:\ngot  %v\nwant %v", search, got, want)
	}
}

func testFind(t *testing.T, open Open) {
	w := &world{t: t, s: start(t, open), random: rand.New(rand.NewPCG(8, 1)), things: make(map[platen.ID]*thing)}
	w.fill(1_000)
	w.fill(10_000)
	w.fill(100_000)
	kinds := []platen.Kind{platen.DataSet, platen.DataRecord, platen.ContentSet, platen.ContentItem, platen.JobSet, platen.Job}
	var deleted []platen.ID
	for round := range 8 {
		if round == 6 {
			for kind, id := range map[platen.Kind]platen.ID{platen.JobSet: 10_002, platen.ContentSet: 10_001} {
				if err := w.s.Delete(t.Context(), platen.Ref{Kind: kind, ID: id}); err != nil {
					t.Fatal(err)
				}
				deleted = append(deleted, id)
			}
		}
		if round < 6 {
			w.change()
		}
		for range 30 {
			kind := pick(w.random, kinds)
			search := platen.Search{Kind: kind, Rule: w.rule(kind, 3), Sort: w.keys(kind), Group: w.keys(kind)}
			if w.random.IntN(3) == 0 {
				search.Sets = []platen.ID{1_000, 1_001, 1_002, 10_002}
			}
			w.compare(search, deleted)
		}
	}
	clean(t, w.s)
	for _, kind := range kinds {
		w.compare(platen.Search{Kind: kind}, deleted)
	}
}
