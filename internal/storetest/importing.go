package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A longSource is a set of each kind with n members, whose identifiers it sets
// itself. It is imported in several transactions.
type longSource struct {
	base   platen.ID // its smallest identifier
	n      int
	during func() error // called when half of it was read
}

func (l longSource) items() platen.ID   { return l.base + 10 }
func (l longSource) records() platen.ID { return l.base + 5_000_000 }

func (l longSource) ExplicitIDs() platen.IDRange {
	return platen.IDRange{First: l.base, Last: l.records() + platen.ID(l.n)}
}

func (l longSource) each(yield func(i platen.ID) error) error {
	for i := range l.n {
		if i == l.n/2 {
			if err := l.during(); err != nil {
				return err
			}
		}
		if err := yield(platen.ID(i)); err != nil {
			return err
		}
	}
	return nil
}

type (
	longJobSet     struct{ longSource }
	longContentSet struct{ longSource }
	longDataSet    struct{ longSource }
	longDataRecord struct{ longDataSet } // all but the first record are nested in that
)

func (l longJobSet) Nodes() []transfer.Node {
	return []transfer.Node{{Kind: platen.JobSet, Parent: -1, ID: l.base}, {Kind: platen.Job}, {Kind: platen.JobSegment, Parent: 1}, {Kind: platen.DocumentSet, Parent: 2}}
}

func (l longJobSet) Read(v transfer.JobSetVisitor) error {
	if err := v.NodeList(0, platen.Properties, platen.EncodeList(pairs("set=1"))); err != nil {
		return err
	}
	details := letter(2, true, "long")
	return l.each(func(i platen.ID) error {
		if err := v.Page(3, &transfer.Page{Item: l.items() + i, Record: l.records() + i, Details: details}); err != nil {
			return err
		}
		return v.Document(&transfer.SourceDocument{Set: 3, Lists: [2]platen.List{platen.EncodeList(pairs("n=1"))}})
	})
}

func (l longContentSet) ContentSet() transfer.SourceSet {
	return transfer.SourceSet{ID: l.base, Type: "long"}
}
func (l longContentSet) Read(yield func(*transfer.SourceItem) error) error {
	return l.each(func(i platen.ID) error {
		return yield(&transfer.SourceItem{ID: l.items() + i, Record: l.records() + i, Properties: platen.EncodeList(pairs("n=1"))})
	})
}

func (l longDataSet) DataSet() transfer.SourceSet { return transfer.SourceSet{ID: l.base} }
func (l longDataSet) Schema() *platen.Table       { return nil }
func (l longDataSet) Read(yield func(*platen.SourceRecord) error) error {
	return l.each(func(i platen.ID) error {
		if err := yield(&platen.SourceRecord{ID: l.records() + i, Fields: pairs("n=1")}); err != nil || i%10 > 0 {
			return err
		}
		return yield(&platen.SourceRecord{Depth: 1, Table: "lines", Fields: pairs("n=1")})
	})
}

func (l longDataRecord) Read(yield func(*platen.SourceRecord) error) error {
	return l.each(func(i platen.ID) error {
		return yield(&platen.SourceRecord{ID: l.records() + i, Depth: int(min(i, 1)), Table: "lines", Fields: pairs("n=1")})
	})
}

// longImports are the imports, with the kind of the members of the set.
var longImports = []struct {
	set, members platen.Kind
	run          func(ctx context.Context, s storage.Store, source longSource) (platen.Created, error)
}{
	{platen.JobSet, platen.ContentItem, func(ctx context.Context, s storage.Store, source longSource) (platen.Created, error) {
		return s.CreateJobSet(ctx, longJobSet{source}, storage.JobSetOptions{})
	}},
	{platen.ContentSet, platen.ContentItem, func(ctx context.Context, s storage.Store, source longSource) (platen.Created, error) {
		return s.CreateContentSet(ctx, longContentSet{source})
	}},
	{platen.DataSet, platen.DataRecord, func(ctx context.Context, s storage.Store, source longSource) (platen.Created, error) {
		return s.CreateDataSet(ctx, longDataSet{source})
	}},
	{platen.DataSet, platen.DataRecord, func(ctx context.Context, s storage.Store, source longSource) (platen.Created, error) {
		return s.CreateDataSet(ctx, longDataRecord{longDataSet{source}})
	}},
}

// member returns the first member of a kind.
func (l longSource) member(kind platen.Kind) platen.Ref {
	if kind == platen.ContentItem {
		return platen.Ref{Kind: kind, ID: l.items()}
	}
	return platen.Ref{Kind: kind, ID: l.records()}
}

