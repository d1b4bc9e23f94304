package storetest

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// plainCounts counts what is below an entity, one by one. items are the content items
// of the job that it is in.
func plainCounts(t *testing.T, e *tree, pages map[platen.ID][]platen.PageCount) (c platen.Counts) {
	t.Helper()
	items := make(map[platen.ID]bool)
	for _, in := range e.In {
		below := plainCounts(t, in, pages)
		switch in.Kind {
		case platen.Job:
			c.Jobs++
		case platen.JobSegment:
			c.JobSegments++
		case platen.DocumentSet:
			c.DocumentSets++
		case platen.Document:
			c.Documents++
		}
		c.Add(&below)
	}
	e.each(func(e *tree) {
		for _, page := range e.Pages {
			items[page.Item] = true
		}
	})
	if e.Kind == platen.Job {
		c.ContentItems = int64(len(items))
	}
	for _, page := range e.Pages {
		if len(pages[page.Item]) == 0 {
			c.Pages++
			c.Sheets++
		}
		for _, part := range pages[page.Item] {
			c.Pages += part.Count
			c.Sheets += part.Sheets()
		}
	}
	return c
}

// unevenJobs is a job set of more jobs than a block of counts has.
func unevenJobs() *tree {
	set := jobSetOf().as(1_000_000)
	for i := range 1100 {
		job := jobOf()
		for range i % 3 {
			job.In = append(job.In, segmentOf())
		}
		if i%21 == 1 {
			job.In[0].In = []*tree{documentsOf(documentOf(page(platen.ID(600_000+i), 0), page(600_000, 0)))}
		}
		if i%11 == 0 {
			job.as(platen.ID(2_000_000 - i)) // out of order
		}
		set.In = append(set.In, job)
	}
	return set
}

// Facts checks what is kept of entities beside their lists, whatever happens to
// them. exec and count are as for [Counts].
func Facts(t *testing.T, s storage.Store, exec func(text string), count func(table string) int) {
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "ann", Token: "night"})
	begin := time.Now().Truncate(time.Microsecond)
	for _, set := range []*tree{everything(), unevenJobs()} {
		if _, err := s.CreateJobSet(ctx, set, storage.JobSetOptions{}); err != nil {
			t.Fatal(err)
		}
		read := export(t, s, set.ID)
		checkFacts(t, s, read)
		set := entity(t, s, set.ID)
		if f := set.Facts; f.CreatedBy != "ann" || f.Token != "night" || f.How != platen.ByImport || f.CreateTime.Before(begin) || !f.UpdateTime.IsZero() {
			t.Errorf("facts of an import: %+v", f)
		}
		if job := entity(t, s, read.In[1].ID); !job.Facts.CreateTime.Equal(set.Facts.CreateTime) || job.Facts.CreatedBy != "ann" {
			t.Errorf("facts of a job: %+v", job.Facts)
		}
	}
	blocks := count("job_count")
	exec("DELETE FROM set_fact") // as in a database from before it
	exec("DELETE FROM job_count")
	for _, id := range []platen.ID{4100, 1_000_000} {
		checkFacts(t, s, export(t, s, id))
		if f := entity(t, s, id).Facts; !f.CreateTime.IsZero() || f.How != platen.Unknown {
			t.Errorf("facts of an old set: %+v", f)
		}
	}
	if n := count("job_count"); n != blocks || blocks != 3 {
		t.Errorf("%d blocks of counts of jobs, and %d when they are counted later; want 3", blocks, n)
	}
	factsOfUpdates(t, s)
	factsOfRecords(t, s, exec)
	for _, id := range []platen.ID{4100, 1_000_000, 700, 800} {
		e := entity(t, s, id)
		if err := s.DeleteIf(ctx, e.Ref, &platen.Match{Tags: []platen.Tag{e.Tag()}}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Entity(ctx, id)
		wantCode(t, "a deleted set", err, platen.NotFound, "not found")
	}
	clean(t, s)
	for _, table := range []string{"set_fact", "job_count", "entity_updated"} {
		if n := count(table); n > 0 {
			t.Errorf("after the clean-up %d rows of %s are left", n, table)
		}
	}
}

