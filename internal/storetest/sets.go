package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A dataSet is a data set as a source.
type dataSet struct {
	set     transfer.SourceSet
	schema  *platen.Table
	records []platen.SourceRecord
}

func (d dataSet) DataSet() transfer.SourceSet { return d.set }
func (d dataSet) Schema() *platen.Table       { return d.schema }
func (d dataSet) ExplicitIDs() (given platen.IDRange) {
	given = transfer.Widen(given, d.set.ID)
	for _, r := range d.records {
		given = transfer.Widen(given, r.ID)
	}
	return given
}

func (d dataSet) Read(yield func(*platen.SourceRecord) error) error {
	for i := range d.records {
		if err := yield(&d.records[i]); err != nil {
			return err
		}
	}
	return nil
}

// A contentSet is a content set as a source.
type contentSet struct {
	set   transfer.SourceSet
	items []transfer.SourceItem
}

func (c contentSet) ContentSet() transfer.SourceSet { return c.set }
func (c contentSet) ExplicitIDs() (given platen.IDRange) {
	given = transfer.Widen(given, c.set.ID)
	for _, item := range c.items {
		given = transfer.Widen(given, item.ID, item.Record)
	}
	return given
}

func (c contentSet) Read(yield func(*transfer.SourceItem) error) error {
	for i := range c.items {
		if err := yield(&c.items[i]); err != nil {
			return err
		}
	}
	return nil
}

func pairs(text string) (list []platen.NameValue) {
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		list = append(list, platen.NameValue{Name: name, Value: value})
	}
	return list
}

// text returns a list in the way that pairs reads it.
func text(t *testing.T, list platen.List) string {
	t.Helper()
	decoded, err := list.Decode()
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, pair := range decoded {
		parts = append(parts, pair.Name+"="+pair.Value)
	}
	return strings.Join(parts, " ")
}

func mustDataSet(t *testing.T, s storage.Store, source dataSet) platen.Created {
	t.Helper()
	made, err := s.CreateDataSet(t.Context(), source)
	if err != nil {
		t.Fatal("create data set:", err)
	}
	return made
}

func mustContentSet(t *testing.T, s storage.Store, source contentSet) platen.Created {
	t.Helper()
	made, err := s.CreateContentSet(t.Context(), source)
	if err != nil {
		t.Fatal("create content set:", err)
	}
	return made
}

// records reads data records, a line each.
func records(t *testing.T, s storage.Store, recursive bool, ids ...platen.ID) string {
	t.Helper()
	var b strings.Builder
	err := s.Records(t.Context(), ids, recursive, func(r *platen.Record) error {
		fmt.Fprintf(&b, "%s%s %d of %d in %d: %s\n", strings.Repeat("  ", r.Depth), r.Table, r.ID, r.DataSet, r.Parent, text(t, r.Fields))
		return nil
	})
	if err != nil {
		t.Fatal("records:", err)
	}
	return b.String()
}

func orders() *platen.Table {
	return &platen.Table{
		Name:    platen.RecordTable,
		Columns: []platen.Column{{Name: "Paid", Type: platen.Boolean}, {Name: "Since", Type: platen.DateTime}},
		Tables: []*platen.Table{
			{Name: "detail", Columns: []platen.Column{{Name: "Qty", Type: platen.Integer}}, Tables: []*platen.Table{{Name: "part"}}},
			{Name: "note"},
		},
	}
}

