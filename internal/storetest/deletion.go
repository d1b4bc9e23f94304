package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A printJob is a job set with one job that prints content items.
type printJob []platen.ID

func (p printJob) Nodes() []transfer.Node {
	return []transfer.Node{{Kind: platen.JobSet, Parent: -1}, {Kind: platen.Job}, {Kind: platen.JobSegment, Parent: 1}, {Kind: platen.DocumentSet, Parent: 2}}
}

func (p printJob) ExplicitIDs() platen.IDRange { return platen.IDRange{} }

func (p printJob) Read(v transfer.JobSetVisitor) error {
	for _, item := range p {
		if err := v.Page(3, &transfer.Page{Item: item}); err != nil {
			return err
		}
		if err := v.Document(&transfer.SourceDocument{Set: 3}); err != nil {
			return err
		}
	}
	return nil
}

// gaps makes a content set of n items at every second ID from base on, and a
// job that prints all but every tenth of them.
func gaps(t *testing.T, s storage.Store, set, base platen.ID, n int, shuffled bool) (used []platen.ID) {
	t.Helper()
	source := contentSet{set: transfer.SourceSet{ID: set}}
	for i := range platen.ID(n) {
		id := base + 2*i
		source.items = append(source.items, transfer.SourceItem{ID: id, Record: base + 1_000_000_000 + i})
		if i%10 != 0 {
			used = append(used, id)
		}
	}
	mustContentSet(t, s, source)
	printed := slices.Clone(used)
	if shuffled {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		random.Shuffle(len(printed), func(i, j int) { printed[i], printed[j] = printed[j], printed[i] })
	}
	if _, err := s.CreateJobSet(t.Context(), printJob(printed), storage.JobSetOptions{Existing: true}); err != nil {
		t.Fatal(err)
	}
	return used
}

// recordGaps makes a data set of n records at every second ID from base on,
// and a content set with an item for all but every tenth of them.
func recordGaps(t *testing.T, s storage.Store, set, base platen.ID, n int) (used []platen.ID) {
	t.Helper()
	data, content := dataSet{set: transfer.SourceSet{ID: set}}, contentSet{set: transfer.SourceSet{ID: set - 1}}
	for i := range platen.ID(n) {
		id := base + 2*i
		data.records = append(data.records, platen.SourceRecord{ID: id})
		if i%10 != 0 {
			used = append(used, id)
			content.items = append(content.items, transfer.SourceItem{ID: base + 2_000_000_000 + i, Record: id})
		}
	}
	mustDataSet(t, s, data)
	mustContentSet(t, s, content)
	return used
}

// slowest runs fn again and again until stop, and returns the longest time.
func slowest(t *testing.T, stop <-chan struct{}, fn func(ctx context.Context) error) <-chan time.Duration {
	longest := make(chan time.Duration, 1)
	go func() {
		var most time.Duration
		defer func() { longest <- most }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			start := time.Now()
			if err := fn(context.Background()); err != nil {
				t.Error(err)
				return
			}
			most = max(most, time.Since(start))
		}
	}()
	return longest
}

// testDeleteGaps deletes content sets whose items are a row each. Twice as
// many take about twice as long, and nobody waits for much of it.
func testDeleteGaps(t *testing.T, open Open) {
	s := start(t, open)
	job := mustCreate(t, s, emptyJobs(1)).Children[0]
	put := func(ctx context.Context) error {
		return s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs("a=1")})
	}
	base := platen.ID(10_000_000)
	remove := func(what string, n int) (took, waited time.Duration) {
		base += 1_000_000
		ref := platen.Ref{Kind: platen.ContentSet, ID: base - 1}
		var used []platen.ID
		if what == "records" {
			ref.Kind = platen.DataSet
			used = recordGaps(t, s, ref.ID, base, n)
		} else {
			used = gaps(t, s, ref.ID, base, n, what == "items in any order")
		}
		stop := make(chan struct{})
		longest := slowest(t, stop, put)
		begin := time.Now()
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		took = time.Since(begin)
		close(stop)
		for _, id := range []platen.ID{used[0], used[len(used)/2], used[len(used)-1]} {
			list(t, s, ref.Kind.Info().Child, id, platen.Properties)
		}
		_, err := s.List(t.Context(), platen.Ref{Kind: ref.Kind.Info().Child, ID: base}, platen.Properties)
		wantCode(t, "one that is not used", err, platen.NotFound, "")
		return took, <-longest
	}
	for _, what := range []string{"items in order", "items in any order", "records"} {
		for try := 0; ; try++ { // the machine may be busy with others
			few, _ := remove(what, 6_000)
			many, waited := remove(what, 12_000)
			t.Logf("6,000 %s took %v, 12,000 took %v; an update meanwhile %v", what, few, many, waited)
			if many <= 3*few+100*time.Millisecond && waited <= many/2+100*time.Millisecond {
				break
			}
			if try == 3 {
				t.Errorf("to delete 6,000 %s took %v, 12,000 %v, and an update waited for %v of it", what, few, many, waited)
				break
			}
		}
	}
}

