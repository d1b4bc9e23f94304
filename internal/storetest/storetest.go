// Package storetest is the contract of [storage.Store] in code. Each store
// runs it from its own tests, on a real database.
package storetest

import (
	"strings"
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
	name  string
	run   func(t *testing.T, open Open)
	about property
}

// A property of a test decides where it runs.
type property uint8

const (
	cached    property = 1 << iota // a cache of lists could spoil what it looks at
	slow                           // takes seconds: not with -short
	large                          // is about a size or a cost: RunLarge, not Run
	searching                      // is about what searches find
)

var tests = []test{
	{"an empty store", testEmpty, 0},
	{"a job set", testJobSet, 0},
	{"identifiers that are given", testGivenIDs, 0},
	{"identifiers that are taken", testConflicts, 0},
	{"an import that is under way", testImportHidden, slow},
	{"an import that is broken off by a stop", testImportLost, slow},
	{"imports and a deletion together", testImportsTogether, slow},
	{"content items that exist", testExistingItems, 0},
	{"pages of all shapes", testPages, slow},
	{"lists", testLists, cached},
	{"merging", testMerge, cached},
	{"limits of lists", testListLimits, large},
	{"large lists", testLargeLists, large},
	{"what a merge costs", testMergeCost, large},
	{"small merges beside large ones", testMergeBeside, cached | slow},
	{"tags of lists", testTags, cached},
	{"kinds of identifiers", testKindOf, 0},
	{"many writers", testManyWriters, cached},
	{"no reader goes back in time", testMonotonic, cached | slow},
	{"random operations", testModel, cached | searching},
	{"data records", testRecords, cached},
	{"what records cost", testRecordCost, large},
	{"data sets", testDataSets, 0},
	{"content sets", testContentSets, cached},
	{"deleting", testDelete, cached},
	{"an identifier that is used again", testReuse, 0},
	{"sets that come and go", testLives, cached},
	{"deleting much", testDeleteLarge, slow},
	{"deleting items with gaps", testDeleteGaps, large},
	{"deleting that is broken off", testDeleteBrokenOff, slow},
	{"deleting together", testDeleteTogether, cached | slow},
	{"undeleting", testUndelete, 0},
	{"undeleting late", testUndeleteLate, 0},
	{"undeleting before the index", testUndeleteFound, cached | searching},
	{"searches", testFind, slow | searching},
	{"listings", testListings, slow | searching},
	{"listings by facts", testListingFacts, searching},
	{"listings while all changes", testListingsBeside, slow | searching},
	{"updates beside the indexer", testIndexBeside, slow},
	{"limits of searches", testFindLimits, large},
	{"long values", testFindLong, large | searching},
	{"a search of everything", testFindMuch, large},
	{"a sort of much", testFindSortMuch, large},
	{"a search behind a busy writer", testFindWaits, searching},
	{"a search of an identifier that is used again", testFindReused, searching},
	{"a search beside long ones", testFindBeside, searching},
	{"long listings", testLongListings, large},
	{"pages of many", testListingCost, large},
	{"the log of changes", testChanges, cached},
	{"lists of added data records", testAddedLists, 0},
	{"readers of the log", testEvents, 0},
	{"updates of many", testBulk, searching},
	{"an update as one change", testBulkChange, 0},
	{"what is shown of a large update", testBulkShown, large},
	{"updates of many that are refused", testBulkRefused, 0},
	{"updates of many that changes come between", testBulkMeanwhile, cached},
	{"updates of many beside others", testBulkBeside, cached},
	{"updates in parts", testBulkParts, 0},
	{"rules of retention", testRetention, 0},
	{"views", testViews, 0},
	{"certificates", testCertificates, 0},
	{"operations", testOperations, 0},
	{"users", testUsers, 0},
	{"webhooks", testWebhooks, 0},
}

// Run runs the tests of what a store does. open returns, for each test, a way
// to open its store.
func Run(t *testing.T, open func(t *testing.T) Open) {
	for _, one := range tests {
		if one.about&large == 0 {
			one.start(t, open, true)
		}
	}
}

// RunLarge runs the tests of sizes and costs, one after the other: they
// measure memory and time.
func RunLarge(t *testing.T, open func(t *testing.T) Open) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	for _, one := range tests {
		if one.about&large != 0 {
			one.start(t, open, false)
		}
	}
}

// RunCached runs those tests that a cache of lists, or a pooler, could spoil.
func RunCached(t *testing.T, open func(t *testing.T) Open) {
	if testing.Short() {
		t.Skip("the same tests as those of Run: not with -short")
	}
	for _, one := range tests {
		if one.about&cached != 0 {
			one.start(t, open, true)
		}
	}
}

// RunSearching runs the tests of what searches find, for stores that differ in how
// these see what the index lacks.
func RunSearching(t *testing.T, open func(t *testing.T) Open) {
	if testing.Short() {
		t.Skip("the same tests as those of Run: not with -short")
	}
	for _, one := range tests {
		if one.about&searching != 0 {
			one.start(t, open, one.about&large == 0)
		}
	}
}

// RunOthers runs those tests of Run that RunCached does not.
func RunOthers(t *testing.T, open func(t *testing.T) Open) {
	for _, one := range tests {
		if one.about&(cached|large) == 0 {
			one.start(t, open, true)
		}
	}
}

func (one test) start(t *testing.T, open func(t *testing.T) Open, parallel bool) {
	t.Run(one.name, func(t *testing.T) {
		if testing.Short() && one.about&slow != 0 {
			t.Skip("takes long: not with -short")
		}
		if parallel {
			t.Parallel()
		}
		one.run(t, open(t))
	})
}

// IndexPending waits until a store that was just opened has counted what its index
// lacks, and then until it lacks nothing.
func IndexPending(t *testing.T, pending func() int64, entities int64) {
	t.Helper()
	for _, want := range []int64{entities, 0} {
		for deadline := time.Now().Add(time.Minute); pending() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the index lacks %d entities, want %d", pending(), want)
			}
		}
	}
}

// Searching looks for what was written just before, in a store.
func Searching(t *testing.T, s storage.Store) {
	t.Cleanup(func() { s.Close() })
	made := mustCreate(t, s, emptyJobs(3))
	for n, value := range []string{"first", "second"} {
		job := made.Children[n]
		if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs("a=" + value)}); err != nil {
			t.Fatal(err)
		}
		groups, err := find(t.Context(), s, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "a", Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "found", groups, [][]platen.Found{{{ID: job}}})
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

func ids(t *testing.T, runs []platen.IDRange, err error) []platen.ID {
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
