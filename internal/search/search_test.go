package search_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/search"
	"github.com/platenhq/platen/internal/sqlite"
)

var update = flag.Bool("update", false, "write the golden files anew")

var dialects = map[string]search.Dialect{"sqlite": sqlite.Dialect{}, "postgres": postgres.Dialect{}}

var options = search.Options{
	Hidden:     func(root, id string) string { return "HIDDEN(" + root + ", " + id + ")" },
	LongestRun: 8192,
}

// compile compiles with an id for each name, and decides what is outside.
func compile(wanted *platen.Search, dialect search.Dialect) (*search.Plan, error) {
	ids := make(map[search.Name]int64)
	for i, name := range search.Names(wanted) {
		ids[name] = int64(101 + i)
	}
	plan, err := search.Compile(wanted, ids, dialect, options)
	if err != nil {
		return nil, err
	}
	for i, outside := range plan.Outside {
		outside.Entities = dialect.IDs([]int64{int64(1001 + i)})
	}
	return plan, nil
}

func text(name string, condition platen.Condition, value string) platen.Rule {
	return platen.Rule{Type: platen.Text, Name: name, Condition: condition, Value: value}
}

func group(kind platen.RuleType, rules ...platen.Rule) platen.Rule {
	return platen.Rule{Type: kind, Rules: rules}
}

var (
	long   = strings.Repeat("l", search.HeadBytes) + "rest"
	field  = platen.Rule{Type: platen.Text, Facet: platen.Fields, Name: "f", Value: "x"}
	listed = platen.Rule{Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{5, 6}}
	pages  = platen.Rule{Type: platen.Size, Condition: platen.Greater, Number: 3}
)

