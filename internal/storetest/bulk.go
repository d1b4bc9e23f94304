package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// listFacets returns the lists that entities of a kind of a world have.
func listFacets(kind platen.Kind) []platen.Facet {
	switch kind {
	case platen.Job:
		return platen.Facets[:]
	case platen.DataRecord:
		return []platen.Facet{platen.Properties, platen.Fields}
	}
	return []platen.Facet{platen.Properties}
}

// bulk makes up an update of entities of a kind.
func (w *world) bulk(kind platen.Kind) *platen.BulkUpdate {
	u := &platen.BulkUpdate{Kind: kind}
	for _, facet := range listFacets(kind) {
		for _, name := range append([]string{"new"}, searchNames...) {
			switch w.random.IntN(6) {
			case 0:
				u.Set[facet] = append(u.Set[facet], platen.NameValue{Name: name, Value: pick(w.random, searchValues)})
			case 1:
				u.Unset[facet] = append(u.Unset[facet], name)
			}
		}
	}
	if !u.Changes(platen.Properties) {
		u.Set[platen.Properties] = pairs("a=1")
	}
	if w.random.IntN(6) > 0 {
		u.Rule = w.listingRule(kind, 2)
	}
	return u
}

// apply does the same to the world, and returns what the answer must be.
func (w *world) apply(u *platen.BulkUpdate, ids []platen.ID) (result platen.BulkResult) {
	for _, id := range ids {
		one := w.things[id]
		result.Matched++
		differs := false
		for _, facet := range listFacets(platen.Kind(one.kind)) {
			for _, name := range u.Unset[facet] {
				if _, ok := one.lists[facet][name]; ok {
					differs = true
					delete(one.lists[facet], name)
				}
			}
			for _, pair := range u.Set[facet] {
				if value, ok := one.lists[facet][pair.Name]; !ok || value != pair.Value {
					differs = true
					if one.lists[facet] == nil {
						one.lists[facet] = make(map[string]string)
					}
					one.lists[facet][pair.Name] = pair.Value
				}
			}
		}
		if differs {
			result.Changed++
		}
	}
	return result
}

// compareLists checks the lists of all entities.
func (w *world) compareLists() {
	w.t.Helper()
	for id, one := range w.things {
		for _, facet := range listFacets(platen.Kind(one.kind)) {
			list, err := w.s.List(w.t.Context(), platen.Ref{Kind: platen.Kind(one.kind), ID: id}, facet)
			if err != nil {
				w.t.Fatal(err)
			}
			pairs, err := list.Decode()
			if err != nil {
				w.t.Fatal(err)
			}
			same := len(pairs) == len(one.lists[facet])
			for _, pair := range pairs {
				value, ok := one.lists[facet][pair.Name]
				same = same && ok && value == pair.Value
			}
			if !same {
				w.t.Fatalf("%s of %d: %.300s, want %.300v", facet, id, list, one.lists[facet])
			}
		}
	}
}

