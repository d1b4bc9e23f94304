package storetest

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// summary is what a job set has: as its counts say, or worked out of its export.
type summary struct {
	Names []string
	Media []string
	Sets  []summaryOfSet
}

type summaryOfSet struct {
	ID, Job                                 platen.ID
	Metadata                                string
	Documents, DocumentPages, Sheets, Pages int64
	ByMedia                                 map[string]int64
}

func (s *summary) names(list platen.List) error {
	pairs, err := list.Decode()
	for _, pair := range pairs {
		if !slices.Contains(s.Names, pair.Name) {
			s.Names = append(s.Names, pair.Name)
		}
	}
	return err
}

func (s *summary) medium(name string) {
	if !slices.Contains(s.Media, name) {
		s.Media = append(s.Media, name)
	}
}

// exported works out a summary of an export, and hashes its documents.
func exported(t *testing.T, s storage.Exporter, id platen.ID) (all summary, documents documentsHash) {
	t.Helper()
	documents.Hash = sha256.New()
	var job platen.ID
	err := s.ReadJobSet(t.Context(), id, func(e *transfer.Element) error {
		if err := documents.add(e); err != nil {
			return err
		}
		var set *summaryOfSet
		if n := len(all.Sets); n > 0 {
			set = &all.Sets[n-1]
		}
		switch e.Kind {
		case platen.Job:
			job = e.ID
		case platen.DocumentSet:
			all.Sets = append(all.Sets, summaryOfSet{ID: e.ID, Job: job, Metadata: string(e.Lists[platen.Metadata]), ByMedia: make(map[string]int64)})
		case platen.Document:
			set.Documents++
			return all.names(e.Lists[platen.Metadata])
		case platen.DocumentPage:
			set.DocumentPages++
			details, err := platen.DecodeDetails(e.Details)
			if len(details.Pages) == 0 {
				set.Sheets++
				set.Pages++
			}
			for _, part := range details.Pages {
				set.Sheets += part.Sheets()
				set.Pages += part.Count
				set.ByMedia[part.Media.Name] += part.Count
				all.medium(part.Media.Name)
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, documents
}

// counted reads the counts of a job set, and how many parts they came in.
func counted(t *testing.T, s storage.Exporter, id platen.ID) (all summary, parts int) {
	t.Helper()
	err := s.CountJobSet(t.Context(), id, false, func(c *transfer.Counts) error {
		parts++
		for _, name := range c.Names {
			if !slices.Contains(all.Names, name) {
				all.Names = append(all.Names, strings.Clone(name))
			}
		}
		for i := range c.Media {
			all.medium(c.Media[i].Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.CountJobSet(t.Context(), id, true, func(c *transfer.Counts) error {
		for _, set := range c.DocumentSets {
			n := len(all.Sets)
			if n == 0 || all.Sets[n-1].ID != set.ID {
				all.Sets, n = append(all.Sets, summaryOfSet{ID: set.ID, Job: set.Job, Metadata: string(set.Metadata), ByMedia: make(map[string]int64)}), n+1
			}
			to := &all.Sets[n-1]
			to.Documents += set.Documents
			to.DocumentPages += set.DocumentPages
			to.Sheets += set.Sheets
			to.Pages += set.Pages
			for _, medium := range set.ByMedia {
				to.ByMedia[c.Media[medium.Medium].Name] += medium.Pages
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, parts
}

// A documentsHash hashes the documents of a job set, up to each document set.
type documentsHash struct {
	hash.Hash
	sums []string
}

func (h *documentsHash) add(e *transfer.Element) error {
	if e.Kind < platen.DocumentSet {
		return nil
	}
	if e.Kind == platen.DocumentSet {
		h.sums = append(h.sums, fmt.Sprintf("%x", h.Sum(nil)))
	}
	_, err := fmt.Fprintf(h, "%d %d %d %d %s %s\n", e.Kind, e.ID, e.Item, e.Record, e.Lists[platen.Metadata], e.Details)
	return err
}

// sameDocuments checks that the documents of a job set are those of its export.
func sameDocuments(t *testing.T, s storage.Exporter, id platen.ID, want documentsHash) {
	t.Helper()
	got := documentsHash{Hash: sha256.New()}
	if err := s.ReadDocuments(t.Context(), id, got.add); err != nil {
		t.Fatal(err)
	}
	for i := range want.sums {
		if i >= len(got.sums) || got.sums[i] != want.sums[i] {
			t.Fatalf("the documents before document set %d of %d differ from those of the export (%d read)", i, len(want.sums), len(got.sums))
		}
	}
	diff(t, "hash of all documents", got.Sum(nil), want.Sum(nil))
}

// everything is a job set with all that its counts depend on.
func everything() *tree {
	two := platen.Details{Pages: []platen.PageCount{{Count: 3, Duplex: true, Media: platen.Media{Name: "A4"}}, {Count: 1, Media: platen.Media{Name: "Gold"}}}}.Encode()
	said := page(8001, 0)
	said.Details = two
	long := documentOf().as(88_001).metadata("long=1 tag=z")
	for i := range platen.ID(20_000) { // over several batches of the import
		long.Pages = append(long.Pages, page(200_000+i, 0))
		if i%97 == 0 {
			long.Pages[i].Details = letter(int64(1+i%3), i%2 == 0, fmt.Sprint("medium", i%5))
		}
	}
	mixed := documentsOf(documentOf(page(9001, 0), page(9001, 0), said), documentOf().metadata("tag=x"), documentOf(page(9003, 0)).as(77_003).metadata("tag=y other=1"))
	short := documentsOf()
	for i := range 9000 {
		document := documentOf(page(platen.ID(300_000+i), 0))
		if i%2 == 0 {
			document.metadata("customer=" + fmt.Sprint(i))
		}
		if i > 8000 {
			document.metadata("late=1")
		}
		short.In = append(short.In, document)
	}
	many := segmentOf()
	for i := range 1100 {
		many.In = append(many.In, documentsOf())
		if i%300 == 0 {
			many.In[i].metadata("place=" + fmt.Sprint(i)).In = []*tree{documentOf(page(9002, 0))}
		}
	}
	return jobSetOf(
		jobOf(segmentOf(documentsOf(), mixed.metadata("fold=z"), documentsOf(long)), segmentOf(), segmentOf(short)),
		jobOf(),
		jobOf(many),
		jobOf(segmentOf(documentsOf(documentOf(page(9001, 0), page(9002, 0))).metadata("a=b"), documentsOf())),
	).as(4100)
}

// Counts checks that the counts of a job set are those of its export, whatever
// happens to it. exec and count change the database and count the rows of a
// table.
func Counts(t *testing.T, s storage.Store, exec func(text string), count func(table string) int) {
	ctx := t.Context()
	set := platen.Ref{Kind: platen.JobSet, ID: 4100}
	check := func(what string) {
		t.Helper()
		want, documents := exported(t, s, set.ID)
		sameDocuments(t, s, set.ID, documents)
		got, parts := counted(t, s, set.ID)
		diff(t, what, got, want)
		if parts < 4 {
			t.Errorf("%s: %d parts, want 4 or more", what, parts)
		}
	}
	mustContentSet(t, s, contentSet{items: []transfer.SourceItem{
		{ID: 9001, Record: 5001, Details: letter(2, true, "Plain")}, {ID: 9002, Record: 5002}, {ID: 9003, Record: 5003, Details: letter(5, true, "Plain")},
	}})
	countsBeside(t, s, exec)
	for _, again := range []bool{false, true} {
		mustCreate(t, s, everything())
		blocks := count("count_block")
		check("imported")
		if !again {
			rename(t, s, set.ID, count, check)
			exec("DELETE FROM count_block") // as in a database from before it
			exec("DELETE FROM document_changed")
			check("before they are stored")
			if n := count("count_block"); n != blocks {
				t.Errorf("%d blocks of counts after a first request, want %d", n, blocks)
			}
			check("stored by a request")
		}
		if err := s.Delete(ctx, set); err != nil {
			t.Fatal(err)
		}
		err := s.CountJobSet(ctx, set.ID, false, func(*transfer.Counts) error { return nil })
		wantCode(t, "count of a deleted set", err, platen.NotFound, "job set 4100 not found")
		clean(t, s)
		if blocks, changed := count("count_block"), count("document_changed"); blocks+changed > 0 {
			t.Errorf("after the clean-up %d blocks of counts and %d changed documents are left", blocks, changed)
		}
	}
}

// countsBeside checks that names which change while they are counted are right
// in the end.
func countsBeside(t *testing.T, s storage.Store, exec func(string)) {
	t.Helper()
	ctx := t.Context()
	documents := documentsOf()
	for i := range 40 {
		documents.In = append(documents.In, documentOf(page(platen.ID(400_000+i), 0)).as(platen.ID(500_000+i)))
	}
	made := mustCreate(t, s, jobSetOf(jobOf(segmentOf(documents))))
	exec(fmt.Sprint("DELETE FROM count_block WHERE job_set = ", made.ID))
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.CountJobSet(ctx, made.ID, false, func(*transfer.Counts) error { return nil }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for writer := range 4 {
		writers.Go(func() {
			for i := range 50 {
				id := platen.ID(500_000 + (i*7+writer)%40)
				list := pairs(fmt.Sprintf("name%d-%d=1", writer, i%9))
				if err := s.Replace(ctx, platen.Document, platen.Metadata, platen.Update{ID: id, Pairs: list}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	for range 2 {
		got, _ := counted(t, s, made.ID)
		want, _ := exported(t, s, made.ID)
		diff(t, "counts after they were changed and asked for at once", got, want)
	}
	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil {
		t.Fatal(err)
	}
	clean(t, s)
}

// rename changes metadata of documents, so that names go and come.
func rename(t *testing.T, s storage.Store, set platen.ID, count func(string) int, check func(string)) {
	t.Helper()
	ctx := t.Context()
	replace := func(id platen.ID, text string) {
		t.Helper()
		if err := s.Replace(ctx, platen.Document, platen.Metadata, platen.Update{ID: id, Pairs: pairs(text)}); err != nil {
			t.Fatal(err)
		}
	}
	var late []platen.Update // the only documents with this name
	err := s.ReadJobSet(ctx, set, func(e *transfer.Element) error {
		if e.Kind == platen.Document && strings.Contains(string(e.Lists[platen.Metadata]), `"late"`) {
			late = append(late, platen.Update{ID: e.ID, Pairs: pairs("later=1")})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	replace(77_003, "")
	replace(88_001, "zip=1 tag=x")
	replace(88_001, "zip=2")
	if n := count("document_changed"); n != 2 {
		t.Errorf("%d changed documents, want 2", n)
	}
	check("after names went and came")
	if n := count("document_changed"); n != 0 {
		t.Errorf("%d changed documents after a count, want none", n)
	}
	if err := s.Merge(ctx, platen.Document, platen.Metadata, late); err != nil {
		t.Fatal(err)
	}
	check("after a merge")
	if err := s.Replace(ctx, platen.Document, platen.Properties, platen.Update{ID: 88_001, Pairs: pairs("p=1")}); err != nil {
		t.Fatal(err)
	}
	if n := count("document_changed"); n != 0 {
		t.Errorf("%d changed documents after a change of properties, want none", n)
	}
	if now, _ := counted(t, s, set); !slices.Contains(now.Names, "later") {
		t.Errorf("names %v, want later among them", now.Names)
	}
	replace(88_001, "long=1") // left to the clean-up
}