func testRecords(t *testing.T, open Open) {
	s := start(t, open)
	made := mustDataSet(t, s, dataSet{
		set: transfer.SourceSet{ID: 300, Lists: [2]platen.List{platen.EncodeList(pairs("source=crm"))}}, schema: orders(),
		records: []platen.SourceRecord{
			{ID: 5001, Fields: pairs("City=Lyon Paid=true Since=1764000000")},
			{Depth: 1, Table: "detail", Fields: pairs("Qty=3")},
			{Depth: 2, Table: "part", Fields: pairs("Name=bolt")},
			{Depth: 1, Table: "note", Fields: pairs("Text=urgent")},
			{Depth: 1, Table: "detail", Fields: pairs("Qty=4")},
			{ID: 5002, Fields: pairs("City=Nice"), Properties: platen.EncodeList(pairs("vip=1"))},
			{Fields: pairs("City=Metz")},
		},
	})
	diff(t, "made", made.ID, platen.ID(300))
	diff(t, "records at the top", len(made.Children), 3)
	diff(t, "children", children(t, s, platen.DataSet, 300), made.Children)
	diff(t, "one", records(t, s, false, 5001), "record 5001 of 300 in 0: City=Lyon Paid=true Since=2025-11-24T16:00:00Z\n")
	whole := records(t, s, true, 5001)
	for _, line := range []string{"\n  detail ", " in 5001: Qty=3\n    part ", ": Name=bolt\n  detail ", ": Qty=4\n  note ", ": Text=urgent\n"} {
		if !strings.Contains(whole, line) {
			t.Errorf("no %q in\n%s", line, whole)
		}
	}
	diff(t, "as asked for", records(t, s, false, 5002, 5001, 5002), records(t, s, false, 5002)+records(t, s, false, 5001)+records(t, s, false, 5002))
	diff(t, "properties", list(t, s, platen.DataRecord, 5002, platen.Properties), `[{"name":"vip","value":"1"}]`)

	ctx := t.Context()
	err := s.AddRecords(ctx, []platen.NewRecords{
		{DataSet: 300, Records: []platen.SourceRecord{{Fields: pairs("City=Brest")}, {Depth: 1, Table: "note", Fields: pairs("Text=new")}}},
		{Parent: 5002, Table: "detail", Records: []platen.SourceRecord{{Table: "detail", Fields: pairs("Qty=9")}}},
	})
	if err != nil {
		t.Fatal("add:", err)
	}
	top := children(t, s, platen.DataSet, 300)
	if len(top) != 4 || !strings.Contains(records(t, s, true, top[3]), "City=Brest\n  note ") {
		t.Errorf("%v: %s", top, records(t, s, true, top...))
	}
	if got := records(t, s, true, 5002); !strings.HasSuffix(got, " in 5002: Qty=9\n") {
		t.Error(got)
	}
	for _, bad := range []struct {
		list platen.NewRecords
		code platen.Code
		says string
	}{
		{platen.NewRecords{DataSet: 301, Records: []platen.SourceRecord{{}}}, platen.NotFound, "data set 301"},
		{platen.NewRecords{DataSet: 5001}, platen.NotFound, "data set 5001"},
		{platen.NewRecords{Parent: 300, Table: "detail"}, platen.NotFound, "data record 300"},
		{platen.NewRecords{Parent: 5001, Table: "part", Records: []platen.SourceRecord{{}}}, platen.Invalid, `no table "part"`},
		{platen.NewRecords{DataSet: 300, Records: []platen.SourceRecord{{}, {Depth: 1, Table: "other"}}}, platen.Invalid, `no table "other"`},
		{platen.NewRecords{DataSet: 300, Records: []platen.SourceRecord{{Fields: pairs("Paid=perhaps")}}}, platen.Invalid, `at /1/records/0: field "Paid": "perhaps" is no BOOLEAN`},
		{platen.NewRecords{Parent: 5001, Table: "detail", Records: []platen.SourceRecord{{}, {Fields: pairs("Qty=1.5")}}}, platen.Invalid, `at /1/records/1: field "Qty": "1.5" is no INTEGER: a whole number`},
		{platen.NewRecords{DataSet: 300, Records: []platen.SourceRecord{{}, {}, {Depth: 1, Table: "detail"}, {Depth: 1, Table: "detail", Fields: pairs("Qty=x")}}}, platen.Invalid, `at /1/records/1/records/1: field "Qty"`},
	} {
		err := s.AddRecords(ctx, []platen.NewRecords{{DataSet: 300, Records: []platen.SourceRecord{{Fields: pairs("City=Nowhere")}}}, bad.list})
		wantCode(t, bad.says, err, bad.code, bad.says)
	}
	diff(t, "nothing was added", children(t, s, platen.DataSet, 300), top)

	update := func(id platen.ID, fields string) error {
		return s.UpdateFields(ctx, []platen.Update{{ID: id, Pairs: pairs(fields)}})
	}
	if err := update(5001, "City=Paris New=x Since=2026-01-01T01:00:00+01:00"); err != nil {
		t.Fatal("update:", err)
	}
	diff(t, "updated", records(t, s, false, 5001), "record 5001 of 300 in 0: City=Paris Paid=true Since=2026-01-01T00:00:00Z New=x\n")
	wantCode(t, "a wrong type", update(5001, "City=Rome Paid=2"), platen.Invalid, `data record 5001: field "Paid": "2" is no BOOLEAN: true or false`)
	wantCode(t, "an unknown record", update(300, "City=Rome"), platen.NotFound, "data record 300")
	many := make([]platen.NameValue, platen.MaxFields)
	for i := range many {
		many[i].Name = fmt.Sprint("f", i)
	}
	wantCode(t, "too many fields", s.UpdateFields(ctx, []platen.Update{{ID: 5002, Pairs: pairs("City=Rome")}, {ID: 5002, Pairs: many}}), platen.Invalid, "10000")
	diff(t, "not updated", records(t, s, false, 5001), "record 5001 of 300 in 0: City=Paris Paid=true Since=2026-01-01T00:00:00Z New=x\n")
	diff(t, "not updated", records(t, s, false, 5002), "record 5002 of 300 in 0: City=Nice\n")
	wantCode(t, "unknown records", s.Records(ctx, []platen.ID{5001, 300}, true, func(*platen.Record) error { t.Error("yielded"); return nil }), platen.NotFound, "data record 300")
}

