package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
	"github.com/platenhq/platen/internal/storage"
)

// listingRule makes up a rule that a listing can be asked, and a search can not.
func (w *world) listingRule(kind platen.Kind, depth int) platen.Rule {
	if depth > 0 && w.random.IntN(3) > 0 {
		rule := platen.Rule{Type: pick(w.random, []platen.RuleType{platen.All, platen.Any, platen.NotAny})}
		for range 1 + w.random.IntN(2) {
			rule.Rules = append(rule.Rules, w.listingRule(kind, depth-1))
		}
		return rule
	}
	set := pick(w.random, w.ids())
	switch w.random.IntN(6) {
	case 0:
		return platen.Rule{Type: platen.Identifier, Condition: textConditions[w.random.IntN(6)], Number: int64(pick(w.random, w.ids()))}
	case 1:
		if kind.Info().Set {
			return w.rule(kind, 0)
		}
		root := map[platen.Kind]platen.Kind{platen.DataRecord: platen.DataSet, platen.ContentItem: platen.ContentSet, platen.Job: platen.JobSet}[kind]
		return platen.Rule{Type: platen.Ancestor, Kind: root, IDs: []platen.ID{w.things[set].root}}
	case 2:
		return platen.Rule{Type: platen.Ancestor, IDs: []platen.ID{w.things[set].parent}}
	case 3:
		return platen.Rule{
			Type: platen.Text, Facet: w.listingFacet(kind), Name: pick(w.random, searchNames), Numeric: true,
			Condition: textConditions[w.random.IntN(6)], Value: pick(w.random, []string{"9", "1.0", "-1", "10.5"}),
		}
	case 4:
		return platen.Rule{Type: platen.Text, Facet: w.listingFacet(kind), Name: pick(w.random, searchNames), Condition: platen.StartsWith}
	}
	rule := w.rule(kind, 0)
	if kind == platen.Job && rule.Type == platen.Text {
		rule.Facet = w.listingFacet(kind)
	}
	return rule
}

func (w *world) listingFacet(kind platen.Kind) platen.Facet {
	if kind == platen.Job {
		return pick(w.random, platen.Facets[:])
	}
	return w.facet(kind)
}

// pages reads all pages of a listing. total is the estimate of the first one, -1 if
// others follow it.
func pages(t *testing.T, s storage.Store, listing platen.Listing) (all []platen.ID, total int64) {
	t.Helper()
	for n := 0; ; n++ {
		page, err := s.ListPage(t.Context(), &listing)
		if err != nil {
			t.Fatalf("%+v: %v", listing, err)
		}
		if len(page.Entities) > listing.Size {
			t.Fatalf("%+v: %d entities on a page", listing, len(page.Entities))
		}
		for _, e := range page.Entities {
			all = append(all, e.ID)
		}
		switch {
		case n > 0:
		case page.Next == nil:
			total = page.Total
		default:
			total = -1
		}
		if page.Next == nil {
			return all, total
		}
		listing.After = page.Next
	}
}

// listed returns what is on all pages of a listing.
func listed(t *testing.T, s storage.Store, listing platen.Listing) []platen.ID {
	t.Helper()
	listing.Size = 3
	all, _ := pages(t, s, listing)
	return all
}

