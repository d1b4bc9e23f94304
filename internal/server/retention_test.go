package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/retention"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/storage"
)

// A laterStore is a store with a clock of its own.
type laterStore struct {
	storage.Store
	now *atomic.Int64 // in µs since 1970
}

func (l laterStore) Now(context.Context) (time.Time, error) { return time.UnixMicro(l.now.Load()), nil }

// startLater starts a service whose rules go by the clock that is returned.
func startLater(t *testing.T, store storage.Store) (*service, laterStore) {
	later := laterStore{now: new(atomic.Int64)}
	later.now.Store(time.Now().UnixMicro())
	s := startOn(t, store, func(c *server.Config, _ *auth.Config) {
		later.Store = c.Store
		c.Store = later
	})
	return s, later
}

// runner returns what runs rules each hour, and counts what it deletes.
func runner(store retention.Store, deleted *atomic.Int64) *retention.Runner {
	return retention.New(retention.Config{Store: store, Log: discard(), Every: time.Hour, Deleted: func() { deleted.Add(1) }})
}

const retentionPath = native + "/retention"

type ruleAnswer struct {
	Name, Kind, Filter, CreatedBy, UpdatedBy string
	Days                                     int64
	Enabled                                  bool
	CreateTime, UpdateTime                   time.Time
	LastRun                                  *struct {
		EndTime time.Time
		Deleted int64
		Error   string
	}
}

func (s *service) ruleOf(name string) (rule ruleAnswer) {
	s.t.Helper()
	s.do("GET", retentionPath+"/"+name, "").decoded(s.t, 200, &rule)
	return rule
}

// preview returns the ids of all pages of a preview.
func (s *service) preview(name string, pageSize int) (ids []string) {
	s.t.Helper()
	for token := ""; ; {
		path := fmt.Sprintf("%s/%s/preview?fields=id&pageSize=%d", retentionPath, name, pageSize)
		if token != "" {
			path += "&pageToken=" + token
		}
		var page listingAnswer
		s.do("GET", path, "").decoded(s.t, 200, &page)
		for _, set := range page.Entities {
			ids = append(ids, string(set["id"]))
		}
		if token = page.NextPageToken; token == "" {
			if len(ids) <= pageSize && page.TotalEstimate != int64(len(ids)) {
				s.t.Errorf("the preview says that it has %d of %v", page.TotalEstimate, ids)
			}
			return ids
		}
	}
}

// TestRules adds, changes and removes rules, and tries what can not be meant.
func TestRules(t *testing.T) { onEach(t, testRules) }

