// Package storetest is the contract of [storage.Store] in code. Each store
// runs it from its own tests, on a real database.
package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// Open opens the store of a test. Opening it again after closing it finds
// what was stored; a test's store is empty at first.
type Open func(t *testing.T) storage.Store

// A test of the suite.
type test struct {
	name   string
	run    func(t *testing.T, open Open)
	cached bool // a cache of lists could spoil it
}

// long are the tests of sizes and costs, which -short leaves out.
var long = []string{
	"limits of lists", "pages of all shapes", "what a merge costs", "small merges beside large ones", "what records cost",
	"deleting much", "deleting items with gaps", "deleting that is broken off", "deleting together", "searches", "updates beside the indexer",
	"limits of searches", "long values", "a search of everything", "a sort of much", "long listings", "no reader goes back in time",
}

var tests = []test{
	{"an empty store", testEmpty, false},
	{"a job set", testJobSet, false},
	{"identifiers that are given", testGivenIDs, false},
	{"identifiers that are taken", testConflicts, false},
	{"content items that exist", testExistingItems, false},
	{"pages of all shapes", testPages, false},
	{"lists", testLists, true},
	{"merging", testMerge, true},
	{"limits of lists", testListLimits, false},
	{"large lists", testLargeLists, false},
	{"what a merge costs", testMergeCost, false},
	{"small merges beside large ones", testMergeBeside, true},
	{"many writers", testManyWriters, true},
	{"no reader goes back in time", testMonotonic, true},
	{"random operations", testModel, true},
	{"data records", testRecords, true},
	{"what records cost", testRecordCost, false},
	{"data sets", testDataSets, false},
	{"content sets", testContentSets, true},
	{"deleting", testDelete, true},
	{"deleting much", testDeleteLarge, false},
	{"deleting items with gaps", testDeleteGaps, false},
	{"deleting that is broken off", testDeleteBrokenOff, false},
	{"deleting together", testDeleteTogether, true},
	{"searches", testFind, false},
	{"updates beside the indexer", testIndexBeside, false},
	{"limits of searches", testFindLimits, false},
	{"long values", testFindLong, false},
	{"a search of everything", testFindMuch, false},
	{"a sort of much", testFindSortMuch, false},
	{"a search behind a busy writer", testFindWaits, false},
	{"long listings", testLongListings, false},
	{"operations", testOperations, false},
	{"users", testUsers, false},
}

// Run runs the suite. open returns, for each test, a way to open its store.
func Run(t *testing.T, open func(t *testing.T) Open) {
	for _, test := range tests {
		test.start(t, open)
	}
}

func (one test) start(t *testing.T, open func(t *testing.T) Open) {
	t.Run(one.name, func(t *testing.T) {
		if testing.Short() && slices.Contains(long, one.name) {
			t.Skip("takes long: not with -short")
		}
		one.run(t, open(t))
	})
}

// RunCached runs those tests that a cache of lists could spoil.
func RunCached(t *testing.T, open func(t *testing.T) Open) {
	for _, test := range tests {
		if test.cached {
			test.start(t, open)
		}
	}
}

