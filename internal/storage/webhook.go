package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// A Webhook is a webhook with what only its sender needs.
type Webhook struct {
	platen.Webhook
	Secret, OldSecret []byte // keys that sign; OldSecret is empty, or good until OldSecretUntil
	// Epoch changes when the webhook is to begin anew from its position: what is
	// recorded of an earlier one no longer counts.
	Epoch int64
}

// A WebhookProgress is how far the delivery to a webhook is.
type WebhookProgress struct {
	Webhook, Epoch            int64
	Position                  platen.EventID
	Failures                  int
	FailingSince, NextAttempt time.Time // zero: none
}

// Webhooks keeps webhooks and the attempts to deliver to them.
type Webhooks interface {
	// Webhooks returns up to most webhooks with an id over after, by id.
	Webhooks(ctx context.Context, after int64, most int) ([]Webhook, error)
	// Webhook returns one. NotFound: there is none with that id.
	Webhook(ctx context.Context, id int64) (Webhook, error)
	// WebhooksVersion returns another text after each change of webhooks by a
	// request, whichever process served it.
	WebhooksVersion(ctx context.Context) (string, error)
	// CountWebhooks returns how many webhooks there are of each state.
	CountWebhooks(ctx context.Context) (enabled, disabled int64, err error)
	// AddWebhook adds a webhook, and returns its id. Conflict: there are most
	// already.
	AddWebhook(ctx context.Context, hook *Webhook, most int) (int64, error)
	// ChangeWebhook has change change a webhook, in a transaction. An error of
	// change is returned, and nothing is changed. NotFound as in Webhook.
	ChangeWebhook(ctx context.Context, id int64, change func(*Webhook) error) (Webhook, error)
	// RemoveWebhook removes a webhook with its attempts. NotFound as in Webhook.
	RemoveWebhook(ctx context.Context, id int64) error

	// RecordWebhooks records progress, but no step back, and none of webhooks whose
	// epoch is another by now, and attempts.
	RecordWebhooks(ctx context.Context, progress []WebhookProgress, attempts []platen.WebhookAttempt) error
	// WebhookAttempts returns up to most attempts of a webhook with an id below
	// before, the newest first. NotFound as in Webhook.
	WebhookAttempts(ctx context.Context, webhook, before int64, most int) ([]platen.WebhookAttempt, error)
	// PruneWebhooks removes a few of the attempts from before a time, or of which
	// a webhook has more than keep, and reports whether there may be more. It also
	// removes old secrets that are no longer good.
	PruneWebhooks(ctx context.Context, before time.Time, keep int) (more bool, err error)

	// EventBefore returns the last event from before a time, by which events were
	// logged about in order. Gone: it is no longer kept.
	EventBefore(ctx context.Context, at time.Time) (platen.EventID, error)

	// LeaseWebhooks reports whether this process delivers to webhooks, for as
	// long as keep; others do not meanwhile. A keep of zero gives that up.
	LeaseWebhooks(ctx context.Context, keep time.Duration) (bool, error)
}
