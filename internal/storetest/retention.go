package storetest

import (
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// testRetention keeps rules over a restart, and deletes by them only what they still
// are.
func testRetention(t *testing.T, open Open) {
	s := open(t)
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "smith", Token: "t"})
	rule, err := s.AddRetentionRule(ctx, platen.RetentionRule{Name: "a", Kind: platen.JobSet, Days: 3, Filter: "f", Enabled: true}, 2)
	if err != nil || rule.CreatedBy != "smith (token t)" || rule.Version == 0 || time.Since(rule.Created) > time.Hour || !rule.Changed.IsZero() {
		t.Fatalf("%+v, %v", rule, err)
	}
	_, err = s.AddRetentionRule(ctx, platen.RetentionRule{Name: "a", Kind: platen.DataSet, Days: 1}, 2)
	wantCode(t, "the same name", err, platen.Conflict, `a rule "a" already`)
	if _, err := s.AddRetentionRule(ctx, platen.RetentionRule{Name: "b", Kind: platen.DataSet, Days: 1}, 2); err != nil {
		t.Fatal(err)
	}
	_, err = s.AddRetentionRule(ctx, platen.RetentionRule{Name: "c", Kind: platen.DataSet, Days: 1}, 2)
	wantCode(t, "too many", err, platen.Conflict, "no more")
	ended := time.UnixMicro(time.Now().UnixMicro())
	last := platen.RetentionRun{Ended: ended, Version: rule.Version, Deleted: 7, Error: "why"}
	if err := s.RecordRetentionRun(ctx, "a", last); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = start(t, open)
	rules, err := s.RetentionRules(ctx)
	if err != nil || len(rules) != 2 {
		t.Fatal(rules, err)
	}
	rule.Last = last
	diff(t, "after a restart", rules[0], rule)

	mustCreate(t, s, jobSetOf(jobOf()).as(100))
	mustCreate(t, s, jobSetOf(jobOf()).as(200))
	tagged := func(id platen.ID) *platen.Match {
		t.Helper()
		e, err := s.Entity(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return &platen.Match{Tags: []platen.Tag{e.Tag()}}
	}
	set := platen.Ref{Kind: platen.JobSet, ID: 100}
	long := time.Now().Add(-time.Hour)
	old := rule
	if rule, err = s.UpdateRetentionRule(ctx, "a", storage.RetentionUpdate{}); err != nil || rule.Version == old.Version || rule.Changed.IsZero() {
		t.Fatalf("%+v, %v", rule, err)
	}
	wantCode(t, "an old rule", s.DeleteByRule(ctx, &old, set, tagged(100), long), platen.Conflict, "was changed")
	if err := s.RecordRetentionRun(ctx, "a", platen.RetentionRun{Version: old.Version, Ended: ended}); err != nil {
		t.Fatal(err)
	}
	match := tagged(100)
	if err := s.Replace(ctx, platen.JobSet, platen.Properties, platen.Update{ID: 100, Pairs: pairs("a=1")}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a set that was changed", s.DeleteByRule(ctx, &rule, set, match, long), platen.Changed, "")
	if err := s.DeleteByRule(ctx, &rule, set, tagged(100), long); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Undelete(ctx, 100); err != nil {
		t.Fatal(err)
	}
	found, err := s.UndeletedSince(ctx, []platen.ID{100, 200}, long)
	diff(t, "undeleted", found, []platen.ID{100})
	if found, again := s.UndeletedSince(ctx, []platen.ID{100, 200}, time.Now().Add(time.Hour)); len(found) > 0 || err != nil || again != nil {
		t.Errorf("%v, %v, %v", found, err, again)
	}
	wantCode(t, "a set that came back", s.DeleteByRule(ctx, &rule, set, tagged(100), long), platen.Changed, "was undeleted")
	if err := s.DeleteByRule(ctx, &rule, set, tagged(100), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a set that is gone", s.DeleteByRule(ctx, &rule, set, match, long), platen.NotFound, "")
	if err := s.RemoveRetentionRule(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "no rule", s.RemoveRetentionRule(ctx, "a"), platen.NotFound, `no rule "a"`)
	_, err = s.UpdateRetentionRule(ctx, "a", storage.RetentionUpdate{})
	wantCode(t, "no rule", err, platen.NotFound, `no rule "a"`)
	wantCode(t, "a rule that is gone", s.DeleteByRule(ctx, &rule, platen.Ref{Kind: platen.JobSet, ID: 200}, tagged(200), long), platen.Conflict, "was changed")
}
