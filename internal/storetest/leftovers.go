package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// Leftovers checks that nothing is left of what only deleted sets had: names
// and values in the index, page details, tables of records. count returns how many rows
// a table of the database has.
func Leftovers(t *testing.T, s storage.Store, count func(table string) int) {
	ctx := t.Context()
	counts := func() (all [6]int) {
		if _, err := find(ctx, s, &platen.Search{Kind: platen.DataRecord, Rule: platen.Rule{Type: platen.Text, Name: "none"}}); err != nil { // waits for all of the index, if the store was opened so
			t.Fatal(err)
		}
		for i, table := range []string{"find_name", "details", "details_media", "record_table", "find_value", "find_long"} {
			all[i] = count(table)
		}
		return all
	}
	long := strings.Repeat("l", 600)
	create := func(mark string, base platen.ID) (sets []platen.Ref, job platen.ID) {
		data := mustDataSet(t, s, dataSet{records: []platen.SourceRecord{
			{Fields: pairs("shared=1 field" + mark + "=1 long=" + long)},
			{Depth: 1, Table: "both", Fields: pairs("d=1")}, {Depth: 1, Table: "table" + mark, Fields: pairs("d=1")},
		}})
		content := mustContentSet(t, s, contentSet{items: []transfer.SourceItem{
			{Record: base, Details: letter(2, true, "both"), Properties: platen.EncodeList(pairs("item" + mark + "=1 long=" + long))},
			{Record: base + 1, Details: letter(2, true, "medium"+mark)},
		}})
		made := mustCreate(t, s, emptyJobs(1).properties("set"+mark+"=1"))
		return []platen.Ref{{Kind: platen.DataSet, ID: data.ID}, {Kind: platen.ContentSet, ID: content.ID}, {Kind: platen.JobSet, ID: made.ID}}, made.Children[0]
	}
	find := func(kind platen.Kind, name, value string) int {
		t.Helper()
		found, err := find(ctx, s, &platen.Search{Kind: kind, Rule: platen.Rule{Type: platen.Text, Name: name, Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, group := range found {
			n += len(group)
		}
		return n
	}
	remove := func(sets []platen.Ref) {
		t.Helper()
		for _, set := range sets {
			if err := s.Delete(ctx, set); err != nil {
				t.Fatal(err)
			}
		}
		clean(t, s)
	}

	create("-kept", 100)
	// A listing of data sets by a fact waits for the index of all facts; one of jobs would
	// not wait for those of data sets and content sets.
	listed(t, s, platen.Listing{Kind: platen.DataSet, Order: platen.ListingOrder{Name: platen.UpdateTimeFact, Facet: platen.KeptFacts}})
	if n := count("find_range"); n != 0 {
		t.Fatalf("%d ranges are not in the index yet", n)
	}
	before := counts()
	sets, job := create("-gone", 200)
	for _, name := range []string{"first", "second"} { // the first is left behind by an update
		if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs(name + "=1 long=" + name + long)}); err != nil {
			t.Fatal(err)
		}
		find(platen.Job, name, "1")
	}
	many := names(platen.MaxNames/2, 3)
	if err := s.Replace(ctx, platen.JobSet, platen.Properties, platen.Update{ID: sets[2].ID, Pairs: many}); err != nil {
		t.Fatal(err)
	}
	if n := find(platen.JobSet, "n4999", "vvv"); n != 1 {
		t.Errorf("%d found", n)
	}
	if now := counts(); now[0] < before[0]+len(many) || now[5] < before[5]+3 || now[1] != before[1]+1 || now[2] != before[2]+1 || now[3] != before[3]+1 {
		t.Errorf("rows before %v, now %v", before, now)
	}
	remove(sets)
	if now := counts(); now != before {
		t.Errorf("rows of names, details, media, tables, values, long values before %v, after the clean-up %v", before, now)
	}
	if n := find(platen.ContentItem, "item-kept", "1"); n != 1 {
		t.Errorf("%d found of what is kept", n)
	}
	searchedWhileCleaned(t, s)
}

// searchedWhileCleaned checks that names which come and go are found as long
// as they are there.
func searchedWhileCleaned(t *testing.T, s storage.Store) {
	ctx := t.Context()
	stop := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.Clean(ctx, time.Now().Add(time.Hour)); err != nil && platen.ErrorCode(err) != platen.Unavailable {
				t.Error("clean:", err)
				return
			}
		}
	})
	const rounds = 12
	var creators sync.WaitGroup
	for worker := range 3 {
		creators.Go(func() {
			for round := range rounds {
				name := fmt.Sprint("name", round%2)
				made, err := create(t, s, emptyJobs(1).properties(fmt.Sprintf("%s=w%d-%d", name, worker, round)))
				if err == nil {
					err = s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: made.Children[0], Pairs: pairs(fmt.Sprintf("job%d=w%d-%d", round%2, worker, round))})
				}
				if err != nil {
					t.Error(err)
					return
				}
				for kind, rule := range map[platen.Kind]string{platen.JobSet: name, platen.Job: fmt.Sprint("job", round%2)} {
					found, err := find(ctx, s, &platen.Search{Kind: kind, Rule: platen.Rule{Type: platen.Text, Name: rule, Value: fmt.Sprintf("w%d-%d", worker, round)}})
					if err != nil || len(found) != 1 || len(found[0]) != 1 {
						t.Errorf("%s of a %s is not found: %v %v", rule, kind, found, err)
					}
				}
				if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil && !strings.Contains(err.Error(), "turn") {
					t.Error("delete:", err)
				}
			}
		})
	}
	creators.Wait()
	close(stop)
	ended.Wait()
}