func entity(t *testing.T, s storage.Store, id platen.ID) *platen.Entity {
	t.Helper()
	e, err := s.Entity(t.Context(), id)
	if err != nil {
		t.Fatal("entity:", err)
	}
	return e
}

// checkFacts compares facts, ancestors, places and children with a job set that was
// read.
func checkFacts(t *testing.T, s storage.Store, set *tree) {
	t.Helper()
	pages := make(map[platen.ID][]platen.PageCount)
	set.each(func(e *tree) {
		for _, page := range e.Pages {
			details, err := platen.DecodeDetails(page.Details)
			if err != nil {
				t.Fatal(err)
			}
			pages[page.Item] = details.Pages
		}
	})
	checked := 0
	var check func(e *tree, position int64, above []platen.Ref)
	check = func(e *tree, position int64, above []platen.Ref) {
		for i, in := range e.In {
			check(in, int64(i), append([]platen.Ref{{Kind: e.Kind, ID: e.ID}}, above...))
		}
		const few, block = 20, 1024
		if at := position % block; position > few && (e.Kind > platen.Job || few < at && at < block-1) {
			return // there are many
		}
		got := entity(t, s, e.ID)
		if e.Kind <= platen.Job {
			want := plainCounts(t, e, pages)
			if d := cmp.Diff(want, got.Facts.Counts); d != "" {
				t.Errorf("counts of %s %d (-want +got):\n%s", e.Kind, e.ID, d)
			}
			checkChildren(t, s, e)
		}
		if d := cmp.Diff(above, got.Ancestors, cmpopts.EquateEmpty()); d != "" || got.Position != position || got.Kind != e.Kind {
			t.Errorf("%s %d is %s at %d, not %d:\n%s", e.Kind, e.ID, got.Kind, got.Position, position, d)
		}
		checked++
	}
	check(set, -1, nil)
	if checked < 5 {
		t.Errorf("%d entities were compared", checked)
	}
}

// checkChildren compares the children of an entity from some positions on.
func checkChildren(t *testing.T, s storage.Store, e *tree) {
	t.Helper()
	var want []platen.ID
	for _, in := range e.In {
		want = append(want, in.ID)
	}
	positions := []int64{int64(platen.MaxID), math.MaxInt64 - int64(e.ID), math.MaxInt64}
	for from := 0; from <= len(want)+1; from += 1 + len(want)/5 {
		positions = append(positions, int64(from))
	}
	for _, from := range positions {
		const most = 40
		got, err := s.ChildrenAt(t.Context(), platen.Ref{Kind: e.Kind, ID: e.ID}, from, most)
		if got.Kind != e.Kind.Info().Child || got.Total != int64(len(want)) {
			t.Errorf("the children of a %s are %d of %s, not %d", e.Kind, got.Total, got.Kind, len(want))
		}
		start := int(min(from, int64(len(want))))
		if d := cmp.Diff(want[start:min(start+most, len(want))], ids(t, got.IDs, err), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("children of %s %d from %d on:\n%s", e.Kind, e.ID, from, d)
		}
	}
}