func testDataSets(t *testing.T, open Open) {
	s := start(t, open)
	// More than are written at a time; nested ones of all sizes.
	var source dataSet
	const top = 8_500
	for i := range top {
		source.records = append(source.records, platen.SourceRecord{Fields: pairs(fmt.Sprint("n=", i))})
		for j := range i % 40 / 38 * 2 {
			source.records = append(source.records, platen.SourceRecord{Depth: 1, Table: fmt.Sprint("t", j), Fields: pairs(fmt.Sprint("n=", i, "-", j))})
		}
	}
	// So many that transactions end within a record, at different depths.
	for i := range 5_000 {
		depth := []int{1, 2, 3, 3, 2, 1, 2, 3, 4, 4, 3}[i%11]
		source.records = append(source.records, platen.SourceRecord{Depth: depth, Table: fmt.Sprint("t", depth%2), Fields: pairs(fmt.Sprint("n=", i))})
	}
	made := mustDataSet(t, s, source)
	diff(t, "records at the top", len(made.Children), top)
	next := 0
	var schema *platen.Table
	err := s.ReadDataSet(t.Context(), made.ID, func(set transfer.SourceSet, table *platen.Table) error {
		schema = table
		return nil
	}, func(r *platen.Record) error {
		want := source.records[next]
		if next++; text(t, r.Fields) != "n="+want.Fields[0].Value || r.Depth != want.Depth {
			return fmt.Errorf("record %d: got %+v, want %+v", next, r, want)
		}
		return nil
	})
	if err != nil || next != len(source.records) {
		t.Fatal(next, err)
	}
	diff(t, "tables that were named", schema, &platen.Table{Name: platen.RecordTable, Tables: []*platen.Table{
		{Name: "t0"},
		{Name: "t1", Tables: []*platen.Table{{Name: "t0", Tables: []*platen.Table{{Name: "t1", Tables: []*platen.Table{{Name: "t0"}}}}}}},
	}})

	for _, bad := range []struct {
		source dataSet
		code   platen.Code
		says   string
	}{
		{dataSet{set: transfer.SourceSet{ID: made.ID}}, platen.Conflict, "taken by a data set"},
		{dataSet{records: []platen.SourceRecord{{ID: made.Children[0]}}}, platen.Conflict, "taken by a data record"},
		{dataSet{schema: orders(), records: []platen.SourceRecord{{}, {Depth: 1, Table: "x"}}}, platen.Invalid, `no table "x"`},
		{dataSet{schema: orders(), records: []platen.SourceRecord{{Fields: pairs("Since=now")}}}, platen.Invalid, "DATETIME"},
	} {
		_, err := s.CreateDataSet(t.Context(), bad.source)
		wantCode(t, bad.says, err, bad.code, bad.says)
	}
	runs, err := s.Entities(t.Context(), platen.DataSet, "")
	diff(t, "data sets", ids(t, runs, err), []platen.ID{made.ID})
}

