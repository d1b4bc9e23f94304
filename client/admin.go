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

// ChangePassword replaces the password of the user whom the client is logged in as, and
// ends the sessions of that user; named tokens go on. The client goes on with the new
// password if it has the old one. The new password has 8 to 1024 bytes, otherwise:
// Invalid. Forbidden: the old password is wrong, which counts as a failed login.
// Conflict: the user logs in by a provider, or the server checks no credentials. (PATCH
// /api/v1/me)
func (c *Client) ChangePassword(ctx context.Context, old, fresh string) error {
	if err := c.lockLogin(ctx); err != nil { // nobody logs in with the old one meanwhile
		return err
	}
	defer c.unlockLogin()
	r := nativeRequest(olrest.ChangePassword, "").sending(map[string]string{"oldPassword": old, "password": fresh})
	r.password = true
	err := c.doEmpty(ctx, r)
	if err == nil {
		c.replacePassword(old, fresh)
	}
	return err
}

// Users returns all users by name. (GET /api/v1/users)
func (c *Client) Users(ctx context.Context) ([]User, error) {
	return collect(pagesOf[User](ctx, c, func() *request { return nativeRequest(olrest.ListUsers, "") }))
}

// User returns a user. NotFound: there is none. (GET /api/v1/users/{name})
func (c *Client) User(ctx context.Context, name string) (User, error) {
	return get[User](ctx, c, nativeRequest(olrest.DescribeUser, name))
}

// CreateUser adds a user. Invalid: name, password or role will not do. Conflict: the
// name is taken. (POST /api/v1/users)
func (c *Client) CreateUser(ctx context.Context, user NewUser) (User, error) {
	return get[User](ctx, c, nativeRequest(olrest.AddUser, "").sending(user))
}

// ChangeUser changes role or password of a user, or disables or enables it. A new
// password ends the sessions of the user, and so does disabling it. For the client's
// own user there is [Client.ChangePassword]. NotFound: there is none. Invalid: nothing
// is to change, the password will not do, or Disabled is not by itself. Conflict: there
// would be no local admin who is not disabled, or role and password are those of a
// provider. (PATCH /api/v1/users/{name})
func (c *Client) ChangeUser(ctx context.Context, name string, change UserChange) (User, error) {
	return get[User](ctx, c, nativeRequest(olrest.ChangeUser, name).sending(change))
}

// DeleteUser removes a user, with the user's sessions, named tokens and views that are
// not shared. NotFound: there is none. Conflict: there would be no local admin who is
// not disabled. (DELETE /api/v1/users/{name})
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveUser, name))
}

// Tokens returns the named tokens: all for an admin, otherwise those of the user. (GET
// /api/v1/tokens)
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	return collect(pagesOf[Token](ctx, c, func() *request { return nativeRequest(olrest.ListTokens, "") }))
}

// CreateToken makes a named token; its Secret is what [NewWithToken] takes. Invalid: name,
// role or kinds will not do, or the time is over. NotFound: there is no such user.
// Conflict: the name is taken, or there are too many. Forbidden: as in ChangeToken, or it
// is for somebody else than the caller, who is no admin. (POST /api/v1/tokens)
func (c *Client) CreateToken(ctx context.Context, token NewToken) (Token, error) {
	return get[Token](ctx, c, nativeRequest(olrest.AddToken, "").sending(token))
}

// NamedToken returns what is known of a named token, for admins and for its user.
// NotFound: there is none, or it is another user's. (GET /api/v1/tokens/{name})
func (c *Client) NamedToken(ctx context.Context, name string) (Token, error) {
	return get[Token](ctx, c, nativeRequest(olrest.DescribeToken, name))
}

// ChangeToken changes a named token. NotFound: as in NamedToken. Invalid: nothing is to
// change, or the new time is over. Forbidden: the role is above that of the caller or of
// the token's user, or the client itself has a named token of somebody who is no admin.
// (PATCH /api/v1/tokens/{name})
func (c *Client) ChangeToken(ctx context.Context, name string, change TokenChange) (Token, error) {
	return get[Token](ctx, c, nativeRequest(olrest.ChangeToken, name).sending(change))
}

// RevokeToken ends a named token for good. NotFound: as in NamedToken. Forbidden: the
// client itself has a named token of somebody who is no admin. (DELETE
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
// what it gets. Invalid: the server may not call the URL, or something else of it will
// not do. Conflict: there are too many. (POST /api/v1/webhooks)
func (c *Client) CreateWebhook(ctx context.Context, webhook NewWebhook) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.AddWebhook, "").sending(webhook))
}

// ChangeWebhook changes a webhook. NotFound: there is none. Invalid: nothing is to change,
// or as in CreateWebhook. (PATCH /api/v1/webhooks/{webhook})
func (c *Client) ChangeWebhook(ctx context.Context, id int64, change WebhookChange) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.ChangeWebhook, number(id)).sending(change))
}

// DeleteWebhook removes a webhook. NotFound: there is none. (DELETE
// /api/v1/webhooks/{webhook})
func (c *Client) DeleteWebhook(ctx context.Context, id int64) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveWebhook, number(id)))
}

// AttemptsSeq yields what was sent to a webhook, the newest first. NotFound: there is no
// such webhook. (GET /api/v1/webhooks/{webhook}/attempts)
func (c *Client) AttemptsSeq(ctx context.Context, id int64) iter.Seq2[Attempt, error] {
	return pagesOf[Attempt](ctx, c, func() *request { return nativeRequest(olrest.ListAttempts, number(id)) })
}

// TestWebhook sends a test to a webhook, whether it is enabled or not, and returns what
// came back within 15 s: that the receiver has failed is in the Attempt. NotFound: there
// is no such webhook. (POST /api/v1/webhooks/{webhook}/test)
func (c *Client) TestWebhook(ctx context.Context, id int64) (Attempt, error) {
	return get[Attempt](ctx, c, nativeRequest(olrest.TestWebhook, number(id)))
}

// ReplayWebhook has a webhook go on from another place in the log, before or after the
// one where it is: what it had before it gets again. NotFound: there is no such webhook.
// Invalid: the replay names no place, or more than one, or an event that is none, or none
// yet. Gone: some of the events from there on are no longer kept. (POST
// /api/v1/webhooks/{webhook}/replay)
func (c *Client) ReplayWebhook(ctx context.Context, id int64, replay WebhookReplay) (Webhook, error) {
	return get[Webhook](ctx, c, nativeRequest(olrest.ReplayWebhook, number(id)).sending(replay))
}

// RotateWebhook gives a webhook another secret, as a [NewWebhook] has it; if secret is "",
// the server makes one. The old one stays good for keepOld, 0 to [platen.MaxKeepOld].
// NotFound: there is no such webhook. Invalid: secret can be none, or keepOld is another
// time. (POST /api/v1/webhooks/{webhook}/rotate)
func (c *Client) RotateWebhook(ctx context.Context, id int64, secret string, keepOld time.Duration) (Webhook, error) {
	body := map[string]string{"keepOldFor": keepOld.String()}
	if secret != "" {
		body["secret"] = secret
	}
	return get[Webhook](ctx, c, nativeRequest(olrest.RotateWebhook, number(id)).sending(body))
}