// golden are the searches whose statements are in testdata, by their files.
var golden = map[string]platen.Search{
	"everything":    {Kind: platen.Job},
	"sets_and_keys": {Kind: platen.ContentItem, Sets: []platen.ID{7, 8}, Sort: []platen.SearchKey{{Name: "s"}}, Group: []platen.SearchKey{{Facet: platen.Fields, Name: "g"}}},

	"equal":         {Kind: platen.Job, Rule: text("n", platen.Equal, "x")},
	"equal_long":    {Kind: platen.Job, Rule: text("n", platen.Equal, long)},
	"not_equal":     {Kind: platen.Job, Rule: text("n", platen.NotEqual, long)},
	"less_or_equal": {Kind: platen.Job, Rule: text("n", platen.LessOrEqual, long)},
	"starts_with":   {Kind: platen.Job, Rule: text("n", platen.StartsWith, "x\xff")},
	"starts_long":   {Kind: platen.Job, Rule: text("n", platen.StartsWith, long)},
	"ends_with":     {Kind: platen.Job, Rule: text("n", platen.EndsWith, "x")},
	"contains":      {Kind: platen.Job, Rule: text("n", platen.Contains, "x"), Sets: []platen.ID{7}},
	"not_like":      {Kind: platen.Job, Rule: text("n", platen.NotLike, "x%")},
	"in":            {Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Condition: platen.In, Values: []string{"x", long, "y"}}},
	"not_in_none":   {Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Condition: platen.NotIn}},
	"other":         {Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Condition: platen.Less, Other: "o"}},
	"other_like":    {Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Condition: platen.Like, Other: "o"}},
	"field_of_item": {Kind: platen.ContentItem, Rule: field},

	"metadata":  {Kind: platen.Document, Rule: platen.Rule{Type: platen.Text, Facet: platen.Metadata, Name: "n", Value: "x"}},
	"number":    {Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Condition: platen.Greater, Value: "9", Numeric: true}},
	"id_less":   {Kind: platen.Job, Rule: platen.Rule{Type: platen.Identifier, Condition: platen.Less, Number: 7}},
	"in_parent": {Kind: platen.Job, Rule: platen.Rule{Type: platen.Ancestor, IDs: []platen.ID{7}}},
	"in_set":    {Kind: platen.Document, Rule: platen.Rule{Type: platen.Ancestor, Kind: platen.JobSet, IDs: []platen.ID{7}}},
	"in_job":    {Kind: platen.Document, Rule: platen.Rule{Type: platen.Ancestor, Kind: platen.Job, IDs: []platen.ID{7}}},
	"of_set":    {Kind: platen.Job, Rule: platen.Rule{Type: platen.OfSet, Kind: platen.JobSet, Rules: []platen.Rule{text("n", platen.Less, "x")}}},

	"ids":            {Kind: platen.DataRecord, Rule: listed},
	"not_ids":        {Kind: platen.DataRecord, Rule: platen.Rule{Type: platen.IDs, Condition: platen.NotIn, IDs: []platen.ID{5}}},
	"ids_none":       {Kind: platen.DataRecord, Rule: platen.Rule{Type: platen.IDs, Condition: platen.In}},
	"pages":          {Kind: platen.ContentItem, Rule: pages},
	"sheets":         {Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Size, Unit: platen.Sheets, Number: 2}},
	"sections":       {Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Size, Unit: platen.Sections, Number: 2}},
	"duplex":         {Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Duplex, Value: "true"}},
	"template":       {Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Template, Condition: platen.NotEqual, Value: "t"}},
	"medium":         {Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.MediaName, Value: "A4"}},
	"not_medium":     {Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.MediaName, Condition: platen.NotEqual, Value: "A4"}},
	"all":            {Kind: platen.ContentItem, Rule: group(platen.All, text("n", platen.Equal, "x"), pages, field)},
	"any":            {Kind: platen.ContentItem, Rule: group(platen.Any, text("n", platen.Equal, "x"), pages, listed)},
	"any_of_one":     {Kind: platen.Job, Rule: group(platen.Any, text("n", platen.Equal, "x"))},
	"not_all":        {Kind: platen.Job, Rule: group(platen.NotAll, text("n", platen.Equal, "x"), listed)},
	"not_any":        {Kind: platen.Job, Rule: group(platen.NotAny, text("n", platen.Equal, "x"), listed)},
	"groups_of_none": {Kind: platen.Job, Rule: group(platen.All, group(platen.Any), group(platen.NotAll), group(platen.NotAny))},
	"nested": {Kind: platen.Job, Rule: group(platen.All, group(platen.Any, text("n", platen.Equal, "x"), text("m", platen.Less, "y")),
		group(platen.NotAny, listed), text("k", platen.Contains, "z"))},
}

// write shows all statements of a plan.
func write(t *testing.T, plan *search.Plan) []byte {
	var b bytes.Buffer
	lines := strings.NewReplacer(" FROM ", "\nFROM ", " WHERE ", "\nWHERE ", " AND ", "\nAND ", " UNION ", "\nUNION ", " ORDER BY ", "\nORDER BY ", "\t", "")
	show := func(what string, statement search.Statement, err error) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "-- %s\n%s\n", what, lines.Replace(statement.Text))
		for i, arg := range statement.Args {
			if text, ok := arg.([]byte); ok {
				arg = string(text)
			}
			fmt.Fprintf(&b, "-- %d: %#v\n", i+1, arg)
		}
		b.WriteByte('\n')
	}
	for i, outside := range plan.Outside {
		show(fmt.Sprint("outside ", i), outside.Values, nil)
	}
	for i, driver := range plan.Drivers {
		probe, err := plan.Probe(driver, 100)
		show(fmt.Sprint("probe of driver ", i), probe, err)
		statement, err := plan.Statement(driver)
		show(fmt.Sprint("driver ", i), statement, err)
	}
	statement, err := plan.Statement(nil)
	show("no driver", statement, err)
	statement, err = plan.Among("ids")
	show("among", statement, err)
	return b.Bytes()
}