func letter(pages int64, duplex bool, medium string) []byte {
	return platen.Details{Pages: []platen.PageCount{{Count: pages, Duplex: duplex, Media: platen.Media{Name: medium}}}, Template: "letter"}.Encode()
}

func testContentSets(t *testing.T, open Open) {
	s := start(t, open)
	made := mustContentSet(t, s, contentSet{
		set: transfer.SourceSet{ID: 700, Type: "print", Lists: [2]platen.List{platen.EncodeList(pairs("a=1"))}},
		items: []transfer.SourceItem{
			{ID: 9001, Record: 5001, Details: letter(2, true, "A4")},
			{ID: 9002, Record: 5002, Details: letter(2, true, "A4"), Properties: platen.EncodeList(pairs("b=2"))},
			{ID: 9004, Record: 5001},
			{Record: 5003},
		},
	})
	mail := mustContentSet(t, s, contentSet{set: transfer.SourceSet{Type: "email"}})
	fresh := made.Children[3]
	diff(t, "made", made.Children[:3], []platen.ID{9001, 9002, 9004})
	c, err := s.Contents(t.Context(), platen.Ref{Kind: platen.ContentSet, ID: 700})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "contents", blocks(t, c), []platen.Content{{Item: 9001, Record: 5001}, {Item: 9002, Record: 5002}, {Item: 9004, Record: 5001}, {Item: fresh, Record: 5003}})
	diff(t, "properties", list(t, s, platen.ContentItem, 9002, platen.Properties), `[{"name":"b","value":"2"}]`)
	diff(t, "a record made along", records(t, s, true, 5003), "record 5003 of 0 in 0: \n")
	record, err := s.Record(t.Context(), 9002)
	diff(t, "record", record, platen.ID(5002))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Record(t.Context(), 5002)
	wantCode(t, "no item", err, platen.NotFound, "content item 5002")
	pages := ""
	err = s.PageDetails(t.Context(), 700, func(items platen.IDRange, details []byte) error {
		pages += fmt.Sprintln(items, string(details))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "pages", pages, fmt.Sprintf("{9001 9002} %s\n{9004 9004} \n{%d %d} \n", letter(2, true, "A4"), fresh, fresh))
	var back contentSet
	err = s.ReadContentSet(t.Context(), 700, func(set transfer.SourceSet) error { back.set = set; return nil },
		func(item *transfer.SourceItem) error { back.items = append(back.items, *item); return nil })
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "type", back.set.Type, "print")
	diff(t, "items", len(back.items), 4)
	for contentType, want := range map[string][]platen.ID{"": {700, mail.ID}, "print": {700}, "email": {mail.ID}, "default": nil} {
		runs, err := s.Entities(t.Context(), platen.ContentSet, contentType)
		diff(t, "sets of type "+contentType, ids(t, runs, err), want)
	}
	for _, bad := range []struct {
		source contentSet
		says   string
	}{
		{contentSet{set: transfer.SourceSet{ID: 9001}}, "taken by a content item"},
		{contentSet{items: []transfer.SourceItem{{ID: 9002, Record: 1}}}, "taken by a content item"},
		{contentSet{items: []transfer.SourceItem{{ID: 1, Record: 700}}}, "taken by a content set"},
		{contentSet{items: []transfer.SourceItem{{ID: 1, Record: 1}}}, "taken by a data record"},
	} {
		_, err := s.CreateContentSet(t.Context(), bad.source)
		wantCode(t, bad.says, err, platen.Conflict, bad.says)
	}
}

