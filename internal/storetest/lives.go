package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// testLives imports the same sets with the same identifiers again and again, deletes
// them, takes that back or cleans up, and reads and writes lists all the while. What a
// plain model says is there has the list that it says, and all else is not found.
func testLives(t *testing.T, open Open) {
	const steps = 3000
	s := start(t, open)
	l := lives{t: t, s: s, random: rand.New(rand.NewPCG(3, 4)), lists: make(map[listKey][]platen.NameValue)}
	// Two job sets share a content item, which belongs to nothing.
	shared := platen.ID(501)
	for n := range platen.ID(2) {
		set := &life{ref: platen.Ref{Kind: platen.JobSet, ID: 100 + 100*n}}
		job, document, own := set.ref.ID+1, set.ref.ID+2, 502+n
		set.members = []platen.Ref{set.ref, {Kind: platen.Job, ID: job}, {Kind: platen.Document, ID: document}}
		set.free = []platen.Ref{
			{Kind: platen.ContentItem, ID: shared}, {Kind: platen.DataRecord, ID: shared + 100},
			{Kind: platen.ContentItem, ID: own}, {Kind: platen.DataRecord, ID: own + 100},
		}
		set.create = func() (platen.Created, error) {
			of := documentOf(page(shared, shared+100), page(own, own+100))
			of.ID = document
			in := jobOf(segmentOf(documentsOf(of))).properties("a=b")
			in.ID = job
			all := jobSetOf(in)
			all.ID = set.ref.ID
			return s.CreateJobSet(t.Context(), all, storage.JobSetOptions{})
		}
		set.imported = map[listKey][]platen.NameValue{{platen.Ref{Kind: platen.Job, ID: job}, platen.Properties}: pairs("a=b")}
		l.sets = append(l.sets, set)
	}
	records := &life{ref: platen.Ref{Kind: platen.DataSet, ID: 300}}
	records.members = []platen.Ref{records.ref, {Kind: platen.DataRecord, ID: 301}}
	records.create = func() (platen.Created, error) {
		return s.CreateDataSet(t.Context(), dataSet{set: transfer.SourceSet{ID: 300}, records: []platen.SourceRecord{{ID: 301}}})
	}
	l.sets = append(l.sets, records)
	for range steps {
		l.step()
	}
}

// The lives of sets: what there is.
type lives struct {
	t      *testing.T
	s      storage.Store
	random *rand.Rand
	sets   []*life
	lists  map[listKey][]platen.NameValue
}

// A life is a set as it is now.
type life struct {
	ref      platen.Ref
	members  []platen.Ref // the set, and what is hidden with it
	free     []platen.Ref // what it uses, and what goes with the last that does
	create   func() (platen.Created, error)
	imported map[listKey][]platen.NameValue // lists that it has in its document

	there, deleted bool
}

func (l *lives) step() {
	one := pick(l.random, l.sets)
	switch {
	case l.random.IntN(10) > 0:
		l.use(pick(l.random, slices.Concat(one.members, one.free)))
	case !one.there:
		if _, err := one.create(); err != nil {
			l.t.Fatalf("import of %v: %v", one.ref, err)
		}
		maps.Copy(l.lists, one.imported)
		one.there = true
	case !one.deleted:
		if err := l.s.Delete(l.t.Context(), one.ref); err != nil {
			l.t.Fatalf("deletion of %v: %v", one.ref, err)
		}
		one.deleted = true
	case l.random.IntN(2) == 0:
		if _, err := l.s.Undelete(l.t.Context(), one.ref.ID); err != nil {
			l.t.Fatalf("undeletion of %v: %v", one.ref, err)
		}
		one.deleted = false
	default:
		l.clean()
	}
}

// clean removes all sets that are deleted, and what only they used.
func (l *lives) clean() {
	clean(l.t, l.s)
	var gone []platen.Ref
	for _, one := range l.sets {
		if one.deleted {
			one.there, one.deleted = false, false
			gone = slices.Concat(gone, one.members, one.free)
		}
	}
	for _, ref := range gone {
		if !l.exists(ref) {
			for _, facet := range platen.Facets {
				delete(l.lists, listKey{ref, facet})
			}
		}
	}
}

// exists reports whether an entity can be seen.
func (l *lives) exists(ref platen.Ref) bool {
	for _, one := range l.sets {
		switch {
		case slices.Contains(one.members, ref):
			return one.there && !one.deleted
		case one.there && slices.Contains(one.free, ref):
			return true
		}
	}
	return false
}

// use reads or writes a list of an entity, which may not exist.
func (l *lives) use(ref platen.Ref) {
	key := listKey{ref, pick(l.random, ref.Kind.Info().Facets)}
	set := pairs("n=" + strconv.Itoa(l.random.IntN(1000)))
	update := platen.Update{ID: ref.ID, Pairs: set}
	now := l.lists[key]
	var list platen.List
	var err error
	switch l.random.IntN(4) {
	case 0:
		now, err = set, l.s.Replace(l.t.Context(), ref.Kind, key.facet, update)
	case 1:
		now, err = platen.MergeList(slices.Clone(now), set), l.s.Merge(l.t.Context(), ref.Kind, key.facet, []platen.Update{update})
	default:
		if list, err = l.s.List(l.t.Context(), ref, key.facet); err == nil {
			diff(l.t, fmt.Sprintf("%s of %v", key.facet, ref), string(list), string(platen.EncodeList(now)))
		}
	}
	switch exists := l.exists(ref); {
	case exists && err == nil:
		l.lists[key] = now
	case exists || platen.ErrorCode(err) != platen.NotFound:
		l.t.Fatalf("%s of %v, which exists (%v): %v", key.facet, ref, exists, err)
	}
}
