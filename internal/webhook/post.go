package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

const (
	// postFor is how long one request may take, with its answer.
	postFor = 15 * time.Second
	// answerBytes of an answer's body are read, of which snippetBytes are kept.
	answerBytes  = 4 << 10
	snippetBytes = 512
	// errorBytes bounds what is kept of an error.
	errorBytes = 300

	contentType = "application/cloudevents+json"
)

// A poster sends events. It follows no redirect, and uses no proxy.
type poster struct {
	agent         string
	secure, plain http.RoundTripper // of https and http
	close         func()
}

// newPoster returns a poster. roots and resolver are the system's if they are nil.
func newPoster(policy Policy, roots *x509.CertPool, resolver *net.Resolver, agent string) *poster {
	transport := func(plain bool) *http.Transport {
		dialer := &net.Dialer{Timeout: postFor, Control: policy.control(plain), Resolver: resolver}
		return &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    postFor,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true,
		}
	}
	secure, plain := transport(false), transport(true)
	return &poster{agent: agent, secure: secure, plain: plain, close: func() {
		secure.CloseIdleConnections()
		plain.CloseIdleConnections()
	}}
}

// A posted attempt is what became of one request.
type posted struct {
	platen.WebhookAttempt
	gone       bool          // the receiver wants no more
	retryAfter time.Duration // what the receiver asks for, 0 for nothing
}

// post sends an event to a webhook, once.
func (p *poster) post(ctx context.Context, hook *storage.Webhook, event *message) posted {
	result := posted{WebhookAttempt: platen.WebhookAttempt{Webhook: hook.ID, Event: event.id, EventType: event.kind, Time: time.Now()}}
	ctx, cancel := context.WithTimeoutCause(ctx, postFor, errSlow)
	defer cancel()
	err := p.exchange(ctx, hook, event, &result)
	result.Took = time.Since(result.Time)
	if err != nil {
		result.Error = shorten(err.Error(), errorBytes)
	}
	return result
}

var errSlow = fmt.Errorf("no answer within %v", postFor)

// exchange sends the request and reads the answer. The error says why the event
// is not delivered.
func (p *poster) exchange(ctx context.Context, hook *storage.Webhook, event *message, result *posted) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(event.body))
	if err != nil {
		return err
	}
	signatures, err := sign(hook, event, result.Time)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", p.agent)
	request.Header.Set(standardwebhooks.HeaderWebhookID, event.id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(result.Time.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	transport := p.secure
	if request.URL.Scheme == "http" {
		transport = p.plain
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		if refused, ok := errors.AsType[*platen.Error](err); ok {
			return refused
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	defer answer.Body.Close()
	result.Status = answer.StatusCode
	// The status alone decides: an answer that breaks off later changes nothing.
	body, _ := io.ReadAll(io.LimitReader(answer.Body, answerBytes))
	result.Response = shorten(string(body), snippetBytes)
	result.gone = answer.StatusCode == http.StatusGone
	result.retryAfter = retryAfter(answer.Header.Get("Retry-After"), result.Time)
	switch {
	case answer.StatusCode/100 == 2:
		return nil
	case answer.StatusCode/100 == 3:
		return fmt.Errorf("status %d: redirects are not followed (to %q)", answer.StatusCode, shorten(answer.Header.Get("Location"), 100))
	}
	return fmt.Errorf("status %d", answer.StatusCode)
}

// sign returns the signatures by all secrets that are good.
func sign(hook *storage.Webhook, event *message, at time.Time) (string, error) {
	secrets := [][]byte{hook.Secret}
	if len(hook.OldSecret) > 0 && at.Before(hook.OldSecretUntil) {
		secrets = append(secrets, hook.OldSecret)
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signer, err := standardwebhooks.NewWebhookRaw(secret)
		if err != nil {
			return "", err
		}
		if signatures[i], err = signer.Sign(event.id, at, event.body); err != nil {
			return "", err
		}
	}
	return strings.Join(signatures, " "), nil
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// shorten keeps so many bytes of text from outside, as text that can be stored.
func shorten(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
