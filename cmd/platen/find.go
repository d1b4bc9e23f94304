package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
)

// comparisons are the signs of conditions, the longer ones first.
var comparisons = []struct {
	sign      string
	condition platen.Condition
}{
	{"!=", platen.NotEqual}, {"<=", platen.LessOrEqual}, {">=", platen.GreaterOrEqual}, {"!~", platen.NotContains},
	{"=", platen.Equal}, {"<", platen.Less}, {">", platen.Greater}, {"~", platen.Contains},
}

// readCondition reads a condition such as shift=night.
func readCondition(text string) (platen.Rule, error) {
	at, length := len(text), 0
	rule := platen.Rule{Type: platen.Text}
	for _, one := range comparisons {
		if i := strings.Index(text, one.sign); i > 0 && i < at {
			at, length, rule.Condition = i, len(one.sign), one.condition
		}
	}
	if length == 0 {
		return rule, usageError{fmt.Errorf("%q is no condition: write NAME=VALUE, with one of = != < <= > >= ~ (contains) !~", text), "platen find"}
	}
	rule.Facet, rule.Name = searchName(strings.TrimSpace(text[:at]))
	rule.Value = strings.TrimSpace(text[at+length:])
	return rule, nil
}

// searchName reads the name of a property, or of a field if it says so.
func searchName(text string) (platen.Facet, string) {
	for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
		if name, ok := strings.CutPrefix(text, facet.String()+"."); ok {
			return facet, name
		}
	}
	return platen.Properties, text
}

// A found is an entity that was found, as it is printed.
type found struct {
	ID      platen.ID `json:"id"`
	Group   int       `json:"group"`
	SortKey string    `json:"sortKey,omitempty"`
}

func findCommand(env environment) *cobra.Command {
	var anyOf bool
	var sort, group, in []string
	var limit count
	cmd := remoteCommand(env, cobra.Command{
		Use:   "find KIND [CONDITION...]",
		Short: "Search as OL Connect's REST API does: conditions, sorting, groups",
		Long: `find searches with the dialect's own search, which other servers have, too; on
platen "platen list --filter" can more. A condition is NAME=VALUE, with one of
= != < <= > >= ~ (contains) !~; NAME is a property, or fields.NAME of data
records. All of them must hold, or with --any one.`,
		Example: `  platen find jobs shift=night 'customer~Ltd'
  platen find datarecords 'fields.City=Nice' --sort fields.Name
  platen find jobs --group shift --in 1000`,
		Args: atLeast(1, "KIND"), ValidArgs: kindNames(),
	}, func(ctx context.Context, r *remote, args []string) (err error) {
		search := platen.Search{Rule: platen.Rule{Type: platen.All}}
		if anyOf {
			search.Rule.Type = platen.Any
		}
		if search.Kind, err = kindOf(args[0]); err != nil {
			return err
		}
		for _, text := range args[1:] {
			rule, err := readCondition(text)
			if err != nil {
				return err
			}
			search.Rule.Rules = append(search.Rule.Rules, rule)
		}
		if len(search.Rule.Rules) == 0 {
			search.Rule = platen.Rule{Type: platen.All}
		}
		if search.Sets, err = idsOf("platen find", in...); err != nil {
			return err
		}
		if len(in) == 0 {
			search.Sets = nil
		}
		search.Sort, search.Group = searchKeys(sort), searchKeys(group)
		r.out.begin("ID", "GROUP", "SORT KEY")
		all := r.FindSeq(ctx, &search)
		return printAll(r, limit, "nothing was found", func(yield func(found, error) bool) {
			for match, err := range all {
				if !yield(found{match.ID, match.Group, match.SortKey}, err) {
					return
				}
			}
		}, func(f found) []string { return []string{f.ID.String(), fmt.Sprint(f.Group), f.SortKey} })
	})
	flags := cmd.Flags()
	flags.BoolVar(&anyOf, "any", false, "one of the conditions is enough")
	flags.StringSliceVar(&sort, "sort", nil, "NAME to sort by; -NAME is descending")
	flags.StringSliceVar(&group, "group", nil, "NAME to group by; -NAME is descending")
	flags.StringSliceVar(&in, "in", nil, "ID of a set to search in")
	flags.Var(&limit, "limit", "how many at most; 0: all")
	return cmd
}

func searchKeys(names []string) (keys []platen.SearchKey) {
	for _, text := range names {
		name, descending := strings.CutPrefix(text, "-")
		facet, name := searchName(name)
		keys = append(keys, platen.SearchKey{Facet: facet, Name: name, Descending: descending})
	}
	return keys
}
