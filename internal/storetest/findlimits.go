package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// testFindLimits runs searches of the largest sizes that can be asked for:
// each is answered, or refused as too large.
func testFindLimits(t *testing.T, open Open) {
	s := start(t, open)
	mustCreate(t, s, jobSetOf(jobOf().properties("a=x"), jobOf().properties("b=y")))
	many := func(n int, rule func(i int) platen.Rule) (rules []platen.Rule) {
		for i := range n {
			rules = append(rules, rule(i))
		}
		return rules
	}
	textRule := func(condition platen.Condition) func(i int) platen.Rule {
		return func(i int) platen.Rule {
			return platen.Rule{Type: platen.Text, Name: "a", Condition: condition, Value: fmt.Sprint("x", i)}
		}
	}
	nested := func(kind platen.RuleType) platen.Rule {
		rule := textRule(platen.Like)(0)
		for range 63 {
			rule = platen.Rule{Type: kind, Rules: []platen.Rule{rule, textRule(platen.Equal)(1)}}
		}
		return rule
	}
	values := func(n, length int) (values []string) {
		for i := range n {
			values = append(values, fmt.Sprint(i, strings.Repeat("v", length)))
		}
		return values
	}
	var someIDs []platen.ID
	for i := range platen.ID(10_000) {
		someIDs = append(someIDs, 1+i)
	}
	among := platen.Rule{Type: platen.IDs, Condition: platen.In, IDs: someIDs}
	var keys []platen.SearchKey
	for range 16 {
		keys = append(keys, platen.SearchKey{Name: "a"})
	}
	for name, search := range map[string]platen.Search{
		"all":            {Rule: platen.Rule{Type: platen.All, Rules: many(999, textRule(platen.NotEqual))}},
		"any":            {Rule: platen.Rule{Type: platen.Any, Rules: many(999, textRule(platen.Equal))}},
		"any like":       {Rule: platen.Rule{Type: platen.Any, Rules: many(999, textRule(platen.Like))}},
		"not all":        {Rule: platen.Rule{Type: platen.NotAll, Rules: many(999, textRule(platen.Contains))}},
		"not any":        {Rule: platen.Rule{Type: platen.NotAny, Rules: many(999, textRule(platen.Greater))}},
		"deep all":       {Rule: nested(platen.All)},
		"deep any":       {Rule: nested(platen.Any)},
		"deep not all":   {Rule: nested(platen.NotAll)},
		"deep not any":   {Rule: nested(platen.NotAny)},
		"short values":   {Rule: platen.Rule{Type: platen.Text, Name: "a", Condition: platen.In, Values: values(10_000, 1)}},
		"long values":    {Rule: platen.Rule{Type: platen.Text, Name: "a", Condition: platen.NotIn, Values: values(10_000, 600)}},
		"ids":            {Rule: among, Sets: someIDs},
		"ids four times": {Rule: platen.Rule{Rules: []platen.Rule{among, among, among, among}}},
		"keys":           {Sort: keys, Group: keys},
		"compared fields": {Rule: platen.Rule{Rules: many(999, func(int) platen.Rule {
			return platen.Rule{Type: platen.Text, Name: "a", Condition: platen.Like, Other: "b"}
		})}},
	} {
		search.Kind = platen.Job
		start := time.Now()
		_, err := find(t.Context(), s, &search)
		if err != nil && platen.ErrorCode(err) != platen.Invalid {
			t.Errorf("%s: %.300v", name, err)
		}
		t.Log(name, time.Since(start), err != nil)
	}
}

