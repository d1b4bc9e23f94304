package server

import (
	"bytes"
	"context"
	"net/http"
	"sync"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/webhook"
)

// addWebhooks makes the sender of events, which [Server.Serve] runs.
func (s *Server) addWebhooks() {
	config := s.Webhooks
	config.Store, config.Events, config.Log = s.Store, s.events, s.Log
	config.Attempted = s.Telemetry.WebhookAttempts(webhook.Results)
	s.webhooks = webhook.New(config)
	s.Telemetry.WatchWebhooks(s.Store.CountWebhooks, s.webhooks.Lag)
}

// sendWebhooks sends events until ctx ends, or the function that it returns is
// called, which waits for the end.
func (s *Server) sendWebhooks(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	sending.Go(func() { s.webhooks.Run(ctx) })
	return func() {
		cancel()
		sending.Wait()
	}
}

func (s *Server) listWebhooks(w *response, r *http.Request, _ target) error {
	size, after, err := olrest.ReadWebhooksPage(r.URL.Query())
	if err != nil {
		return err
	}
	stored, err := s.Store.Webhooks(r.Context(), after, size+1)
	if err != nil {
		return err
	}
	more := len(stored) > size
	hooks := make([]platen.Webhook, min(len(stored), size))
	for i := range hooks {
		hooks[i] = stored[i].Webhook
	}
	olrest.ReplyWebhooks(w, hooks, more)
	return nil
}

func (s *Server) addWebhook(w *response, r *http.Request, _ target) error {
	want, err := decode(s, w, r, olrest.ReadNewWebhook)
	if err != nil {
		return err
	}
	hook, secret, err := s.webhooks.Create(r.Context(), want)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "webhook added", "webhook", hook.ID, "host", webhook.Host(hook.URL))
	olrest.ReplyWebhookMade(w, hook, secret)
	return nil
}

// onWebhook makes a handler of what is done with the webhook that the path names.
func onWebhook(do func(s *Server, w *response, r *http.Request, id int64) error) handler {
	return withoutQuery(func(s *Server, w *response, r *http.Request, to target) error {
		id, err := olrest.ParseWebhookID(to.name)
		if err != nil {
			return err
		}
		return do(s, w, r, id)
	})
}

func (s *Server) describeWebhook(w *response, r *http.Request, id int64) error {
	hook, err := s.Store.Webhook(r.Context(), id)
	if err == nil {
		olrest.ReplyWebhook(w, hook.Webhook, "")
	}
	return err
}

func (s *Server) changeWebhook(w *response, r *http.Request, id int64) error {
	want, err := decode(s, w, r, olrest.ReadWebhookChange)
	if err != nil {
		return err
	}
	hook, err := s.webhooks.Change(r.Context(), id, want)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "webhook changed", "webhook", id, "host", webhook.Host(hook.URL), "enabled", hook.Enabled)
	olrest.ReplyWebhook(w, hook, "")
	return nil
}

func (s *Server) removeWebhook(w *response, r *http.Request, id int64) error {
	if err := s.webhooks.Remove(r.Context(), id); err != nil {
		return err
	}
	s.logChange(r.Context(), "webhook removed", "webhook", id)
	olrest.ReplyDone(w)
	return nil
}

func (s *Server) listAttempts(w *response, r *http.Request, to target) error {
	id, err := olrest.ParseWebhookID(to.name)
	if err != nil {
		return err
	}
	size, before, err := olrest.ReadAttemptsPage(r.URL.Query(), id)
	if err != nil {
		return err
	}
	attempts, err := s.Store.WebhookAttempts(r.Context(), id, before, size+1)
	if err != nil {
		return err
	}
	olrest.ReplyAttempts(w, id, attempts[:min(len(attempts), size)], len(attempts) > size)
	return nil
}

func (s *Server) testWebhook(w *response, r *http.Request, id int64) error {
	if _, err := optionalBody(s, w, r, olrest.ReadNothing); err != nil {
		return err
	}
	attempt, err := s.webhooks.Test(r.Context(), id)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "webhook tested", "webhook", id, "status", attempt.Status)
	olrest.ReplyAttempt(w, attempt)
	return nil
}

func (s *Server) replayWebhook(w *response, r *http.Request, id int64) error {
	want, err := decode(s, w, r, olrest.ReadWebhookReplay)
	if err != nil {
		return err
	}
	hook, err := s.webhooks.Replay(r.Context(), id, want)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "webhook replayed", "webhook", id)
	olrest.ReplyWebhook(w, hook, "")
	return nil
}

func (s *Server) rotateWebhook(w *response, r *http.Request, id int64) error {
	want, err := optionalBody(s, w, r, olrest.ReadWebhookRotation)
	if err != nil {
		return err
	}
	hook, secret, err := s.webhooks.Rotate(r.Context(), id, want)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "webhook secret rotated", "webhook", id, "old_for", want.KeepOld)
	olrest.ReplyWebhook(w, hook, secret)
	return nil
}

// optionalBody is decode for a body that may be missing, of which read gets
// nothing.
func optionalBody[T any](s *Server, w *response, r *http.Request, read func(body []byte) (T, error)) (T, error) {
	return decode(s, w, r, func(body []byte) (T, error) { return read(bytes.TrimSpace(body)) })
}
