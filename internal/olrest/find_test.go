package olrest_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// searchOf is a search of content items, which can be asked everything, by
// one rule.
func searchOf(rule string) string {
	return `{"entity":"CONTENTITEMS","search":{"ruleType":"RULESET","condition":"ALL","rules":[` + rule + `]}}`
}

func TestReadSearchRules(t *testing.T) {
	text := func(facet platen.Facet, condition platen.Condition) platen.Rule {
		return platen.Rule{Type: platen.Text, Facet: facet, Name: "n", Condition: condition, Value: "v"}
	}
	tests := map[string]platen.Rule{
		`{"ruleType":"PROPERTY","property":"n","condition":"EQ","value":{"type":"FIELD","value":"m"}}`: {Type: platen.Text, Name: "n", Other: "m"},
		`{"value1":{"value":"m","type":"FIELD"},"ruleType":"VALUE","fieldName":"n","condition":"LT"}`:  {Type: platen.Text, Facet: platen.Fields, Name: "n", Condition: platen.Less, Other: "m"},
		`{"ruleType":"PROPERTY","property":"n","condition":"IN","value":["a","b",7]}`:                  {Type: platen.Text, Name: "n", Condition: platen.In, Values: []string{"a", "b", "7"}},
		`{"type":"property","name":"n","condition":"NOT IN","value":["a"]}`:                            {Type: platen.Text, Name: "n", Condition: platen.NotIn, Values: []string{"a"}},
		`{"ruleType":"PROPERTY","property":"n","condition":"eq","value":0042e1}`:                       {},
		`{"ruleType":"PROPERTY","property":"n","condition":"eq","value":1e999}`:                        {Type: platen.Text, Name: "n", Value: "1e999"},
		`{"ruleType":"ID","condition":"IN","identifiers":[7,8]}`:                                       {Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{7, 8}},
		`{"type":"NOT IN","identifiers":[7]}`:                                                          {Type: platen.IDs, Condition: platen.NotIn, IDs: []platen.ID{7}},
		`{"ruleType":"DOCSIZE","entity":"SHEET","condition":"GTE","value":3}`:                          {Type: platen.Size, Unit: platen.Sheets, Condition: platen.GreaterOrEqual, Number: 3},
		`{"type":"doclength","condition":"LESS","value":3}`:                                            {Type: platen.Size, Condition: platen.Less, Number: 3},
		`{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}`:                                               {Type: platen.Duplex, Value: "true"},
		`{"ruleType":"DUPLEX","condition":"SIMPLEX_ONLY"}`:                                             {Type: platen.Duplex, Value: "false"},
		`{"type":"finishing","duplex":true}`:                                                           {Type: platen.Duplex, Value: "true"},
		`{"ruleType":"TEMPLATE","name":"n","condition":"NE"}`:                                          {Type: platen.Template, Condition: platen.NotEqual, Value: "n"},
		`{"type":"templatename","template":"n","condition":"EQUAL"}`:                                   {Type: platen.Template, Value: "n"},
		`{"ruleType":"MEDIA","name":"n","condition":"EQ"}`:                                             {Type: platen.MediaName, Value: "n"},
		`{"type":"finishing","medianame":"n","condition":"NOTEQUAL"}`:                                  {Type: platen.MediaName, Condition: platen.NotEqual, Value: "n"},
		`{"ruleType":"RULESET","condition":"NOTANY","rules":[{"operator":"OR","rules":[]}]}`:           {Type: platen.NotAny, Rules: []platen.Rule{{Type: platen.Any, Rules: []platen.Rule{}}}},
	}
	newer := map[string]platen.Condition{
		"EQ": platen.Equal, "NE": platen.NotEqual, "LT": platen.Less, "GT": platen.Greater, "LTE": platen.LessOrEqual, "GTE": platen.GreaterOrEqual,
		"CONTAINS": platen.Contains, "NOT_CONTAINS": platen.NotContains, "STARTS_WITH": platen.StartsWith, "ENDS_WITH": platen.EndsWith,
		"LIKE": platen.Like, "NOT_LIKE": platen.NotLike,
	}
	older := map[string]platen.Condition{
		"EQUAL": platen.Equal, "NOTEQUAL": platen.NotEqual, "LESS": platen.Less, "GREAT": platen.Greater, "LESSEQUAL": platen.LessOrEqual, "GREATEQUAL": platen.GreaterOrEqual,
		"CONTAINS": platen.Contains, "STARTSWITH": platen.StartsWith, "ENDSWITH": platen.EndsWith, "LIKE": platen.Like, "NLIKE": platen.NotLike,
	}
	for word, condition := range newer {
		tests[fmt.Sprintf(`{"ruleType":"VALUE","fieldName":"n","condition":%q,"value1":"v"}`, word)] = text(platen.Fields, condition)
		tests[fmt.Sprintf(`{"ruleType":"PROPERTY","property":"n","condition":%q,"value":"v"}`, word)] = text(platen.Properties, condition)
	}
	for word, condition := range older {
		tests[fmt.Sprintf(`{"type":"value","name":"n","condition":%q,"value":"v"}`, word)] = text(platen.Fields, condition)
		tests[fmt.Sprintf(`{"type":"property","name":"n","condition":%q,"value":"v"}`, word)] = text(platen.Properties, condition)
	}
	for rule, want := range tests {
		search, err := olrest.ReadSearch([]byte(searchOf(rule)))
		if want.Type == 0 && want.Rules == nil {
			if err == nil {
				t.Errorf("%s was accepted", rule)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if d := cmp.Diff(search, &platen.Search{Kind: platen.ContentItem, Rule: platen.Rule{Rules: []platen.Rule{want}}}); d != "" {
			t.Errorf("%s: %s", rule, d)
		}
	}
}

func TestReadSearchWhole(t *testing.T) {
	for body, want := range map[string]platen.Search{
		`{"entity":"JOBS","search":{"operator":"AND","rules":[]}}`: {Kind: platen.Job},
		`{"setIds":[3,4],"sort":[{"type":"property","name":"a","order":"DESC"}],"group":[{"type":"value","name":"b","numeric":true}],"search":{"condition":"ALL","rules":[]},"entity":"datarecords"}`: {
			Kind: platen.DataRecord, Sets: []platen.ID{3, 4},
			Sort:  []platen.SearchKey{{Name: "a", Descending: true}},
			Group: []platen.SearchKey{{Facet: platen.Fields, Name: "b", Numeric: true}},
		},
		`{"entity":"DATASETS","search":{"rules":[],"sort":[{"type":"property","name":"a"}]},"setIds":[],"x":{"y":1}}`: {Kind: platen.DataSet, Sort: []platen.SearchKey{{Name: "a"}}},
		`{"entity":"CONTENTSETS","search":{"rules":[]},"setIds":null,"sort":null}`:                                    {Kind: platen.ContentSet},
		`{"entity":"JOBSETS","search":{"rules":[]}}`:                                                                  {Kind: platen.JobSet},
	} {
		search, err := olrest.ReadSearch([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if d := cmp.Diff(*search, want); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
}

func TestReadSearchRefuses(t *testing.T) {
	jobs := func(rule string) string { return strings.Replace(searchOf(rule), "CONTENTITEMS", "JOBS", 1) }
	list := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	for body, says := range map[string]string{
		``:                                "empty",
		`[]`:                              "must be an object",
		`{"entity":"JOBS"}`:               "search is missing",
		`{"entity":"JOBS","search":null}`: "search is missing",
		`{"search":{"rules":[]}}`:         "entity",
		`{"entity":"DOCUMENTS","search":{"rules":[]}}`:               "DATARECORDS",
		`{"entity":"JOBS","search":{"rules":[]}} x`:                  "after",
		`{"entity":"JOBS","search":{"condition":"ALL"}}`:             "rules are missing",
		`{"entity":"JOBS","search":{"rules":[],"condition":"SOME"}}`: "NOTANY",
		searchOf(`{}`):                    "ruleType",
		searchOf(`{"ruleType":"COLOUR"}`): "DOCSIZE",
		searchOf(`{"type":"colour"}`):     "doclength",
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"EQUAL","value":"v"}`):                                 "STARTS_WITH",
		searchOf(`{"ruleType":"PROPERTY","property":"n","value":"v"}`):                                                     "condition is missing",
		searchOf(`{"ruleType":"PROPERTY","condition":"EQ","value":"v"}`):                                                   "property is missing",
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"EQ"}`):                                                "value is missing",
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"EQ","value":["v"]}`):                                  "does not fit",
		searchOf(`{"ruleType":"ID","condition":"IN"}`):                                                                     "identifiers are missing",
		searchOf(`{"ruleType":"ID","condition":"IN","identifiers":[0]}`):                                                   "no identifier",
		searchOf(`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"EQ","value":1.5}`):                                    "whole number",
		searchOf(`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"LIKE","value":1}`):                                    "GTE",
		searchOf(`{"ruleType":"TEMPLATE","condition":"LIKE","name":"x"}`):                                                  "EQ",
		searchOf(`{"ruleType":"DOCUMENTBINDING","attribute":"STYLE","bindingStyle":"STAPLED"}`):                            "no binding",
		searchOf(`{"type":"finishing","frontcoating":"MATTE","condition":"EQUAL"}`):                                        "no coating",
		searchOf(`{"type":"finishing"}`):                                                                                   "either medianame or duplex",
		jobs(`{"ruleType":"VALUE","fieldName":"n","condition":"EQ","value1":"v"}`):                                         "JOBS",
		jobs(`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"EQ","value":1}`):                                          "CONTENTITEMS",
		jobs(`{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}`):                                                             "CONTENTITEMS",
		`{"entity":"JOBS","search":{"rules":[]},"sort":[{"type":"value","name":"n"}]}`:                                     "JOBS",
		`{"entity":"JOBS","search":{"rules":[]},"sort":[{"type":"property","name":"n","numeric":true}]}`:                   "numeric",
		`{"entity":"JOBS","search":{"rules":[]},"sort":[{"type":"property"}]}`:                                             "name is missing",
		`{"entity":"JOBS","search":` + strings.Repeat(`{"condition":"ALL","rules":[`, 65) + strings.Repeat(`]}`, 65) + `}`: "64",
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"LIKE","value":"` + strings.Repeat("x", 1<<20) + `"}`): "10000",
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"LIKE","value":"` + strings.Repeat("%", 33) + `"}`):    "32",
		searchOf(list(1001, `{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}`)):                                             "1000",
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"IN","value":[` + list(10_001, `"v"`) + `]}`):          "10000",
		`{"entity":"JOBS","search":{"rules":[]},"sort":[` + list(17, `{"type":"property","name":"n"}`) + `]}`:              "16",
		`{"entity":"JOBS","search":{"rules":[]},"setIds":[` + list(10_001, `7`) + `]}`:                                     "10000",
	} {
		_, err := olrest.ReadSearch([]byte(body))
		if len(body) > 200 {
			body = body[:200]
		}
		if platen.ErrorCode(err) != platen.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", body, err, says)
		}
	}
}