func testRules(t *testing.T) {
	s := start(t)
	s.wants("GET", retentionPath, "", `{"rules":[]}`)
	made := s.do("POST", retentionPath, `{"name":"old","kind":"jobset","days":90,"filter":"properties.keep != yes"}`)
	var rule ruleAnswer
	made.decoded(t, 201, &rule)
	if got := made.header.Get("Location"); got != retentionPath+"/old" {
		t.Error(got)
	}
	if rule.Name != "old" || rule.Kind != "jobset" || rule.Days != 90 || rule.Filter != "properties.keep != yes" || rule.Enabled ||
		rule.CreatedBy != user || time.Since(rule.CreateTime) > time.Hour || !rule.UpdateTime.IsZero() || rule.LastRun != nil {
		t.Errorf("%+v", rule)
	}
	s.do("PATCH", retentionPath+"/old", `{"days":30,"enabled":true}`).decoded(t, 200, &rule)
	if rule.Days != 30 || !rule.Enabled || rule.Filter != "properties.keep != yes" || rule.UpdatedBy != user || rule.UpdateTime.Before(rule.CreateTime) {
		t.Errorf("%+v", rule)
	}
	s.do("PATCH", retentionPath+"/old", `{"filter":""}`).decoded(t, 200, &rule)
	var all struct{ Rules []ruleAnswer }
	s.do("GET", retentionPath, "").decoded(t, 200, &all)
	if len(all.Rules) != 1 || all.Rules[0] != rule || s.ruleOf("old") != rule || rule.Filter != "" {
		t.Errorf("%+v, %+v", all, rule)
	}
	for body, says := range map[string]string{
		`{}`:                                                                                   "name is missing",
		`{"name":"a","days":1}`:                                                                "kind is missing",
		`{"name":"a","kind":"jobset"}`:                                                         "days is missing",
		`{"name":"","kind":"jobset","days":1}`:                                                 "name is missing",
		`{"name":"a/b","kind":"jobset","days":1}`:                                              "1 to 64 letters",
		`{"name":"a","kind":"jobset","days":0}`:                                                "from 1 to 36500",
		`{"name":"a","kind":"jobset","days":-1}`:                                               "from 1 to 36500",
		`{"name":"a","kind":"jobset","days":36501}`:                                            "from 1 to 36500",
		`{"name":"a","kind":"jobset","days":1.5}`:                                              "whole number",
		`{"name":"a","kind":"jobset","days":"1"}`:                                              "whole number",
		`{"name":"a","kind":"job","days":1}`:                                                   "a job is none",
		`{"name":"a","kind":"page","days":1}`:                                                  "kind must be one of",
		`{"name":"a","kind":"jobset","days":1,"filter":"properties.a ="}`:                      "filter, at character 15",
		`{"name":"a","kind":"jobset","days":1,"filter":"pages = 1"}`:                           "at character 1: a job set has no",
		`{"name":"a","kind":"dataset","days":1,"filter":"metadata.a = 1"}`:                     "data set has no",
		`{"name":"a","kind":"jobset","days":1,"enabled":"yes"}`:                                "must be a boolean",
		`{"name":"a","kind":"jobset","days":1,"age":1}`:                                        `no key "age"`,
		`{"name":"a","kind":"jobset","days":1,"filter":"` + strings.Repeat("-", 20_000) + `"}`: "16384",
	} {
		s.do("POST", retentionPath, body).isError(t, 400, says)
	}
	s.do("POST", retentionPath, `{"name":"old","kind":"dataset","days":1}`).isError(t, 409, `a rule "old" already`)
	for body, says := range map[string]string{`{}`: "nothing to change", `{"days":0}`: "1 to 36500", `{"filter":"("}`: "filter, at character", `{"kind":"dataset"}`: `no key "kind"`} {
		s.do("PATCH", retentionPath+"/old", body).isError(t, 400, says)
	}
	for _, path := range []string{"/none", "/none/preview"} {
		s.do("GET", retentionPath+path, "").isError(t, 404, `no rule "none"`)
	}
	s.do("PATCH", retentionPath+"/none", `{"days":1}`).isError(t, 404, `no rule "none"`)
	s.do("DELETE", retentionPath+"/none", "").isError(t, 404, `no rule "none"`)
	s.do("GET", retentionPath+"/old/preview?filter=x", "").isError(t, 400, `no query parameter "filter"`)
	s.do("GET", retentionPath+"/old/preview?pageToken=x", "").isError(t, 400, "not one that this server has given")
	s.do("GET", retentionPath+"?all=1", "").isError(t, 400, `no query parameter "all"`)
	if got := s.ruleOf("old"); got != rule {
		t.Errorf("what was refused has changed it: %+v", got)
	}
	for n := range 99 {
		if a := s.do("POST", retentionPath, fmt.Sprintf(`{"name":"r%d","kind":"dataset","days":1}`, n)); a.status != 201 {
			t.Fatal(a.status, a.body)
		}
	}
	s.do("POST", retentionPath, `{"name":"more","kind":"dataset","days":1}`).isError(t, 409, "there can be no more")
	if a := s.do("DELETE", retentionPath+"/old", ""); a.status != 204 {
		t.Error(a.status, a.body)
	}
	s.do("GET", retentionPath+"/old", "").isError(t, 404, `no rule "old"`)
}

// TestRetention runs random rules over random sets, and compares what their previews
// list and what they delete with a plain evaluation.
func TestRetention(t *testing.T) { onEach(t, testRetention) }

