package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// setText returns a whole set as text, and which of its members are at some places.
func setText(t *testing.T, s storage.Store, ref platen.Ref) (string, error) {
	t.Helper()
	var text strings.Builder
	var err error
	switch ref.Kind {
	case platen.DataSet:
		err = s.ReadDataSet(t.Context(), ref.ID, func(set transfer.SourceSet, _ *platen.Table) error {
			fmt.Fprintf(&text, "%d %s\n", set.ID, set.Lists)
			return nil
		}, func(r *platen.Record) error {
			fmt.Fprintf(&text, "%d %d %d %s %s\n", r.ID, r.Parent, r.Depth, r.Table, r.Fields)
			return nil
		})
	case platen.ContentSet:
		err = s.ReadContentSet(t.Context(), ref.ID, func(set transfer.SourceSet) error {
			fmt.Fprintf(&text, "%d %s\n", set.ID, set.Lists)
			return nil
		}, func(item *transfer.SourceItem) error {
			fmt.Fprintf(&text, "%d %d %s\n", item.ID, item.Record, item.Properties)
			return nil
		})
	default:
		err = s.ReadJobSet(t.Context(), ref.ID, func(e *transfer.Element) error {
			fmt.Fprintf(&text, "%+v\n", *e)
			return nil
		})
	}
	if err != nil {
		return "", err
	}
	placed, err := s.ChildrenAt(t.Context(), ref, 7, 5)
	fmt.Fprintln(&text, ids(t, placed.IDs, err), placed.Total)
	return text.String(), nil
}

// undeletable makes two data sets, content sets on their records, and job sets
// that print their items: each uses a part of what the one before has. The sets of each
// kind have identifiers from one on.
func undeletable(t *testing.T, s storage.Store, data, contents, jobs platen.ID) []platen.Ref {
	t.Helper()
	var sets []platen.Ref
	var records, items []platen.ID
	for n := range platen.ID(2) {
		set := dataSet{set: transfer.SourceSet{ID: data + n}}
		for i := range platen.ID(30) {
			id := 10*data + 100*n + 2*i
			records = append(records, id)
			set.records = append(set.records, platen.SourceRecord{ID: id, Fields: pairs(fmt.Sprint("n=", id))})
			if i%3 == 0 {
				set.records = append(set.records, platen.SourceRecord{ID: id + 1, Depth: 1, Table: "detail", Fields: pairs("d=1")})
			}
		}
		mustDataSet(t, s, set)
		sets = append(sets, platen.Ref{Kind: platen.DataSet, ID: data + n})
	}
	for n := range platen.ID(3) {
		set := contentSet{set: transfer.SourceSet{ID: contents + n}}
		for i := range 20 {
			id := 10*contents + 100*n + platen.ID(i)
			items = append(items, id)
			item := transfer.SourceItem{ID: id, Properties: platen.EncodeList(pairs("i=1"))}
			if n < 2 { // the items of the third are one row, of which parts are used
				item.Record = records[(3*i+17*int(n))%len(records)]
			}
			set.items = append(set.items, item)
		}
		mustContentSet(t, s, set)
		sets = append(sets, platen.Ref{Kind: platen.ContentSet, ID: contents + n})
	}
	for n := range platen.ID(3) {
		var printed []transfer.Page
		for i := range 15 {
			printed = append(printed, transfer.Page{Item: items[(4*i+7*int(n))%len(items)]})
		}
		id := jobs + n
		mustCreate(t, s, jobSetOf(jobOf(segmentOf(documentsOf(documentOf(printed...)))).properties("j=1")).as(id).properties("p=1"))
		sets = append(sets, platen.Ref{Kind: platen.JobSet, ID: id})
	}
	return sets
}

