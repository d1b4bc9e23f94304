package olrest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A searchMaker makes up searches that can be written in a grammar.
type searchMaker struct {
	*rand.Rand
	old bool
}

func (m searchMaker) text() string {
	return []string{"a", "Zoë \"x\"\\", "100%", "0042", " ", "\u0001\n"}[m.IntN(6)]
}

func (m searchMaker) ids() []platen.ID {
	ids := []platen.ID{}
	for range m.IntN(3) {
		ids = append(ids, platen.ID(1+m.Int64N(int64(platen.MaxID))))
	}
	return ids
}

func (m searchMaker) rule(depth int) platen.Rule {
	types := []platen.RuleType{platen.Text, platen.IDs, platen.Size, platen.Duplex, platen.Template, platen.MediaName}
	if depth > 0 && m.IntN(2) == 0 {
		rule := platen.Rule{Type: platen.RuleType(m.IntN(4))}
		if m.old {
			rule.Type %= platen.NotAll
		}
		for range 1 + m.IntN(3) {
			rule.Rules = append(rule.Rules, m.rule(depth-1))
		}
		return rule
	}
	rule := platen.Rule{Type: types[m.IntN(len(types))]}
	switch rule.Type {
	case platen.Text:
		m.textRule(&rule)
	case platen.IDs:
		rule.Condition = platen.In + platen.Condition(m.IntN(2))
		rule.IDs = m.ids()
	case platen.Size:
		rule.Condition = platen.Condition(m.IntN(int(platen.Contains)))
		rule.Number = m.Int64N(1 << 62)
		if !m.old {
			rule.Unit = platen.Unit(m.IntN(3))
		}
	case platen.Duplex:
		rule.Value = []string{"true", "false"}[m.IntN(2)]
	default:
		rule.Condition, rule.Value = platen.Condition(m.IntN(2)), m.text()
	}
	return rule
}

func (m searchMaker) textRule(rule *platen.Rule) {
	rule.Facet = []platen.Facet{platen.Properties, platen.Fields}[m.IntN(2)]
	rule.Name = m.text()
	rule.Condition = platen.Condition(m.IntN(int(platen.NotIn) + 1))
	if m.old && rule.Condition == platen.NotContains {
		rule.Condition = platen.Contains
	}
	switch {
	case rule.Condition == platen.In || rule.Condition == platen.NotIn:
		for range m.IntN(3) {
			rule.Values = append(rule.Values, m.text())
		}
	case m.IntN(3) == 0 && !m.old:
		rule.Other = m.text()
	default:
		rule.Value = []string{m.text(), ""}[m.IntN(2)]
	}
}

func (m searchMaker) search() *platen.Search {
	search := &platen.Search{Kind: platen.ContentItem, Rule: m.rule(4), Sets: m.ids()}
	for range m.IntN(3) {
		search.Sort = append(search.Sort, platen.SearchKey{Name: m.text(), Descending: m.IntN(2) == 0})
		search.Group = append(search.Group, platen.SearchKey{Facet: platen.Fields, Name: m.text(), Numeric: m.IntN(2) == 0})
	}
	return search
}

// TestAppendSearch: what is written is read as the same search.
func TestAppendSearch(t *testing.T) {
	for _, grammar := range []olrest.Grammar{olrest.NewGrammar, olrest.OldGrammar} {
		for seed := range uint64(300) {
			search := searchMaker{rand.New(rand.NewPCG(seed, 1)), grammar == olrest.OldGrammar}.search()
			body, err := olrest.AppendSearch(nil, search, grammar)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			read, err := olrest.ReadSearch(body)
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, body)
			}
			if d := cmp.Diff(search, read, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("seed %d: %s\n%s", seed, d, body)
			}
			if grammar == olrest.OldGrammar && strings.Contains(string(body), "ruleType") {
				t.Fatalf("seed %d: %s is not of the old grammar", seed, body)
			}
		}
	}
}

// TestAppendSearchKinds: each kind that can be searched is written and read,
// and no other.
func TestAppendSearchKinds(t *testing.T) {
	for kind := platen.Kind(0); kind <= platen.DocumentPage; kind++ {
		body, err := olrest.AppendSearch(nil, &platen.Search{Kind: kind}, olrest.NewGrammar)
		switch kind {
		case platen.DataRecord, platen.DataSet, platen.ContentItem, platen.ContentSet, platen.Job, platen.JobSet:
			read, readErr := olrest.ReadSearch(body)
			if err != nil || readErr != nil || read.Kind != kind {
				t.Errorf("%s: %v %v %+v", kind, err, readErr, read)
			}
		default:
			allowed(t, err, platen.Invalid)
		}
	}
}

func TestAppendSearchRefuses(t *testing.T) {
	for _, test := range []struct {
		grammar olrest.Grammar
		rule    platen.Rule
		want    string
	}{
		{olrest.NewGrammar, platen.Rule{Type: platen.Text, Facet: platen.Metadata, Name: "n"}, "a rule on metadata"},
		{olrest.NewGrammar, platen.Rule{Type: platen.Text, Name: "n", Values: []string{"v"}}, `a rule on "n" whose condition does not go with its values`},
		{olrest.NewGrammar, platen.Rule{Type: platen.Text, Name: "n", Value: "v", Other: "m"}, "does not go with its values"},
		{olrest.NewGrammar, platen.Rule{Type: platen.Text, Name: "n", Condition: platen.In, Value: "v"}, "does not go with its values"},
		{olrest.NewGrammar, platen.Rule{Type: platen.Size, Condition: platen.Like}, "in a rule of this type"},
		{olrest.NewGrammar, platen.Rule{Type: platen.IDs}, "in a rule of this type"},
		{olrest.NewGrammar, platen.Rule{Type: platen.Duplex}, "neither true nor false"},
		{olrest.NewGrammar, platen.Rule{Type: platen.MediaName + 1}, "a rule of an unknown type"},
		{olrest.OldGrammar, platen.Rule{Type: platen.NotAny}, "a set of rules that is negated can not be written as Search Parameters of before 2019.2"},
		{olrest.OldGrammar, platen.Rule{Type: platen.Size, Unit: platen.Sheets}, "a size in other than pages"},
		{olrest.OldGrammar, platen.Rule{Type: platen.Text, Name: "n", Other: "m"}, "a comparison with another name"},
		{olrest.OldGrammar, platen.Rule{Type: platen.Text, Name: "n", Condition: platen.NotContains}, "in a rule of this type"},
	} {
		t.Run(fmt.Sprint(test.grammar, test.want), func(t *testing.T) {
			_, err := olrest.AppendSearch(nil, &platen.Search{Kind: platen.Job, Rule: test.rule}, test.grammar)
			allowed(t, err, platen.Invalid)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