// start opens a store that is closed at the end of the test.
func start(t *testing.T, open Open) storage.Store {
	t.Helper()
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

func ids(t *testing.T, runs []platen.Run, err error) []platen.ID {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var list []platen.ID
	for _, run := range runs {
		for id := run.First; id <= run.Last; id++ {
			list = append(list, id)
		}
	}
	return list
}

func children(t *testing.T, s storage.Store, kind platen.Kind, id platen.ID) []platen.ID {
	t.Helper()
	runs, err := s.Children(t.Context(), platen.Ref{Kind: kind, ID: id})
	return ids(t, runs, err)
}

func contents(t *testing.T, s storage.Store, job platen.ID) []platen.Content {
	t.Helper()
	c, err := s.Contents(t.Context(), platen.Ref{Kind: platen.Job, ID: job})
	if err != nil {
		t.Fatal("contents:", err)
	}
	return blocks(t, c)
}

// blocks reads contents to their end.
func blocks(t *testing.T, c *transfer.Contents) []platen.Content {
	t.Helper()
	var all []platen.Content
	digits := 0
	for block, err := range c.Blocks {
		if err != nil {
			t.Fatal("contents:", err)
		}
		all = append(all, block...)
	}
	for _, content := range all {
		digits += len(content.Item.String()) + len(content.Record.String())
	}
	if c.Count != int64(len(all)) || c.Digits != int64(digits) {
		t.Errorf("contents announce %d items of %d digits, but yield %d of %d", c.Count, c.Digits, len(all), digits)
	}
	return all
}

func list(t *testing.T, s storage.Store, kind platen.Kind, id platen.ID, facet platen.Facet) string {
	t.Helper()
	l, err := s.List(t.Context(), platen.Ref{Kind: kind, ID: id}, facet)
	if err != nil {
		t.Fatal("list:", err)
	}
	return string(l)
}

func wantCode(t *testing.T, doing string, err error, want platen.Code, inMessage string) {
	t.Helper()
	if err == nil || platen.ErrorCode(err) != want || !strings.Contains(err.Error(), inMessage) {
		t.Errorf("%s: got error %v (code %d), want code %d with %q", doing, err, platen.ErrorCode(err), want, inMessage)
	}
}

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// small is a job set with a little of everything.
func small() *tree {
	return jobSetOf(
		jobOf(segmentOf(documentsOf(
			documentOf(page(9001, 5001), page(9002, 5002)).metadata("zip=00420"),
			documentOf(page(9003, 5003)),
		).metadata("fold=C6")).metadata("plant=Lyon")).
			with(platen.Properties, platen.EncodeList([]platen.NameValue{{Name: "customer", Value: "Ärzte & <Söhne>"}})),
		jobOf(segmentOf(), segmentOf(documentsOf(documentOf(page(9004, 0))))),
		jobOf(),
	).properties("run=1").metadata("m=set")
}

func testEmpty(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	if err := s.Ping(ctx); err != nil {
		t.Error("ping:", err)
	}
	runs, err := s.Entities(ctx, platen.JobSet, "")
	diff(t, "entities", ids(t, runs, err), []platen.ID(nil))
	ref := platen.Ref{Kind: platen.Job, ID: 1000}
	_, err = s.List(ctx, ref, platen.Properties)
	wantCode(t, "list", err, platen.NotFound, "job 1000 not found")
	_, err = s.Children(ctx, ref)
	wantCode(t, "children", err, platen.NotFound, "job 1000")
	_, err = s.Contents(ctx, platen.Ref{Kind: platen.Job, ID: 1000})
	wantCode(t, "contents", err, platen.NotFound, "job 1000")
	err = s.ReadJobSet(ctx, 1000, func(*transfer.Element) error { return nil })
	wantCode(t, "read job set", err, platen.NotFound, "job set 1000")
	err = s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 1000})
	wantCode(t, "replace", err, platen.NotFound, "job 1000")
	err = s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: 1000}})
	wantCode(t, "merge", err, platen.NotFound, "job 1000")
	if err := s.Merge(ctx, platen.Job, platen.Properties, nil); err != nil {
		t.Error("merge of nothing:", err)
	}
}

