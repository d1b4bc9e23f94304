package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/platenhq/platen"
)

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
	err = s.Replace(ctx, platen.JobSet, platen.Properties, platen.Update{ID: job})
	wantCode(t, "a job with its list as a job set", err, platen.NotFound, "job set")
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
			for ; !done.Load(); runtime.Gosched() { // the writer shares the processors
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