// testListingFacts lists by what is known of sets and jobs.
func testListingFacts(t *testing.T, open Open) {
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "ann"})
	s := start(t, open)
	documents := func(id platen.ID, n int) *tree {
		job := jobOf(segmentOf(documentsOf())).as(id)
		for range n {
			job.In[0].In[0].In = append(job.In[0].In[0].In, documentOf())
		}
		return job
	}
	for i, set := range []*tree{
		jobSetOf(documents(21, 3), documents(22, 0), documents(23, 12)).as(20),
		jobSetOf(documents(11, 5)).as(10),
	} {
		if i == 1 {
			ctx = storage.WithOrigin(t.Context(), &storage.Origin{User: "zoe"})
		}
		if _, err := s.CreateJobSet(ctx, set, storage.JobSetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	jobs := platen.Listing{Kind: platen.Job}
	fact := func(name string, condition platen.Condition, value string) platen.Rule {
		return platen.Rule{Type: platen.Text, Facet: platen.KeptFacts, Name: name, Condition: condition, Value: value}
	}
	order := func(kind platen.Kind, name string, ofSet platen.Kind, descending bool) platen.Listing {
		return platen.Listing{Kind: kind, Order: platen.ListingOrder{Name: name, Facet: platen.KeptFacts, OfSet: ofSet, Descending: descending}}
	}
	diff(t, "jobs by documents", listed(t, s, order(platen.Job, "counts.documents", 0, false)), []platen.ID{22, 21, 11, 23})
	diff(t, "jobs by documents, down", listed(t, s, order(platen.Job, "counts.documents", 0, true)), []platen.ID{23, 11, 21, 22})
	diff(t, "jobs by time", listed(t, s, order(platen.Job, "createTime", platen.JobSet, false)), []platen.ID{21, 22, 23, 11})
	diff(t, "jobs by time, down", listed(t, s, order(platen.Job, "createTime", platen.JobSet, true)), []platen.ID{11, 23, 22, 21})
	diff(t, "sets by documents", listed(t, s, order(platen.JobSet, "counts.documents", 0, true)), []platen.ID{20, 10})
	jobs.Rule = fact("counts.documents", platen.Greater, platen.SortableNumber(4))
	diff(t, "jobs with many documents", listed(t, s, jobs), []platen.ID{11, 23})
	jobs.Rule = platen.Rule{Type: platen.OfSet, Kind: platen.JobSet, Rules: []platen.Rule{fact("createdBy", platen.Equal, "ann")}}
	diff(t, "jobs of ann", listed(t, s, jobs), []platen.ID{21, 22, 23})
	jobs.Rule = platen.Rule{Type: platen.NotAny, Rules: []platen.Rule{jobs.Rule}}
	diff(t, "jobs of others", listed(t, s, jobs), []platen.ID{11})
	if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 22, Pairs: pairs("a=1")}); err != nil {
		t.Fatal(err)
	}
	diff(t, "jobs by change", listed(t, s, order(platen.Job, platen.UpdateTimeFact, 0, true)), []platen.ID{22, 11, 23, 21})
	diff(t, "sets by change", listed(t, s, order(platen.JobSet, platen.UpdateTimeFact, 0, true)), []platen.ID{20, 10})

	// A row has what an entity has by itself.
	all := platen.EntityParts{Places: true, Facts: true, Lists: [3]bool{true, true, true}}
	for kind := platen.DataSet; kind <= platen.Document; kind++ {
		page, err := s.ListPage(ctx, &platen.Listing{Kind: kind, Parts: all, Size: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entities {
			want, err := s.Entity(ctx, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, kind.String(), e, want)
		}
	}
	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: 20}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		diff(t, "jobs by documents, after a deletion", listed(t, s, order(platen.Job, "counts.documents", 0, false)), []platen.ID{11})
		clean(t, s)
	}
	// An identifier that is used again is listed as what it is now.
	mustCreate(t, s, jobSetOf(documents(23, 1)).as(20))
	diff(t, "jobs by documents, anew", listed(t, s, order(platen.Job, "counts.documents", 0, false)), []platen.ID{23, 11})

	// The largest identifier is not behind the end.
	mustCreate(t, s, jobSetOf(jobOf().as(platen.MaxID-1), jobOf().as(platen.MaxID)).as(30))
	downwards := []platen.ID{platen.MaxID, platen.MaxID - 1, 23, 11}
	diff(t, "jobs down", listed(t, s, order(platen.Job, "", 0, true)), downwards)
	none := platen.Listing{Kind: platen.Job, Order: platen.ListingOrder{Name: "nothing", Facet: platen.Properties, Descending: true}}
	diff(t, "jobs by what none has, down", listed(t, s, none), downwards)
	diff(t, "jobs by time, down, with the largest", listed(t, s, order(platen.Job, "createTime", platen.JobSet, true)), downwards)
}