func testJobSet(t *testing.T, open Open) {
	s := open(t)
	made := mustCreate(t, s, small())
	check := func(s storage.Store) {
		t.Helper()
		diff(t, "job set", made.ID, platen.FirstID)
		diff(t, "jobs", made.Children, []platen.ID{1001, 1002, 1003})
		runs, err := s.Entities(t.Context(), platen.JobSet, "")
		diff(t, "all job sets", ids(t, runs, err), []platen.ID{made.ID})
		diff(t, "jobs of the set", children(t, s, platen.JobSet, made.ID), made.Children)
		segments := children(t, s, platen.Job, made.Children[1])
		diff(t, "job segments", segments, []platen.ID{1005, 1006})
		sets := children(t, s, platen.JobSegment, segments[1])
		diff(t, "document sets", len(sets), 1)
		diff(t, "documents", len(children(t, s, platen.DocumentSet, sets[0])), 1)
		diff(t, "no segments", children(t, s, platen.Job, made.Children[2]), []platen.ID(nil))
		diff(t, "contents", contents(t, s, made.Children[0]), []platen.Content{{Item: 9001, Record: 5001}, {Item: 9002, Record: 5002}, {Item: 9003, Record: 5003}})
		diff(t, "no contents", contents(t, s, made.Children[2]), []platen.Content(nil))
		diff(t, "properties", list(t, s, platen.Job, made.Children[0], platen.Properties), `[{"name":"customer","value":"Ärzte & <Söhne>"}]`)
		diff(t, "no metadata", list(t, s, platen.Job, made.Children[0], platen.Metadata), `[]`)
		diff(t, "metadata", list(t, s, platen.JobSet, made.ID, platen.Metadata), `[{"name":"m","value":"set"}]`)
		segment := children(t, s, platen.Job, made.Children[0])[0]
		document := children(t, s, platen.DocumentSet, children(t, s, platen.JobSegment, segment)[0])[0]
		diff(t, "metadata of a document", list(t, s, platen.Document, document, platen.Metadata), `[{"name":"zip","value":"00420"}]`)
	}
	check(s)
	_, err := s.List(t.Context(), platen.Ref{Kind: platen.JobSet, ID: made.Children[0]}, platen.Properties)
	wantCode(t, "a job as a job set", err, platen.NotFound, "job set 1001")
	before := export(t, s, made.ID)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, open)
	check(s)
	diff(t, "export after opening again", export(t, s, made.ID), before)
}

func testGivenIDs(t *testing.T, open Open) {
	s := start(t, open)
	details := platen.Details{Pages: []platen.PageCount{{Count: 2, Media: platen.Media{Name: "Plain A4"}}}}.Encode()
	made := mustCreate(t, s, jobSetOf(
		jobOf(segmentOf(documentsOf(
			documentOf(
				transfer.Page{ID: 77, Item: 31, Record: 41, Lists: [2]platen.List{platen.EncodeList(pairs("p=1"))}, Details: details},
				page(30, 40),
				transfer.Page{Item: 31, Record: 41, Details: details},
			).as(810),
			documentOf().as(809).properties("d=2"),
		).as(801)).as(800)).as(720),
		jobOf().as(710).properties("x=y"),
	).as(700).metadata("m=v"))
	diff(t, "created", made, platen.Created{ID: 700, Children: []platen.ID{720, 710}})
	diff(t, "the order of the job set, not of the ids", children(t, s, platen.JobSet, 700), []platen.ID{720, 710})
	diff(t, "documents", children(t, s, platen.DocumentSet, 801), []platen.ID{810, 809})
	diff(t, "contents, each once", contents(t, s, 720), []platen.Content{{Item: 31, Record: 41}, {Item: 30, Record: 40}})
	exported := export(t, s, 700)

	_, err := create(t, s, exported)
	wantCode(t, "import of what is there", err, platen.Conflict, "700")

	// New ids stay clear of those that are given, also of ones that come
	// later in the job set.
	made = mustCreate(t, s, jobSetOf(jobOf(), jobOf().as(1001), jobOf().as(1000), jobOf()))
	if made.ID <= 1001 || made.Children[0] <= 1001 || made.Children[3] <= 1001 {
		t.Errorf("new ids %d and %v are among those that the job set gives", made.ID, made.Children)
	}
	// And they leave room for a caller who counts content items up.
	for item := platen.ID(9001); item < 9011; item++ {
		mustCreate(t, s, pagesOf(page(item, item-4000)))
	}
	// The largest identifier does not use up the sequence.
	made = mustCreate(t, s, jobSetOf(jobOf().as(platen.MaxID), jobOf()))
	diff(t, "the largest id", made.Children[0], platen.MaxID)
	if made.ID > 60000 {
		t.Errorf("the largest id has moved the sequence: the job set is %d", made.ID)
	}
	diff(t, "job by the largest id", list(t, s, platen.Job, platen.MaxID, platen.Properties), "[]")
}