// TestGolden compares all statements with those in testdata.
func TestGolden(t *testing.T) {
	for database, dialect := range dialects {
		dir := filepath.Join("testdata", database)
		for name, wanted := range golden {
			plan, err := compile(&wanted, dialect)
			if err != nil {
				t.Fatal(name, err)
			}
			got, path := write(t, plan), filepath.Join(dir, name+".sql")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs (-update writes it anew):\n%s", path, got)
			}
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if _, ok := golden[strings.TrimSuffix(file.Name(), ".sql")]; !ok {
				t.Errorf("%s is of no search", filepath.Join(dir, file.Name()))
			}
		}
	}
}

// TestNames asks for each name once, in the lists that have it.
func TestNames(t *testing.T) {
	rule := group(platen.Any, text("n", platen.Equal, "1"), text("n", platen.Less, "2"), field,
		platen.Rule{Type: platen.Text, Name: "n", Other: "o"}, platen.Rule{Type: platen.MediaName, Name: "no name"})
	wanted := platen.Search{Kind: platen.ContentItem, Rule: rule, Sort: []platen.SearchKey{{Name: "s"}, {Facet: platen.Fields, Name: "f"}}}
	got := search.Names(&wanted)
	want := []search.Name{
		{Kind: platen.ContentItem, Name: "n"}, {Kind: platen.DataRecord, Facet: platen.Fields, Name: "f"},
		{Kind: platen.ContentItem, Name: "o"}, {Kind: platen.ContentItem, Name: "s"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestTooLarge refuses what a database would.
func TestTooLarge(t *testing.T) {
	for database, dialect := range dialects {
		wanted := platen.Search{Kind: platen.Job, Rule: group(platen.Any, listed, listed)}
		for i := range wanted.Rule.Rules {
			for id := range platen.ID(10_000) {
				wanted.Rule.Rules[i].IDs = append(wanted.Rule.Rules[i].IDs, id)
			}
		}
		// Twice as candidates, and twice as conditions.
		if _, err := compile(&wanted, dialect); platen.ErrorCode(err) != platen.Invalid {
			t.Errorf("%s: 40,000 arguments: %v", database, err)
		}
		other := text("n", platen.Equal, "x")
		wanted.Rule = group(platen.All, wanted.Rule, other)
		plan, err := compile(&wanted, dialect)
		if err != nil || len(plan.Drivers) != 1 || plan.Drivers[0][0] != &wanted.Rule.Rules[1] {
			t.Fatalf("%s: 20,000 arguments with another driver: %v", database, err)
		}
		if _, err := plan.Statement(plan.Drivers[0]); err != nil {
			t.Errorf("%s: 20,000 arguments: %v", database, err)
		}
		wanted.Rule = group(platen.Any, slices.Repeat([]platen.Rule{listed}, 101)...)
		if plan, err := compile(&wanted, dialect); err != nil || len(plan.Drivers) != 0 {
			t.Errorf("%s: candidates come from 101 parts: %v", database, err)
		}
		wanted.Rule = group(platen.Any, platen.Rule{Type: 200})
		if _, err := compile(&wanted, dialect); err == nil {
			t.Errorf("%s: an unknown type of rule", database)
		}
	}
}

// What is in every value of a search that is made up, as a text and as a number.
const (
	mark   = "☃'"
	number = 777_000_000_000
)

// A source makes up a search from bytes; zeros follow them.
type source struct{ data []byte }

func (s *source) next(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

func (s *source) value() string {
	n := min(s.next(8), len(s.data))
	value := mark + string(s.data[:n])
	s.data = s.data[n:]
	if s.next(4) == 3 {
		value += strings.Repeat("l", search.HeadBytes-len(value)+s.next(3))
	}
	return value
}

func (s *source) ids() (ids []platen.ID) {
	for range s.next(4) {
		ids = append(ids, platen.ID(number+s.next(10)))
	}
	return ids
}

// rule makes up a rule, rarely one that is none.
func (s *source) rule(depth int) platen.Rule {
	types, conditions, units := int(platen.OfSet)+1, int(platen.NotIn)+1, 3
	if s.next(64) == 63 {
		types, conditions, units = 256, 256, 256
	}
	rule := platen.Rule{Type: platen.RuleType(s.next(types))}
	if conditions < 256 && rule.Type > platen.IDs && rule.Type <= platen.Identifier {
		conditions = int(platen.GreaterOrEqual) + 1
	}
	rule.Condition, rule.Unit, rule.Facet = platen.Condition(s.next(conditions)), platen.Unit(s.next(units)), platen.Facet(s.next(3))
	rule.Number, rule.Name, rule.Value, rule.IDs = int64(number+s.next(10)), s.value(), s.value(), s.ids()
	if rule.Type == platen.IDs {
		rule.Condition = platen.In + rule.Condition%2
	}
	if s.next(4) == 1 && rule.Condition < platen.In {
		rule.Other = s.value()
	}
	for range s.next(4) {
		rule.Values = append(rule.Values, s.value())
	}
	if depth > 0 {
		for range s.next(4) {
			rule.Rules = append(rule.Rules, s.rule(depth-1))
		}
	}
	return rule
}

func (s *source) keys() (keys []platen.SearchKey) {
	for range s.next(3) {
		keys = append(keys, platen.SearchKey{Facet: platen.Facet(s.next(3)), Name: s.value()})
	}
	return keys
}

var placeholder = regexp.MustCompile(`[$?](\d*)`)

// checkStatement checks that each argument has a placeholder and each
// placeholder an argument, and that nothing of the search is in the text.
func checkStatement(t *testing.T, statement search.Statement) {
	t.Helper()
	used := make([]bool, len(statement.Args))
	for _, match := range placeholder.FindAllStringSubmatch(statement.Text, -1) {
		n, err := strconv.Atoi(match[1])
		if err != nil || n < 1 || n > len(used) {
			t.Fatalf("%s with %d arguments: %s", match[0], len(used), statement.Text)
		}
		used[n-1] = true
	}
	if i := slices.Index(used, false); i >= 0 {
		t.Fatalf("argument %d has no placeholder: %s", i+1, statement.Text)
	}
	if strings.Contains(statement.Text, "☃") || strings.Contains(statement.Text, "7770000000") {
		t.Fatalf("a value is in the text: %s", statement.Text)
	}
	if strings.Count(statement.Text, "(") != strings.Count(statement.Text, ")") || strings.Count(statement.Text, "'")%2 != 0 {
		t.Fatalf("something is left open: %s", statement.Text)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("some rule or other, which the fuzzer takes apart and puts together anew"))
	random := rand.NewChaCha8([32]byte{1})
	for range 300 {
		data := make([]byte, 400)
		_, _ = random.Read(data) // never fails
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source{data}
		wanted := platen.Search{Kind: platen.Kind(1 + s.next(6)), Sort: s.keys(), Group: s.keys(), Sets: s.ids(), Rule: s.rule(4)}
		for _, dialect := range dialects {
			plan, err := compile(&wanted, dialect)
			if err != nil {
				continue
			}
			for _, outside := range plan.Outside {
				checkStatement(t, outside.Values)
				if _, err := outside.Holds(t.Context(), []byte(long), []byte("%l_%")); err != nil {
					t.Fatal(err)
				}
			}
			for _, driver := range append(plan.Drivers, nil) {
				if probe, err := plan.Probe(driver, 100); err == nil {
					checkStatement(t, probe)
				}
				if statement, err := plan.Statement(driver); err == nil {
					checkStatement(t, statement)
				} else if platen.ErrorCode(err) == platen.Invalid {
					t.Fatal(err) // said before any probe
				}
			}
		}
	})
}

// BenchmarkCompile compiles a search of twenty rules.
func BenchmarkCompile(b *testing.B) {
	var rules []platen.Rule
	for i := range 20 {
		rules = append(rules, text(fmt.Sprint("n", i%5), platen.Equal, "x"))
	}
	wanted := platen.Search{Kind: platen.Job, Rule: group(platen.All, rules...)}
	for b.Loop() {
		plan, err := compile(&wanted, dialects["sqlite"])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := plan.Statement(plan.Drivers[0]); err != nil {
			b.Fatal(err)
		}
	}
}