// testFindLong looks for all sorts of things in the longest values, and for the
// worst patterns: it takes no longer than reading them does by much, ends when
// its caller leaves, and is right.
func testFindLong(t *testing.T, open Open) {
	s := start(t, open)
	job := jobs(t, s, 4)
	value := strings.Repeat("a", 512<<10)
	half := value[:256<<10]
	for i, list := range [][2]string{{value, half}, {value + "b", half + "b"}, {value + "ä", half + "b"}} {
		pairs := []platen.NameValue{{Name: "n", Value: list[0]}, {Name: "m", Value: list[1]}, {Name: "short", Value: "a"}}
		if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job[i], Pairs: pairs}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(rule platen.Rule, want int) time.Duration {
		t.Helper()
		rule.Type = platen.Text
		start := time.Now()
		groups, err := find(t.Context(), s, &platen.Search{Kind: platen.Job, Rule: rule})
		found := 0
		if len(groups) > 0 {
			found = len(groups[0])
		}
		if err != nil || found != want {
			t.Errorf("%s condition %d, %.20q %s: found %d, %v, want %d", rule.Name, rule.Condition, rule.Value, rule.Other, found, err, want)
		}
		return time.Since(start)
	}
	run(platen.Rule{Name: "n", Value: ""}, 0) // the index is brought up to date
	for _, test := range []struct {
		rule platen.Rule
		want int
	}{
		{platen.Rule{Condition: platen.Equal, Value: value}, 1},
		{platen.Rule{Condition: platen.NotEqual, Value: value}, 2},
		{platen.Rule{Condition: platen.Less, Value: value + "b"}, 1},
		{platen.Rule{Condition: platen.LessOrEqual, Value: value + "b"}, 2},
		{platen.Rule{Condition: platen.Greater, Value: value}, 2},
		{platen.Rule{Condition: platen.GreaterOrEqual, Value: value}, 3},
		{platen.Rule{Condition: platen.StartsWith, Value: value}, 3},
		{platen.Rule{Condition: platen.StartsWith, Value: value + "b"}, 1},
		{platen.Rule{Condition: platen.EndsWith, Value: half + "b"}, 1},
		{platen.Rule{Condition: platen.In, Values: []string{value, value + "ä", half}}, 2},
		{platen.Rule{Condition: platen.NotIn, Values: []string{value, "a"}}, 2},
		{platen.Rule{Condition: platen.Equal, Other: "n"}, 3},
		{platen.Rule{Condition: platen.Greater, Other: "m"}, 1},
		{platen.Rule{Condition: platen.StartsWith, Other: "m"}, 1},
		{platen.Rule{Condition: platen.EndsWith, Other: "m"}, 2},
		{platen.Rule{Condition: platen.Contains, Other: "m"}, 2},
		{platen.Rule{Condition: platen.NotContains, Other: "m"}, 1},
		{platen.Rule{Condition: platen.Contains, Other: "short"}, 3},
	} {
		test.rule.Name = "n"
		run(test.rule, test.want)
	}

	pattern := func(condition platen.Condition, text string, want int) time.Duration {
		t.Helper()
		return run(platen.Rule{Name: "n", Condition: condition, Value: text}, want)
	}
	plain := pattern(platen.Contains, "b", 1)
	long := strings.Repeat("a", platen.MaxPattern-3)
	for _, test := range []struct {
		condition platen.Condition
		text      string
		want      int
	}{
		{platen.Contains, long + "b", 1}, {platen.Contains, long + "c", 0}, {platen.NotContains, long + "b", 2},
		{platen.Like, "%" + long + "b%", 1}, {platen.Like, "%" + long[1:] + "c%", 0}, {platen.NotLike, "%" + long + "b", 2},
		{platen.Like, "%a_", 3}, {platen.Like, "%ba", 0}, {platen.Like, "%" + long[:100] + "_c%", 0},
	} {
		if long := pattern(test.condition, test.text, test.want); long > 20*plain+time.Second {
			t.Errorf("condition %d, %.20s: %v; for one letter %v", test.condition, test.text, long, plain)
		}
	}
	findLongCost(t, s, job[3])
}

// findLongCost checks that a search takes time in proportion to the long values
// that it must read, and none for those that it need not; and that it ends
// inside one.
func findLongCost(t *testing.T, s storage.Store, job platen.ID) {
	value := strings.Repeat("a", 800<<10)
	update := platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "eighth", Value: value[:len(value)/8]}, {Name: "whole", Value: value}}}
	if err := s.Replace(t.Context(), platen.Job, platen.Properties, update); err != nil {
		t.Fatal(err)
	}
	search := func(name string, condition platen.Condition, text string, times int) func() {
		rule := platen.Rule{Type: platen.Text, Name: name, Condition: condition, Value: text}
		return func() {
			for range times {
				if groups, err := find(t.Context(), s, &platen.Search{Kind: platen.Job, Rule: rule}); err != nil || len(groups) > 0 {
					t.Fatalf("%s: %v, %v", name, groups, err)
				}
			}
		}
	}
	part := strings.Repeat("a", 1000) + "b"
	search("whole", platen.Contains, part, 1)() // the index is brought up to date
	costtest.AtMost(t, "CONTAINS in a value of eight times the length", 3, 8, search("eighth", platen.Contains, part, 1), search("whole", platen.Contains, part, 1))
	costtest.AtMost(t, "EQ with the start of long values", 10, 1, search("short", platen.Equal, part, 20), search("n", platen.Equal, part, 20))

	slow := search("whole", platen.Like, "%"+strings.Repeat("a_", 500)+"b%", 1)
	start := time.Now()
	slow()
	whole := time.Since(start)
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(t.Context(), whole/10)
		start = time.Now()
		_, err := find(ctx, s, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "whole", Condition: platen.Like, Value: "%" + strings.Repeat("a_", 500) + "b%"}})
		took := time.Since(start)
		cancel()
		const pause = 100 * time.Millisecond // of PostgreSQL's driver, after it has cancelled a statement
		if err != nil && took < whole/2+pause {
			return
		}
		if try == 5 {
			t.Errorf("a search that takes %v was ended after %v: %v", whole, took, err)
			return
		}
	}
}