// clean runs the clean-up to its end.
func clean(t *testing.T, s storage.Store) {
	t.Helper()
	for range 10_000 {
		more, err := s.Clean(t.Context(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal("clean:", err)
		}
		if !more {
			return
		}
	}
	t.Fatal("the clean-up does not end")
}

func testDelete(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	mustDataSet(t, s, dataSet{set: transfer.SourceSet{ID: 300}, records: []platen.SourceRecord{
		{ID: 5001, Fields: pairs("n=1")}, {ID: 5101, Depth: 1, Table: "detail", Fields: pairs("d=1")},
		{ID: 5002, Fields: pairs("n=2")}, {ID: 5102, Depth: 1, Table: "detail", Fields: pairs("d=2")},
		{ID: 5003, Fields: pairs("n=3")},
	}})
	mustContentSet(t, s, contentSet{set: transfer.SourceSet{ID: 700}, items: []transfer.SourceItem{
		{ID: 9001, Record: 5001, Properties: platen.EncodeList(pairs("i=1"))}, {ID: 9002, Record: 5002}, {ID: 9003, Record: 5003},
	}})
	jobSet := func(id, item, newItem, newRecord platen.ID) *tree {
		first := transfer.Page{ID: id + 2, Item: item}
		return jobSetOf(jobOf(segmentOf(documentsOf(documentOf(first, page(newItem, newRecord))))).as(id + 1)).as(id).properties("p=1")
	}
	mustCreate(t, s, jobSet(10, 9001, 8501, 5501))
	mustCreate(t, s, jobSet(20, 9002, 8502, 5502))
	// Read once, so that all is cached that can be.
	list(t, s, platen.JobSet, 10, platen.Properties)
	list(t, s, platen.ContentItem, 9001, platen.Properties)

	gone := func(kind platen.Kind, id platen.ID) {
		t.Helper()
		ref := platen.Ref{Kind: kind, ID: id}
		_, err := s.List(ctx, ref, platen.Properties)
		wantCode(t, ref.Kind.String(), err, platen.NotFound, ref.ID.String())
		wantCode(t, ref.Kind.String(), s.Replace(ctx, kind, platen.Properties, platen.Update{ID: id}), platen.NotFound, ref.ID.String())
	}
	for _, ref := range []platen.Ref{{Kind: platen.ContentSet, ID: 700}, {Kind: platen.DataSet, ID: 300}} {
		if err := s.Delete(ctx, ref); err != nil {
			t.Fatal("delete:", err)
		}
		wantCode(t, "deleted twice", s.Delete(ctx, ref), platen.NotFound, ref.ID.String())
		_, err := s.Children(ctx, ref)
		wantCode(t, "children", err, platen.NotFound, ref.ID.String())
		runs, err := s.Entities(ctx, ref.Kind, "")
		diff(t, "sets", ids(t, runs, err), []platen.ID(nil))
		gone(ref.Kind, ref.ID)
	}
	wantCode(t, "another kind", s.Delete(ctx, platen.Ref{Kind: platen.ContentSet, ID: 10}), platen.NotFound, "content set 10")
	gone(platen.ContentItem, 9003)
	gone(platen.DataRecord, 5003)
	_, err := create(t, s, jobSet(30, 9003, 8503, 5503))
	wantCode(t, "an item of a deleted set", err, platen.Conflict, "deleted set")
	used := func() {
		t.Helper()
		diff(t, "items in use", contents(t, s, 21), []platen.Content{{Item: 9002, Record: 5002}, {Item: 8502, Record: 5502}})
		diff(t, "record in use", records(t, s, true, 5002), "record 5002 of 0 in 0: n=2\n  detail 5102 of 0 in 5002: d=2\n")
		diff(t, "properties in use", list(t, s, platen.ContentItem, 9002, platen.Properties), "[]")
	}
	used()
	clean(t, s)
	used()
	diff(t, "properties in use", list(t, s, platen.ContentItem, 9001, platen.Properties), `[{"name":"i","value":"1"}]`)

	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: 10}); err != nil {
		t.Fatal(err)
	}
	gone(platen.JobSet, 10)
	gone(platen.Job, 11)
	_, err = s.Contents(ctx, platen.Ref{Kind: platen.Job, ID: 11})
	wantCode(t, "contents", err, platen.NotFound, "job 11")
	if more, err := s.Clean(ctx, time.Now().Add(-time.Hour)); more || err != nil {
		t.Error("what was deleted just now is cleaned up:", more, err)
	}
	_, err = create(t, s, jobSetOf().as(10))
	wantCode(t, "a deleted id", err, platen.Conflict, "deleted set")
	clean(t, s)
	used()
	for kind, id := range map[platen.Kind]platen.ID{platen.ContentItem: 8501, platen.DataRecord: 5501} {
		gone(kind, id)
	}
	gone(platen.ContentItem, 9001)
	gone(platen.DataRecord, 5101)
	// Nothing at all is left of it.
	mustCreate(t, s, jobSet(10, 9001, 8501, 5501))
	diff(t, "new again", list(t, s, platen.ContentItem, 9001, platen.Properties), "[]")

	for _, id := range []platen.ID{10, 20} {
		if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	clean(t, s)
	gone(platen.ContentItem, 9002)
	gone(platen.DataRecord, 5102)
}