func testRetention(t *testing.T) {
	s, later := startLater(t, openStore(t))
	var deleted atomic.Int64
	run := runner(later, &deleted)
	random := rand.New(rand.NewPCG(7, 11))
	type set struct {
		id, kind, shift string
		created         time.Time
	}
	var sets []set
	kinds := []platen.Kind{platen.DataSet, platen.ContentSet, platen.JobSet}
	for n := range 45 {
		kind := kinds[random.IntN(len(kinds))]
		one := set{id: fmt.Sprint(100 + n), kind: olrest.KindName(kind), shift: []string{"day", "night", ""}[random.IntN(3)]}
		properties := ""
		if one.shift != "" {
			properties = `,"properties":[{"name":"shift","value":"` + one.shift + `"}]`
		}
		s.imported(kind, `{"id":`+one.id+properties+map[platen.Kind]string{
			platen.DataSet: `,"records":[]}`, platen.ContentSet: `,"contentitems":[]}`, platen.JobSet: `,"jobs":[{"segments":[]}]}`,
		}[kind])
		one.created = s.entity(t, platen.ID(100+n)).CreateTime
		sets = append(sets, one)
	}
	filters := []struct {
		text  string
		holds func(set) bool
	}{
		{"", func(set) bool { return true }},
		{"properties.shift = night", func(s set) bool { return s.shift == "night" }},
		{"NOT properties.shift = night", func(s set) bool { return s.shift != "night" }},
		{"properties.shift = day OR id >= 130", func(s set) bool { return s.shift == "day" || s.id >= "130" }},
	}
	for round := range 8 {
		kind := olrest.KindName(kinds[round%3])
		filter := filters[random.IntN(len(filters))]
		days := 1 + random.Int64N(400)
		limit := sets[random.IntN(len(sets))].created.Add(time.Duration(random.IntN(2)) * time.Microsecond)
		later.now.Store(limit.Add(time.Duration(days) * 24 * time.Hour).UnixMicro())
		name := fmt.Sprint("r", round)
		var want []string
		for _, one := range sets {
			if one.kind == kind && one.created.Before(limit) && filter.holds(one) {
				want = append(want, one.id)
			}
		}
		body, _ := json.Marshal(map[string]any{"name": name, "kind": kind, "days": days, "filter": filter.text})
		if a := s.do("POST", retentionPath, string(body)); a.status != 201 {
			t.Fatal(a.status, a.body)
		}
		if got := s.preview(name, 1+random.IntN(5)); !slices.Equal(got, want) {
			t.Errorf("%s: the preview is %v, want %v", body, got, want)
		}
		if err := run.Due(t.Context()); err != nil || deleted.Swap(0) != 0 {
			t.Errorf("a rule that is not enabled: %v", err)
		}
		s.do("PATCH", retentionPath+"/"+name, `{"enabled":true}`)
		if err := run.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		last := s.ruleOf(name).LastRun
		if n := deleted.Swap(0); n != int64(len(want)) || last == nil || last.Deleted != n || last.Error != "" {
			t.Errorf("%s: it deleted %d, the last run is %+v, want %v", body, n, last, want)
		}
		for i := len(sets) - 1; i >= 0; i-- {
			if a := s.do("GET", native+"/entities/"+sets[i].id, ""); (a.status == 404) != slices.Contains(want, sets[i].id) {
				t.Errorf("%s: set %+v: %d", body, sets[i], a.status)
			}
			if slices.Contains(want, sets[i].id) {
				sets = slices.Delete(sets, i, i+1)
			}
		}
		s.do("PATCH", retentionPath+"/"+name, `{"enabled":false}`)
	}
}

// TestRetentionUndelete takes back what a rule has done. The rule leaves the set
// alone until it is old again. All who look see which rule it was.
func TestRetentionUndelete(t *testing.T) { onEach(t, testRetentionUndelete) }

