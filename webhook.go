package platen

import "time"

// A Webhook is a URL of another program, to which the server sends events.
type Webhook struct {
	ID          int64
	URL         string
	Description string
	Filter      ChangeFilter
	Enabled     bool
	Reason      string // why it is not enabled, "" if it is

	Created   time.Time
	CreatedBy string // a user, "" if that is not known
	Updated   time.Time

	// OldSecretUntil is when the secret before the last rotation ends; until then
	// both sign. Zero: there is none.
	OldSecretUntil time.Time

	// Position is the last event that was delivered, or passed over because the
	// filter does not want it.
	Position EventID
	// Failures are the attempts in a row that failed for the next event, since
	// FailingSince; the next one is not before NextAttempt. Zero: none.
	Failures     int
	FailingSince time.Time
	NextAttempt  time.Time
}

// Limits of webhooks.
const (
	MaxWebhookURL         = 2048 // bytes
	MaxWebhookDescription = 1000 // bytes
	MaxFilterEntries      = 100  // in each list of a [ChangeFilter]
)

// A WebhookAttempt is one request to the URL of a webhook.
type WebhookAttempt struct {
	ID        int64 // ascending in time for each webhook
	Webhook   int64
	Event     string // the id of the event
	EventType string
	Time      time.Time
	Took      time.Duration
	Status    int    // of HTTP; 0: there was no answer
	Error     string // why it failed, "" for success
	Response  string // the beginning of the answer's body, if it failed or was a test
}

// A WebhookChange is what a request wants a webhook to be; nil: as it is.
type WebhookChange struct {
	URL         *string
	Description *string
	Filter      *ChangeFilter
	Enabled     *bool
	Secret      *string // of a new webhook alone; nil: the server makes one
}

// A WebhookRotation replaces the secret of a webhook.
type WebhookRotation struct {
	Secret  *string       // nil: the server makes one
	KeepOld time.Duration // the old one stays good for so long
}

// The time that an old secret stays good for.
const (
	DefaultKeepOld = 24 * time.Hour
	MaxKeepOld     = 30 * 24 * time.Hour
)

// A WebhookReplay says from where on a webhook gets the events of the log again.
// One of the three is set.
type WebhookReplay struct {
	From  *EventID  // the first event
	After *EventID  // the event before it
	Time  time.Time // the first event is the first at this time or later
}
