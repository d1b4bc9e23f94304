package client

import (
	"context"
	"iter"
	"time"

	"github.com/platenhq/platen/internal/olrest"
)

// About returns what the server says of itself. (GET /api/v1/server)
func (c *Client) About(ctx context.Context) (About, error) {
	return get[About](ctx, c, nativeRequest(olrest.ReadServer, ""))
}

// Me returns who makes requests with this client. (GET /api/v1/me)
func (c *Client) Me(ctx context.Context) (Me, error) {
	return get[Me](ctx, c, nativeRequest(olrest.ReadMe, ""))
}

// Tokens returns the named tokens: all for an admin, otherwise those of the user. (GET
// /api/v1/tokens)
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	return collect(pagesOf[Token](ctx, c, func() *request { return nativeRequest(olrest.ListTokens, "") }))
}

// CreateToken makes a named token; its Secret is what [NewWithToken] takes. Conflict:
// the name is taken. (POST /api/v1/tokens)
func (c *Client) CreateToken(ctx context.Context, token NewToken) (Token, error) {
	return get[Token](ctx, c, nativeRequest(olrest.AddToken, "").sending(token))
}

// RevokeToken ends a named token for good. NotFound: there is none. (DELETE
// /api/v1/tokens/{name})
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveToken, name))
}

// WebhooksSeq yields the webhooks. (GET /api/v1/webhooks)
func (c *Client) WebhooksSeq(ctx context.Context) iter.Seq2[Webhook, error] {
	return pagesOf[Webhook](ctx, c, func() *request { return nativeRequest(olrest.ListWebhooks, "") })
}

// Webhook returns a webhook. NotFound: there is none. (GET /api/v1/webhooks/{webhook})
func (c *Client) Webhook(ctx context.Context, id int64) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.DescribeWebhook, number(id)))
}

// CreateWebhook makes a webhook, which gets what happens from then on; its Secret signs
// what it gets. Invalid: the server may not call the URL. Conflict: there are too many.
// (POST /api/v1/webhooks)
func (c *Client) CreateWebhook(ctx context.Context, webhook NewWebhook) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.AddWebhook, "").sending(webhook))
}

// ChangeWebhook changes a webhook. (PATCH /api/v1/webhooks/{webhook})
func (c *Client) ChangeWebhook(ctx context.Context, id int64, change WebhookChange) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.ChangeWebhook, number(id)).sending(change))
}

// DeleteWebhook removes a webhook. (DELETE /api/v1/webhooks/{webhook})
func (c *Client) DeleteWebhook(ctx context.Context, id int64) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveWebhook, number(id)))
}

// AttemptsSeq yields what was sent to a webhook, the newest first. (GET
// /api/v1/webhooks/{webhook}/attempts)
func (c *Client) AttemptsSeq(ctx context.Context, id int64) iter.Seq2[Attempt, error] {
	return pagesOf[Attempt](ctx, c, func() *request { return nativeRequest(olrest.ListAttempts, number(id)) })
}

// TestWebhook sends a test to a webhook, and returns what came back. (POST
// /api/v1/webhooks/{webhook}/test)
func (c *Client) TestWebhook(ctx context.Context, id int64) (Attempt, error) {
	return get[Attempt](ctx, c, nativeRequest(olrest.TestWebhook, number(id)))
}

// ReplayWebhook sends a webhook the events after one again, or those from a time on if
// after is "". (POST /api/v1/webhooks/{webhook}/replay)
func (c *Client) ReplayWebhook(ctx context.Context, id int64, after string, from time.Time) (Webhook, error) {
	body := map[string]any{"after": after}
	if after == "" {
		body = map[string]any{"time": from}
	}
	return get[Webhook](ctx, c, nativeRequest(olrest.ReplayWebhook, number(id)).sending(body))
}

// RotateWebhook gives a webhook another secret; the old one stays good for keepOld.
// (POST /api/v1/webhooks/{webhook}/rotate)
func (c *Client) RotateWebhook(ctx context.Context, id int64, keepOld time.Duration) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.RotateWebhook, number(id)).sending(map[string]string{"keepOldFor": keepOld.String()}))
}
