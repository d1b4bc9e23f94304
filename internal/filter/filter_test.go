package filter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/filter"
)

// show writes a filter with all its parentheses.
func show(n filter.Node) string {
	parts := make([]string, len(n.Nodes))
	for i, node := range n.Nodes {
		parts[i] = show(node)
	}
	switch n.Type {
	case filter.And:
		return "(" + strings.Join(parts, " AND ") + ")"
	case filter.Or:
		return "(" + strings.Join(parts, " OR ") + ")"
	case filter.Not:
		return "NOT " + parts[0]
	}
	value := n.Value.Text
	if n.Value.Quoted {
		value = fmt.Sprintf("%q", value)
	}
	if n.Value.Suffix {
		value = "*" + value
	}
	if n.Value.Prefix {
		value += "*"
	}
	return strings.Join(n.Name, "|") + string(n.Operator) + value
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "()",
		"  \t ":                             "()",
		"a=1":                               "a=1",
		"a = 1 AND b != 2":                  "(a=1 AND b!=2)",
		"a = 1 b = 2":                       "(a=1 AND b=2)",
		"a = 1 OR b = 2 AND c = 3":          "((a=1 OR b=2) AND c=3)",
		"a = 1 b = 2 OR c = 3":              "(a=1 AND (b=2 OR c=3))",
		"NOT a = 1 OR -b = 2":               "(NOT a=1 OR NOT b=2)",
		"NOT(a=1)AND(b=2 OR c=3)":           "(NOT a=1 AND (b=2 OR c=3))",
		"-(a<1 (b>=2))":                     "NOT (a<1 AND b>=2)",
		`properties."due date" = "x y"`:     `properties|due date="x y"`,
		`properties.'it''`:                  "",
		`properties.a-b<="it's"`:            `properties|a-b<="it's"`,
		"createTime>2026-01-31T12:00:00.5Z": "createTime>2026-01-31T12:00:00.5Z",
		"n >= -1.50":                        "n>=-1.50",
		"n = 007":                           "n=007",
		`a = "x*" b = *y c = "*z*" d:*`:     `(a="x"* AND b=*y AND c=*"z"* AND d:*)`,
		`a = "x\*" b = "\\\"\n"`:            `(a="x*" AND b="\\\"\n")`,
		"properties:colour":                 "properties:colour",
		"ANDY = 1 ORDER = NOTHING":          "(ANDY=1 AND ORDER=NOTHING)",
		"größe = ärger":                     "größe=ärger",
		"( a=1 ) AND ( b=2 )":               "(a=1 AND b=2)",
		"a=:b":                              "a=:b",
		`properties.'a "b" *' = 'x\'\r\t'`:  `properties|a "b" *="x'\r\t"`,
		// as much as there may be
		deep("(", 32, "a=1") + deep(")", 32, ""): "a=1",
		deep("(a=1)", 40, ""):                    "(" + deep("a=1 AND ", 39, "a=1") + ")",
		deep("a=1 ", 256, ""):                    "(" + deep("a=1 AND ", 255, "a=1") + ")",
		deep("x", 16<<10-2, "=1"):                deep("x", 16<<10-2, "=1"),
	} {
		node, err := filter.Parse(text)
		if want == "" {
			if err == nil {
				t.Errorf("%s: no error", text)
			}
			continue
		}
		if err != nil || show(node) != want {
			t.Errorf("%s: got %s, %v; want %s", text, show(node), err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a":                    "at character 2: expected an operator (= != < <= > >= :) after a, found the end",
		"a b = 1":              `at character 3: expected an operator (= != < <= > >= :) after a, found "b"`,
		"a = ":                 "at character 5: expected a value, found the end",
		"a = )":                `at character 5: expected a value, found ")"`,
		"= 1":                  `at character 1: expected a name, found "="`,
		"ä = 1 AND":            "at character 10: expected a name, found the end",
		"a = 1 AND OR b = 2":   `at character 11: expected a name, found "OR"`,
		"a = 1 OR":             "at character 9: expected a name, found the end",
		"(a = 1":               "at character 1: the parenthesis is not closed",
		"a = 1)":               `at character 6: expected AND, OR or the end, found ")"`,
		"a. = 1":               `at character 3: expected a name, found "="`,
		`a = "x`:               "at character 5: the quotes are not closed",
		`a = "x\`:              "at character 5: the quotes are not closed",
		`a = "\x"`:             `at character 6: a backslash in quotes must precede one of \ " ' * n r t`,
		`a = "x"y`:             `at character 8: expected a space or the end after the value, found "y"`,
		`a = x*y`:              "at character 5: a wildcard * can be at the beginning and at the end of a value only",
		"f(a) = 1":             `at character 2: expected an operator`,
		"a = 1,2":              `at character 6: expected a space or the end after the value, found ",2"`,
		"NOT":                  "at character 4: expected a name, found the end",
		"a = \xff":             "at character 1: it is not UTF-8",
		"a = \xe2\x82 b":       "it is not UTF-8",
		"a ~ 1":                `at character 3: expected an operator`,
		"()":                   `at character 2: expected a name, found ")"`,
		deep("(", 33, "a=1"):   "more than 32 parentheses",
		deep("-", 33, "a=1"):   `expected a name`,
		deep("NOT ", 33, "a"):  `at character 5: expected a name, found "NOT"`,
		deep("a=1 ", 257, ""):  "the filter has more than 256 comparisons",
		deep("x", 16<<10, "="): "at character 1: it is longer than 16384 bytes",
		"AND = 1":              `at character 1: expected a name, found "AND"`,
		`"a = 1`:               "at character 1: the quotes are not closed",
		// of what is there the first 20 characters
		"a " + deep("ä", 20, ""): `found "` + deep("ä", 20, `"`),
		"a " + deep("ä", 21, ""): `found "` + deep("ä", 20, `…"`),
	} {
		_, err := filter.Parse(text)
		var at *filter.Error
		if !errors.As(err, &at) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"id":                              "[{[id] false 1}]",
		` properties."due date" desc, id`: "[{[properties due date] true 2} {[id] false 30}]",
		"a asc,b desc ":                   "[{[a] false 1} {[b] true 7}]",
		"":                                "at character 1: expected a name, found the end",
		"a,":                              "at character 3: expected a name, found the end",
		"a up":                            `at character 3: expected asc, desc, a comma or the end, found "up"`,
		"a desc b":                        `at character 8: expected a comma or the end, found "b"`,
		"a (":                             `at character 3: expected asc, desc, a comma or the end, found "("`,
		"a\xff":                           "at character 1: it is not UTF-8",
	} {
		keys, err := filter.ParseOrder(text)
		got := fmt.Sprint(keys)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if _, err := filter.ParseNames("a desc"); err == nil || !strings.Contains(err.Error(), "expected a comma or the end") {
		t.Errorf("names with a direction: %v", err)
	}
}

func deep(part string, n int, end string) string { return strings.Repeat(part, n) + end }

func FuzzParse(f *testing.F) {
	for _, text := range []string{"a = 1", `a."b c" != "*x\"" AND (b:* OR NOT c <= 2)`, "-(a=1 b=2)", "'"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		node, err := filter.Parse(text)
		if err == nil {
			_ = show(node)
			return
		}
		var at *filter.Error
		if !errors.As(err, &at) || at.At < 1 || at.At > len([]rune(text))+1 {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
