package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/webhook"
)

// A forwarder posts events to an address as the server posts them to webhooks.
type forwarder struct {
	to     string
	client *http.Client
	signer *standardwebhooks.Webhook
}

// forwardFor is how long a receiver has to answer, as with real webhooks.
const forwardFor = 10 * time.Second

func listenCommand(env environment) *cobra.Command {
	var filter eventFilter
	var to, secret string
	var limit count
	cmd := remoteCommand(env, cobra.Command{
		Use:   "listen",
		Short: "Forward events to a receiver on your own machine, signed as a webhook's",
		Long: `listen reads the events of a server and posts each to --forward-to as the server
posts to a webhook: the same body, the same headers, signed with a secret that
it prints, or that of --secret. So a receiver can be written and tried where no
server could reach it, without a webhook at the server. What the receiver
answers is printed; an event that it does not take is not sent again. Without
--forward-to events are only printed.`,
		Example: "  platen webhook listen --forward-to http://127.0.0.1:8080/hook --kind jobs",
		Args:    arguments(),
	}, func(ctx context.Context, r *remote, _ []string) error {
		query, err := filter.query("platen webhook listen")
		if err != nil {
			return err
		}
		f, err := newForwarder(r, to, secret)
		if err != nil {
			return err
		}
		r.out.live = true
		r.out.begin("TIME", "EVENT", "TYPE", "SUBJECT", "ANSWER")
		return printAll(r, limit, "", untilInterrupt(ctx, r.EventsSeq(ctx, query)), func(e client.Event) []string {
			return []string{r.out.when(e.Time), e.ID, e.Type, e.Subject, f.forward(ctx, &e)}
		})
	})
	filter.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&to, "forward-to", "", "URL of the receiver, such as http://127.0.0.1:8080/hook")
	flags.StringVar(&secret, "secret", "", "secret to sign with, whsec_… (default a new one)")
	flags.Var(&limit, "limit", "end after so many; 0: never")
	return cmd
}

func newForwarder(r *remote, to, secret string) (*forwarder, error) {
	if to == "" {
		return nil, nil
	}
	if u, err := url.Parse(to); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usageError{fmt.Errorf("--forward-to %q is no address: it should look like http://127.0.0.1:8080/hook", to), "platen webhook listen"}
	}
	if secret == "" {
		secret = webhook.NewSecret()
	}
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, usageError{fmt.Errorf("--secret is none of a webhook: %w", err), "platen webhook listen"}
	}
	r.out.remark("the secret of the signatures is %s", secret)
	return &forwarder{to: to, signer: signer, client: &http.Client{
		Timeout:       forwardFor,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// forward posts an event, and returns what came back.
func (f *forwarder) forward(ctx context.Context, e *client.Event) string {
	if f == nil {
		return ""
	}
	now := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.to, bytes.NewReader(e.Body))
	if err != nil {
		return err.Error()
	}
	signature, err := f.signer.Sign(e.ID, now, e.Body)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set("User-Agent", "platen/"+buildVersion())
	request.Header.Set(standardwebhooks.HeaderWebhookID, e.ID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	answer, err := f.client.Do(request)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return err.Error()
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10) // so that the connection can be used again
	return answer.Status
}
