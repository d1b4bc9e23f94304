package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A version is a list as a change left it.
type version struct {
	change int64
	at     time.Time // after the change and before the next one
	list   string
}

type listKey struct {
	ref   platen.Ref
	facet platen.Facet
}

// A logModel knows what the log has to say.
type logModel struct {
	t    *testing.T
	s    storage.Store
	ctx  context.Context
	keys []listKey
	of   map[listKey][]version
}

// testChanges makes random changes, and compares the history, lists as they were,
// and what a revert does with a model.
func testChanges(t *testing.T, open Open) {
	s := open(t)
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "anna", Token: "nightly", RequestID: "r-1"})
	created := time.Now()
	made := mustCreate(t, s, emptyJobs(3))
	m := logModel{t: t, s: s, ctx: ctx, of: make(map[listKey][]version)}
	for _, job := range made.Children {
		for _, facet := range []platen.Facet{platen.Properties, platen.Metadata} {
			m.keys = append(m.keys, listKey{platen.Ref{Kind: platen.Job, ID: job}, facet})
		}
	}
	time.Sleep(2 * time.Millisecond)
	for _, key := range m.keys {
		m.of[key] = []version{{0, time.Now(), "[]"}}
	}
	r := rand.New(rand.NewPCG(7, 11))
	for range 120 {
		m.step(r)
	}
	for _, key := range m.keys {
		m.checkHistory(key)
		m.checkPast(key, created)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	m.s = start(t, open)
	for range 20 {
		m.step(r)
	}
	m.checkEvents(made.ID)
	wantErr := func(what string, err error, code platen.Code) {
		t.Helper()
		if platen.ErrorCode(err) != code {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err := m.s.ListAt(ctx, made.Children[0], platen.Properties, time.Now().Add(time.Hour))
	wantErr("the future", err, platen.Invalid)
	_, _, err = m.s.ListAt(ctx, made.Children[0], platen.Properties, time.Now().Add(-1000*time.Hour))
	wantErr("before the log", err, platen.Gone)
	_, _, err = m.s.ListAt(ctx, made.Children[0], platen.Fields, time.Now())
	wantErr("fields of a job", err, platen.Invalid)
	_, _, err = m.s.History(ctx, made.Children[0], []byte("x"), 1)
	wantErr("a bad position", err, platen.Invalid)
	_, err = m.s.Change(ctx, 1<<40, 1)
	wantErr("no change", err, platen.NotFound)
}

// step makes one random change, or one that changes nothing.
func (m *logModel) step(r *rand.Rand) {
	m.t.Helper()
	key := m.keys[r.IntN(len(m.keys))]
	pairs := func() (pairs []platen.NameValue) {
		for i := range r.IntN(5) {
			pairs = append(pairs, platen.NameValue{Name: fmt.Sprint("name", (i+r.IntN(2))*2), Value: fmt.Sprint(r.IntN(3))})
		}
		return platen.MergeList(nil, pairs)
	}
	var err error
	var keys []listKey
	switch n := r.IntN(10); {
	case n < 5:
		keys = []listKey{key}
		err = m.s.Replace(m.ctx, platen.Job, key.facet, platen.Update{ID: key.ref.ID, Pairs: pairs()})
	case n < 8:
		var updates []platen.Update
		for _, other := range m.keys {
			if other.facet == platen.Properties {
				keys = append(keys, other)
				updates = append(updates, platen.Update{ID: other.ref.ID, Pairs: pairs()})
			}
		}
		err = m.s.Merge(m.ctx, platen.Job, platen.Properties, updates)
	default:
		m.revert(r, key)
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.remember(keys)
}

// remember adds what the last change has made of lists.
func (m *logModel) remember(keys []listKey) (change int64) {
	m.t.Helper()
	for _, key := range keys {
		list := list(m.t, m.s, key.ref.Kind, key.ref.ID, key.facet)
		versions := m.of[key]
		if versions[len(versions)-1].list == list {
			continue
		}
		found, _, err := m.s.History(m.ctx, key.ref.ID, nil, 1)
		if err != nil || len(found) != 1 {
			m.t.Fatalf("history: %v, %v", found, err)
		}
		if change != 0 && found[0].ID != change {
			m.t.Errorf("one update has the changes %d and %d", change, found[0].ID)
		}
		change = found[0].ID
		time.Sleep(time.Millisecond)
		m.of[key] = append(versions, version{change, time.Now(), list})
	}
	time.Sleep(time.Millisecond)
	return change
}

// revert reverts a random change of a list.
func (m *logModel) revert(r *rand.Rand, key listKey) {
	m.t.Helper()
	versions := m.of[key]
	n := r.IntN(len(versions))
	id := versions[n].change
	if id == 0 {
		return
	}
	// The lists that the change is of, as they were before it and after it.
	fits, differs := true, false
	var keys []listKey
	var want []string
	for _, other := range m.keys {
		versions := m.of[other]
		i := slices.IndexFunc(versions, func(v version) bool { return v.change == id })
		if i < 0 {
			continue
		}
		last := versions[len(versions)-1]
		fits = fits && last.list == versions[i].list
		keys, want = append(keys, other), append(want, versions[i-1].list)
		differs = differs || last.list != versions[i-1].list
	}
	made, err := m.s.Revert(m.ctx, id, false)
	switch {
	case !fits:
		if platen.ErrorCode(err) != platen.Conflict {
			m.t.Errorf("a change whose list was changed since: %v", err)
		}
		if _, err := m.s.Revert(m.ctx, id, true); err != nil && platen.ErrorCode(err) != platen.Conflict {
			m.t.Errorf("forced: %v", err)
		}
		m.remember(keys)
		return
	case !differs:
		wantCode(m.t, "nothing to revert", err, platen.Conflict, "already")
		return
	case err != nil:
		m.t.Fatalf("revert: %v", err)
	}
	for i, key := range keys {
		diff(m.t, "reverted", list(m.t, m.s, key.ref.Kind, key.ref.ID, key.facet), want[i])
	}
	diff(m.t, "the change of the revert", m.remember(keys), made)
	change, err := m.s.Change(m.ctx, made, 10)
	if err != nil || change.Reverts != id || change.Type != platen.Reverted {
		m.t.Errorf("the revert of %d: %v, %v", id, change, err)
	}
}

// checkHistory pages through the history of an entity.
func (m *logModel) checkHistory(key listKey) {
	m.t.Helper()
	var got []int64
	var position []byte
	pages := 0
	for {
		changes, next, err := m.s.History(m.ctx, key.ref.ID, position, 3)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, change := range changes {
			if change.Type == platen.Imported {
				got = append(got, 0)
				continue
			}
			if (storage.Origin{User: change.User, Token: change.Token, RequestID: change.Request}) != storage.OriginOf(m.ctx) {
				m.t.Errorf("the origin is %v", change)
			}
			for _, entry := range change.Entries {
				if entry.Facet == key.facet {
					got = append(got, change.ID)
					m.checkNames(key, change.ID, entry.Names)
				}
			}
		}
		if pages++; next == nil {
			break
		}
		position = next
	}
	var want []int64
	for _, v := range slices.Backward(m.of[key]) {
		want = append(want, v.change)
	}
	diff(m.t, "the history", got, want)
}

// checkNames compares what a change says of names with the lists.
func (m *logModel) checkNames(key listKey, change int64, names []platen.NameChange) {
	m.t.Helper()
	versions := m.of[key]
	i := slices.IndexFunc(versions, func(v version) bool { return v.change == change })
	value := func(list, name string) *string {
		pairs, err := platen.List(list).Decode()
		if err != nil {
			m.t.Fatal(err)
		}
		for _, pair := range pairs {
			if pair.Name == name {
				return &pair.Value
			}
		}
		return nil
	}
	same := func(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
	for _, name := range names {
		if !same(name.Before, value(versions[i-1].list, name.Name)) || !same(name.After, value(versions[i].list, name.Name)) {
			m.t.Errorf("change %d says of %q what is not so: %s, %s", change, name.Name, versions[i-1].list, versions[i].list)
		}
	}
}

// checkPast reads the list as it was.
func (m *logModel) checkPast(key listKey, created time.Time) {
	m.t.Helper()
	for _, v := range m.of[key] {
		kind, list, err := m.s.ListAt(m.ctx, key.ref.ID, key.facet, v.at)
		if err != nil || kind != key.ref.Kind || string(list) != v.list {
			m.t.Errorf("at %s: %s, %v; want %s", v.at, list, err, v.list)
		}
	}
	if _, _, err := m.s.ListAt(m.ctx, key.ref.ID, key.facet, created.Add(-time.Millisecond)); platen.ErrorCode(err) != platen.NotFound && platen.ErrorCode(err) != platen.Gone {
		m.t.Errorf("before it was created: %v", err)
	}
}

// checkEvents reads all events a few at a time.
func (m *logModel) checkEvents(set platen.ID) {
	m.t.Helper()
	type seen struct {
		change int64
		key    listKey
	}
	var got, want []seen
	after := platen.EventID(0)
	for {
		before := after
		last, err := m.s.Events(m.ctx, after, 2, func(e *platen.Event) error {
			if e.ID <= after {
				m.t.Errorf("event %v after %v", e.ID, after)
			}
			after = e.ID
			entry := e.Change.Entries[0]
			if entry.Set != set {
				m.t.Errorf("the set is %d", entry.Set)
			}
			if entry.List {
				got = append(got, seen{e.Change.ID, listKey{entry.Ref, entry.Facet}})
			} else if e.Change.Type != platen.Imported {
				m.t.Errorf("a change of the type %d", e.Change.Type)
			}
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
		if last == before {
			break
		}
		after = last
	}
	for key, versions := range m.of {
		for _, v := range versions[1:] {
			want = append(want, seen{v.change, key})
		}
	}
	order := func(a, b seen) int {
		if a.change != b.change {
			return int(a.change - b.change)
		}
		if a.key.ref != b.key.ref {
			return int(a.key.ref.ID - b.key.ref.ID)
		}
		return int(a.key.facet) - int(b.key.facet)
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	diff(m.t, "the events", fmt.Sprint(got), fmt.Sprint(want))
}

// testAddedLists reads the lists of data records that were added to a data set as they
// were before that, with fields and without: there were no such records.
func testAddedLists(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	mustDataSet(t, s, dataSet{set: transfer.SourceSet{ID: 300}, records: []platen.SourceRecord{{ID: 301}}})
	time.Sleep(2 * time.Millisecond)
	before := time.Now()
	time.Sleep(2 * time.Millisecond)
	if err := s.AddRecords(ctx, []platen.NewRecords{{DataSet: 300, Records: []platen.SourceRecord{{Fields: pairs("City=Brest")}, {}}}}); err != nil {
		t.Fatal(err)
	}
	check := func(record platen.ID, what string, there bool) {
		t.Helper()
		for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
			_, list, err := s.ListAt(ctx, record, facet, before)
			if there && err != nil || !there && platen.ErrorCode(err) != platen.NotFound {
				t.Errorf("%s of %s: %s, %v", facet, what, list, err)
			}
		}
	}
	all := children(t, s, platen.DataSet, 300)
	check(all[0], "the first data record", true)
	check(all[1], "one with fields", false)
	check(all[2], "one without fields", false)
	for _, pairs := range [][]platen.NameValue{{{Name: "n", Value: "1"}}, nil} {
		if err := s.Replace(ctx, platen.DataRecord, platen.Properties, platen.Update{ID: all[2], Pairs: pairs}); err != nil {
			t.Fatal(err)
		}
		if err := s.UpdateFields(ctx, []platen.Update{{ID: all[2], Pairs: pairs}}); err != nil {
			t.Fatal(err)
		}
		check(all[2], "one that has changed", false)
	}
}

// testEvents has readers follow the log while many write, stop, and go on from
// their last event: each change comes once, those of a list in their order.
func testEvents(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, emptyJobs(8))
	const each = 40
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range each {
				job := made.Children[(w+i)%8]
				pairs := []platen.NameValue{{Name: fmt.Sprint("writer", w), Value: fmt.Sprint(i)}}
				if err := s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: job, Pairs: pairs}}); err != nil {
					t.Error(err)
				}
				if i%8 == 0 { // refused, and so not in the log
					err := s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: job, Pairs: pairs}, {ID: made.ID, Pairs: pairs}})
					wantCode(t, "a job set among jobs", err, platen.NotFound, "not found")
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	lists := make(map[platen.ID]platen.List)
	for _, job := range made.Children {
		lists[job] = platen.EmptyList
	}
	count := 0
	after := platen.EventID(0)
	for ended := false; ; {
		last, err := s.Events(ctx, after, 7, func(e *platen.Event) error {
			entry := e.Change.Entries[0]
			if !entry.List {
				return nil
			}
			count++
			pairs, err := lists[entry.Ref.ID].Decode()
			if err != nil {
				return err
			}
			for _, name := range entry.Names {
				for _, pair := range pairs {
					if pair.Name == name.Name && (name.Before == nil || *name.Before != pair.Value) {
						t.Errorf("%s was %s", name.Name, pair.Value)
					}
				}
				pairs = platen.MergeList(pairs, []platen.NameValue{{Name: name.Name, Value: *name.After}})
			}
			lists[entry.Ref.ID] = platen.EncodeList(pairs)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last == after {
			if ended {
				break
			}
			select {
			case <-done:
				ended = true
			case <-time.After(time.Millisecond):
			}
		}
		after = last
	}
	diff(t, "changes", count, 8*each)
	for _, job := range made.Children {
		diff(t, "the list", string(lists[job]), list(t, s, platen.Job, job, platen.Properties))
	}
}