func testConflicts(t *testing.T, open Open) {
	s := start(t, open)
	made := mustCreate(t, s, small())
	before := export(t, s, made.ID)
	job := made.Children[0]
	for _, test := range []struct {
		name    string
		set     *tree
		message string
	}{
		{"job", jobSetOf(jobOf().as(job)), job.String()},
		{"job set", jobSetOf().as(made.ID), "job set"},
		{"a content item's id", jobSetOf(jobOf().as(9002)), "content item"},
		{"twice in the job set", jobSetOf(jobOf(segmentOf().as(77)).as(77)), "77"},
		{"a job as a content item", pagesOf(page(job, 0)), "taken by a job"},
		{"a job as a data record", pagesOf(page(1, job)), "taken by a job"},
		{"another data record", pagesOf(page(8999, 0), page(9002, 1)), "belongs to data record 5002"},
		{"other page details", pagesOf(transfer.Page{Item: 9002, Details: platen.Details{Pages: []platen.PageCount{{Count: 2}}}.Encode()}), "page details"},
		{"items and records overlap", pagesOf(page(1, 2), page(2, 3)), "taken by a data record"},
		{"an item that says two things", pagesOf(page(1, 2), page(1, 3)), "both"},
	} {
		_, err := create(t, s, test.set)
		wantCode(t, test.name, err, platen.Conflict, test.message)
	}
	runs, err := s.Entities(t.Context(), platen.JobSet, "")
	diff(t, "job sets after refusals", ids(t, runs, err), []platen.ID{made.ID})
	diff(t, "the job set after refusals", export(t, s, made.ID), before)
	_, err = s.Contents(t.Context(), platen.Ref{Kind: platen.Job, ID: 77})
	wantCode(t, "a refused job", err, platen.NotFound, "77")
}

func testExistingItems(t *testing.T, open Open) {
	s := start(t, open)
	printed := transfer.Page{Item: 20, Record: 120, Details: platen.Details{Pages: []platen.PageCount{{Count: 1}}}.Encode()}
	mustCreate(t, s, pagesOf(page(12, 112), page(13, 113), printed))
	made := mustCreate(t, s, pagesOf(page(10, 110), page(11, 111), page(12, 0), page(13, 113), page(14, 114), page(20, 0)))
	diff(t, "contents", contents(t, s, made.Children[0]), []platen.Content{
		{Item: 10, Record: 110}, {Item: 11, Record: 111}, {Item: 12, Record: 112}, {Item: 13, Record: 113}, {Item: 14, Record: 114}, {Item: 20, Record: 120},
	})
	document := export(t, s, made.ID).In[0].In[0].In[0].In[0]
	diff(t, "the page with the details of its content item", document.Pages[5], printed)
	// An item whose record is not said gets one.
	made = mustCreate(t, s, pagesOf(page(300, 0), page(301, 0), page(300, 0)))
	got := contents(t, s, made.Children[0])
	if len(got) != 2 || !got[0].Record.Valid() || got[1].Record != got[0].Record+1 {
		t.Errorf("contents = %v, want two items with neighbouring new records", got)
	}
	// Two items of one record.
	made = mustCreate(t, s, pagesOf(page(400, 112), page(402, 112)))
	diff(t, "two items of one record", contents(t, s, made.Children[0]), []platen.Content{{Item: 400, Record: 112}, {Item: 402, Record: 112}})
}

