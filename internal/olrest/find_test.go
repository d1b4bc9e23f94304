package olrest_test

import (
	"fmt"
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
	for rule, want := range map[string]platen.Rule{
		// words in lower case, one value instead of a list, and the key that is easily taken for the right one
		`{"ruletype":1,"ruleType":"property","property":"n","condition":"not_contains","value1":"v"}`:            text(platen.Properties, platen.NotContains),
		`{"ruleType":"value","fieldName":"n","condition":"like","value":"v"}`:                                    text(platen.Fields, platen.Like),
		`{"ruleType":"VALUE","fieldName":"n","condition":"EQ","value1":"v","value":"w"}`:                         text(platen.Fields, platen.Equal),
		`{"ruleType":"VALUE","fieldName":"n","condition":"EQ","value1":null,"value":"v"}`:                        text(platen.Fields, platen.Equal),
		`{"ruleType":"PROPERTY","property":"n","condition":"EQ","value":""}`:                                     {Type: platen.Text, Name: "n"},
		`{"ruleType":"PROPERTY","property":"n","condition":"EQ","value":true}`:                                   {Type: platen.Text, Name: "n", Value: "true"},
		`{"ruleType":"PROPERTY","property":"n","condition":"EQ","value":1.50}`:                                   {Type: platen.Text, Name: "n", Value: "1.50"},
		`{"ruleType":"VALUE","fieldName":"n","condition":"IN","value1":"v"}`:                                     {Type: platen.Text, Facet: platen.Fields, Name: "n", Condition: platen.In, Values: []string{"v"}},
		`{"ruleType":"VALUE","fieldName":"n","condition":"NOT IN","value1":["v","v",true]}`:                      {Type: platen.Text, Facet: platen.Fields, Name: "n", Condition: platen.NotIn, Values: []string{"v", "v", "true"}},
		`{"ruleType":"VALUE","fieldName":"n","condition":"NOT_IN","value1":[]}`:                                  {Type: platen.Text, Facet: platen.Fields, Name: "n", Condition: platen.NotIn, Values: []string{}},
		`{"ruleType":"PROPERTY","property":"n","condition":"LIKE","value":{"type":"field","value":"m","x":[1]}}`: {Type: platen.Text, Name: "n", Condition: platen.Like, Other: "m"},
		`{"type":"value","name":"n","condition":"IN","value":["a","b"]}`:                                         {Type: platen.Text, Facet: platen.Fields, Name: "n", Condition: platen.In, Values: []string{"a", "b"}},
		`{"type":"property","name":"n","condition":"NOT_IN","value":"v"}`:                                        {Type: platen.Text, Name: "n", Condition: platen.NotIn, Values: []string{"v"}},
		`{"type":"value","name":"n","condition":"GREAT","value":{"type":"FIELD","value":"m"}}`:                   {Type: platen.Text, Facet: platen.Fields, Name: "n", Condition: platen.Greater, Other: "m"},

		`{"ruleType":"ID","condition":"NOT IN","identifiers":[9007199254740991]}`: {Type: platen.IDs, Condition: platen.NotIn, IDs: []platen.ID{platen.MaxID}},
		`{"ruleType":"ID","condition":"NOT_IN","identifiers":[]}`:                 {Type: platen.IDs, Condition: platen.NotIn, IDs: []platen.ID{}},
		`{"ruleType":"IN","identifiers":[7]}`:                                     {Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{7}},
		`{"identifiers":[7],"ruleType":"NOT IN"}`:                                 {Type: platen.IDs, Condition: platen.NotIn, IDs: []platen.ID{7}},
		`{"type":"IN","identifiers":[8,7,8]}`:                                     {Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{8, 7, 8}},

		`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"EQ","value":0}`:                                    {Type: platen.Size},
		`{"value":9223372036854775807,"condition":"LT","entity":"section","ruleType":"DOCSIZE"}`:               {Type: platen.Size, Unit: platen.Sections, Condition: platen.Less, Number: 1<<63 - 1},
		`{"ruleType":"TEMPLATE","name":"n","condition":"EQ"}`:                                                  {Type: platen.Template, Value: "n"},
		`{"type":"templatename","template":"n","condition":"NOTEQUAL"}`:                                        {Type: platen.Template, Condition: platen.NotEqual, Value: "n"},
		`{"ruleType":"MEDIA","name":"n","condition":"NE"}`:                                                     {Type: platen.MediaName, Condition: platen.NotEqual, Value: "n"},
		`{"type":"finishing","medianame":"n","duplex":null,"bindingstyle":null,"condition":"EQUAL"}`:           {Type: platen.MediaName, Value: "n"},
		`{"type":"finishing","duplex":false,"condition":"EQUAL"}`:                                              {Type: platen.Duplex, Value: "false"},
		`{"ruleType":null,"type":"finishing","duplex":true}`:                                                   {Type: platen.Duplex, Value: "true"},
		`{"type":"finishing","ruleType":"DUPLEX","condition":"simplex_only"}`:                                  {Type: platen.Duplex, Value: "false"}, // the later grammar counts
		`{"ruleType":"RULESET","operator":"AND","rules":[{"type":"finishing","duplex":true}]}`:                 {Rules: []platen.Rule{{Type: platen.Duplex, Value: "true"}}},
		`{"operator":"or","rules":[{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}]}`:                           {Type: platen.Any, Rules: []platen.Rule{{Type: platen.Duplex, Value: "true"}}},
		`{"condition":"NOTALL","operator":null,"rules":[{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}]}`:      {Type: platen.NotAll, Rules: []platen.Rule{{Type: platen.Duplex, Value: "true"}}},
		`{"ruleType":"RULESET","condition":"ANY","rules":[],"sort":7,"setIds":"in a rule, both mean nothing"}`: {Type: platen.Any, Rules: []platen.Rule{}},
	} {
		tests[rule] = want
	}
	for word, condition := range map[string]platen.Condition{
		"EQ": platen.Equal, "NE": platen.NotEqual, "LT": platen.Less, "GT": platen.Greater, "LTE": platen.LessOrEqual, "GTE": platen.GreaterOrEqual,
	} {
		for unit, is := range map[string]platen.Unit{"PAGE": platen.Pages, "SHEET": platen.Sheets, "SECTION": platen.Sections} {
			tests[fmt.Sprintf(`{"ruleType":"DOCSIZE","entity":%q,"condition":%q,"value":12}`, unit, word)] = platen.Rule{Type: platen.Size, Unit: is, Condition: condition, Number: 12}
		}
	}
	for word, condition := range map[string]platen.Condition{
		"EQUAL": platen.Equal, "NOTEQUAL": platen.NotEqual, "LESS": platen.Less, "GREAT": platen.Greater, "LESSEQUAL": platen.LessOrEqual, "GREATEQUAL": platen.GreaterOrEqual,
	} {
		tests[fmt.Sprintf(`{"type":"doclength","condition":%q,"value":12}`, word)] = platen.Rule{Type: platen.Size, Condition: condition, Number: 12}
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

// TestReadSearchMixed has rules of both grammars within each other.
func TestReadSearchMixed(t *testing.T) {
	body := `{"search":{"rules":[
	 {"rules":[{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"},
	   {"type":"finishing","medianame":"A4","condition":"EQUAL"},
	   {"rules":[{"type":"value","name":"City","condition":"STARTSWITH","value":"L"},
	     {"ruleType":"RULESET","rules":[{"ruleType":"ID","identifiers":[3,4],"condition":"NOT IN"},{"type":"IN","identifiers":[5]}],"condition":"NOTALL"}],"operator":"AND"}],
	  "condition":"NOTANY","ruleType":"RULESET"},
	 {"ruleType":"PROPERTY","condition":"LTE","value":{"value":"due","type":"FIELD"},"property":"printed"},
	 {"type":"doclength","value":4,"condition":"GREATEQUAL"}],"operator":"OR"},"entity":"contentItems"}`
	want := &platen.Search{Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Any, Rules: []platen.Rule{
		{Type: platen.NotAny, Rules: []platen.Rule{
			{Type: platen.Duplex, Value: "true"},
			{Type: platen.MediaName, Value: "A4"},
			{Type: platen.All, Rules: []platen.Rule{
				{Type: platen.Text, Facet: platen.Fields, Name: "City", Condition: platen.StartsWith, Value: "L"},
				{Type: platen.NotAll, Rules: []platen.Rule{
					{Type: platen.IDs, Condition: platen.NotIn, IDs: []platen.ID{3, 4}},
					{Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{5}},
				}},
			}},
		}},
		{Type: platen.Text, Name: "printed", Condition: platen.LessOrEqual, Other: "due"},
		{Type: platen.Size, Condition: platen.GreaterOrEqual, Number: 4},
	}}}
	got, err := olrest.ReadSearch([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
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
		`{"entity":"CONTENTITEMS","setIds":[9007199254740991,1,1],"search":{"ruleType":"ID","condition":"IN","identifiers":[]}}`: {
			Kind: platen.ContentItem, Sets: []platen.ID{platen.MaxID, 1, 1}, Rule: platen.Rule{Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{}},
		},
		`{"entity":"JOBS","search":{"type":"property","name":"a","condition":"EQUAL","value":"b"},"group":null}`: {
			Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "a", Value: "b"},
		},
		// at the top first, wherever it stands
		`{"entity":"DATARECORDS","search":{"group":[{"type":"VALUE","name":"c","order":"asc","numeric":false}],"sort":[{"type":"value","name":"b","numeric":true,"order":"desc"}],"rules":[]},
		  "group":[{"name":"d","type":"property","numeric":false}],"sort":[{"order":null,"type":"property","name":"a","numeric":null}]}`: {
			Kind:  platen.DataRecord,
			Sort:  []platen.SearchKey{{Name: "a"}, {Facet: platen.Fields, Name: "b", Numeric: true, Descending: true}},
			Group: []platen.SearchKey{{Name: "d"}, {Facet: platen.Fields, Name: "c"}},
		},
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
	whole := func(rest string) string { return `{"entity":"JOBS","search":{"rules":[]},` + rest + `}` }
	property := func(rest string) string {
		return searchOf(`{"ruleType":"PROPERTY","property":"n",` + rest + `}`)
	}
	size := func(value string) string {
		return searchOf(`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"EQ","value":` + value + `}`)
	}
	jobs := func(rule string) string { return strings.Replace(searchOf(rule), "CONTENTITEMS", "JOBS", 1) }
	const (
		kinds      = "it must be one of DATARECORDS, DATASETS, CONTENTITEMS, CONTENTSETS, JOBS, JOBSETS"
		newForms   = "VALUE, PROPERTY, ID, IN, NOT IN, DOCSIZE, DUPLEX, TEMPLATE, MEDIA, RULESET"
		oldForms   = "value, property, IN, NOT IN, finishing, doclength, templatename"
		newWords   = "it must be one of EQ, NE, LT, GT, LTE, GTE, IN, NOT IN, NOT_IN, CONTAINS, NOT_CONTAINS, STARTS_WITH, ENDS_WITH, LIKE, NOT_LIKE"
		oldWords   = "it must be one of EQUAL, NOTEQUAL, LESS, GREAT, LESSEQUAL, GREATEQUAL, IN, NOT IN, NOT_IN, CONTAINS, STARTSWITH, ENDSWITH, LIKE, NLIKE"
		joins      = "it must be one of ALL, ANY, NOTALL, NOTANY"
		wholeWords = "it must be a whole number from 0 up in plain digits"
		unkept     = "platen keeps no binding and no coating of documents"
		ofItems    = "can not be asked of JOBS, only of CONTENTITEMS"
		ofRecords  = "can not be asked of JOBS, only of DATARECORDS and CONTENTITEMS"
	)
	for _, test := range []struct{ body, message string }{
		{``, "the body is empty"},
		{" \n", "the body is empty"},
		{`[]`, "the body must be an object, not a list"},
		{`"JOBS"`, "the body must be an object, not text"},
		{`null`, "entity is missing; " + kinds},
		{`{`, "malformed JSON"},
		{`{"entity":"JOBS","search":{"rules":[}}`, "malformed JSON"},
		{`{"entity":"JOBS","search":{"rules":[]}`, "malformed JSON"},
		{`{"entity":"JOBS","search":{"rules":[]},"setIds":[1}}`, "malformed JSON"},
		{`{"entity":"JOBS","entity":"JOBS","search":{"rules":[]}}`, "malformed JSON"},
		{`{"entity":"JOBS","search":{"rules":[],"rules":[]}}`, "malformed JSON"},
		{"{\"entity\":\"JOBS\",\"search\":{\"rules\":[]},\"x\":\"\xff\"}", "malformed JSON"},
		{`{"entity":"JOBS","search":{"rules":[]}} x`, "malformed JSON"},
		{`{"entity":"JOBS","search":{"rules":[]}} {}`, "there is more after the end"},

		{`{"search":{"rules":[]}}`, "entity is missing; " + kinds},
		{`{"entity":null,"search":{"rules":[]}}`, "entity is missing; " + kinds},
		{`{"entity":"DOCUMENTS","search":{"rules":[]}}`, `entity is "DOCUMENTS"; ` + kinds},
		{`{"entity":7,"search":{"rules":[]}}`, `entity is "7"; ` + kinds},
		{`{"entity":["JOBS"],"search":{"rules":[]}}`, "entity is a list; " + kinds},
		{`{"entity":{"type":"FIELD","value":"JOBS"},"search":{"rules":[]}}`, "entity is an object; " + kinds},
		{`{"entity":"JOBS"}`, "search is missing"},
		{`{"entity":"JOBS","search":null}`, "search is missing"},
		{`{"entity":"JOBS","search":7}`, "at /search: a rule must be an object, not a number"},
		{`{"entity":"JOBS","search":[]}`, "at /search: a rule must be an object, not a list"},

		{`{"entity":"JOBS","search":{}}`, "rules are missing, and so are ruleType (" + newForms + ") and type (" + oldForms + ")"},
		{`{"entity":"JOBS","search":{"rules":null}}`, "rules are missing"},
		{`{"entity":"JOBS","search":{"condition":"ALL"}}`, "rules are missing"},
		{`{"entity":"JOBS","search":{"rules":{}}}`, "rules must be a list, not an object"},
		{`{"entity":"JOBS","search":{"rules":[],"condition":"SOME"}}`, `condition is "SOME"; ` + joins},
		{`{"entity":"JOBS","search":{"rules":[],"operator":"ALL"}}`, `operator is "ALL"; it must be one of AND, OR`},
		{`{"entity":"JOBS","search":{"rules":[],"condition":"ALL","operator":"AND"}}`, "a set of rules must have either a condition or an operator"},
		{searchOf(`7`), "at /search/rules/0: a rule must be an object, not a number"},
		{searchOf(`null`), "at /search/rules/0: rules are missing, and so are ruleType"},
		{searchOf(`{}`), "at /search/rules/0: rules are missing, and so are ruleType (" + newForms + ") and type (" + oldForms + ")"},
		{searchOf(`{"rules":[{"type":"finishing","duplex":true}]}`), "condition is missing; " + joins},
		{searchOf(`{"ruleType":"RULESET","condition":"ALL"}`), "rules are missing"},
		{searchOf(`{"ruleType":"RULESET","rules":[{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}]}`), "condition is missing; " + joins},
		{searchOf(`{"ruleType":"COLOUR"}`), `ruleType is "COLOUR"; it must be one of ` + newForms},
		{searchOf(`{"ruleType":["ID"]}`), "ruleType is a list; it must be one of " + newForms},
		{searchOf(`{"type":"colour"}`), `type is "colour"; it must be one of ` + oldForms},
		{searchOf(`{"ruleType":"` + strings.Repeat("x", 1000) + `"}`), `ruleType is "` + strings.Repeat("x", 120) + `…"; it must be`},

		{property(`"condition":"EQUAL","value":"v"`), `condition is "EQUAL"; ` + newWords},
		{property(`"condition":7,"value":"v"`), `condition is "7"; ` + newWords},
		{property(`"value":"v"`), "condition is missing; " + newWords},
		{searchOf(`{"ruleType":"VALUE","fieldName":"n","value1":"v"}`), "condition is missing; " + newWords},
		{searchOf(`{"type":"property","name":"n","condition":"EQ","value":"v"}`), `condition is "EQ"; ` + oldWords},
		{searchOf(`{"type":"value","name":"n","condition":"NOT_CONTAINS","value":"v"}`), `condition is "NOT_CONTAINS"; ` + oldWords},
		{searchOf(`{"ruleType":"PROPERTY","condition":"EQ","value":"v"}`), "property is missing; it must be text that is not empty"},
		{searchOf(`{"ruleType":"PROPERTY","property":"","condition":"EQ","value":"v"}`), `property is ""; it must be text that is not empty`},
		{searchOf(`{"ruleType":"PROPERTY","property":["n"],"condition":"EQ","value":"v"}`), "property is a list; it must be text"},
		{searchOf(`{"ruleType":"VALUE","name":"n","condition":"EQ","value1":"v"}`), "fieldName is missing; it must be text"},
		{searchOf(`{"type":"property","name":7,"condition":"EQUAL","value":"v"}`), `name is "7"; it must be text`},
		{property(`"condition":"EQ"`), "value is missing, which does not fit the condition EQ"},
		{property(`"condition":"IN","value":null`), "value is missing, which does not fit the condition IN"},
		{property(`"condition":"EQ","value":["v"]`), "value is a list, which does not fit the condition EQ"},
		{property(`"condition":"IN","value":{"type":"FIELD","value":"m"}`), "value is an object, which does not fit the condition IN"},
		{property(`"condition":"IN","value":[null]`), "the value must be text, a number or a boolean, not null"},
		{property(`"condition":"IN","value":[["v"]]`), "the value must be text, a number or a boolean, not a list"},
		{property(`"condition":"EQ","value":"\u0000"`), "the value holds U+0000"},
		{property(`"condition":"EQ","value":{"value":"m"}`), "type is missing; it must be one of FIELD"},
		{property(`"condition":"EQ","value":{"type":"TEXT","value":"m"}`), `type is "TEXT"; it must be one of FIELD`},
		{property(`"condition":"EQ","value":{"type":"FIELD"}`), "value is missing; it must be text that is not empty"},
		{property(`"condition":"EQ","value":{"type":"FIELD","value":""}`), `value is ""; it must be text that is not empty`},
		{property(`"condition":"EQ","value":{"type":"FIELD","value":{"type":"FIELD","value":"m"}}`), "value is an object; it must be text"},
		{searchOf(`{"type":"value","name":"n","condition":"EQUAL"}`), "value is missing, which does not fit the condition EQUAL"},

		{searchOf(`{"ruleType":"ID","condition":"IN"}`), "identifiers are missing"},
		{searchOf(`{"ruleType":"NOT IN"}`), "identifiers are missing"},
		{searchOf(`{"type":"IN","identifiers":null}`), "identifiers are missing"},
		{searchOf(`{"ruleType":"ID","identifiers":[7]}`), "condition is missing; it must be one of IN, NOT IN, NOT_IN"},
		{searchOf(`{"ruleType":"ID","condition":"EQ","identifiers":[7]}`), `condition is "EQ"; it must be one of IN, NOT IN, NOT_IN`},
		{searchOf(`{"type":"IN","identifiers":7}`), "identifiers must be a list, not a number"},
		{searchOf(`{"ruleType":"ID","condition":"IN","identifiers":[7,0]}`), "at /search/rules/0/identifiers/1: 0 is no identifier"},
		{searchOf(`{"type":"IN","identifiers":[-1]}`), "-1 is no identifier"},
		{searchOf(`{"type":"IN","identifiers":[9007199254740992]}`), "9007199254740992 is no identifier"},
		{searchOf(`{"type":"IN","identifiers":[null]}`), "null is no identifier"},
		{searchOf(`{"type":"IN","identifiers":["7"]}`), "the id must be a number, not text"},
		{searchOf(`{"type":"IN","identifiers":[7.0]}`), "the id must be a whole number"},

		{size(`1.5`), `value is "1.5"; ` + wholeWords},
		{size(`1e2`), `value is "1e2"; ` + wholeWords},
		{size(`-1`), `value is "-1"; ` + wholeWords},
		{size(`-0`), `value is "-0"; ` + wholeWords},
		{size(`9223372036854775808`), `value is "9223372036854775808"; ` + wholeWords},
		{size(`"1"`), `value is "1"; ` + wholeWords},
		{size(`true`), "value is a boolean; " + wholeWords},
		{size(`[1]`), "value is a list; " + wholeWords},
		{size(`null`), "value is missing; " + wholeWords},
		{searchOf(`{"type":"doclength","condition":"LESS"}`), "value is missing; " + wholeWords},
		{searchOf(`{"ruleType":"DOCSIZE","condition":"EQ","value":1}`), "entity is missing; it must be one of PAGE, SHEET, SECTION"},
		{searchOf(`{"ruleType":"DOCSIZE","entity":"JOBS","condition":"EQ","value":1}`), `entity is "JOBS"; it must be one of PAGE, SHEET, SECTION`},
		{searchOf(`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"LIKE","value":1}`), `condition is "LIKE"; it must be one of EQ, NE, LT, GT, LTE, GTE`},
		{searchOf(`{"type":"doclength","condition":"IN","value":1}`), `condition is "IN"; it must be one of EQUAL, NOTEQUAL, LESS, GREAT, LESSEQUAL, GREATEQUAL`},
		{searchOf(`{"ruleType":"DUPLEX"}`), "condition is missing; it must be one of HAS_DUPLEX, SIMPLEX_ONLY"},
		{searchOf(`{"ruleType":"DUPLEX","condition":"EQ"}`), `condition is "EQ"; it must be one of HAS_DUPLEX, SIMPLEX_ONLY`},
		{searchOf(`{"ruleType":"TEMPLATE","condition":"LIKE","name":"n"}`), `condition is "LIKE"; it must be one of EQ, NE`},
		{searchOf(`{"ruleType":"TEMPLATE","condition":"EQ"}`), "name is missing; it must be text"},
		{searchOf(`{"ruleType":"MEDIA","condition":"IN","name":"n"}`), `condition is "IN"; it must be one of EQ, NE`},
		{searchOf(`{"type":"templatename","condition":"LESS","template":"n"}`), `condition is "LESS"; it must be one of EQUAL, NOTEQUAL`},
		{searchOf(`{"type":"templatename","condition":"EQUAL","name":"n"}`), "template is missing; it must be text"},
		{searchOf(`{"type":"finishing"}`), "a rule on the finishing must have either medianame or duplex"},
		{searchOf(`{"type":"finishing","medianame":"n","duplex":true,"condition":"EQUAL"}`), "a rule on the finishing must have either medianame or duplex"},
		{searchOf(`{"type":"finishing","medianame":"n"}`), "condition is missing; it must be one of EQUAL, NOTEQUAL"},
		{searchOf(`{"type":"finishing","duplex":1}`), `duplex is "1"; it must be one of true, false`},

		{searchOf(`{"ruleType":"DOCUMENTBINDING","attribute":"STYLE","bindingStyle":"STAPLED"}`), unkept},
		{searchOf(`{"ruleType":"binding","attribute":"ANGLE","bindingAngle":"VERTICAL"}`), unkept},
		{searchOf(`{"ruleType":"COATING"}`), unkept},
		{searchOf(`{"type":"finishing","frontcoating":"MATTE","condition":"EQUAL"}`), unkept},
		{searchOf(`{"type":"finishing","backcoating":"MATTE","condition":"EQUAL"}`), unkept},
		{searchOf(`{"type":"finishing","bindingstyle":"RING","condition":"EQUAL"}`), unkept},
		{searchOf(`{"type":"finishing","bindingedge":"LEFT","condition":"EQUAL"}`), unkept},
		{searchOf(`{"type":"finishing","bindingtype":"SADDLE","condition":"EQUAL"}`), unkept},
		{searchOf(`{"type":"finishing","bindingangle":"ANGLE","medianame":"n","condition":"EQUAL"}`), unkept},

		{jobs(`{"ruleType":"VALUE","fieldName":"n","condition":"EQ","value1":"v"}`), "a rule on a field of the data record " + ofRecords},
		{jobs(`{"type":"value","name":"n","condition":"EQUAL","value":"v"}`), "a rule on a field of the data record " + ofRecords},
		{jobs(`{"ruleType":"DOCSIZE","entity":"PAGE","condition":"EQ","value":1}`), "a rule on the document length " + ofItems},
		{jobs(`{"type":"doclength","condition":"LESS","value":1}`), "a rule on the document length " + ofItems},
		{jobs(`{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}`), "a rule on duplex " + ofItems},
		{jobs(`{"type":"finishing","duplex":true}`), "a rule on duplex " + ofItems},
		{jobs(`{"ruleType":"TEMPLATE","name":"n","condition":"EQ"}`), "a rule on the template " + ofItems},
		{jobs(`{"type":"templatename","template":"n","condition":"EQUAL"}`), "a rule on the template " + ofItems},
		{jobs(`{"ruleType":"MEDIA","name":"n","condition":"EQ"}`), "a rule on the medium " + ofItems},
		{jobs(`{"type":"finishing","medianame":"n","condition":"EQUAL"}`), "a rule on the medium " + ofItems},
		{`{"search":{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"},"entity":"datarecords"}`, "a rule on duplex can not be asked of DATARECORDS"},

		{whole(`"sort":{}`), "sort keys must be a list, not an object"},
		{whole(`"group":7`), "group keys must be a list, not a number"},
		{whole(`"sort":[7]`), "at /sort/0: an entry must be an object, not a number"},
		{whole(`"sort":[null]`), "at /sort/0: type is missing; it must be one of property, value"},
		{whole(`"sort":[{"name":"n"}]`), "type is missing; it must be one of property, value"},
		{whole(`"group":[{"type":"field","name":"n"}]`), `type is "field"; it must be one of property, value`},
		{whole(`"sort":[{"type":"property"}]`), "name is missing; it must be text"},
		{whole(`"sort":[{"type":"property","name":""}]`), `name is ""; it must be text`},
		{whole(`"sort":[{"type":"property","name":"n","order":"UP"}]`), `order is "UP"; it must be one of ASC, DESC`},
		{whole(`"sort":[{"type":"property","name":"n","numeric":1}]`), `numeric is "1"; it must be one of true, false`},
		{whole(`"sort":[{"type":"property","name":"n","numeric":true}]`), "numeric is for the type value only, not for property"},
		{whole(`"group":[{"type":"property","name":"n","numeric":true}]`), "numeric is for the type value only, not for property"},
		{`{"entity":"JOBS","search":{"rules":[],"sort":[{"type":"property","name":"n","numeric":true}]}}`, "at /search/sort/0: numeric is for the type value only"},
		{whole(`"sort":[{"type":"value","name":"n"}]`), "a field of the data record " + ofRecords},
		{whole(`"group":[{"type":"value","name":"n"}]`), "a field of the data record " + ofRecords},
		{whole(`"setIds":7`), "setIds must be a list, not a number"},
		{whole(`"setIds":[0]`), "at /setIds/0: 0 is no identifier"},
		{whole(`"setIds":[null]`), "null is no identifier"},
		{whole(`"setIds":["7"]`), "the id must be a number, not text"},
	} {
		search, err := olrest.ReadSearch([]byte(test.body))
		if err == nil || search != nil {
			t.Errorf("%.200s: got %v, %v", test.body, search, err)
			continue
		}
		wantError(t, err, platen.Invalid, test.message, "")
	}
}

// commas joins so many of the same.
func commas(n int, element string) string {
	return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
}

// TestReadSearchLimits has each limit at what is just accepted, and beyond it.
func TestReadSearchLimits(t *testing.T) {
	const duplex = `{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}`
	whole := func(rest string) string { return `{"entity":"JOBS","search":{"rules":[]},` + rest + `}` }
	sets := func(n int) string {
		return `{"entity":"JOBS","search":` + strings.Repeat(`{"condition":"ALL","rules":[`, n) + strings.Repeat(`]}`, n) + `}`
	}
	pairs := func(n int) string { return searchOf(commas(n, `{"operator":"OR","rules":[`+duplex+`]}`)) } // 2n rules
	text := func(condition, value string) string {
		return searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"` + condition + `","value":` + value + `}`)
	}
	old := func(condition, value string) string {
		return searchOf(`{"type":"value","name":"n","condition":"` + condition + `","value":` + value + `}`)
	}
	quoted := func(n int, text string) string { return `"` + strings.Repeat(text, n) + `"` }
	values := func(n int) string { return `[` + commas(n, `"v"`) + `]` }
	ids := func(n int) string {
		return searchOf(`{"ruleType":"ID","condition":"IN","identifiers":[` + commas(n, "7") + `]}`)
	}
	keys := func(n int) string { return `[` + commas(n, `{"type":"property","name":"n"}`) + `]` }
	split := func(n, m int) string {
		return `{"entity":"JOBS","search":{"rules":[],"sort":` + keys(n) + `},"sort":` + keys(m) + `}`
	}
	for name, test := range map[string]struct {
		accepted, refused []string
		message           string
	}{
		"nesting": {[]string{sets(1), sets(64)}, []string{sets(65), sets(4000), sets(10_000)}, "the rules are nested deeper than 64 levels, which is the limit"},
		// the decoder beneath has a limit of its own
		"far nesting": {nil, []string{`{"entity":` + strings.Repeat(`{"value":`, 20_000)}, "exceeded max depth"},
		"rules":       {[]string{searchOf(commas(1000, duplex)), pairs(500)}, []string{searchOf(commas(1001, duplex)), pairs(501)}, "more than 1000 rules"},
		"pattern": {
			[]string{text("LIKE", quoted(1_024, "x")), old("NLIKE", quoted(512, "é")), text("EQ", quoted(1<<20, "x")), old("CONTAINS", quoted(1000, "%"))},
			[]string{text("LIKE", quoted(1_025, "x")), text("LIKE", quoted(1<<20, "x")), text("NOT_LIKE", quoted(1<<20, "x")), old("LIKE", quoted(513, "é")), old("NLIKE", quoted(1<<20, "x"))},
			"bytes and 0 %; the limits are 1024 and 32",
		},
		"text to look for": {
			[]string{text("CONTAINS", quoted(1_024, "x")), old("CONTAINS", quoted(512, "é")), text("STARTS_WITH", quoted(1<<20, "x")), text("ENDS_WITH", quoted(1<<20, "x"))},
			[]string{text("CONTAINS", quoted(1_025, "x")), text("NOT_CONTAINS", quoted(1_025, "x")), old("CONTAINS", quoted(513, "é"))},
			"bytes; the limit is 1024",
		},
		"percent": {
			[]string{text("LIKE", quoted(32, "%")), old("NLIKE", quoted(32, "%_"))},
			[]string{text("LIKE", quoted(33, "%")), text("NOT_LIKE", quoted(33, "%")), old("LIKE", quoted(33, "%")), old("NLIKE", quoted(33, "%"))},
			"the pattern has 33 bytes and 33 %; the limits are 1024 and 32",
		},
		"values":      {[]string{text("IN", values(10_000)), old("NOT IN", values(10_000))}, []string{text("IN", values(10_001)), text("NOT_IN", values(10_001)), old("IN", values(10_001))}, "there are more than 10000 values, which is the limit"},
		"identifiers": {[]string{ids(10_000)}, []string{ids(10_001)}, "there are more than 10000 identifiers, which is the limit"},
		"sets":        {[]string{whole(`"setIds":[` + commas(10_000, "7") + `]`)}, []string{whole(`"setIds":[` + commas(10_001, "7") + `]`)}, "there are more than 10000 setIds, which is the limit"},
		"sort keys":   {[]string{whole(`"sort":` + keys(16))}, []string{whole(`"sort":` + keys(17)), split(17, 0)}, "there are more than 16 sort keys, which is the limit"},
		"group keys":  {[]string{whole(`"sort":` + keys(16) + `,"group":` + keys(16))}, []string{whole(`"group":` + keys(17))}, "there are more than 16 group keys, which is the limit"},
		"both places": {[]string{split(8, 8)}, []string{split(16, 1), split(8, 9)}, "there are more than 16 sort keys or group keys, which is the limit"},
	} {
		for _, body := range test.accepted {
			if _, err := olrest.ReadSearch([]byte(body)); err != nil {
				t.Errorf("%s: %.200s: %v", name, body, err)
			}
		}
		for _, body := range test.refused {
			search, err := olrest.ReadSearch([]byte(body))
			if err == nil || search != nil {
				t.Errorf("%s: %.200s was accepted", name, body)
				continue
			}
			wantError(t, err, platen.Invalid, test.message, "")
			if n := len(err.Error()); n > 500 {
				t.Errorf("%s: a message of %d bytes", name, n)
			}
		}
	}
}

func FuzzReadSearch(f *testing.F) {
	for _, seed := range append(seeds, searchOf(`{"ruleType":"VALUE","fieldName":"n","condition":"LIKE","value1":"%v%"}`),
		searchOf(`{"type":"finishing","medianame":"n","condition":"EQUAL"}`), searchOf(`{"ruleType":"ID","condition":"NOT IN","identifiers":[7]}`),
		`{"entity":"JOBS","search":{"rules":[]},"sort":[{"type":"property","name":"n"}],"setIds":[1]}`,
		`{"entity":"DATARECORDS","search":{"rules":[{"type":"value","name":"n","condition":"IN","value":["a",1,true]},{"type":"IN","identifiers":[7]}],"operator":"OR","group":[{"type":"value","name":"n","numeric":true,"order":"DESC"}]}}`,
		searchOf(`{"ruleType":"PROPERTY","property":"n","condition":"EQ","value":{"type":"FIELD","value":"m"}}`),
		searchOf(`{"ruleType":"DOCSIZE","entity":"SHEET","condition":"GTE","value":3},{"rules":[{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"}],"condition":"NOTANY"}`),
		searchOf(commas(70, `{"operator":"OR","rules":[]}`)), searchOf(strings.Repeat(`{"condition":"ALL","rules":[`, 70)+strings.Repeat(`]}`, 70))) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		search, err := olrest.ReadSearch(body)
		if err != nil {
			if allowed(t, err, platen.Invalid); search != nil {
				t.Error("a search beside an error")
			}
			return
		}
		if len(search.Sort) > 16 || len(search.Group) > 16 || len(search.Sets) > 10_000 || search.Sets != nil && len(search.Sets) == 0 {
			t.Errorf("%d sort keys, %d group keys, sets %v", len(search.Sort), len(search.Group), search.Sets)
		}
		rules := 0
		var count func(rule platen.Rule, depth int)
		count = func(rule platen.Rule, depth int) {
			if rules++; depth > 64 || rules > 1001 {
				t.Fatal("over the limits")
			}
			if len(rule.Values) > 10_000 || len(rule.IDs) > 10_000 || rule.Number < 0 || rule.Type >= platen.Text && rule.Rules != nil {
				t.Errorf("%+v was accepted", rule)
			}
			for _, sub := range rule.Rules {
				count(sub, depth+1)
			}
		}
		count(search.Rule, 1)
	})
}
