package storetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// names are n names with values of so many bytes.
func names(n, bytes int) []platen.NameValue {
	list := make([]platen.NameValue, n)
	for i := range list {
		list[i] = platen.NameValue{Name: fmt.Sprint("n", i), Value: strings.Repeat("v", bytes)}
	}
	return list
}

// jobs creates a job set of n jobs without anything.
func jobs(t *testing.T, s storage.Store, n int) []platen.ID {
	t.Helper()
	return mustCreate(t, s, emptyJobs(n)).Children
}

func testListLimits(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	job := jobs(t, s, 3)
	replace := func(pairs []platen.NameValue) error {
		return s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job[0], Pairs: pairs})
	}
	set := func(id platen.ID, name, value string) platen.Update {
		return platen.Update{ID: id, Pairs: []platen.NameValue{{Name: name, Value: value}}}
	}
	merge := func(updates ...platen.Update) error {
		return s.Merge(ctx, platen.Job, platen.Properties, updates)
	}
	size := func(id platen.ID) (bytes, count int) {
		t.Helper()
		text := list(t, s, platen.Job, id, platen.Properties)
		return len(text), strings.Count(text, `"name"`)
	}

	wantCode(t, "too many names", replace(names(platen.MaxNames+1, 0)), platen.Invalid, "10000 are the most")
	if err := replace(names(platen.MaxNames, 0)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "one name more", merge(set(job[1], "a", "1"), set(job[0], "n0", "x"), set(job[0], "new", "")), platen.Invalid, "10000 are the most")
	diff(t, "the other job", list(t, s, platen.Job, job[1], platen.Properties), "[]")
	if text := list(t, s, platen.Job, job[0], platen.Properties); strings.Contains(text, `"x"`) || strings.Contains(text, "new") {
		t.Error("a refused merge changed something")
	}
	if err := merge(set(job[0], "n0", "x")); err != nil {
		t.Error("a name that is there:", err)
	}

	one := len(platen.EncodeList([]platen.NameValue{{Name: "n", Value: ""}}))
	full := strings.Repeat("é", (platen.MaxListBytes-one)/2) + strings.Repeat("x", (platen.MaxListBytes-one)%2)
	wantCode(t, "too many bytes", replace([]platen.NameValue{{Name: "n", Value: full + "x"}}), platen.Invalid, "1048576 are the most")
	if err := replace([]platen.NameValue{{Name: "n", Value: full}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "one byte more", merge(set(job[0], "n", full+"x")), platen.Invalid, "1048576 are the most")
	wantCode(t, "one name more", merge(set(job[0], "a", "")), platen.Invalid, "1048576 are the most")
	if err := merge(set(job[0], "n", full[2:]+`"`)); err != nil {
		t.Error("an escape in the place of two bytes:", err)
	}
	if bytes, _ := size(job[0]); bytes != platen.MaxListBytes {
		t.Errorf("%d bytes", bytes)
	}

	// What is stored already may be larger.
	large := mustDataSet(t, s, dataSet{set: transfer.SourceSet{Lists: [2]platen.List{platen.EncodeList(names(platen.MaxNames+5, 1))}}}).ID
	old := func(name, value string) error {
		return s.Merge(ctx, platen.DataSet, platen.Properties, []platen.Update{set(large, name, value)})
	}
	if err := old("n7", ""); err != nil {
		t.Error("an old list that shrinks:", err)
	}
	wantCode(t, "an old list that grows", old("more", ""), platen.Invalid, "10000 are the most")
	if text := list(t, s, platen.DataSet, large, platen.Properties); !strings.Contains(text, `{"name":"n7","value":""}`) || strings.Count(text, `"name"`) != platen.MaxNames+5 {
		t.Error("an old list is not as it was")
	}

	var much []platen.Update
	for i := range platen.MaxUpdateIDs + 1 {
		much = append(much, set(platen.ID(i+1), "a", ""))
	}
	wantCode(t, "too many entities", merge(much...), platen.TooLarge, "split it")
	many := jobs(t, s, platen.MaxUpdateBytes/platen.MaxListBytes+1)
	for _, id := range many {
		if err := s.Replace(ctx, platen.Job, platen.Metadata, platen.Update{ID: id, Pairs: []platen.NameValue{{Name: "n", Value: full}}}); err != nil {
			t.Fatal(err)
		}
	}
	much = much[:0]
	for _, id := range many {
		much = append(much, set(id, "n", "y"))
	}
	wantCode(t, "too many bytes of lists", s.Merge(ctx, platen.Job, platen.Metadata, much), platen.TooLarge, "split it")
	if err := s.Merge(ctx, platen.Job, platen.Metadata, much[1:]); err != nil {
		t.Error("as many bytes as may be:", err)
	}
	diff(t, "merged", list(t, s, platen.Job, many[1], platen.Metadata), `[{"name":"n","value":"y"}]`)
}