// testBulk compares random updates of what random rules hold for with a plain
// evaluation of the same.
func testBulk(t *testing.T, open Open) {
	w := &world{t: t, s: start(t, open), random: rand.New(rand.NewPCG(17, 4)), things: make(map[platen.ID]*thing)}
	w.fill(1_000)
	kinds := []platen.Kind{platen.DataSet, platen.DataRecord, platen.ContentItem, platen.JobSet, platen.Job, platen.Job}
	for range 40 {
		if w.random.IntN(3) == 0 {
			w.change()
		}
		kind := pick(w.random, kinds)
		u := w.bulk(kind)
		var ids []platen.ID
		for _, id := range w.ids() {
			if one := w.things[id]; one.kind == platen.ID(kind) && w.holds(u.Rule, id, one) {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 && w.random.IntN(4) == 0 {
			for _, id := range ids {
				u.Entities = append(u.Entities, platen.BulkEntity{ID: id})
			}
			w.random.Shuffle(len(ids), func(i, j int) { u.Entities[i], u.Entities[j] = u.Entities[j], u.Entities[i] })
			u.Kind, u.Rule = 0, platen.Rule{}
		}
		foreseen, previews, err := w.s.PreviewBulk(t.Context(), u, nil, 5)
		if err != nil {
			t.Fatalf("%+v: %v", u, err)
		}
		for _, p := range previews {
			for facet, before := range p.Before {
				if now := platen.List(list(t, w.s, p.Ref.Kind, p.Ref.ID, platen.Facet(facet))); before != nil && string(now) != string(before) {
					t.Errorf("a preview says that %s was, not %s", before, now)
				}
			}
		}
		got, err := w.s.UpdateBulk(t.Context(), u, nil)
		if err != nil {
			t.Fatalf("%+v: %v", u, err)
		}
		want := w.apply(u, ids)
		changes := 0
		if want.Changed > 0 {
			changes = 1
		}
		if got.Matched != want.Matched || got.Changed != want.Changed || len(got.Changes) != changes || len(previews) != int(min(5, want.Changed)) {
			t.Fatalf("%+v: %+v, want %+v", u, got, want)
		}
		diff(t, "what the preview said", foreseen, platen.BulkResult{Matched: want.Matched, Changed: want.Changed})
		for _, p := range previews {
			for facet, after := range p.After {
				if now := list(t, w.s, p.Ref.Kind, p.Ref.ID, platen.Facet(facet)); after != nil && now != string(after) {
					t.Errorf("a preview says that %s will be, not %s", after, now)
				}
			}
		}
	}
	w.compareLists()
}

// testBulkChange updates many jobs at once: it is one change, that of each of them,
// and is reverted as one.
func testBulkChange(t *testing.T, open Open) {
	const many = 1200 // more than are read together
	s := start(t, open)
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "anna", RequestID: "r-9"})
	made := mustCreate(t, s, emptyJobs(many))
	u := &platen.BulkUpdate{Kind: platen.Job, Set: [3][]platen.NameValue{pairs("shift=night"), pairs("checked=yes")}}
	got, err := s.UpdateBulk(ctx, u, nil)
	if err != nil || got.Matched != many || got.Changed != many || len(got.Changes) != 1 {
		t.Fatal(got, err)
	}
	id := got.Changes[0]
	change, err := s.Change(ctx, id, 3*many)
	if err != nil || len(change.Entries) != 2*many || change.Type != platen.Updated || change.User != "anna" || change.Request != "r-9" {
		t.Fatal(len(change.Entries), err)
	}
	seen := 0
	if _, err := s.Events(ctx, 0, 10*many, func(e *platen.Event) error {
		if e.Change.ID == id {
			seen++
		}
		return nil
	}); err != nil || seen != 2*many {
		t.Error(seen, "events", err)
	}
	history, _, err := s.History(ctx, made.Children[many-1], nil, 10)
	if err != nil || history[0].ID != id || len(history[0].Entries) != 2 {
		t.Errorf("history: %+v %v", history, err)
	}
	again, err := s.UpdateBulk(ctx, u, nil)
	diff(t, "the same again", again, platen.BulkResult{Matched: many})
	if err != nil {
		t.Error(err)
	}
	reverted, err := s.Revert(ctx, id, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range made.Children {
		for _, facet := range platen.Facets {
			if got := list(t, s, platen.Job, job, facet); got != "[]" {
				t.Fatalf("%s of %d after the revert: %s", facet, job, got)
			}
		}
	}
	if change, err := s.Change(ctx, reverted, 3*many); err != nil || len(change.Entries) != 2*many {
		t.Error(len(change.Entries), err)
	}
}

// testBulkShown updates lists of a MiB: of the update, before and after, only so many
// are shown as have some MiB.
func testBulkShown(t *testing.T, open Open) {
	const many, most = 12, 8 << 20
	s := start(t, open)
	made := mustCreate(t, s, emptyJobs(many))
	update := func(letter string) *platen.BulkUpdate {
		long := platen.NameValue{Name: "long", Value: strings.Repeat(letter, platen.MaxListBytes-100)}
		return &platen.BulkUpdate{Kind: platen.Job, Set: [3][]platen.NameValue{{long}}}
	}
	first, err := s.UpdateBulk(t.Context(), update("a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	result, previews, err := s.PreviewBulk(t.Context(), update("b"), nil, many)
	size := 0
	for _, p := range previews {
		size += len(p.Before[platen.Properties]) + len(p.After[platen.Properties])
	}
	if err != nil || result.Changed != many || len(previews) == 0 || size > most {
		t.Errorf("%d previews of %+v have %d bytes, %v", len(previews), result, size, err)
	}
	change, err := s.Change(t.Context(), first.Changes[0], many)
	size = 0
	for _, e := range change.Entries {
		size += len(*e.Names[0].After)
	}
	if err != nil || !change.More || len(change.Entries) == 0 || size > most {
		t.Errorf("%d entries have %d bytes, more %v, %v", len(change.Entries), size, change.More, err)
	}
	if change.Entries[0].Ref.ID != made.Children[0] {
		t.Errorf("the first entry is of %v", change.Entries[0].Ref)
	}
}

// testBulkRefused sends updates with one thing wrong among what is right: nothing
// is changed.
func testBulkRefused(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, jobSetOf(jobOf(segmentOf(documentsOf(documentOf().as(50)))).as(41), jobOf().as(42), jobOf().as(43)).as(40))
	mustDataSet(t, s, dataSet{set: transfer.SourceSet{ID: 60}, schema: &platen.Table{Name: "record", Columns: []platen.Column{{Name: "n", Type: platen.Integer}}},
		records: []platen.SourceRecord{{ID: 61, Fields: pairs("n=1 s=x")}}})
	long := platen.NameValue{Name: "long", Value: strings.Repeat("l", platen.MaxListBytes-100)}
	if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 43, Pairs: []platen.NameValue{long}}); err != nil {
		t.Fatal(err)
	}
	tag := platen.TagOf(platen.EmptyList)
	entities := func(ids ...platen.ID) (all []platen.BulkEntity) {
		for _, id := range ids {
			all = append(all, platen.BulkEntity{ID: id})
		}
		return all
	}
	shift := [3][]platen.NameValue{platen.Properties: append(pairs("shift=night"), platen.NameValue{Name: "note", Value: strings.Repeat("n", 200)})}
	other := entities(41, 42)
	other[1].Match[platen.Metadata] = &platen.Match{Tags: []platen.Tag{{1}}}
	for _, one := range []struct {
		what string
		u    platen.BulkUpdate
		code platen.Code
		want string
	}{
		{"an unknown entity", platen.BulkUpdate{Entities: entities(41, 999), Set: shift}, platen.NotFound, "at /entities/1: entity 999 not found"},
		{"no such list", platen.BulkUpdate{Entities: entities(41, 50), Set: shift}, platen.Invalid, "at /entities/1: document 50: a document has no properties"},
		{"a list that is full", platen.BulkUpdate{Entities: entities(41, 42, 43), Set: shift}, platen.Invalid, "at /entities/2: job 43: a list would be"},
		{"a list that is full, by rule", platen.BulkUpdate{Kind: platen.Job, Set: shift}, platen.Invalid, "job 43: a list would be"},
		{"another tag", platen.BulkUpdate{Entities: other, Set: shift}, platen.Changed, "at /entities/1: job 42: its metadata have the tag " + tag.String()},
		{"nothing to change", platen.BulkUpdate{Entities: entities(41)}, platen.Invalid, "nothing to change"},
		{"a type", platen.BulkUpdate{Entities: entities(61), Set: [3][]platen.NameValue{platen.Fields: pairs("n=x")}}, platen.Invalid, `at /entities/0: data record 61: field "n": "x" is no INTEGER`},
	} {
		_, err := s.UpdateBulk(ctx, &one.u, nil)
		wantCode(t, one.what, err, one.code, one.want)
		if shown, ok := errors.AsType[*platen.Error](err); ok && one.code == platen.Changed && shown.Tag != tag.String() {
			t.Errorf("%s: the tag is %q", one.what, shown.Tag)
		}
		_, _, err = s.PreviewBulk(ctx, &one.u, nil, 1)
		wantCode(t, "preview of "+one.what, err, one.code, one.want)
	}
	forbidden := platen.Errorf(platen.Forbidden, "no")
	var asked platen.KindSet
	_, err := s.UpdateBulk(ctx, &platen.BulkUpdate{Entities: entities(40, 41), Set: shift}, func(kinds platen.KindSet) error { asked = kinds; return forbidden })
	wantCode(t, "not permitted", err, platen.Forbidden, "no")
	diff(t, "the kinds", asked, platen.KindsOf(platen.JobSet, platen.Job))
	for _, ref := range []platen.Ref{{Kind: platen.Job, ID: 41}, {Kind: platen.Job, ID: 42}, {Kind: platen.JobSet, ID: made.ID}} {
		diff(t, "what is refused", list(t, s, ref.Kind, ref.ID, platen.Properties), "[]")
	}

	// Right ones: of many kinds, with a tag, and a field in the form of its type.
	right := entities(40, 41, 42)
	right[2].Match[platen.Properties] = &platen.Match{Tags: []platen.Tag{tag}}
	got, err := s.UpdateBulk(ctx, &platen.BulkUpdate{Entities: right, Set: shift}, nil)
	if err != nil || got.Changed != 3 {
		t.Error(got, err)
	}
	_, err = s.UpdateBulk(ctx, &platen.BulkUpdate{Entities: right, Set: shift}, nil)
	wantCode(t, "the tag from before", err, platen.Changed, "at /entities/2")
	got, err = s.UpdateBulk(ctx, &platen.BulkUpdate{Kind: platen.DataRecord, Set: [3][]platen.NameValue{platen.Fields: pairs("n=2")}, Unset: [3][]string{platen.Fields: {"s"}}}, nil)
	if err != nil || got.Changed != 1 {
		t.Error(got, err)
	}
	diff(t, "the fields", list(t, s, platen.DataRecord, 61, platen.Fields), `[{"name":"n","value":"2"}]`)
}