func testRetentionUndelete(t *testing.T) {
	s, later := startLater(t, openStore(t))
	var deleted atomic.Int64
	run := runner(later, &deleted)
	due := func(want int64) {
		t.Helper()
		if err := run.Due(t.Context()); err != nil || deleted.Load() != want {
			t.Fatalf("%d were deleted, want %d: %v", deleted.Load(), want, err)
		}
		deleted.Store(0)
	}
	const day = 24 * time.Hour
	after := func(d time.Duration) { later.now.Store(time.Now().Add(d).UnixMicro()) }
	s.imported(platen.DataSet, `{"id":100,"records":[{"id":101}]}`)
	s.importSet(`{"id":200,"jobs":[]}`)
	for _, kind := range []string{"dataset", "jobset"} {
		s.do("POST", retentionPath, `{"name":"`+kind+`","kind":"`+kind+`","days":10,"enabled":true}`)
	}
	due(0)
	after(10*day - time.Hour)
	due(0)
	after(10*day + time.Hour)
	due(2)
	ended := s.ruleOf("jobset").LastRun.EndTime
	after(10*day + 119*time.Minute)
	due(0) // it ran less than an hour ago
	if again := s.ruleOf("jobset").LastRun.EndTime; again != ended {
		t.Errorf("it ran at %v and at %v", ended, again)
	}
	after(10*day + 121*time.Minute)
	due(0)
	if again := s.ruleOf("jobset").LastRun.EndTime; again == ended {
		t.Errorf("it did not run since %v", ended)
	}
	var gone struct {
		Sets []struct{ DeletedBy, Kind string }
	}
	s.do("GET", native+"/deleted", "").decoded(t, 200, &gone)
	for _, set := range gone.Sets {
		if set.DeletedBy != "retention:"+set.Kind {
			t.Errorf("deleted by %q", set.DeletedBy)
		}
	}
	events := s.do("GET", native+"/events?type=delete", "").body
	if strings.Count(events, `"token":"retention:jobset"`) != 1 || strings.Count(events, `"token":"retention:dataset"`) != 1 {
		t.Error(events)
	}
	time.Sleep(2 * time.Millisecond)
	between := time.Now() // the creation of the sets and their undeletion
	time.Sleep(2 * time.Millisecond)
	for _, id := range []string{"100", "200"} {
		if a := s.do("POST", native+"/entities/"+id+"/undelete", ""); a.status != 200 {
			t.Fatal(a.status, a.body)
		}
	}
	if history := s.do("GET", native+"/entities/200/history", "").body; !strings.Contains(history, `"token":"retention:jobset"`) {
		t.Error(history)
	}
	later.now.Store(between.Add(10 * day).UnixMicro())
	for _, kind := range []string{"dataset", "jobset"} {
		s.do("PATCH", retentionPath+"/"+kind, `{"days":10}`) // it is due again
		if got := s.preview(kind, 10); len(got) != 0 {
			t.Errorf("the preview has %v, which came back", got)
		}
	}
	due(0)
	after(10*day + 4*time.Hour)
	if got := s.preview("jobset", 10); !slices.Equal(got, []string{"200"}) {
		t.Errorf("the preview has %v", got)
	}
	due(2)
}

// TestRetentionMany has a rule delete more sets than a page has.
func TestRetentionMany(t *testing.T) { onSQLite(t, testRetentionMany) }

func testRetentionMany(t *testing.T) {
	long(t) // there are more sets than a page has
	s, later := startLater(t, openStore(t))
	var deleted atomic.Int64
	run := runner(later, &deleted)
	const many = 101
	for range many {
		s.importSet(`{"jobs":[]}`)
	}
	s.do("POST", retentionPath, `{"name":"old","kind":"jobset","days":1,"enabled":true}`)
	later.now.Store(time.Now().Add(48 * time.Hour).UnixMicro())
	if err := run.Due(t.Context()); err != nil || deleted.Load() != many {
		t.Errorf("%d of %d were deleted: %v", deleted.Load(), many, err)
	}
}

// A meddler changes something just before the second deletion of a rule.
type meddler struct {
	laterStore
	n    int
	does func()
}

func (m *meddler) DeleteByRule(ctx context.Context, rule *platen.RetentionRule, set platen.Ref, match *platen.Match, before time.Time) error {
	if m.n++; m.n == 2 {
		m.does()
	}
	return m.laterStore.DeleteByRule(ctx, rule, set, match, before)
}