// testFindMuch searches for everything: it needs memory neither in proportion
// to what is found nor for who takes it slowly, and too much to sort is refused.
func testFindMuch(t *testing.T, open Open) {
	s := start(t, open)
	const n = 300_000
	mustContentSet(t, s, contentSet{set: transfer.SourceSet{ID: 700}, items: oneRun(n)})
	search := platen.Search{Kind: platen.ContentItem}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	found, last := 0, platen.ID(0)
	err := s.Find(t.Context(), &search, func(group int, f *platen.Found) error {
		if found++; f.ID <= last || group != 0 {
			return fmt.Errorf("%+v after %d", *f, last)
		}
		last = f.ID
		if found == n/2 {
			runtime.GC()
			runtime.ReadMemStats(&now)
		}
		return nil
	})
	if err != nil || found != n {
		t.Errorf("found %d of %d: %v", found, n, err)
	}
	if more := int64(now.HeapAlloc) - int64(before.HeapAlloc); more > n*4 {
		t.Errorf("%d bytes are kept for %d entities", more, n)
	}

	// An error of the caller ends it, and gives back what it held.
	enough := errors.New("enough")
	for range 5 {
		if err := s.Find(t.Context(), &search, func(int, *platen.Found) error { return enough }); !errors.Is(err, enough) {
			t.Error(err)
		}
	}
	left, cancel := context.WithCancel(t.Context())
	found = 0
	err = s.Find(left, &search, func(int, *platen.Found) error {
		if found++; found == 10 {
			cancel()
		}
		return nil
	})
	if err == nil || found > n/2 {
		t.Errorf("after its caller left the search found %d: %v", found, err)
	}
}

// testFindSortMuch sorts more than there is memory for.
func testFindSortMuch(t *testing.T, open Open) {
	s := start(t, open)
	set, large := emptyJobs(20), "n="+strings.Repeat("x", 1<<20)
	for _, job := range set.In {
		job.properties(large)
	}
	for range 6 {
		mustCreate(t, s, set)
	}
	search := platen.Search{Kind: platen.Job, Sort: []platen.SearchKey{{Name: "n"}}}
	_, err := find(t.Context(), s, &search)
	wantCode(t, "a sort of 120 MiB", err, platen.Invalid, "setIds")
}

// oneRun is n content items side by side, with their records.
func oneRun(n int) (items []transfer.SourceItem) {
	for i := range platen.ID(n) {
		items = append(items, transfer.SourceItem{ID: 10_000_000 + i, Record: 20_000_000 + i})
	}
	return items
}

