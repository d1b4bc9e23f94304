package storetest

import (
	"fmt"
	"testing"

	"github.com/platenhq/platen"
)

// testViews keeps views over a restart: own ones for their owner, shared ones for
// all.
func testViews(t *testing.T, open Open) {
	s := open(t)
	ctx := t.Context()
	add := func(owner, name string, shared bool) platen.View {
		t.Helper()
		view, err := s.AddView(ctx, platen.View{Owner: owner, Name: name, Shared: shared, Kind: platen.Job, Filter: "f", OrderBy: "o", Fields: "x"})
		if err != nil || view.ID == 0 || view.Created.IsZero() || view.Version != 1 {
			t.Fatalf("%+v, %v", view, err)
		}
		return view
	}
	own, shared, other := add("smith", "late", false), add("smith", "all", true), add("jones", "late", false)
	_, err := s.AddView(ctx, platen.View{Owner: "smith", Name: "late", Kind: platen.Job})
	wantCode(t, "the same name", err, platen.Conflict, `a view "late" of this kind already`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = start(t, open)
	for user, want := range map[string][]platen.View{"smith": {own, shared}, "jones": {shared, other}, "": {shared}} {
		found, err := s.Views(ctx, user)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "the views of "+user, found, want)
	}
	_, err = s.View(ctx, own.ID, "jones")
	wantCode(t, "another's own", err, platen.NotFound, "no view")
	_, err = s.ChangeView(ctx, own.ID, "jones", func(*platen.View) error { return nil })
	wantCode(t, "another's own", err, platen.NotFound, "no view")
	_, err = s.ChangeView(ctx, shared.ID, "smith", func(v *platen.View) error { v.Name = "late"; return nil })
	wantCode(t, "the same name", err, platen.Conflict, "already")
	refused := platen.Errorf(platen.Forbidden, "not you")
	_, err = s.ChangeView(ctx, shared.ID, "jones", func(*platen.View) error { return refused })
	wantCode(t, "refused", err, platen.Forbidden, "not you")
	wantCode(t, "refused", s.RemoveView(ctx, shared.ID, "jones", func(*platen.View) error { return refused }), platen.Forbidden, "not you")
	changed, err := s.ChangeView(ctx, own.ID, "smith", func(v *platen.View) error {
		v.Owner, v.ID, v.Filter, v.Kind, v.Shared = "nobody", 0, "g", platen.JobSet, true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := own
	want.Filter, want.Kind, want.Shared, want.Version, want.Changed = "g", platen.JobSet, true, 2, changed.Changed
	diff(t, "changed", changed, want)
	got, err := s.View(ctx, own.ID, "jones")
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "read", got, want)
	if err := s.RemoveView(ctx, own.ID, "smith", func(*platen.View) error { return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = s.View(ctx, own.ID, "smith")
	wantCode(t, "removed", err, platen.NotFound, "no view")
	for n := range platen.MaxViews - 1 {
		add("smith", fmt.Sprint("view ", n), false)
	}
	_, err = s.AddView(ctx, platen.View{Owner: "smith", Name: "one more", Kind: platen.Job})
	wantCode(t, "too many", err, platen.Conflict, "there can be no more")
}