// compareListing checks a listing against the plain evaluation.
func (w *world) compareListing(listing platen.Listing, deleted []platen.ID) {
	w.t.Helper()
	got, total := pages(w.t, w.s, listing)
	var want []platen.ID
	for _, id := range w.ids() {
		one := w.things[id]
		if one.kind == platen.ID(listing.Kind) && !slices.Contains(deleted, one.root) && w.holds(listing.Rule, id, one) {
			want = append(want, id)
		}
	}
	key := func(id platen.ID) (string, bool) {
		one := w.things[id]
		if listing.Order.OfSet != 0 {
			one = w.things[one.root]
		}
		value, ok := one.lists[listing.Order.Facet][listing.Order.Name]
		return value[:min(len(value), 512)], ok
	}
	slices.SortFunc(want, func(a, b platen.ID) int {
		if listing.Order.Name != "" {
			textA, okA := key(a)
			textB, okB := key(b)
			if okA != okB {
				if okA {
					return -1
				}
				return 1
			}
			if !okA {
				textA, textB = "", ""
			}
			if c := cmp.Compare(textA, textB); c != 0 {
				if listing.Order.Descending {
					return -c
				}
				return c
			}
		}
		if listing.Order.Descending {
			return cmp.Compare(b, a)
		}
		return cmp.Compare(a, b)
	})
	if !slices.Equal(got, want) {
		w.t.Fatalf("%+v:\ngot  %v\nwant %v", listing, got, want)
	}
	if total >= 0 && total != int64(len(want)) {
		w.t.Errorf("%+v: a total of %d for %d", listing, total, len(want))
	}
}

func (w *world) listing(kind platen.Kind) platen.Listing {
	listing := platen.Listing{Kind: kind, Rule: w.listingRule(kind, 3), Size: 1 + w.random.IntN(50)}
	listing.Order.Descending = w.random.IntN(2) == 0
	if w.random.IntN(4) > 0 {
		listing.Order.Name, listing.Order.Facet = pick(w.random, append([]string{"none"}, searchNames...)), w.listingFacet(kind)
		if kind == platen.ContentItem {
			listing.Order.Facet = platen.Properties
		}
	}
	if kind == platen.Job && w.random.IntN(4) == 0 {
		listing.Order.Name, listing.Order.Facet, listing.Order.OfSet = pick(w.random, searchNames), platen.Properties, platen.JobSet
	}
	if w.random.IntN(3) == 0 {
		listing.Rule = platen.Rule{}
	}
	return listing
}

// testListings compares listings with a plain evaluation of the same.
func testListings(t *testing.T, open Open) {
	w := &world{t: t, s: start(t, open), random: rand.New(rand.NewPCG(13, 2)), things: make(map[platen.ID]*thing)}
	w.fill(1_000)
	w.fill(10_000)
	w.fill(100_000)
	kinds := []platen.Kind{platen.DataSet, platen.DataRecord, platen.ContentSet, platen.ContentItem, platen.JobSet, platen.Job, platen.Job}
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
		for range 20 {
			w.compareListing(w.listing(pick(w.random, kinds)), deleted)
		}
	}
	clean(t, w.s)
	for _, kind := range kinds {
		w.compareListing(platen.Listing{Kind: kind, Size: 30}, deleted)
	}
}