// testUndelete deletes sets and takes that back, in any order. What is there is
// always whole, and in the end everything is as it was.
func testUndelete(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	sets := undeletable(t, s, 100, 200, 300)
	whole := make(map[platen.Ref]string)
	for _, ref := range sets {
		text, err := setText(t, s, ref)
		if err != nil {
			t.Fatal(err)
		}
		whole[ref] = text
	}
	random := rand.New(rand.NewPCG(1, 2))
	deleted := make(map[platen.Ref]bool)
	undelete := func(ref platen.Ref) bool {
		t.Helper()
		got, err := s.Undelete(ctx, ref.ID)
		if platen.ErrorCode(err) == platen.Conflict && strings.Contains(err.Error(), "undelete that first") {
			return false
		}
		if err != nil || got != ref {
			t.Fatalf("undelete %s %d: %v, %v", ref.Kind, ref.ID, got, err)
		}
		delete(deleted, ref)
		return true
	}
	check := func() {
		t.Helper()
		for _, ref := range sets {
			text, err := setText(t, s, ref)
			if deleted[ref] {
				wantCode(t, "a deleted set", err, platen.NotFound, "")
			} else if err != nil || text != whole[ref] && ref.Kind == platen.JobSet {
				// The members of another one may be free, or in a deleted set.
				t.Fatalf("%s %d: %v\n%s", ref.Kind, ref.ID, err, text)
			}
		}
	}
	refused := 0
	for range 60 {
		ref := sets[random.IntN(len(sets))]
		if deleted[ref] {
			if !undelete(ref) {
				refused++
			}
		} else {
			if err := s.Delete(ctx, ref); err != nil {
				t.Fatal(err)
			}
			deleted[ref] = true
		}
		check()
	}
	var listed []platen.Ref
	all, err := s.Deleted(ctx, platen.DeletedSet{}, 100)
	for _, set := range all {
		listed = append(listed, set.Ref)
		if set.Final {
			t.Errorf("%v can not come back", set)
		}
	}
	if err != nil || len(listed) != len(deleted) || refused == 0 {
		t.Errorf("deleted: %v, of which are listed %v: %v; refused %d", deleted, listed, err, refused)
	}
	for range len(sets) {
		for _, ref := range sets {
			if deleted[ref] {
				undelete(ref)
			}
		}
	}
	clean(t, s)
	for _, ref := range sets {
		if text, err := setText(t, s, ref); err != nil || text != whole[ref] {
			t.Errorf("%s %d: %v\n%s\nwas\n%s", ref.Kind, ref.ID, err, text, whole[ref])
		}
		_, err := s.Undelete(ctx, ref.ID)
		wantCode(t, "what is there", err, platen.Conflict, "is not deleted")
	}
	_, err = s.Undelete(ctx, 1000)
	wantCode(t, "a record", err, platen.Conflict, "only sets")
	_, err = s.Undelete(ctx, 99)
	wantCode(t, "nothing", err, platen.NotFound, "99")
}

// testUndeleteLate takes deletions back while the clean-up runs. What it has not begun
// with comes back whole.
func testUndeleteLate(t *testing.T, open Open) {
	s := start(t, open)
	// The clean-up begins with the smallest identifiers.
	sets := undeletable(t, s, 100, 200, 300)
	slices.Reverse(sets)
	undeleteLate(t, s, sets)
	undeleteLate(t, s, undeletable(t, s, 900, 800, 700)) // others use what is deleted
}

