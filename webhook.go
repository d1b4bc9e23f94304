package platen

import (
	"slices"
	"time"
)

// A Webhook is a URL of another program, to which the server sends events.
type Webhook struct {
	ID          int64
	URL         string
	Description string
	Filter      EventFilter
	Enabled     bool
	Reason      string // why it is not enabled, "" if it is

	Created   time.Time
	CreatedBy string // a user, "" if that is not known
	Updated   time.Time

	// OldSecretUntil is when the secret before the last rotation ends; until then
	// both sign. Zero: there is none.
	OldSecretUntil time.Time

	// Position is that of the last event that was delivered, or passed over
	// because the filter does not want it.
	Position int64
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
	MaxFilterEntries      = 100  // in each list of an [EventFilter]
)

// An EventFilter says which events somebody wants. An empty list admits all;
// an event has to be admitted by each of the four.
type EventFilter struct {
	Kinds []Kind   // of the entity that changed
	Sets  []ID     // that it belongs to, or is
	Types []string // of the event
	Names []string // one of which changed
}

// An EventSubject is what an [EventFilter] looks at.
type EventSubject struct {
	Type  string
	Kind  Kind // 0: of no entity
	Set   ID   // 0: of no set
	Names []string
}

// Admits reports whether the filter wants an event.
func (f *EventFilter) Admits(event *EventSubject) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, event.Type)) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, event.Kind)) &&
		(len(f.Sets) == 0 || slices.Contains(f.Sets, event.Set)) &&
		(len(f.Names) == 0 || slices.ContainsFunc(event.Names, func(name string) bool { return slices.Contains(f.Names, name) }))
}

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
	Filter      *EventFilter
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
	From  string    // the id of the first event
	After string    // the id of the event before it
	Time  time.Time // the first event is the first at this time or later
}