func testPages(t *testing.T, open Open) {
	s := start(t, open)
	const n = 10_000
	next := platen.ID(1_000_000)
	for _, test := range []struct {
		name      string
		perDoc    int
		item      func(i int) platen.ID
		record    func(i int) platen.ID
		emptyDocs bool
	}{
		{"neighbours", 2, func(i int) platen.ID { return platen.ID(i) }, func(i int) platen.ID { return platen.ID(n + i) }, true},
		{"one long document", n, func(i int) platen.ID { return platen.ID(i) }, func(i int) platen.ID { return platen.ID(n + i) }, false},
		{"backwards", 3, func(i int) platen.ID { return platen.ID(n - i) }, func(i int) platen.ID { return platen.ID(2*n - i) }, false},
		{"scattered", 1, func(i int) platen.ID { return platen.ID(i * 7919 % n * 3) }, func(i int) platen.ID { return platen.ID(3*n + i*7919%n) }, true},
		{"each three times", 3, func(i int) platen.ID { return platen.ID(i / 3) }, func(i int) platen.ID { return platen.ID(n + i/3) }, false},
		{"records not said", 2, func(i int) platen.ID { return platen.ID(i) }, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var documents []*tree
			var want []platen.Content
			seen := make(map[platen.ID]bool)
			for i := range n {
				if i%test.perDoc == 0 {
					if test.emptyDocs && i > 0 && i%5 == 0 {
						documents = append(documents, documentOf())
					}
					documents = append(documents, documentOf())
				}
				content := platen.Content{Item: next + test.item(i)}
				if test.record != nil {
					content.Record = next + test.record(i)
				}
				last := documents[len(documents)-1]
				last.Pages = append(last.Pages, page(content.Item, content.Record))
				if !seen[content.Item] {
					seen[content.Item] = true
					want = append(want, content)
				}
			}
			next += 10 * n
			made := mustCreate(t, s, jobSetOf(jobOf(segmentOf(documentsOf(documents...)))))
			got := contents(t, s, made.Children[0])
			if test.record == nil {
				for i := range got {
					if !got[i].Record.Valid() {
						t.Fatalf("content item %d has no record", got[i].Item)
					}
					got[i].Record = 0
				}
			}
			diff(t, "contents", got, want)
			gotDocuments, gotPages := export(t, s, made.ID).documents()
			diff(t, "pages in the export", gotPages, n)
			diff(t, "documents in the export", gotDocuments, len(documents))
		})
	}
}

func testLists(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, emptyJobs(1))
	job := made.Children[0]
	ref := platen.Ref{Kind: platen.Job, ID: job}
	pairs := []platen.NameValue{{Name: "zip", Value: "00420"}, {Name: "a", Value: ""}, {Name: "A", Value: " \" \\ \n\t\x01\x7f é 印 🖨 \u2028"}, {Name: "  ", Value: strings.Repeat("9", 44)}}
	for range 2 { // the second time it replaces, and comes from the cache
		if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs}); err != nil {
			t.Fatal(err)
		}
		l, err := s.List(ctx, ref, platen.Properties)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Decode()
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "properties", got, pairs)
	}
	diff(t, "metadata are apart", list(t, s, platen.Job, job, platen.Metadata), "[]")
	if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job}); err != nil {
		t.Fatal(err)
	}
	diff(t, "cleared", list(t, s, platen.Job, job, platen.Properties), "[]")
	err := s.Replace(ctx, platen.JobSet, platen.Properties, platen.Update{ID: job, Pairs: pairs})
	wantCode(t, "a job as a job set", err, platen.NotFound, "job set")
	diff(t, "after a refusal", list(t, s, platen.Job, job, platen.Properties), "[]")
}