// testListingsBeside pages through jobs while some are changed, added and
// deleted. What is not changed comes once.
func testListingsBeside(t *testing.T, open Open) {
	const many = 1200
	s := start(t, open)
	set := jobSetOf().as(1_000_000)
	for i := range platen.ID(many) {
		list := platen.EncodeList([]platen.NameValue{{Name: "n", Value: strconv.Itoa(int(i) % 97)}})
		set.In = append(set.In, jobOf().as(2_000_000+i).with(platen.Properties, list))
	}
	mustCreate(t, s, set)
	stays := func(id platen.ID) bool { return id >= 2_000_000 && id%2 == 0 }
	for n, order := range []platen.ListingOrder{{}, {Descending: true}, {Name: "n"}, {Name: "n", Descending: true}, {Name: "other"}} {
		listing := platen.Listing{Kind: platen.Job, Order: order, Size: 100}
		seen := make(map[platen.ID]int)
		for round := 0; ; round++ {
			page, err := s.ListPage(t.Context(), &listing)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entities {
				seen[e.ID]++
			}
			if listing.After = page.Next; page.Next == nil {
				break
			}
			for i := range platen.ID(20) {
				pairs := []platen.NameValue{{Name: "n", Value: fmt.Sprint(round, i)}}
				if i%3 == 0 {
					pairs = nil
				}
				update := platen.Update{ID: 2_000_001 + (i*61+platen.ID(round)*7)%(many/2)*2, Pairs: pairs}
				if err := s.Replace(t.Context(), platen.Job, platen.Properties, update); err != nil {
					t.Fatal(err)
				}
			}
			added := 10_000_000 + platen.ID(n*1000+round)*10
			mustCreate(t, s, jobSetOf(jobOf().as(added+1)).as(added))
			if round%2 == 1 {
				if err := s.Delete(t.Context(), platen.Ref{Kind: platen.JobSet, ID: added}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range platen.ID(many) {
			if id := 2_000_000 + i; stays(id) && seen[id] != 1 {
				t.Fatalf("%+v: job %d came %d times", order, id, seen[id])
			}
		}
	}
}

// testListingCost compares pages of few jobs with the same of 16 times as many:
// the first and the last of each order, with a filter that many fulfil and with
// one that few do.
func testListingCost(t *testing.T, open Open) {
	s := start(t, open)
	const few, many = 3_000, 48_000
	for _, n := range []int{few, many} {
		set := jobSetOf()
		for i := range n {
			pairs := []platen.NameValue{{Name: fmt.Sprint("name", n), Value: strconv.Itoa(i * 7919 % n)}, {Name: fmt.Sprint("third", n), Value: strconv.Itoa(i % 3)}}
			set.In = append(set.In, jobOf().with(platen.Properties, platen.EncodeList(pairs)))
		}
		mustCreate(t, s, set)
	}
	page := func(listing platen.Listing) func() {
		return func() {
			if _, err := s.ListPage(t.Context(), &listing); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, descending := range []bool{false, true} {
		for name, of := range map[string]func(n int) platen.Listing{
			"by a name": func(n int) platen.Listing {
				return platen.Listing{Order: platen.ListingOrder{Name: fmt.Sprint("name", n)}}
			},
			"by a name, a third of them": func(n int) platen.Listing {
				rule := platen.Rule{Type: platen.Text, Name: fmt.Sprint("third", n), Value: "1"}
				return platen.Listing{Order: platen.ListingOrder{Name: fmt.Sprint("name", n)}, Rule: rule}
			},
			"by the name of the filter": func(n int) platen.Listing {
				rule := platen.Rule{Type: platen.Text, Name: fmt.Sprint("third", n), Value: "2"}
				return platen.Listing{Order: platen.ListingOrder{Name: fmt.Sprint("third", n)}, Rule: rule}
			},
			"by id, few of them": func(n int) platen.Listing {
				return platen.Listing{Rule: platen.Rule{Type: platen.Text, Name: fmt.Sprint("name", n), Value: "7"}}
			},
			"by a fact": func(int) platen.Listing {
				return platen.Listing{Order: platen.ListingOrder{Name: "counts.pages", Facet: platen.KeptFacts}}
			},
		} {
			listing := func(n int) platen.Listing {
				l := of(n)
				l.Kind, l.Size, l.Order.Descending = platen.Job, 100, descending
				return l
			}
			costtest.AtMost(t, fmt.Sprint("the first page ", name, ", descending ", descending), 8, 1, page(listing(few)), page(listing(many)))
		}
	}
	// The last page of all goes on from where little is left.
	last, err := s.ListPage(t.Context(), &platen.Listing{Kind: platen.Job, Size: 50, Order: platen.ListingOrder{Name: fmt.Sprint("name", many), Descending: true}})
	if err != nil {
		t.Fatal(err)
	}
	costtest.AtMost(t, "the last page with values", 8, 1,
		page(platen.Listing{Kind: platen.Job, Size: 49, Order: platen.ListingOrder{Name: fmt.Sprint("name", many)}}),
		page(platen.Listing{Kind: platen.Job, Size: 49, Order: platen.ListingOrder{Name: fmt.Sprint("name", many)}, After: last.Next}))
}
