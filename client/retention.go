package client

import (
	"context"
	"iter"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A NewRetentionRule is a rule of retention to be added.
type NewRetentionRule struct {
	Name    string      `json:"name"` // 1 to 64 letters, digits and marks of -_.
	Kind    platen.Kind `json:"kind"` // of set
	Days    int64       `json:"days"` // 1 to [platen.MaxRetentionDays]
	Filter  string      `json:"filter,omitzero"`
	Enabled bool        `json:"enabled,omitzero"`
}

// MarshalJSON returns the rule as the API has it.
func (r NewRetentionRule) MarshalJSON() ([]byte, error) {
	type plain NewRetentionRule
	return olrest.EncodeNative(plain(r))
}

// A RetentionRuleChange is what is to change of a rule of retention; what is nil stays.
type RetentionRuleChange struct {
	Days    *int64  `json:"days,omitzero"`
	Filter  *string `json:"filter,omitzero"`
	Enabled *bool   `json:"enabled,omitzero"`
}

// A RetentionRule deletes the sets of a kind that were created more than so many days
// ago, of those that a filter holds for.
type RetentionRule struct {
	Name       string        `json:"name"`
	Kind       platen.Kind   `json:"kind"`
	Days       int64         `json:"days"`
	Filter     string        `json:"filter"`  // as that of a [Listing]; "": all
	Enabled    bool          `json:"enabled"` // otherwise it deletes nothing, but has a preview
	CreateTime time.Time     `json:"createTime"`
	CreatedBy  string        `json:"createdBy"`
	UpdateTime time.Time     `json:"updateTime,omitzero"` // zero: not since it was made
	UpdatedBy  string        `json:"updatedBy,omitzero"`
	LastRun    *RetentionRun `json:"lastRun,omitzero"` // nil: it has not run
}

// MarshalJSON returns the rule as the API has it.
func (r RetentionRule) MarshalJSON() ([]byte, error) {
	type plain RetentionRule
	return olrest.EncodeNative(plain(r))
}

// A RetentionRun is how a run of a rule ended.
type RetentionRun struct {
	EndTime time.Time `json:"endTime"`
	Deleted int64     `json:"deleted"`        // sets
	Error   string    `json:"error,omitzero"` // why it deleted no more
}

// RetentionRules returns all rules of retention by name. (GET /api/v1/retention)
func (c *Client) RetentionRules(ctx context.Context) ([]RetentionRule, error) {
	return collect(pagesOf[RetentionRule](ctx, c, func() *request { return nativeRequest(olrest.ListRules, "") }))
}

// RetentionRule returns a rule of retention. NotFound: there is none. (GET
// /api/v1/retention/{name})
func (c *Client) RetentionRule(ctx context.Context, name string) (RetentionRule, error) {
	return get[RetentionRule](ctx, c, nativeRequest(olrest.DescribeRule, name))
}

// CreateRetentionRule adds a rule of retention. One that is enabled runs some seconds
// after that, and then every hour; see [Client.RetentionPreviewSeq] first. Invalid: the
// kind is none of sets, or name, days or filter will not do. Conflict: the name is
// taken, or there are 100 rules. (POST /api/v1/retention)
func (c *Client) CreateRetentionRule(ctx context.Context, rule NewRetentionRule) (RetentionRule, error) {
	return get[RetentionRule](ctx, c, nativeRequest(olrest.AddRule, "").sending(rule))
}

// ChangeRetentionRule changes a rule of retention. Once it returns, nothing more is
// deleted by the rule as it was before. NotFound: there is none. Invalid: nothing is to
// change, or days or filter will not do. (PATCH /api/v1/retention/{name})
func (c *Client) ChangeRetentionRule(ctx context.Context, name string, change RetentionRuleChange) (RetentionRule, error) {
	return get[RetentionRule](ctx, c, nativeRequest(olrest.ChangeRule, name).sending(change))
}

// DeleteRetentionRule removes a rule of retention; what it has deleted stays deleted.
// NotFound: there is none. (DELETE /api/v1/retention/{name})
func (c *Client) DeleteRetentionRule(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveRule, name))
}

// RetentionPreviewSeq yields the sets that a rule of retention would delete now, whether
// it is enabled or not. fields is what is wanted of each, as in a [Listing]; "": all.
// NotFound: there is no such rule. Invalid: the fields are not understood. (GET
// /api/v1/retention/{name}/preview)
func (c *Client) RetentionPreviewSeq(ctx context.Context, name, fields string) iter.Seq2[Entity, error] {
	return pagesOf[Entity](ctx, c, func() *request { return nativeRequest(olrest.PreviewRule, name).set("fields", fields) })
}
