package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/webhook"
)

// webhookSettings are the settings of webhooks.
type webhookSettings struct {
	allow       []string
	ca          string
	attemptsFor time.Duration
	most        int
}

func (w *webhookSettings) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&w.allow, "webhook-allow", nil, "address or network (10.0.0.0/8) that webhooks may be sent to although it is not of the public internet, also by plain http; may be given more than once, or with commas")
	flags.StringVar(&w.ca, "webhook-ca", "", "PEM file of authorities that sign certificates of receivers of webhooks, besides those that the system trusts")
	flags.DurationVar(&w.attemptsFor, "webhook-attempts-for", webhook.DefaultAttemptsFor, "how long attempts to deliver to webhooks are kept, the last 500 of each at most")
	flags.IntVar(&w.most, "max-webhooks", webhook.DefaultMost, "webhooks; more are refused with 409")
}

// config returns what the settings say, or why they can not be meant.
func (w *webhookSettings) config() (config webhook.Config, err error) {
	wrong := func(format string, args ...any) (webhook.Config, error) {
		return webhook.Config{}, usageError{fmt.Errorf(format, args...), "platen serve"}
	}
	if w.attemptsFor < time.Minute {
		return wrong("--webhook-attempts-for %v is too short: the least is 1m", w.attemptsFor)
	}
	if w.most < 1 || w.most > webhook.MaxMost {
		return wrong("--max-webhooks %d is not from 1 to %d", w.most, webhook.MaxMost)
	}
	config = webhook.Config{Most: w.most, AttemptsFor: w.attemptsFor, Version: buildVersion()}
	if config.Policy, err = webhook.ParsePolicy(w.allow); err != nil {
		return wrong("--webhook-allow: %w", err)
	}
	if w.ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(w.ca)
	if err != nil {
		return wrong("--webhook-ca: %w", err)
	}
	if config.Roots, err = x509.SystemCertPool(); err != nil {
		return config, fmt.Errorf("the system's certificates: %w", err)
	}
	if !config.Roots.AppendCertsFromPEM(pem) {
		return wrong("--webhook-ca: there is no certificate in %s; it must be PEM", w.ca)
	}
	return config, nil
}