// countAll counts what searches and listings find of each kind.
func countAll(t *testing.T, s storage.Store) (counts [platen.Job + 1]int) {
	t.Helper()
	for kind := platen.DataSet; kind <= platen.Job; kind++ {
		groups, err := find(t.Context(), s, &platen.Search{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range groups {
			counts[kind] += len(group)
		}
	}
	return counts
}

// testImportHidden looks at a store in the middle of an import: nothing of it is
// there, others write and import meanwhile, and after an error its identifiers
// can be used again.
func testImportHidden(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	job := jobs(t, s, 1)[0]
	for i, one := range longImports {
		t.Run(one.set.String(), func(t *testing.T) {
			source := longSource{base: platen.ID(i+1) * 70_000_000, n: 20_000}
			set, member := platen.Ref{Kind: one.set, ID: source.base}, source.member(one.members)
			before := countAll(t, s)
			errRead := errors.New("broken off")
			source.during = func() error {
				diff(t, "in the middle", countAll(t, s), before)
				_, err := s.List(ctx, member, platen.Properties)
				wantCode(t, "a member in the middle", err, platen.NotFound, member.ID.String())
				wantCode(t, "the set in the middle", s.Delete(ctx, set), platen.NotFound, set.ID.String())
				_, err = s.Undelete(ctx, set.ID)
				wantCode(t, "undeleting in the middle", err, platen.NotFound, set.ID.String())
				if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs("beside=1")}); err != nil {
					t.Error("an update in the middle:", err)
				}
				_, err = create(t, s, emptyJobs(1).as(member.ID))
				wantCode(t, "an import of a member in the middle", err, platen.Unavailable, "under way")
				_, err = create(t, s, emptyJobs(1).as(set.ID))
				wantCode(t, "an import of the set in the middle", err, platen.Unavailable, "under way")
				made := mustCreate(t, s, emptyJobs(1))
				if given := source.ExplicitIDs(); given.First <= made.ID && made.ID <= given.Last {
					t.Errorf("another import got id %d", made.ID)
				}
				if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil {
					t.Error("a deletion in the middle:", err)
				}
				clean(t, s)
				return errRead
			}
			if _, err := one.run(ctx, s, source); !errors.Is(err, errRead) {
				t.Fatal(err)
			}
			diff(t, "after an import that was broken off", countAll(t, s), before)

			source.during = func() error { return nil }
			if _, err := one.run(ctx, s, source); err != nil {
				t.Fatal("again:", err)
			}
			if after := countAll(t, s); after[one.members] < before[one.members]+source.n {
				t.Errorf("%v before it, %v after it", before, after)
			}
			if err := s.Delete(ctx, set); err != nil {
				t.Fatal(err)
			}
			clean(t, s)
			after := countAll(t, s)
			if one.set == platen.ContentSet { // its data records belong to nothing, and go with its items
				after[platen.DataRecord] = before[platen.DataRecord]
			}
			diff(t, "after the deletion", after, before)
		})
	}
}

// testImportLost closes the store in the middle of imports. The store that is
// opened next shows nothing of them, and the clean-up removes them.
func testImportLost(t *testing.T, open Open) {
	var members []platen.ID
	var before [platen.Job + 1]int
	for i, one := range longImports {
		s := open(t)
		diff(t, "before "+one.set.String(), countAll(t, s), before)
		source := longSource{base: platen.ID(i+1) * 70_000_000, n: 20_000, during: func() error { return s.Close() }}
		members = append(members, source.member(one.members).ID)
		_, err := one.run(t.Context(), s, source)
		wantCode(t, "an import into a store that was closed", err, platen.Unavailable, "stopping")
	}
	s := start(t, open)
	diff(t, "after them", countAll(t, s), before)
	_, err := create(t, s, emptyJobs(1).as(members[0]))
	wantCode(t, "an import of a member", err, platen.Unavailable, "broken off")
	clean(t, s)
	for _, id := range members {
		mustCreate(t, s, emptyJobs(1).as(id))
	}
}

// manyDocuments is a job set of n documents with a new content item each, from
// base on.
type manyDocuments struct {
	base platen.ID
	n    int
	fail error // after the last one
}

func (m manyDocuments) Nodes() []transfer.Node { return printJob{}.Nodes() }

func (m manyDocuments) ExplicitIDs() platen.IDRange {
	return platen.IDRange{First: m.base, Last: m.base + platen.ID(m.n) - 1}
}

func (m manyDocuments) Read(v transfer.JobSetVisitor) error {
	for i := range m.n {
		if err := v.Page(3, &transfer.Page{Item: m.base + platen.ID(i)}); err != nil {
			return err
		}
		if err := v.Document(&transfer.SourceDocument{Set: 3}); err != nil {
			return err
		}
	}
	return m.fail
}

// testImportsTogether runs imports side by side, one of which fails, and a
// deletion.
func testImportsTogether(t *testing.T, open Open) {
	s := start(t, open)
	const each, count = 3, 30_000
	used := gaps(t, s, 700, 20_000_000, 20_000, false)
	before := countAll(t, s)
	errs := make(chan error)
	for i := range each {
		go func() {
			source := manyDocuments{base: platen.ID(80_000_000 + i*count), n: count}
			if i == 0 {
				source.fail = errors.New("broken off")
			}
			_, err := s.CreateJobSet(context.Background(), source, storage.JobSetOptions{})
			if !errors.Is(err, source.fail) {
				err = fmt.Errorf("import %d: %w", i, err)
			} else {
				err = nil
			}
			errs <- err
		}()
	}
	go func() { errs <- s.Delete(context.Background(), platen.Ref{Kind: platen.ContentSet, ID: 700}) }()
	for range each + 1 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	clean(t, s)
	want := before
	want[platen.JobSet] += each - 1
	want[platen.Job] += each - 1
	want[platen.ContentSet]--
	want[platen.ContentItem] += (each-1)*count - (20_000 - len(used))
	want[platen.DataRecord] = want[platen.ContentItem]
	diff(t, "entities", countAll(t, s), want)
}