func testMerge(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, jobSetOf(jobOf().properties("a=1 b=2"), jobOf()))
	a, b := made.Children[0], made.Children[1]
	set := func(pairs ...string) (list []platen.NameValue) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, platen.NameValue{Name: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	err := s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{
		{ID: a, Pairs: set("c", "3", "b", "two")}, {ID: b, Pairs: set("x", "1")}, {ID: a, Pairs: set("c", "three")},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"name":"a","value":"1"},{"name":"b","value":"two"},{"name":"c","value":"three"}]`
	diff(t, "merged", list(t, s, platen.Job, a, platen.Properties), want)
	diff(t, "merged into nothing", list(t, s, platen.Job, b, platen.Properties), `[{"name":"x","value":"1"}]`)
	err = s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: a, Pairs: set("a", "no")}, {ID: 5}, {ID: 6}})
	wantCode(t, "an unknown id", err, platen.NotFound, "job 5 not found")
	diff(t, "all or nothing", list(t, s, platen.Job, a, platen.Properties), want)
	if err := s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: a}}); err != nil {
		t.Error("merge of no names:", err)
	}
	diff(t, "after a merge of no names", list(t, s, platen.Job, a, platen.Properties), want)
}

func testManyWriters(t *testing.T, open Open) {
	s := start(t, open)
	ctx := context.Background()
	const jobs, writers, rounds = 8, 64, 20
	made := mustCreate(t, s, emptyJobs(jobs))
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for round := range rounds {
				job := made.Children[(w+round)%jobs]
				name := fmt.Sprintf("writer%d", w)
				var err error
				switch {
				case w%8 == 7: // it fails, and hurts nobody
					err = s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: job, Pairs: []platen.NameValue{{Name: "bad", Value: "x"}}}, {ID: 1}})
					if platen.ErrorCode(err) == platen.NotFound {
						err = nil
					} else {
						err = fmt.Errorf("got %v, want not found", err)
					}
				case w%8 == 6: // alone in its transaction
					_, err = create(t, s, jobSetOf())
				case w%8 == 5:
					err = s.Replace(ctx, platen.Job, platen.Metadata, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: name, Value: "m"}}})
				default:
					err = s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: job, Pairs: []platen.NameValue{{Name: name, Value: fmt.Sprint(round)}}}})
				}
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wait.Wait()
	for j, job := range made.Children {
		got := list(t, s, platen.Job, job, platen.Properties)
		if strings.Contains(got, "bad") {
			t.Errorf("job %d holds what was refused: %s", job, got)
		}
		for w := range writers {
			if w%8 > 4 {
				continue
			}
			last := -1
			for round := range rounds {
				if (w+round)%jobs == j {
					last = round
				}
			}
			if want := fmt.Sprintf(`{"name":"writer%d","value":"%d"}`, w, last); !strings.Contains(got, want) {
				t.Errorf("job %d lacks %s", job, want)
			}
		}
	}
}

// testMonotonic has one list counted up by writers that wait their turn, and
// read by others: nobody may read less than was acknowledged before the read
// began, nor less than anybody has read before.
func testMonotonic(t *testing.T, open Open) {
	s := start(t, open)
	ctx := context.Background()
	made := mustCreate(t, s, emptyJobs(1))
	job := platen.Ref{Kind: platen.Job, ID: made.Children[0]}
	write := func(n int) error {
		return s.Replace(ctx, job.Kind, platen.Properties, platen.Update{ID: job.ID, Pairs: []platen.NameValue{{Name: "n", Value: fmt.Sprint(n)}}})
	}
	if err := write(0); err != nil {
		t.Fatal(err)
	}
	var floor atomic.Int64
	var done atomic.Bool
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for !done.Load() {
				least := floor.Load()
				l, err := s.List(ctx, job, platen.Properties)
				if err != nil {
					t.Error(err)
					return
				}
				var n int64
				if _, err := fmt.Sscanf(string(l), `[{"name":"n","value":"%d"}]`, &n); err != nil {
					t.Errorf("read %s: %v", l, err)
					return
				}
				if n < least {
					t.Errorf("read %d after %d was known", n, least)
					return
				}
				for {
					known := floor.Load()
					if n <= known || floor.CompareAndSwap(known, n) {
						break
					}
				}
			}
		})
	}
	for n := 1; n <= 400; n++ {
		if err := write(n); err != nil {
			t.Error(err)
			break
		}
		if known := floor.Load(); int64(n) > known {
			floor.CompareAndSwap(known, int64(n))
		}
	}
	done.Store(true)
	wait.Wait()
}

// testModel compares random operations with a plain model of the store.
func testModel(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	random := rand.New(rand.NewPCG(1, 2))
	type key struct {
		id    platen.ID
		facet platen.Facet
	}
	model := make(map[key][]platen.NameValue)
	var jobs []platen.ID
	some := func() (pairs []platen.NameValue) {
		for i := range 5 {
			if random.IntN(2) == 0 {
				pairs = append(pairs, platen.NameValue{Name: fmt.Sprintf("n%d", i), Value: fmt.Sprint(random.IntN(1000))})
			}
		}
		random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		return pairs
	}
	pick := func() platen.ID {
		if len(jobs) == 0 || random.IntN(20) == 0 {
			return 3 // no such job
		}
		return jobs[random.IntN(len(jobs))]
	}
	known := func(id platen.ID) bool { return id != 3 }
	for range 600 {
		facet := platen.Facets[random.IntN(2)]
		switch random.IntN(10) {
		case 0:
			pairs := some()
			made := mustCreate(t, s, jobSetOf(jobOf().with(platen.Properties, platen.EncodeList(pairs)), jobOf()))
			jobs = append(jobs, made.Children...)
			model[key{made.Children[0], platen.Properties}] = pairs
		case 1, 2, 3:
			id, pairs := pick(), some()
			err := s.Replace(ctx, platen.Job, facet, platen.Update{ID: id, Pairs: pairs})
			if (err == nil) != known(id) {
				t.Fatalf("replace of %d: %v", id, err)
			}
			if err == nil {
				model[key{id, facet}] = pairs
			}
		case 4, 5, 6:
			var updates []platen.Update
			good := true
			for range random.IntN(4) {
				update := platen.Update{ID: pick(), Pairs: some()}
				good = good && known(update.ID)
				updates = append(updates, update)
			}
			err := s.Merge(ctx, platen.Job, facet, updates)
			if (err == nil) != good {
				t.Fatalf("merge: %v", err)
			}
			if good {
				for _, update := range updates {
					k := key{update.ID, facet}
					for _, pair := range update.Pairs {
						at := -1
						for i := range model[k] {
							if model[k][i].Name == pair.Name {
								at = i
							}
						}
						if at < 0 {
							model[k] = append(model[k], pair)
						} else {
							// The model's lists share their arrays with nobody.
							model[k] = append([]platen.NameValue(nil), model[k]...)
							model[k][at] = pair
						}
					}
				}
			}
		default:
			if id := pick(); known(id) {
				diff(t, "a list", list(t, s, platen.Job, id, facet), string(platen.EncodeList(model[key{id, facet}])))
			}
		}
	}
	for _, id := range jobs {
		for _, facet := range platen.Facets {
			diff(t, "a list at the end", list(t, s, platen.Job, id, facet), string(platen.EncodeList(model[key{id, facet}])))
		}
	}
}

func testUsers(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	version := func() int64 {
		t.Helper()
		v, err := s.UsersVersion(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	names := func() (names []string) {
		t.Helper()
		users, err := s.Users(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range users {
			names = append(names, fmt.Sprintf("%s %d%s", user.Name, user.Epoch, user.Password))
		}
		return names
	}
	v := version()
	changed := func(what string, want bool) {
		t.Helper()
		if now := version(); (now != v) != want {
			t.Errorf("%s: the version changed: %v, want %v", what, now != v, want)
		}
		v = version()
	}
	for _, user := range []storage.User{{Name: "b", Password: "x", Epoch: 1}, {Name: "a", Password: "y", Epoch: 2}} {
		if err := s.AddUser(ctx, user); err != nil {
			t.Fatal(err)
		}
	}
	changed("add", true)
	wantCode(t, "add again", s.AddUser(ctx, storage.User{Name: "a"}), platen.Conflict, `"a"`)
	changed("add again", false)
	if err := s.SetPassword(ctx, storage.User{Name: "a", Password: "z", Epoch: 3}); err != nil {
		t.Error(err)
	}
	changed("password", true)
	diff(t, "users", names(), []string{"a 3z", "b 1x"})
	wantCode(t, "password of nobody", s.SetPassword(ctx, storage.User{Name: "c"}), platen.NotFound, `"c"`)
	wantCode(t, "remove nobody", s.RemoveUser(ctx, "c"), platen.NotFound, `"c"`)
	if err := s.RemoveUser(ctx, "a"); err != nil {
		t.Error(err)
	}
	changed("remove", true)
	wantCode(t, "remove the last", s.RemoveUser(ctx, "b"), platen.Conflict, "last user")
	testUserChanges(t, s, v)
	testSecrets(t, s)
	testKnownLogins(t, s)
}

// testUserChanges checks what is recorded of changes. The users are b alone.
func testUserChanges(t *testing.T, s storage.Store, before int64) {
	ctx := storage.WithActor(t.Context(), "root@host")
	for _, err := range []error{
		s.AddUser(ctx, storage.User{Name: "d"}),
		s.SetPassword(ctx, storage.User{Name: "d", Epoch: 7}),
		s.SetEpoch(ctx, "d", 8),
		s.Unlock(ctx, "d", "192.0.2.1", storage.LoginFailure{User: "x", Address: "y"}),
		s.Unlock(ctx, "", "", storage.LoginFailure{}),
		s.RemoveUser(ctx, "d"),
		s.ReplaceSecret(t.Context(), "other", []byte{1}, storage.KeyRotated),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	wantCode(t, "the epoch of nobody", s.SetEpoch(ctx, "c", 1), platen.NotFound, `"c"`)
	wantCode(t, "unlock nobody", s.Unlock(ctx, "c", "", storage.LoginFailure{}), platen.NotFound, `"c"`)
	changes, err := s.UserChanges(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	want := []storage.UserChange{
		{Action: storage.UserAdded, User: "d", By: "root@host"},
		{Action: storage.PasswordSet, User: "d", By: "root@host"},
		{Action: storage.SessionsEnded, User: "d", By: "root@host"},
		{Action: storage.UserUnlocked, User: "d", Address: "192.0.2.1", By: "root@host"},
		{Action: storage.UserUnlocked, By: "root@host"},
		{Action: storage.UserRemoved, User: "d", By: "root@host"},
		{Action: storage.KeyRotated},
	}
	for i := range want {
		want[i].Version = before + 1 + int64(i)
	}
	diff(t, "changes", changes, want)
	if v, err := s.UsersVersion(ctx); err != nil || v != before+int64(len(want)) {
		t.Errorf("the version is %d (%v), want %d", v, err, before+int64(len(want)))
	}
}

func testSecrets(t *testing.T, s storage.Store) {
	ctx := t.Context()
	secret := func(fresh byte) []byte {
		t.Helper()
		secret, err := s.Secret(ctx, "key", []byte{fresh, 0, 2})
		if err != nil {
			t.Error(err)
		}
		return secret
	}
	diff(t, "a new secret", secret(1), []byte{1, 0, 2})
	diff(t, "the same secret", secret(9), []byte{1, 0, 2})
	if err := s.ReplaceSecret(ctx, "key", []byte{5}, storage.KeyRotated); err != nil {
		t.Error(err)
	}
	diff(t, "another secret", secret(9), []byte{5})
}

func testKnownLogins(t *testing.T, s storage.Store) {
	ctx := t.Context()
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	record := func(logins ...storage.KnownLogin) {
		t.Helper()
		if err := s.RecordLogins(ctx, logins, 2, at(100)); err != nil {
			t.Fatal(err)
		}
	}
	known := func(since int64) []storage.KnownLogin {
		t.Helper()
		logins, err := s.KnownLogins(ctx, at(since))
		if err != nil {
			t.Fatal(err)
		}
		return logins
	}
	one, two, three, other := storage.KnownLogin{User: "a", Address: "1", Seen: at(101)}, storage.KnownLogin{User: "a", Address: "2", Seen: at(102)},
		storage.KnownLogin{User: "a", Address: "3", Seen: at(103)}, storage.KnownLogin{User: "b", Address: "1", Seen: at(50)}
	record(one, two)
	record(other) // older than any that is kept
	diff(t, "logins", known(0), []storage.KnownLogin{one, two})
	one.Seen = at(104)
	record(one)
	record(three)
	diff(t, "the last two of a user", known(0), []storage.KnownLogin{three, one})
	diff(t, "logins since", known(104), []storage.KnownLogin{one})
	now, err := s.Now(ctx)
	if apart := time.Since(now).Abs(); err != nil || apart > time.Minute {
		t.Errorf("the clock is %v away (%v)", apart, err)
	}
}