// TestRetentionBeside changes sets and the rule while it runs.
func TestRetentionBeside(t *testing.T) { onEach(t, testRetentionBeside) }

func testRetentionBeside(t *testing.T) {
	s, later := startLater(t, openStore(t))
	later.now.Store(time.Now().Add(48 * time.Hour).UnixMicro())
	var next int
	add := func(n int) (ids []string) {
		for range n {
			next++
			ids = append(ids, fmt.Sprint(1000*next))
			s.importSet(`{"id":` + ids[len(ids)-1] + `,"jobs":[{"segments":[]}]}`)
		}
		return ids
	}
	run := func(does func()) int64 {
		t.Helper()
		var deleted atomic.Int64
		if err := runner(&meddler{laterStore: later, does: does}, &deleted).Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		return deleted.Load()
	}
	rule := retentionPath + "/a"
	s.do("POST", retentionPath, `{"name":"a","kind":"jobset","days":1,"filter":"NOT properties.keep = yes","enabled":true}`)
	sets := add(3)
	if n := run(func() { s.setProperties(platen.JobSet, 2000, platen.NameValue{Name: "keep", Value: "yes"}) }); n != 2 {
		t.Errorf("%d were deleted beside the one that was changed", n)
	}
	if got := s.do("GET", native+"/entities/"+sets[1], ""); got.status != 200 {
		t.Errorf("the set that was kept: %d", got.status)
	}
	for name, change := range map[string]func() answer{
		"disabled": func() answer { return s.do("PATCH", rule, `{"enabled":false}`) },
		"changed":  func() answer { return s.do("PATCH", rule, `{"enabled":true,"filter":"NOT properties.keep = yes"}`) },
	} {
		s.do("PATCH", rule, `{"enabled":true}`)
		add(3)
		if n := run(func() { change() }); n != 1 {
			t.Errorf("%d were deleted by a rule that was %s", n, name)
		}
		s.do("PATCH", rule, `{"enabled":true}`)
		if n := run(func() {}); n != 2 {
			t.Errorf("%d were deleted later", n)
		}
	}
	add(3)
	s.do("PATCH", rule, `{"enabled":true}`)
	if n := run(func() { s.do("DELETE", rule, "") }); n != 1 {
		t.Errorf("%d were deleted by a rule that was removed", n)
	}

	// A filter that was understood by another version.
	s.do("POST", retentionPath, `{"name":"b","kind":"jobset","days":1,"enabled":true}`)
	filter := "pages near 7"
	if _, err := s.store.UpdateRetentionRule(t.Context(), "b", storage.RetentionUpdate{Filter: &filter}); err != nil {
		t.Fatal(err)
	}
	if n := run(nil); n != 0 {
		t.Errorf("%d were deleted by a filter that is none", n)
	}
	if last := s.ruleOf("b").LastRun; last == nil || last.Deleted != 0 || !strings.Contains(last.Error, "filter, at character 7") {
		t.Errorf("%+v", last)
	}
	s.do("GET", retentionPath+"/b/preview", "").isError(t, 400, "filter, at character 7")
}

// TestRetentionReplicas runs a rule on several servers at once, and after all were
// started anew.
func TestRetentionReplicas(t *testing.T) { onEach(t, testRetentionReplicas) }

func testRetentionReplicas(t *testing.T) {
	needsPostgres(t)
	address := pgtest.Database(t)
	s, later := startLater(t, openAt(t, address))
	const sets = 20
	for range sets {
		jobsOf(s, 1)
	}
	later.now.Store(time.Now().Add(48 * time.Hour).UnixMicro())
	s.do("POST", retentionPath, `{"name":"a","kind":"jobset","days":1,"enabled":true}`)
	var deleted atomic.Int64
	var group sync.WaitGroup
	for range 3 {
		store := openAt(t, address)
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			for range 3 {
				if err := runner(laterStore{store, later.now}, &deleted).Due(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n, last := deleted.Load(), s.ruleOf("a").LastRun; n != sets || last == nil || last.Deleted != sets {
		t.Errorf("%d of %d were deleted, and the last run is %+v", n, sets, last)
	}
	s.hasJobSets()
}