// testDeleteBrokenOff closes the store while a set is being deleted, and opens
// it again.
func testDeleteBrokenOff(t *testing.T, open Open) {
	s := open(t)
	ctx := t.Context()
	const base = 20_000_000
	used := gaps(t, s, 700, base, 20_000, true)
	ref := platen.Ref{Kind: platen.ContentSet, ID: 700}
	read := make(chan error, 1)
	begun := make(chan struct{})
	go func() { // an export that is under way
		items := 0
		read <- s.ReadContentSet(context.Background(), 700, func(transfer.SourceSet) error { return nil }, func(*transfer.SourceItem) error {
			if items++; items == 100 {
				close(begun)
				for {
					if _, err := s.Children(context.Background(), ref); err != nil {
						return nil
					}
					time.Sleep(time.Millisecond)
				}
			}
			return nil
		})
	}()
	<-begun
	deleted := make(chan error, 1)
	left, cancel := context.WithCancel(ctx)
	go func() { deleted <- s.Delete(left, ref) }()
	wantCode(t, "the export", <-read, platen.NotFound, "content set 700")
	cancel() // it goes on without its client
	runs, err := s.Entities(ctx, platen.ContentSet, "")
	diff(t, "sets", ids(t, runs, err), []platen.ID(nil))
	wantCode(t, "deleted twice", s.Delete(ctx, ref), platen.NotFound, "700")
	// On a busy machine the deletion may be over before any of the next calls.
	_, record := s.Record(ctx, base)
	_, err = s.CreateJobSet(ctx, printJob{base}, storage.JobSetOptions{})
	if platen.ErrorCode(err) == platen.Conflict {
		wantCode(t, "a job with an item of the deleted set", err, platen.Conflict, "of a deleted set")
	} else {
		wantCode(t, "a job with an item of the set", err, platen.Unavailable, "being deleted")
		if record != nil {
			t.Error("an item of a set that is being deleted:", record)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-deleted; err == nil {
		t.Log("the deletion was over before the store was closed")
	} else {
		wantCode(t, "the deletion", err, platen.Unavailable, "")
	}

	s = start(t, open)
	wantCode(t, "deleted again", s.Delete(ctx, ref), platen.NotFound, "700")
	for range 2 { // the first time what was left is finished, the second it may be cleaned up
		clean(t, s)
	}
	for _, id := range []platen.ID{used[0], used[len(used)-1]} {
		if _, err := s.Record(ctx, id); err != nil {
			t.Error("an item in use:", err)
		}
	}
	_, err = s.Record(ctx, base)
	wantCode(t, "an item that is not used", err, platen.NotFound, "")
	if _, err := s.CreateJobSet(ctx, printJob(used[:3]), storage.JobSetOptions{Existing: true}); err != nil {
		t.Error("a job with items in use:", err)
	}
}

// testDeleteTogether deletes a data set and a content set on it at once.
func testDeleteTogether(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	data := dataSet{set: transfer.SourceSet{ID: 300}}
	content := contentSet{set: transfer.SourceSet{ID: 700}}
	other := contentSet{set: transfer.SourceSet{ID: 800}}
	for i := range platen.ID(2_000) {
		record := 100_000 + 4*i
		data.records = append(data.records, platen.SourceRecord{ID: record, Fields: pairs("n=1")},
			platen.SourceRecord{ID: record + 1, Depth: 1, Table: "detail", Fields: pairs("d=1")})
		content.items = append(content.items, transfer.SourceItem{ID: 500_000 + 2*i, Record: record})
		if i%3 == 0 {
			other.items = append(other.items, transfer.SourceItem{ID: 600_000 + 2*i, Record: record})
		}
	}
	mustDataSet(t, s, data)
	mustContentSet(t, s, content)
	mustContentSet(t, s, other)
	deleted := make(chan error, 2)
	for kind, id := range map[platen.Kind]platen.ID{platen.DataSet: 300, platen.ContentSet: 700} {
		go func() { deleted <- s.Delete(ctx, platen.Ref{Kind: kind, ID: id}) }()
	}
	for range 2 {
		if err := <-deleted; err != nil {
			t.Fatal(err)
		}
	}
	clean(t, s)
	for i := range platen.ID(2_000) {
		record := 100_000 + 4*i
		if i%3 == 0 {
			want := fmt.Sprintf("record %d of 0 in 0: n=1\n  detail %d of 0 in %d: d=1\n", record, record+1, record)
			if got := records(t, s, true, record); got != want {
				t.Fatalf("a record in use: %q, want %q", got, want)
			}
			continue
		}
		for _, id := range []platen.ID{record, record + 1} {
			err := s.Records(ctx, []platen.ID{id}, false, func(*platen.Record) error { return nil })
			if platen.ErrorCode(err) != platen.NotFound {
				t.Fatalf("record %d, which nobody uses: %v", id, err)
			}
		}
	}
	// Nothing is left that would keep their IDs taken.
	runs, err := s.Entities(ctx, platen.DataSet, "")
	diff(t, "data sets", ids(t, runs, err), []platen.ID(nil))
	mustContentSet(t, s, contentSet{set: transfer.SourceSet{ID: 700}, items: content.items[1:2]})
}

// testReuse imports a set with the identifier of a deleted one after each batch
// of the clean-up. Once that succeeds, the set is there, and what is left of the
// clean-up leaves it alone.
func testReuse(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	for _, one := range []struct {
		ref    platen.Ref
		create func() (platen.Created, error)
	}{
		{platen.Ref{Kind: platen.DataSet, ID: 300}, func() (platen.Created, error) {
			return s.CreateDataSet(ctx, dataSet{
				set:     transfer.SourceSet{ID: 300},
				schema:  &platen.Table{Columns: []platen.Column{{Name: "n"}}},
				records: []platen.SourceRecord{{ID: 301, Fields: pairs("n=1")}},
			})
		}},
		{platen.Ref{Kind: platen.ContentSet, ID: 400}, func() (platen.Created, error) {
			return s.CreateContentSet(ctx, contentSet{set: transfer.SourceSet{ID: 400, Type: "PRINT"}, items: []transfer.SourceItem{{ID: 401}}})
		}},
		{platen.Ref{Kind: platen.JobSet, ID: 500}, func() (platen.Created, error) {
			set := jobSetOf(jobOf())
			set.ID = 500
			return s.CreateJobSet(ctx, set, storage.JobSetOptions{})
		}},
	} {
		t.Run(one.ref.Kind.String(), func(t *testing.T) {
			if _, err := one.create(); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(ctx, one.ref); err != nil {
				t.Fatal(err)
			}
			var made platen.Created
			for made.ID == 0 {
				more, err := s.Clean(ctx, time.Now().Add(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				if made, err = one.create(); err != nil && (platen.ErrorCode(err) != platen.Conflict || !more) {
					t.Fatal(err)
				}
			}
			clean(t, s)
			children, err := s.Children(ctx, one.ref)
			if err != nil || len(made.Children) != 1 || len(children) != 1 || children[0].First != made.Children[0] {
				t.Errorf("the set has %v, and was made with %v: %v", children, made.Children, err)
			}
		})
	}
}
