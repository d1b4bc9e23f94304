package client_test

import (
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/platentest"
)

func TestRetentionRules(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	rule := must[client.RetentionRule](t)(c.CreateRetentionRule(ctx, client.NewRetentionRule{Name: "old-mail", Kind: platen.JobSet, Days: 90, Filter: "NOT properties.keep = yes"}))
	if rule.Name != "old-mail" || rule.Kind != platen.JobSet || rule.Days != 90 || rule.Enabled || rule.CreatedBy != user || rule.CreateTime.IsZero() || rule.LastRun != nil {
		t.Errorf("%+v", rule)
	}
	is(t, rule)(c.RetentionRule(ctx, "old-mail"))
	days, filter := int64(platen.MaxRetentionDays), ""
	changed := must[client.RetentionRule](t)(c.ChangeRetentionRule(ctx, "old-mail", client.RetentionRuleChange{Days: &days, Filter: &filter}))
	if changed.Days != days || changed.Filter != "" || changed.Enabled || changed.UpdatedBy != user || changed.UpdateTime.IsZero() {
		t.Errorf("%+v", changed)
	}
	rules := must[[]client.RetentionRule](t)(c.RetentionRules(ctx))
	is(t, []client.RetentionRule{changed})(rules, nil)
	sameJSON(t, c, baseOf(sent)+"/api/v1/retention", map[string][]client.RetentionRule{"rules": rules})

	for _, wrong := range []client.NewRetentionRule{
		{Name: ".x", Kind: platen.JobSet, Days: 1}, {Name: "x", Kind: platen.Job, Days: 1}, {Name: "x", Kind: platen.JobSet},
		{Name: "x", Kind: platen.JobSet, Days: days + 1}, {Name: "x", Kind: platen.JobSet, Days: 1, Filter: "("},
	} {
		fails(t, second(c.CreateRetentionRule(ctx, wrong)), platen.Invalid, "")
	}
	fails(t, second(c.CreateRetentionRule(ctx, client.NewRetentionRule{Name: "old-mail", Kind: platen.DataSet, Days: 1})), platen.Conflict, "already")
	fails(t, second(c.RetentionRule(ctx, "none")), platen.NotFound, "none")
	fails(t, second(c.ChangeRetentionRule(ctx, "none", client.RetentionRuleChange{Days: &days})), platen.NotFound, "none")
	fails(t, second(c.ChangeRetentionRule(ctx, "old-mail", client.RetentionRuleChange{})), platen.Invalid, "nothing to change")
	days = 0
	fails(t, second(c.ChangeRetentionRule(ctx, "old-mail", client.RetentionRuleChange{Days: &days})), platen.Invalid, "days")
	filter = "("
	fails(t, second(c.ChangeRetentionRule(ctx, "old-mail", client.RetentionRuleChange{Filter: &filter})), platen.Invalid, "filter")
	if err := c.DeleteRetentionRule(ctx, "old-mail"); err != nil {
		t.Error(err)
	}
	fails(t, c.DeleteRetentionRule(ctx, "old-mail"), platen.NotFound, "old-mail")
}

// TestRetentionPreview: a rule has a preview before it is enabled, and once it has run
// says what it did.
func TestRetentionPreview(t *testing.T) {
	server := platentest.New(t, platentest.Demo())
	c, ctx := server.Client, t.Context()
	must[client.RetentionRule](t)(c.CreateRetentionRule(ctx, client.NewRetentionRule{Name: "week", Kind: platen.JobSet, Days: 7}))
	sets := must[[]platen.ID](t)(c.Entities(ctx, platen.JobSet))
	is(t, 0)(len(all(t, c.RetentionPreviewSeq(ctx, "week", "id"))), nil)
	server.Advance(8 * 24 * time.Hour)
	is(t, []client.Entity{{ID: sets[0]}})(all(t, c.RetentionPreviewSeq(ctx, "week", "id")), nil)
	if whole := all(t, c.RetentionPreviewSeq(ctx, "week", "")); whole[0].Kind != platen.JobSet || whole[0].CreateTime.IsZero() {
		t.Errorf("%+v", whole)
	}
	fails(t, drain(c.RetentionPreviewSeq(ctx, "week", "what")), platen.Invalid, "fields")
	fails(t, drain(c.RetentionPreviewSeq(ctx, "none", "")), platen.NotFound, "none")

	must[client.RetentionRule](t)(c.ChangeRetentionRule(ctx, "week", client.RetentionRuleChange{Enabled: &yes}))
	server.Advance(2 * time.Hour)
	rule := must[client.RetentionRule](t)(c.RetentionRule(ctx, "week"))
	if rule.LastRun == nil || rule.LastRun.Deleted != 1 || rule.LastRun.EndTime.IsZero() || rule.LastRun.Error != "" {
		t.Errorf("%+v", rule.LastRun)
	}
	is(t, []platen.ID{})(c.Entities(ctx, platen.JobSet))
}
