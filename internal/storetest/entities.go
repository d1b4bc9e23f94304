package storetest

import (
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

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
		{"a data record that a later page says", pagesOf(page(2, 0), page(1, 0), page(1, 3)), "content item 1 is not there yet"},
		{"page details that a later page says", pagesOf(page(1, 2), transfer.Page{Item: 1, Details: platen.Details{Pages: []platen.PageCount{{Count: 2}}}.Encode()}), "say them at the first"},
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
	made := mustCreate(t, s, pagesOf(page(10, 110), page(11, 111), page(12, 0), page(13, 113), page(14, 114), page(20, 0), page(12, 112), page(10, 0)))
	diff(t, "contents", contents(t, s, made.Children[0]), []platen.Content{
		{Item: 10, Record: 110}, {Item: 11, Record: 111}, {Item: 12, Record: 112}, {Item: 13, Record: 113}, {Item: 14, Record: 114}, {Item: 20, Record: 120},
	})
	document := export(t, s, made.ID).In[0].In[0].In[0].In[0]
	diff(t, "the page with the details of its content item", document.Pages[5], printed)
	// A record that is said after one that is not, with an identifier as small as the
	// distance between their items.
	made = mustCreate(t, s, pagesOf(page(5000, 0), page(5001, 1), page(5002, 2)))
	diff(t, "records that are said", contents(t, s, made.Children[0])[1:], []platen.Content{{Item: 5001, Record: 1}, {Item: 5002, Record: 2}})
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
