package olrest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// retention are the routes of the rules by which old sets are deleted.
var retention = []Route{
	{Method: http.MethodGet, Path: retentionPath, Action: ListRules},
	{Method: http.MethodPost, Path: retentionPath, Action: AddRule},
	{Method: http.MethodGet, Path: retentionPath + "/{name}", Action: DescribeRule},
	{Method: http.MethodPatch, Path: retentionPath + "/{name}", Action: ChangeRule},
	{Method: http.MethodDelete, Path: retentionPath + "/{name}", Action: RemoveRule},
	{Method: http.MethodGet, Path: retentionPath + "/{name}/preview", Action: PreviewRule},
}

const retentionPath = NativePrefix + "/retention"

// nameMarks are what the names of rules and tokens have besides letters and digits.
const nameMarks = "-_."

// CheckName returns an error for a name that will not do for what, such as "token".
func CheckName(what, name string) error {
	plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"+nameMarks) == ""
	if name == "" || len(name) > 64 || !plain || name[0] == '.' {
		return platen.Errorf(platen.Invalid, "the name of a %s has 1 to 64 letters, digits and marks of %s and begins with none of the last", what, nameMarks)
	}
	return nil
}

// daysInto returns what reads the days of a rule.
func (d *decoder) daysInto(to *int64) func() error {
	return func() (err error) {
		if *to, err = d.integer("days"); err == nil && (*to < 1 || *to > platen.MaxRetentionDays) {
			err = d.fail("days must be from 1 to %d, not %d", platen.MaxRetentionDays, *to)
		}
		return err
	}
}

// ReadNewRule reads a rule to be added.
func ReadNewRule(body []byte) (rule platen.RetentionRule, err error) {
	kind := ""
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the rule", map[string]func() error{
			"name": d.textInto("name", &rule.Name), "kind": d.textInto("kind", &kind), "days": d.daysInto(&rule.Days),
			"filter": d.textInto("filter", &rule.Filter), "enabled": d.boolInto("enabled", &rule.Enabled),
		})
	})
	switch {
	case err != nil:
		return rule, err
	case rule.Name == "":
		return rule, missing("name")
	case kind == "":
		return rule, missing("kind")
	case rule.Days == 0:
		return rule, missing("days")
	}
	if err := CheckName("rule", rule.Name); err != nil {
		return rule, err
	}
	if rule.Kind, err = ParseKind(kindParameter, kind); err != nil {
		return rule, err
	}
	if !rule.Kind.Info().Set {
		err := platen.Errorf(platen.Invalid, "a rule is for dataset, contentset or jobset, since only sets are deleted, and a %s is none", rule.Kind)
		err.Param = kindParameter
		return rule, err
	}
	return rule, CheckRuleFilter(rule.Kind, rule.Filter)
}

// maxRuleFilter is the most bytes that the filter of a rule can have.
const maxRuleFilter = 16 << 10

// CheckRuleFilter returns an error for a filter that can not be that of a rule.
func CheckRuleFilter(kind platen.Kind, text string) error {
	if len(text) > maxRuleFilter {
		return platen.Errorf(platen.Invalid, "the filter has %d bytes, and it can have %d", len(text), maxRuleFilter)
	}
	_, err := readFilter(kind, text)
	return err
}

// A RuleUpdate is what is to change of a rule; what is nil stays.
type RuleUpdate struct {
	Days    *int64
	Filter  *string
	Enabled *bool
}

// ReadRuleUpdate reads what is to change of a rule: something at least.
func ReadRuleUpdate(body []byte) (u RuleUpdate, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the change", map[string]func() error{
			"days":    given(&u.Days, d.daysInto),
			"filter":  given(&u.Filter, func(to *string) func() error { return d.textInto("filter", to) }),
			"enabled": given(&u.Enabled, func(to *bool) func() error { return d.boolInto("enabled", to) }),
		})
	})
	if err == nil && u == (RuleUpdate{}) {
		err = platen.Errorf(platen.Invalid, "there is nothing to change: name days, filter or enabled")
	}
	return u, err
}

// RuleListing returns the listing of the sets that a rule deletes at a time, of so
// many on a page and with all that is known of them.
func RuleListing(rule *platen.RetentionRule, now time.Time, size int) (*platen.Listing, error) {
	when, err := ruleAt(rule, now)
	return &platen.Listing{Kind: rule.Kind, Rule: when, Size: size, Parts: chosen(nil).parts()}, err
}

// ReadPreview reads the query of a preview: the listing of the sets that a rule
// deletes at a time.
func ReadPreview(values url.Values, rule *platen.RetentionRule, now time.Time) (*Listing, error) {
	err := CheckQuery(values, fieldsParameter, pageSizeParameter, pageTokenParameter)
	if err != nil {
		return nil, err
	}
	l := &Listing{query: strings.Join([]string{"retention", rule.Name, KindName(rule.Kind), rule.Filter}, "\x00")}
	l.Kind = rule.Kind
	if err := l.readShape(values); err != nil {
		return nil, err
	}
	l.Rule, err = ruleAt(rule, now)
	return l, err
}

// ruleAt returns what holds for the sets that a rule deletes at a time.
func ruleAt(rule *platen.RetentionRule, now time.Time) (platen.Rule, error) {
	own, err := readFilter(rule.Kind, rule.Filter)
	if err != nil {
		return own, err
	}
	old, err := readFilter(rule.Kind, `createTime < "`+FormatTime(rule.Before(now))+`"`)
	return platen.Rule{Type: platen.All, Rules: []platen.Rule{old, own}}, err
}

// rule writes a rule as an object.
func (j *jsonWriter) rule(r platen.RetentionRule) {
	j.object()
	j.text("name", r.Name)
	j.text("kind", KindName(r.Kind))
	j.number("days", r.Days)
	j.text("filter", r.Filter)
	j.flag("enabled", r.Enabled)
	j.time("createTime", r.Created)
	j.text("createdBy", r.CreatedBy)
	if !r.Changed.IsZero() {
		j.time("updateTime", r.Changed)
		j.text("updatedBy", r.ChangedBy)
	}
	if !r.Last.Ended.IsZero() {
		j.key("lastRun")
		j.object()
		j.time("endTime", r.Last.Ended)
		j.number("deleted", r.Last.Deleted)
		j.optionalText("error", r.Last.Error)
		j.end()
	}
	j.end()
}

// ReplyRule answers with a rule; created: one that the request has added.
func ReplyRule(w http.ResponseWriter, r platen.RetentionRule, created bool) {
	var b jsonWriter
	b.rule(r)
	replyOne(w, "retention", r.Name, created, b.buf)
}

// ReplyRules answers with all rules.
func ReplyRules(w http.ResponseWriter, rules []platen.RetentionRule) {
	replyAll(w, "rules", rules, (*jsonWriter).rule)
}