func TestReplyFound(t *testing.T) {
	many := make([]platen.Found, 20_000)
	for i := range many {
		many[i] = platen.Found{ID: platen.ID(i + 1), SortKey: `a"b`}
	}
	for _, test := range []struct {
		groups [][]platen.Found
		want   string
	}{
		{nil, `[]`},
		{[][]platen.Found{{}}, `[]`},
		{[][]platen.Found{{{ID: 5, SortKey: "QC|Ada"}, {ID: 6}}, {}, {{ID: 7, SortKey: "é"}}}, `[[{"identifier":5,"sortkey":"QC|Ada"},{"identifier":6,"sortkey":""}],[{"identifier":7,"sortkey":"é"}]]`},
		{[][]platen.Found{many}, ""},
	} {
		w := httptest.NewRecorder()
		olrest.ReplyFound(w, test.groups)
		if got := w.Body.String(); test.want != "" && got != test.want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("got %s %v", got, w.Header())
		}
		var back [][]struct {
			Identifier platen.ID
			SortKey    string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if test.want == "" && (len(back[0]) != len(many) || back[0][len(many)-1].SortKey != `a"b`) {
			t.Error("many are not all there")
		}
	}
}

func FuzzReadSearch(f *testing.F) {
	for _, seed := range append(seeds, searchOf(`{"ruleType":"VALUE","fieldName":"n","condition":"LIKE","value1":"%v%"}`),
		searchOf(`{"type":"finishing","medianame":"n","condition":"EQUAL"}`), searchOf(`{"ruleType":"ID","condition":"NOT IN","identifiers":[7]}`),
		`{"entity":"JOBS","search":{"rules":[]},"sort":[{"type":"property","name":"n"}],"setIds":[1]}`) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		search, err := olrest.ReadSearch(body)
		if err != nil {
			allowed(t, err, platen.Invalid)
			return
		}
		rules := 0
		var count func(rule platen.Rule, depth int)
		count = func(rule platen.Rule, depth int) {
			if rules++; depth > 64 || rules > 1001 {
				t.Fatal("over the limits")
			}
			for _, sub := range rule.Rules {
				count(sub, depth+1)
			}
		}
		count(search.Rule, 1)
	})
}