// testBulkBeside moves jobs from phase to phase by filters, while others put some
// back. The log says that each list was in the phase that the filter asks for when
// it was changed, and all that was acknowledged is in it.
func testBulkBeside(t *testing.T, open Open) {
	const phases, writers, each = 5, 4, 60
	s := start(t, open)
	made := mustCreate(t, s, emptyJobs(64))
	bulk := storage.WithOrigin(t.Context(), &storage.Origin{User: "bulk"})
	phase := func(n int) []platen.NameValue { return pairs(fmt.Sprint("phase=", n)) }
	var wait sync.WaitGroup
	for n := range writers {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for i := range each {
				pair := append(phase(random.IntN(phases)), pairs(fmt.Sprintf("w%d=%d", n, i))...)
				job := pick(random, made.Children)
				for facet, pair := range map[platen.Facet][]platen.NameValue{platen.Properties: pair, platen.Metadata: pairs("m=" + strconv.Itoa(i))} {
					if err := s.Merge(t.Context(), platen.Job, facet, []platen.Update{{ID: job, Pairs: pair}}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	from := make(map[int64]string) // what the filter of a change asked for
	var acknowledged int64
	for n, ended := 0, false; !ended || n%phases != 0; n++ {
		rule := platen.Rule{Type: platen.Text, Name: "phase", Condition: platen.Equal, Value: strconv.Itoa(n % phases)}
		got, err := s.UpdateBulk(bulk, &platen.BulkUpdate{Kind: platen.Job, Rule: rule,
			Set: [3][]platen.NameValue{phase((n + 1) % phases), pairs(fmt.Sprint("n=", n))}}, nil)
		if err != nil && platen.ErrorCode(err) != platen.Unavailable {
			t.Fatal(err)
		}
		for _, id := range got.Changes {
			from[id] = rule.Value
			acknowledged += got.Changed
		}
		select {
		case <-done:
			ended = true
		default:
		}
	}
	lists := make(map[platen.ID][]platen.NameValue)
	counted, merged := int64(0), 0
	after := platen.EventID(0)
	for deadline := time.Now().Add(10 * time.Second); (counted < acknowledged || merged < writers*each) && time.Now().Before(deadline); {
		var err error
		after, err = s.Events(t.Context(), after, 10_000, func(e *platen.Event) error {
			entry := e.Change.Entries[0]
			if !entry.List || entry.Facet != platen.Properties {
				return nil
			}
			var set []platen.NameValue
			for _, name := range entry.Names {
				if e.Change.User == "bulk" && (name.Name != "phase" || name.Before == nil || *name.Before != from[e.Change.ID]) {
					t.Errorf("change %d of what was in phase %q: %+v", e.Change.ID, from[e.Change.ID], name)
				}
				set = append(set, platen.NameValue{Name: name.Name, Value: *name.After})
			}
			if e.Change.User == "bulk" {
				counted++
			} else {
				merged++
			}
			lists[entry.Ref.ID] = platen.MergeList(lists[entry.Ref.ID], set)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	diff(t, "lists that were changed", counted, acknowledged)
	diff(t, "merges", merged, writers*each)
	for _, job := range made.Children {
		diff(t, "the list", list(t, s, platen.Job, job, platen.Properties), string(platen.EncodeList(lists[job])))
	}
}

// testBulkParts makes updates in parts: to the end, until they are cancelled, and
// until their server is gone.
func testBulkParts(t *testing.T, open Open) {
	const many = 2300
	s := open(t)
	ctx := t.Context()
	made := mustCreate(t, s, emptyJobs(many))
	u := &platen.BulkUpdate{Kind: platen.Job, Rule: platen.Rule{Type: platen.Ancestor, Kind: platen.JobSet, IDs: []platen.ID{made.ID}}, Set: [3][]platen.NameValue{pairs("shift=night")}}
	begin := func(id string) {
		if err := s.BeginOperation(ctx, platen.Operation{ID: id, Type: "update", Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	begin("whole")
	steps := 0
	got, err := s.UpdateInParts(ctx, u, nil, "whole", func(n int) { steps += n })
	if err != nil || got.Matched != many || got.Changed != many || len(got.Changes) < 2 || steps != many {
		t.Fatal(got, steps, err)
	}
	o, err := s.Operation(ctx, "whole")
	if err != nil || o.Ended.IsZero() || o.Message != "" {
		t.Error(o, err)
	}
	diff(t, "the outcome", o.Outcome, got)

	u.Set = [3][]platen.NameValue{pairs("shift=day")}
	begin("cancelled")
	got, err = s.UpdateInParts(ctx, u, nil, "cancelled", func(int) {
		if err := s.EndOperation(ctx, "cancelled", "by anna", 40); err != nil {
			t.Error(err)
		}
	})
	wantCode(t, "a part after the end", err, platen.Conflict, "ended")
	o, err = s.Operation(ctx, "cancelled")
	if err != nil || !o.Cancelled || o.Ended.IsZero() || o.Message != "by anna" || o.Percent != 40 {
		t.Error(o, err)
	}
	diff(t, "the outcome", o.Outcome, got)
	changed := slices.DeleteFunc(slices.Clone(made.Children), func(job platen.ID) bool {
		return list(t, s, platen.Job, job, platen.Properties) != `[{"name":"shift","value":"day"}]`
	})
	if len(changed) == 0 || len(changed) == many || int64(len(changed)) != o.Outcome.Changed {
		t.Errorf("%d jobs were changed, and the outcome is %+v", len(changed), o.Outcome)
	}
	wantCode(t, "to end what has ended", s.EndOperation(ctx, "cancelled", "again", 0), platen.NotFound, "operation")

	u.Set = [3][]platen.NameValue{pairs("shift=late")}
	begin("lost")
	working, kill := context.WithCancel(ctx)
	if _, err := s.UpdateInParts(working, u, nil, "lost", func(int) { kill() }); err == nil {
		t.Error("the work goes on without its context")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, open)
	if err := s.FailOperations(ctx, "the server was stopped"); err != nil {
		t.Fatal(err)
	}
	o, err = s.Operation(ctx, "lost")
	if err != nil || o.Cancelled || o.Ended.IsZero() || o.Message != "the server was stopped" || len(o.Outcome.Changes) == 0 {
		t.Error(o, err)
	}
	found, _, err := s.PreviewBulk(ctx, &platen.BulkUpdate{Kind: platen.Job, Unset: [3][]string{{"shift"}},
		Rule: platen.Rule{Type: platen.Text, Name: "shift", Value: "late"}}, nil, 0)
	if err != nil || found.Matched != o.Outcome.Changed || found.Matched == many {
		t.Errorf("%d jobs were changed, and the outcome is %+v, %v", found.Matched, o.Outcome, err)
	}
}

// testBulkMeanwhile changes both lists of jobs after an update has read them: these
// are worked out anew, each once, and with tags the update is refused.
func testBulkMeanwhile(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, emptyJobs(3))
	job := made.Children[1]
	meanwhile := func(value string) func(platen.KindSet) error {
		return func(platen.KindSet) error {
			for _, id := range made.Children[1:] {
				for _, facet := range platen.Facets {
					if err := s.Replace(ctx, platen.Job, facet, platen.Update{ID: id, Pairs: pairs("other=" + value)}); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	u := &platen.BulkUpdate{Set: [3][]platen.NameValue{pairs("a=1"), pairs("b=1")}}
	for _, id := range made.Children {
		u.Entities = append(u.Entities, platen.BulkEntity{ID: id})
	}
	got, err := s.UpdateBulk(ctx, u, meanwhile("x"))
	if err != nil || got.Matched != 3 || got.Changed != 3 || len(got.Changes) != 1 {
		t.Fatal(got, err)
	}
	diff(t, "the list", list(t, s, platen.Job, job, platen.Metadata), `[{"name":"other","value":"x"},{"name":"b","value":"1"}]`)
	change, err := s.Change(ctx, got.Changes[0], 100)
	if err != nil || len(change.Entries) != 6 {
		t.Errorf("%d entries, %v", len(change.Entries), err)
	}
	if _, err := s.Revert(ctx, got.Changes[0], false); err != nil {
		t.Error(err)
	}
	diff(t, "the list that is reverted", list(t, s, platen.Job, job, platen.Properties), `[{"name":"other","value":"x"}]`)

	tag := platen.TagOf(platen.List(list(t, s, platen.Job, job, platen.Metadata)))
	u.Entities[1].Match[platen.Metadata] = &platen.Match{Tags: []platen.Tag{tag}}
	_, err = s.UpdateBulk(ctx, u, meanwhile("y"))
	wantCode(t, "a tag from before", err, platen.Changed, "at /entities/1: job "+job.String())
	diff(t, "another job", list(t, s, platen.Job, made.Children[0], platen.Properties), "[]")

	u.Entities[1].Match[platen.Metadata] = nil
	_, err = s.UpdateBulk(ctx, u, func(platen.KindSet) error {
		return s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID})
	})
	wantCode(t, "a set that was deleted", err, platen.NotFound, "not found")
	if _, err := s.Undelete(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	diff(t, "a job that was deleted", list(t, s, platen.Job, made.Children[0], platen.Properties), "[]")
}