// undeleteLate deletes sets, one after the other, has the clean-up begin with some of
// them, and takes back the others.
func undeleteLate(t *testing.T, s storage.Store, sets []platen.Ref) {
	t.Helper()
	ctx := t.Context()
	whole := make(map[platen.Ref]string)
	for _, ref := range sets {
		text, err := setText(t, s, ref)
		if err != nil {
			t.Fatal(err)
		}
		whole[ref] = text
	}
	for _, ref := range sets {
		if err := s.Delete(ctx, ref); err != nil {
			t.Fatal(err)
		}
	}
	first, err := s.Deleted(ctx, platen.DeletedSet{}, 1)
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}
	rest, err := s.Deleted(ctx, first[0], 100)
	if err != nil || len(rest) != len(sets)-1 {
		t.Fatal(rest, err)
	}
	for range 3 {
		if _, err := s.Clean(ctx, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	rest, err = s.Deleted(ctx, platen.DeletedSet{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	back := make(map[platen.Ref]bool)
	for _, set := range rest {
		back[set.Ref] = !set.Final
	}
	for _, ref := range slices.Backward(sets) {
		if _, err := s.Undelete(ctx, ref.ID); back[ref] == (err != nil) {
			t.Errorf("undelete %s %d: %v", ref.Kind, ref.ID, err)
		}
	}
	for ref := range back {
		if text, err := setText(t, s, ref); back[ref] && (err != nil || text != whole[ref]) {
			t.Errorf("%s %d: %v\n%s\nwas\n%s", ref.Kind, ref.ID, err, text, whole[ref])
		}
	}
	_, err = s.Undelete(ctx, first[0].ID)
	if code := platen.ErrorCode(err); code != platen.Conflict && code != platen.NotFound {
		t.Errorf("what the clean-up has begun with: %v", err)
	}
	clean(t, s)
	left, err := s.Deleted(ctx, platen.DeletedSet{}, 100)
	if err != nil || len(left) != 0 {
		t.Errorf("still deleted: %v, %v", left, err)
	}
}

// testUndeleteFound searches for, and reads, what was deleted before the index had
// it, and came back.
func testUndeleteFound(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, jobSetOf(jobOf().properties("j=1")).as(300))
	job := made.Children[0]
	search := func(value string) (found []platen.ID) {
		t.Helper()
		rule := platen.Rule{Type: platen.Text, Facet: platen.Properties, Name: "j", Value: value}
		groups, err := find(ctx, s, &platen.Search{Kind: platen.Job, Rule: rule})
		if err != nil {
			t.Fatal("find:", err)
		}
		for _, one := range slices.Concat(groups...) {
			found = append(found, one.ID)
		}
		return found
	}
	ref := platen.Ref{Kind: platen.JobSet, ID: 300}
	for _, value := range []string{"1", "2"} { // of the import, and of an update
		if value == "2" {
			if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs("j=2")}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Delete(ctx, ref); err != nil {
			t.Fatal(err)
		}
		diff(t, "found of a deleted set", search(value), []platen.ID(nil))
		_, err := s.List(ctx, platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
		wantCode(t, "a job of a deleted set", err, platen.NotFound, "")
		if _, err := s.Undelete(ctx, 300); err != nil {
			t.Fatal(err)
		}
		diff(t, "found", search(value), []platen.ID{job})
		diff(t, "properties", list(t, s, platen.Job, job, platen.Properties), `[{"name":"j","value":"`+value+`"}]`)
	}

	// By their facts, which the index looks at while the set is deleted.
	byFact := func(kind platen.Kind) (found []platen.ID) {
		t.Helper()
		rule := platen.Rule{Type: platen.Text, Facet: platen.KeptFacts, Name: "counts.documents", Condition: platen.Equal, Value: platen.SortableNumber(0)}
		page, err := s.ListPage(ctx, &platen.Listing{Kind: kind, Rule: rule, Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entities {
			found = append(found, e.ID)
		}
		return found
	}
	made = mustCreate(t, s, jobSetOf(jobOf()).as(400))
	ref.ID = 400
	if err := s.Delete(ctx, ref); err != nil {
		t.Fatal(err)
	}
	diff(t, "found by a fact of a deleted set", byFact(platen.JobSet), []platen.ID{300})
	if _, err := s.Undelete(ctx, 400); err != nil {
		t.Fatal(err)
	}
	diff(t, "sets found by a fact", byFact(platen.JobSet), []platen.ID{300, 400})
	diff(t, "jobs found by a fact", byFact(platen.Job), []platen.ID{job, made.Children[0]})
}