// testMergeCost checks that what a merge costs grows with its own size and
// with that of the lists, but not with the product.
func testMergeCost(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	job := jobs(t, s, 2)
	if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job[0], Pairs: names(5_000, 3)}); err != nil {
		t.Fatal(err)
	}
	took := func(entries int) time.Duration {
		best := time.Hour
		for try := range 3 {
			updates := make([]platen.Update, entries)
			for i := range updates {
				updates[i] = platen.Update{ID: job[0], Pairs: []platen.NameValue{{Name: fmt.Sprint("n", i%7_000), Value: fmt.Sprintf("%d%d", try, i)}}}
			}
			start := time.Now()
			if err := s.Merge(ctx, platen.Job, platen.Properties, updates); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	took(100)
	// Each entry by itself would take 1 ms and more: 25 times as long.
	few, many := took(1_000), took(40_000)
	if many > 8*few+time.Second {
		t.Errorf("1,000 entries took %v, 40,000 took %v", few, many)
	}
	text := list(t, s, platen.Job, job[0], platen.Properties)
	if !strings.Contains(text, `{"name":"n4999","value":"239999"}`) || !strings.HasSuffix(text, `{"name":"n6999","value":"234999"}]`) {
		t.Error("the last entry of a name does not count, or the order is another:", text[len(text)-100:])
	}
}

// testMergeBeside checks that small updates are answered while a large merge
// is worked out, and that none of the updates is lost.
func testMergeBeside(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	job := jobs(t, s, 6)
	for _, id := range job[:4] {
		if err := s.Replace(ctx, platen.Job, platen.Metadata, platen.Update{ID: id, Pairs: names(1_600, 350)}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 2)
	for n := range 2 {
		go func() {
			var err error
			for i := 0; i < 3 && err == nil; i++ {
				var updates []platen.Update
				for _, id := range job[:4] {
					updates = append(updates, platen.Update{ID: id, Pairs: []platen.NameValue{{Name: fmt.Sprint("n", 10*n+i), Value: "x"}}})
				}
				err = s.Merge(ctx, platen.Job, platen.Metadata, updates)
			}
			done <- err
		}()
	}
	beside := make(chan struct{})
	var answered atomic.Int64
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-beside:
				return
			default:
			}
			if err := s.Replace(ctx, platen.Job, platen.Metadata, platen.Update{ID: job[5], Pairs: names(2, 2)}); err != nil {
				t.Error(err)
				return
			}
			answered.Add(1)
		}
	})
	merged := 0
	for left := 2; left > 0; merged++ {
		update := platen.Update{ID: job[merged%4], Pairs: []platen.NameValue{{Name: fmt.Sprint("n", 100+merged%50), Value: "x"}}}
		if err := s.Merge(ctx, platen.Job, platen.Metadata, []platen.Update{update}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	close(beside)
	ended.Wait()
	if n := answered.Load(); n < 20 {
		t.Errorf("%d small updates were answered beside the large merges", n)
	}
	for _, id := range job[:4] {
		text := list(t, s, platen.Job, id, platen.Metadata)
		for _, n := range []int{0, 1, 2, 10, 11, 12} {
			if !strings.Contains(text, fmt.Sprintf(`{"name":"n%d","value":"x"}`, n)) {
				t.Errorf("job %d has lost what a merge wrote to n%d", id, n)
			}
		}
	}
	for n := range min(merged, 50) {
		if text := list(t, s, platen.Job, job[n%4], platen.Metadata); !strings.Contains(text, fmt.Sprintf(`{"name":"n%d","value":"x"}`, 100+n)) {
			t.Errorf("job %d has lost what a small merge wrote to n%d", job[n%4], 100+n)
		}
	}

	ctx, cancel := context.WithCancel(ctx)
	cancel()
	err := s.Merge(ctx, platen.Job, platen.Metadata, []platen.Update{{ID: job[0], Pairs: names(1, 1<<20)}})
	if err == nil {
		t.Error("a large merge goes on though its caller is gone")
	}
}

// testRecordCost checks that records and updates of fields cost what is in
// them, however large the schema is and however many lists they come in.
func testRecordCost(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	schema := &platen.Table{Name: platen.RecordTable}
	for i := range platen.MaxColumns {
		schema.Columns = append(schema.Columns, platen.Column{Name: fmt.Sprint("column", i), Type: platen.Integer})
	}
	detail := &platen.Table{Name: "detail", Tables: []*platen.Table{{Name: "part", Columns: []platen.Column{{Name: "n", Type: platen.Integer}}}}}
	schema.Tables = []*platen.Table{detail}
	set := mustDataSet(t, s, dataSet{schema: schema, records: []platen.SourceRecord{{}, {Depth: 1, Table: "detail"}, {Depth: 2, Table: "part"}}}).ID
	add := func(lists int, records ...platen.SourceRecord) time.Duration {
		t.Helper()
		many := make([]platen.NewRecords, lists)
		for i := range many {
			many[i] = platen.NewRecords{DataSet: set, Records: records}
		}
		start := time.Now()
		if err := s.AddRecords(ctx, many); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	one := platen.SourceRecord{Table: platen.RecordTable, Fields: pairs("column9999=7")}
	once := min(add(1, one), add(1, one), add(1, one))
	// To read the schema for each list takes 2 s and more.
	if took := add(400, one); took > 10*once+time.Second {
		t.Errorf("one list took %v, 400 took %v", once, took)
	}
	few := min(add(5_000), add(5_000))
	if many := add(100_000); many > 100*few+time.Second {
		t.Errorf("5,000 empty lists took %v, 100,000 took %v", few, many)
	}
	all := children(t, s, platen.DataSet, set)
	if len(all) != 1+3+400 {
		t.Fatalf("%d records", len(all))
	}

	updates := make([]platen.Update, 0, 2*len(all))
	for i, id := range append(all, all...) {
		updates = append(updates, platen.Update{ID: id, Pairs: pairs(fmt.Sprintf("column%d=%d", i%7, i))})
	}
	if err := s.UpdateFields(ctx, updates); err != nil {
		t.Fatal(err)
	}
	var nested []platen.ID
	if err := s.Records(ctx, all[:1], true, func(r *platen.Record) error { nested = append(nested, r.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	last := func(fields string) error {
		return s.UpdateFields(ctx, append(updates[:len(updates):len(updates)], platen.Update{ID: nested[2], Pairs: pairs(fields)}))
	}
	wantCode(t, "a wrong type far within", last("n=x"), platen.Invalid, "INTEGER")
	if err := last("n=5"); err != nil {
		t.Error(err)
	}
	wantCode(t, "an unknown record", s.UpdateFields(ctx, append(updates[:len(updates):len(updates)], platen.Update{ID: set})), platen.NotFound, "data record")

	source := dataSet{records: []platen.SourceRecord{{}}}
	for i := range platen.MaxTables {
		source.records = append(source.records, platen.SourceRecord{Depth: 1, Table: fmt.Sprint("t", i)})
	}
	mustDataSet(t, s, source)
	source.records = append(source.records, platen.SourceRecord{Depth: 1, Table: "more"})
	_, err := s.CreateDataSet(ctx, source)
	wantCode(t, "too many tables", err, platen.Invalid, "1000 tables")
}

// testLargeLists exports a job set whose lists are far larger than its reader
// may hold: each list is there, and the memory stays small.
func testLargeLists(t *testing.T, open Open) {
	s := start(t, open)
	const count = 60
	job := jobs(t, s, count)
	value := strings.Repeat("v", platen.MaxListBytes-100)
	for i, id := range job {
		pairs := []platen.NameValue{{Name: "n", Value: fmt.Sprint(i)}}
		if i%3 > 0 { // every third is small, so that parts end at all places
			pairs = append(pairs, platen.NameValue{Name: "long", Value: value})
		}
		for _, facet := range platen.Facets {
			if err := s.Replace(t.Context(), platen.Job, facet, platen.Update{ID: id, Pairs: pairs}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set, err := s.Entities(t.Context(), platen.JobSet, "")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = s.ReadJobSet(t.Context(), set[0].First, func(e *transfer.Element) error {
		if e.Kind != platen.Job {
			return nil
		}
		for f, list := range e.Lists {
			if want := fmt.Sprintf(`[{"name":"n","value":"%d"}`, seen); !strings.HasPrefix(string(list), want) || len(list) > len(value) != (seen%3 > 0) {
				t.Errorf("the %v of job %d are %.40s…, %d bytes", platen.Facet(f), seen, list, len(list))
			}
		}
		if seen++; seen == count/2 {
			runtime.GC()
			runtime.ReadMemStats(&now)
		}
		return nil
	})
	if err != nil || seen != count {
		t.Errorf("%d jobs of %d were read: %v", seen, count, err)
	}
	if held := int64(now.HeapAlloc) - int64(before.HeapAlloc); held > 16<<20 {
		t.Errorf("%d MiB are held while lists of 80 MiB are read", held>>20)
	}
}
