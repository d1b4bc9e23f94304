package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

const (
	secretPrefix = "whsec_"
	// A secret has so many bytes, one that the server makes secretBytes.
	minSecretBytes, maxSecretBytes, secretBytes = 24, 64, 32
)

// secretOf returns the key that a secret stands for: that which was given, or a
// new one.
func secretOf(given *string) ([]byte, error) {
	if given == nil {
		return newKey(), nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(*given, secretPrefix))
	if err != nil || !strings.HasPrefix(*given, secretPrefix) || len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return nil, platen.Errorf(platen.Invalid, "secret: it must be %s and the base64 of %d to %d random bytes; leave it out, and the server makes one",
			secretPrefix, minSecretBytes, maxSecretBytes)
	}
	return key, nil
}

func newKey() []byte {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // it never fails
	return key
}

// NewSecret returns a new secret, as people see it.
func NewSecret() string { return textOf(newKey()) }

// textOf returns a key as people see it.
func textOf(key []byte) string { return secretPrefix + base64.StdEncoding.EncodeToString(key) }

// Create makes a webhook that gets the events from now on, and returns it with
// its secret, which is not shown again. Invalid; Conflict: there are too many.
func (s *Sender) Create(ctx context.Context, want platen.WebhookChange) (platen.Webhook, string, error) {
	none := platen.Webhook{}
	if want.URL == nil {
		return none, "", platen.Errorf(platen.Invalid, "url is missing")
	}
	key, err := secretOf(want.Secret)
	if err != nil {
		return none, "", err
	}
	now := time.Now()
	hook := storage.Webhook{
		Webhook: platen.Webhook{Enabled: true, Created: now, CreatedBy: storage.OriginOf(ctx).User, Updated: now},
		Secret:  key,
	}
	if err := s.apply(&hook, want); err != nil {
		return none, "", err
	}
	if hook.Position, err = s.Store.LastEvent(ctx); err != nil {
		return none, "", err
	}
	if hook.ID, err = s.Store.AddWebhook(ctx, &hook, s.Most); err != nil {
		return none, "", err
	}
	s.wake()
	return hook.Webhook, textOf(key), nil
}

// apply changes a webhook as a request wants.
func (s *Sender) apply(hook *storage.Webhook, want platen.WebhookChange) error {
	if want.Description != nil {
		if len(*want.Description) > platen.MaxWebhookDescription {
			return platen.Errorf(platen.Invalid, "description: it is longer than %d bytes", platen.MaxWebhookDescription)
		}
		hook.Description = *want.Description
	}
	if want.URL != nil {
		if err := s.Policy.Check(*want.URL); err != nil {
			return err
		}
		hook.URL = *want.URL
	}
	if want.Filter != nil {
		hook.Filter = *want.Filter
	}
	if want.Enabled != nil {
		hook.Enabled, hook.Reason = *want.Enabled, ""
		if !hook.Enabled {
			hook.Reason = disabledByHand
		}
	}
	return nil
}

const disabledByHand = "a request disabled it"

// Change changes a webhook. With another URL or filter, or enabled again, it is
// tried at once. NotFound; Invalid.
func (s *Sender) Change(ctx context.Context, id int64, want platen.WebhookChange) (platen.Webhook, error) {
	if want.Secret != nil {
		return platen.Webhook{}, platen.Errorf(platen.Invalid, "a secret is replaced by POST …/rotate, so that the old one stays good for a while")
	}
	hook, err := s.Store.ChangeWebhook(ctx, id, func(hook *storage.Webhook) error {
		if want.URL != nil || want.Filter != nil || want.Enabled != nil {
			hook.Epoch++
			hook.Failures, hook.FailingSince, hook.NextAttempt = 0, time.Time{}, time.Time{}
		}
		hook.Updated = time.Now()
		return s.apply(hook, want)
	})
	s.wake()
	return hook.Webhook, err
}

// Remove removes a webhook with its attempts. NotFound.
func (s *Sender) Remove(ctx context.Context, id int64) error {
	defer s.wake()
	return s.Store.RemoveWebhook(ctx, id)
}

// Rotate gives a webhook another secret, and returns it. NotFound; Invalid.
func (s *Sender) Rotate(ctx context.Context, id int64, want platen.WebhookRotation) (platen.Webhook, string, error) {
	key, err := secretOf(want.Secret)
	if err != nil {
		return platen.Webhook{}, "", err
	}
	hook, err := s.Store.ChangeWebhook(ctx, id, func(hook *storage.Webhook) error {
		hook.OldSecret, hook.OldSecretUntil = nil, time.Time{}
		now := time.Now()
		if want.KeepOld > 0 {
			hook.OldSecret, hook.OldSecretUntil = hook.Secret, now.Add(want.KeepOld)
		}
		hook.Secret, hook.Updated = key, now
		return nil
	})
	s.wake()
	return hook.Webhook, textOf(key), err
}

// Replay has a webhook get the events of the log again, from a place on that is
// still kept. NotFound; Invalid; Gone: the place is no longer kept.
func (s *Sender) Replay(ctx context.Context, id int64, from platen.WebhookReplay) (platen.Webhook, error) {
	position, err := s.replayPosition(ctx, from)
	if err != nil {
		return platen.Webhook{}, err
	}
	hook, err := s.Store.ChangeWebhook(ctx, id, func(hook *storage.Webhook) error {
		hook.Epoch++
		hook.Position = position
		hook.Failures, hook.FailingSince, hook.NextAttempt = 0, time.Time{}, time.Time{}
		return nil
	})
	s.wake()
	return hook.Webhook, err
}

// replayPosition returns the place after which a replay begins.
func (s *Sender) replayPosition(ctx context.Context, from platen.WebhookReplay) (position platen.EventID, err error) {
	switch {
	case from.From != nil:
		position = *from.From - 1
	case from.After != nil:
		position = *from.After
	default:
		return s.Store.EventBefore(ctx, from.Time)
	}
	_, _, err = s.Events.Page(ctx, position) // it says whether they are there
	if from.From != nil && errors.Is(err, platen.ErrInvalid) {
		err = platen.Errorf(platen.Invalid, "there was no event %s yet", *from.From).About("from")
	}
	return position, err
}

var errManyTests = platen.Errorf(platen.Unavailable, "%d tests of webhooks are under way; try again soon", testsAtOnce)

// Test sends a webhook an event that is not in the log, whether it is enabled or
// not, and returns what came of it. NotFound; Unavailable: many are under way.
func (s *Sender) Test(ctx context.Context, id int64) (platen.WebhookAttempt, error) {
	select {
	case s.tests <- struct{}{}:
		defer func() { <-s.tests }()
	default:
		return platen.WebhookAttempt{}, errManyTests
	}
	hook, err := s.Store.Webhook(ctx, id)
	if err != nil {
		return platen.WebhookAttempt{}, err
	}
	result := s.poster.post(ctx, &hook, testMessage())
	if err := ctx.Err(); err != nil {
		return platen.WebhookAttempt{}, err
	}
	s.count(&result)
	return result.WebhookAttempt, s.Store.RecordWebhooks(ctx, nil, []platen.WebhookAttempt{result.WebhookAttempt})
}
