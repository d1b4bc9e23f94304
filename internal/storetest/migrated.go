package storetest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// Values of the length that the index is ordered by, and of more.
var (
	exactValue = strings.Repeat("e", 512)
	longValue  = strings.Repeat("l", 512) + strings.Repeat("r", 100) + "end"
)

// BeforeLongValues fills an empty database of schema 9, the last one that had
// long values in two parts in find_value, with a set of three jobs.
func BeforeLongValues(exec func(text string, args ...any)) {
	exec(`INSERT INTO entity (first, last, kind, parent, ord, root) VALUES (1000, 1000, 5, 0, 0, 1000), (1001, 1003, 6, 1000, 0, 1000)`)
	exec(`UPDATE sequence SET next = 2000`)
	exec(`INSERT INTO server_user (name, password, epoch, changed) VALUES ('old', 'hash', 1, 2), ('older', 'hash', 1, 2)`)
	exec(`INSERT INTO find_name (id, kind, facet, name) VALUES (101, 6, 0, $1), (102, 6, 0, $2)`, []byte("a"), []byte("b"))
	for i, values := range [][2]string{{"short", exactValue}, {longValue, "short"}, {longValue, longValue + "!"}} {
		id := int64(1001 + i)
		list := platen.EncodeList([]platen.NameValue{{Name: "a", Value: values[0]}, {Name: "b", Value: values[1]}})
		exec(`INSERT INTO properties (id, list) VALUES ($1, $2)`, id, string(list))
		exec(`INSERT INTO metadata (id, list) VALUES ($1, $2)`, id, string(platen.EncodeList(pairs("m="+strconv.Itoa(i)))))
		for n, value := range values {
			head := min(len(value), 512)
			exec(`INSERT INTO find_value (name, value, entity, rest) VALUES ($1, $2, $3, $4)`, n+101, []byte(value[:head]), id, []byte(value[head:]))
		}
	}
}

// AfterLongValues checks that searches of such a database are right once it
// has this version's schema, that its long values are where they belong, and
// that its users, who had no roles, are admins.
// count returns how many rows of the tables and conditions after FROM there
// are.
func AfterLongValues(t *testing.T, s storage.Store, count func(from string) int) {
	ctx := t.Context()
	rule := func(name string, condition platen.Condition, value string) platen.Rule {
		return platen.Rule{Type: platen.Text, Name: name, Condition: condition, Value: value}
	}
	for _, test := range []struct {
		rule platen.Rule
		want string
	}{
		{rule("a", platen.Equal, longValue), "[1002 1003]"},
		{rule("a", platen.NotEqual, longValue), "[1001]"},
		{rule("b", platen.Equal, exactValue), "[1001]"},
		{rule("b", platen.Greater, longValue), "[1002 1003]"},
		{rule("a", platen.EndsWith, "rend"), "[1002 1003]"},
		{rule("b", platen.Contains, "lrr"), "[1003]"},
		{rule("b", platen.Like, "l%end_"), "[1003]"},
		{platen.Rule{Type: platen.Text, Name: "b", Condition: platen.StartsWith, Other: "a"}, "[1003]"},
		{platen.Rule{Type: platen.Text, Name: "a", Condition: platen.Less, Other: "b"}, "[1002 1003]"},
		{platen.Rule{Type: platen.Text, Name: "b", Condition: platen.In, Values: []string{exactValue, longValue + "!"}}, "[1001 1003]"},
	} {
		groups, err := find(ctx, s, &platen.Search{Kind: platen.Job, Rule: test.rule})
		ids := []platen.ID{}
		for _, group := range groups {
			for _, found := range group {
				ids = append(ids, found.ID)
			}
		}
		if got := fmt.Sprint(ids); err != nil || got != test.want {
			t.Errorf("condition %d, %.10q: found %v, %v, want %v", test.rule.Condition, test.rule.Value, got, err, test.want)
		}
	}
	users, err := s.Users(ctx)
	if err != nil || len(users) != 2 || users[0].Role != platen.Admin || users[1].Role != platen.Admin {
		t.Errorf("users from before there were roles: %v, %v", users, err)
	}
	check := func(what string, want int, from string) {
		t.Helper()
		if n := count(from); n != want {
			t.Errorf("%d %s, want %d", n, what, want)
		}
	}
	check("long values", 3, "find_long")
	check("values with a digest", 3, "find_value WHERE length(digest) = 32")
	check("values without", 3, "find_value WHERE length(digest) = 0 AND name IN (101, 102)")
	check("notes", 0, "find_stale")
	byMetadata := platen.Listing{Kind: platen.Job, Rule: platen.Rule{
		Type: platen.Text, Facet: platen.Metadata, Name: "m", Condition: platen.Greater, Value: "0",
	}, Order: platen.ListingOrder{Facet: platen.Metadata, Name: "m", Descending: true}}
	diff(t, "jobs by metadata, which was not in the index", listed(t, s, byMetadata), []platen.ID{1003, 1002})
	if _, err := s.Entity(ctx, 1000); err != nil { // counts what is in the set
		t.Fatal(err)
	}
	byFact := platen.Listing{Kind: platen.Job, Rule: platen.Rule{
		Type: platen.Text, Facet: platen.KeptFacts, Name: "counts.documents", Condition: platen.Equal, Value: platen.SortableNumber(0),
	}}
	diff(t, "jobs by facts, which were not in the index", listed(t, s, byFact), []platen.ID{1001, 1002, 1003})
	if err := s.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: 1000}); err != nil {
		t.Fatal(err)
	}
	clean(t, s)
	check("long values after the clean-up", 0, "find_long")
	check("values after the clean-up", 0, "find_value")
}

// BeforeJoinedFacts fills an empty database of schema 26 with a job set, whose jobs have
// gaps between them, and a data set, which were both deleted and taken back.
func BeforeJoinedFacts(exec func(text string, args ...any)) {
	exec(`INSERT INTO entity (first, last, kind, parent, ord, root) VALUES (50, 50, 1, 0, 0, 50), (1000, 1000, 5, 0, 0, 1000),
		(1002, 1002, 6, 1000, 0, 1000), (1004, 1005, 6, 1000, 1, 1000), (1008, 1008, 6, 1000, 3, 1000)`)
	exec(`INSERT INTO undeleted_set (id, at) VALUES (50, 1), (1000, 1)`)
}

// AfterJoinedFacts checks that the facts of such a database are to be indexed in one
// range for each set, and one for its jobs, once it has this version's schema. count
// is as for [AfterLongValues].
func AfterJoinedFacts(t *testing.T, count func(from string) int) {
	for _, want := range []string{"first = 50 AND last = 50 AND root = 50", "first = 1000 AND last = 1000 AND root = 1000", "first = 1002 AND last = 1008 AND root = 1000"} {
		if n := count("find_range WHERE late = 2 AND " + want); n != 1 {
			t.Errorf("%d ranges are %s", n, want)
		}
	}
	if n := count("find_range"); n != 3 {
		t.Errorf("there are %d ranges", n)
	}
}