// testLongListings reads listings of many rows: what else reads meanwhile does
// not wait for them.
func testLongListings(t *testing.T, open Open) {
	s := start(t, open)
	const n = 60_000
	gaps(t, s, 700, 10_000_000, n, false)
	ref := platen.Ref{Kind: platen.ContentSet, ID: 700}
	whole := func(ctx context.Context) error {
		runs, err := s.Children(ctx, ref)
		if err == nil && (len(runs) != n || runs[n-1].Last != 10_000_000+2*(n-1)) {
			err = fmt.Errorf("%d rows", len(runs))
		}
		return err
	}
	begin := time.Now()
	if err := whole(t.Context()); err != nil {
		t.Fatal(err)
	}
	alone := time.Since(begin)
	c, err := s.Contents(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if all := blocks(t, c); len(all) != n || all[n-1] != (platen.Content{Item: 10_000_000 + 2*(n-1), Record: 1_010_000_000 + n - 1}) {
		t.Errorf("%d contents, the last %v", len(all), all[len(all)-1])
	}
	// As many readers as there may be, and more: a short read has its turn
	// between two pages.
	stop := make(chan struct{})
	var readers []<-chan time.Duration
	for range 24 {
		readers = append(readers, slowest(t, stop, whole))
	}
	var most time.Duration
	for until := time.Now().Add(20 * alone); time.Now().Before(until); {
		begin := time.Now()
		if _, err := s.Record(t.Context(), 10_000_000); err != nil {
			t.Error(err)
		}
		most = max(most, time.Since(begin))
	}
	close(stop)
	longest := time.Duration(0)
	for _, reader := range readers {
		longest = max(longest, <-reader)
	}
	t.Logf("a listing alone %v, with others %v; a short read among them %v", alone, longest, most)
	if most > longest/2 {
		t.Errorf("a short read took %v, long ones %v", most, longest)
	}
}

// A slowJob is a job set that takes its time to be read.
type slowJob struct {
	manyJobs
	reading, release chan struct{}
}

func (j slowJob) Read(transfer.JobSetVisitor) error {
	close(j.reading)
	<-j.release
	return nil
}

// testFindWaits searches while the writer is busy, for what the index has not yet.
func testFindWaits(t *testing.T, open Open) {
	s := start(t, open)
	job := mustCreate(t, s, emptyJobs(1)).Children[0]
	if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs("a=1")}); err != nil {
		t.Fatal(err)
	}
	slow := slowJob{1, make(chan struct{}), make(chan struct{})}
	created := make(chan error, 1)
	go func() {
		_, err := s.CreateJobSet(context.Background(), slow, storage.JobSetOptions{})
		created <- err
	}()
	<-slow.reading
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rule := platen.Rule{Type: platen.Text, Name: "a", Value: "1"}
	groups, err := find(ctx, s, &platen.Search{Kind: platen.Job, Rule: rule})
	if err != nil {
		t.Error("search:", err)
	}
	diff(t, "found", groups, [][]platen.Found{{{ID: job}}})
	page, err := s.ListPage(ctx, &platen.Listing{Kind: platen.Job, Rule: rule, Size: 10, Parts: platen.EntityParts{Facts: true}})
	if err != nil {
		t.Error("list:", err)
	} else if len(page.Entities) != 1 || page.Entities[0].ID != job || page.Entities[0].Facts.UpdateTime.IsZero() {
		t.Errorf("listed %+v", page.Entities)
	}
	one, err := s.Entity(ctx, job)
	if err != nil {
		t.Error("entity:", err)
	} else if one.Facts.UpdateTime.IsZero() {
		t.Errorf("facts %+v", one.Facts)
	}
	close(slow.release)
	if err := <-created; err != nil {
		t.Error(err)
	}
}

// testFindReused searches for a set that has the identifier of one of another kind,
// which was changed and removed just before.
func testFindReused(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	jobs := platen.Ref{Kind: platen.JobSet, ID: 900}
	mustCreate(t, s, emptyJobs(1).as(jobs.ID))
	change := func(kind platen.Kind, value string) {
		t.Helper()
		if err := s.Replace(ctx, kind, platen.Properties, platen.Update{ID: jobs.ID, Pairs: pairs("a=" + value)}); err != nil {
			t.Fatal(err)
		}
	}
	change(platen.JobSet, "before")
	if err := s.Delete(ctx, jobs); err != nil {
		t.Fatal(err)
	}
	clean(t, s)
	mustDataSet(t, s, dataSet{set: transfer.SourceSet{ID: jobs.ID}})
	change(platen.DataSet, "now")
	groups, err := find(ctx, s, &platen.Search{Kind: platen.DataSet, Rule: platen.Rule{Type: platen.Text, Name: "a", Value: "now"}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "found", groups, [][]platen.Found{{{ID: jobs.ID}}})
}

// testFindBeside runs more long searches than run at once, none of which ends,
// and beside them a search of one job, a listing and an update.
func testFindBeside(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	const count = 5000
	made := mustCreate(t, s, emptyJobs(count))
	if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: made.Children[7], Pairs: pairs("a=1")}); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	var begun atomic.Int64
	var ended sync.WaitGroup
	long := runtime.GOMAXPROCS(0) + 4
	for range long {
		ended.Go(func() {
			n := 0
			err := s.Find(ctx, &platen.Search{Kind: platen.Job}, func(int, *platen.Found) error {
				if n++; n == 1 {
					begun.Add(1)
					<-release
				}
				return nil
			})
			if err != nil || n != count {
				t.Errorf("a long search found %d: %v", n, err)
			}
		})
	}
	for begun.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	found, err := find(ctx, s, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "a", Value: "1"}})
	if err != nil || len(found) != 1 || found[0][0].ID != made.Children[7] {
		t.Errorf("beside long searches: %v, %v", found, err)
	}
	if _, err := s.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil {
		t.Error(err)
	}
	if n := begun.Load(); n >= int64(long) {
		t.Errorf("all %d long searches run at once", n)
	}
	close(release)
	ended.Wait()
}