func testDeleteLarge(t *testing.T, open Open) {
	s := start(t, open)
	documents := documentsOf()
	for i := range platen.ID(5_000) {
		documents.In = append(documents.In, documentOf(page(1_000_000+2*i, 0)))
	}
	made := mustCreate(t, s, jobSetOf(jobOf(segmentOf(documents)), jobOf()))
	other := mustCreate(t, s, pagesOf(page(1_000_006, 0)))
	if err := s.Delete(t.Context(), platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil {
		t.Fatal(err)
	}
	clean(t, s)
	for id, want := range map[platen.ID]platen.Code{1_000_000: platen.NotFound, 1_000_006: platen.Internal, 1_009_998: platen.NotFound} {
		_, err := s.Record(t.Context(), id)
		if err != nil && platen.ErrorCode(err) != want || err == nil && want != platen.Internal {
			t.Errorf("content item %d: %v", id, err)
		}
	}
	diff(t, "what another job has", len(contents(t, s, other.Children[0])), 1)
}

func testOperations(t *testing.T, open Open) {
	s := open(t)
	ctx := t.Context()
	start := time.UnixMilli(1_764_000_000_000)
	for _, id := range []string{"a", "b", "c"} {
		if err := s.BeginOperation(ctx, platen.Operation{ID: id, Type: "T", Started: start}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Operations(ctx, 10)
	if err != nil || len(all) != 3 || !all[0].Started.Equal(start) || all[0].Type != "T" {
		t.Fatal(all, err)
	}
	set := jobSetOf()
	made, err := s.CreateJobSet(ctx, set, storage.JobSetOptions{Operation: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FailOperation(ctx, "b", "a reason", 0); err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateJobSet(ctx, set, storage.JobSetOptions{Operation: "b"})
	wantCode(t, "an operation that has ended", err, platen.Conflict, "ended")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t)
	defer s.Close()
	if err := s.FailOperations(ctx, "stopped"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"a": fmt.Sprint(made.ID, " "), "b": "0 a reason", "c": "0 stopped"} {
		o, err := s.Operation(ctx, id)
		if err != nil || o.Ended.IsZero() || fmt.Sprint(o.Result, " ", o.Message) != want {
			t.Errorf("operation %s: %+v %v", id, o, err)
		}
	}
	all, err = s.Operations(ctx, 2)
	if err != nil || len(all) != 2 || all[0].ID != "c" || all[1].Ended.IsZero() {
		t.Errorf("the last two: %+v %v", all, err)
	}
	runs, err := s.Entities(ctx, platen.JobSet, "")
	diff(t, "job sets", ids(t, runs, err), []platen.ID{made.ID})
	if err := s.ForgetOperation(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "forgotten twice", s.ForgetOperation(ctx, "c"), platen.NotFound, "operation")
	if err := s.ForgetOperations(ctx, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Operation(ctx, "a"); err != nil {
		t.Error("forgotten too early:", err)
	}
	if err := s.ForgetOperations(context.WithoutCancel(ctx), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Operation(ctx, "a")
	wantCode(t, "forgotten", err, platen.NotFound, "operation")

	_, err = s.CreateJobSet(ctx, pagesOf(page(77, 0)), storage.JobSetOptions{Existing: true})
	wantCode(t, "an item that does not exist", err, platen.NotFound, "content item 77")
}