// factsOfUpdates checks when something last changed.
func factsOfUpdates(t *testing.T, s storage.Store) {
	ctx := t.Context()
	read := export(t, s, 4100)
	set, first, other := entity(t, s, read.ID), entity(t, s, read.In[0].ID), entity(t, s, read.In[2].ID)
	segment := read.In[0].In[0]
	last := time.Time{}
	for _, change := range []struct {
		ref   platen.Ref
		facet platen.Facet
	}{
		{first.Ref, platen.Properties}, {first.Ref, platen.Metadata}, {platen.Ref{Kind: segment.Kind, ID: segment.ID}, platen.Metadata},
		{platen.Ref{Kind: platen.DocumentSet, ID: segment.In[0].ID}, platen.Metadata},
		{platen.Ref{Kind: platen.Document, ID: segment.In[1].In[0].ID}, platen.Metadata}, {first.Ref, platen.Properties},
	} {
		begin := time.Now().Truncate(time.Microsecond)
		update := platen.Update{ID: change.ref.ID, Pairs: []platen.NameValue{{Name: "n", Value: time.Now().String()}}}
		if err := s.Replace(ctx, change.ref.Kind, change.facet, update); err != nil {
			t.Fatal(err)
		}
		end := time.Now()
		for _, ref := range []platen.Ref{set.Ref, first.Ref} {
			at := entity(t, s, ref.ID).Facts.UpdateTime
			if at.Before(begin) || at.After(end) || !at.After(last) {
				t.Errorf("after a change of the %s of a %s the %s is of %v, not %v to %v", change.facet, change.ref.Kind, ref.Kind, at, begin, end)
			}
		}
		last = end.Truncate(time.Microsecond).Add(-time.Microsecond)
	}
	if now := entity(t, s, other.ID); now.Tag() != other.Tag() {
		t.Errorf("another job has changed: %+v", now.Facts)
	}
	if now := entity(t, s, first.ID); now.Tag() == first.Tag() {
		t.Error("the job has the same tag")
	}
	err := s.DeleteIf(ctx, set.Ref, &platen.Match{Tags: []platen.Tag{set.Tag()}})
	wantCode(t, "deleting what has changed below", err, platen.Changed, "4100")
	entity(t, s, set.ID)
}

// factsOfRecords checks data sets, to which records are added, and content sets.
func factsOfRecords(t *testing.T, s storage.Store, exec func(string)) {
	ctx := t.Context()
	mustDataSet(t, s, dataSet{set: transfer.SourceSet{ID: 700}, schema: &platen.Table{Name: platen.RecordTable, Tables: []*platen.Table{{Name: "detail"}}},
		records: []platen.SourceRecord{{ID: 701}, {ID: 702, Depth: 1, Table: "detail"}, {ID: 703}}})
	mustContentSet(t, s, contentSet{set: transfer.SourceSet{ID: 800}, items: []transfer.SourceItem{{ID: 801, Record: 701}, {ID: 802, Record: 703}}})
	check := func(id platen.ID, want platen.Counts) {
		t.Helper()
		for _, old := range []bool{false, true} {
			if diff(t, "counts", entity(t, s, id).Facts.Counts, want); !old {
				exec("DELETE FROM set_fact")
			}
		}
	}
	check(700, platen.Counts{DataRecords: 3})
	check(800, platen.Counts{ContentItems: 2})
	entity(t, s, 700)
	added := []platen.NewRecords{{DataSet: 700, Records: []platen.SourceRecord{{}, {}}}, {Parent: 702 - 1, Table: "detail", Records: []platen.SourceRecord{{}}}}
	begin := time.Now().Truncate(time.Microsecond)
	if err := s.AddRecords(context.WithoutCancel(ctx), added); err != nil {
		t.Fatal(err)
	}
	if at := entity(t, s, 700).Facts.UpdateTime; at.Before(begin) {
		t.Errorf("records were added at %v, not after %v", at, begin)
	}
	check(700, platen.Counts{DataRecords: 6})
	item := entity(t, s, 802)
	if item.Record != 703 || item.Position != 1 || len(item.Ancestors) != 1 || item.Facts != nil {
		t.Errorf("content item %+v", item)
	}
	nested := entity(t, s, 702)
	diff(t, "ancestors of a nested record", nested.Ancestors, []platen.Ref{{Kind: platen.DataRecord, ID: 701}, {Kind: platen.DataSet, ID: 700}})
	got, err := s.ChildrenAt(ctx, platen.Ref{Kind: platen.DataRecord, ID: 701}, 0, 10)
	if in := ids(t, got.IDs, err); got.Kind != platen.DataRecord || got.Total != 2 || len(in) != 2 || in[0] != 702 {
		t.Errorf("nested records: %+v", got)
	}
}
