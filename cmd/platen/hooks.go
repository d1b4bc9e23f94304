package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

func webhookCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "webhook", Short: "Make, change and try webhooks, and listen as one",
		Long: `webhook manages the URLs to which a server sends its events, and tells what
became of what was sent. docs/webhooks.md says what a receiver gets.`,
		Example: "  platen webhook create https://example.com/hook --kind jobs --type update\n  platen webhook listen --forward-to http://127.0.0.1:8080/hook",
		Args:    arguments(), RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(listenCommand(env), createWebhookCommand(env),
		remoteCommand(env, cobra.Command{Use: "list", Short: "List the webhooks of the server", Example: "  platen webhook list", Args: arguments()},
			func(ctx context.Context, r *remote, _ []string) error {
				r.out.begin("ID", "URL", "STATE", "FAILURES", "DESCRIPTION")
				return printAll(r, 0, "no webhooks", r.WebhooksSeq(ctx), func(w client.Webhook) []string {
					return []string{number(w.ID), w.URL, stateText(&w), strconv.Itoa(w.Failures), w.Description}
				})
			}),
		ofWebhook(env, cobra.Command{Use: "show ID", Short: "Show a webhook: what it gets, and how far it is", Example: "  platen webhook show 1"},
			func(ctx context.Context, r *remote, id int64) error {
				w, err := r.Webhook(ctx, id)
				if err != nil {
					return err
				}
				return showWebhook(r, &w)
			}),
		updateWebhookCommand(env),
		ofWebhook(env, cobra.Command{Use: "remove ID", Aliases: []string{"delete"}, Short: "Remove a webhook", Example: "  platen webhook remove 1"},
			func(ctx context.Context, r *remote, id int64) error {
				if err := r.DeleteWebhook(ctx, id); err != nil {
					return err
				}
				return did(r, map[string]any{"removed": id}, "removed %d", id)
			}),
		ofWebhook(env, cobra.Command{Use: "test ID", Short: "Send a test to a webhook, and show what came back", Example: "  platen webhook test 1"},
			func(ctx context.Context, r *remote, id int64) error {
				attempt, err := r.TestWebhook(ctx, id)
				if err != nil {
					return err
				}
				err = r.out.one(attempt, [2]string{"delivered", strconv.FormatBool(attempt.Delivered)}, [2]string{"status", strconv.Itoa(attempt.Status)},
					[2]string{"error", attempt.Error}, [2]string{"answer", attempt.Response})
				if err == nil && !attempt.Delivered {
					err = fmt.Errorf("webhook %d did not take the test", id)
				}
				return err
			}),
		attemptsCommand(env), replayCommand(env), rotateCommand(env),
	)
	return cmd
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// ofWebhook returns a command about one webhook, which is its argument.
func ofWebhook(env environment, cmd cobra.Command, run func(ctx context.Context, r *remote, id int64) error) *cobra.Command {
	cmd.Args = arguments("ID, of a webhook")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		if c := completing(cmd, env, target{}); c != nil && len(args) == 0 {
			ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
			defer cancel()
			for w, err := range c.WebhooksSeq(ctx) {
				if err == nil {
					ids = append(ids, number(w.ID)+"\t"+w.URL)
				}
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
	return remoteCommand(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		id, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || id < 1 {
			return usageError{fmt.Errorf("%q is no webhook: \"platen webhook list\" shows their numbers", args[0]), "platen webhook"}
		}
		return run(ctx, r, id)
	})
}

// stateText says whether a webhook is enabled, and why not.
func stateText(w *client.Webhook) string {
	if w.Reason != "" {
		return w.State + ": " + w.Reason
	}
	return w.State
}

// filterText says which events a webhook gets.
func filterText(f *client.WebhookFilter) string {
	var parts []string
	add := func(name string, values []string) {
		if len(values) > 0 {
			parts = append(parts, name+" "+strings.Join(values, ", "))
		}
	}
	var kinds, sets []string
	for _, kind := range f.Kinds {
		kinds = append(kinds, client.KindName(kind))
	}
	for _, id := range f.Sets {
		sets = append(sets, id.String())
	}
	add("kinds", kinds)
	add("sets", sets)
	add("types", f.Types)
	add("names", f.Names)
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, "; ")
}

func showWebhook(r *remote, w *client.Webhook) error {
	parts := [][2]string{{"id", number(w.ID)}, {"url", w.URL}, {"description", w.Description}, {"events", filterText(&w.Filter)}, {"state", stateText(w)},
		{"created", r.out.when(w.CreateTime)}, {"by", w.CreatedBy}, {"delivered up to", w.After}, {"failures in a row", strconv.Itoa(w.Failures)},
		{"failing since", r.out.when(w.FailingSince)}, {"next attempt", r.out.when(w.NextAttemptTime)}, {"old secret good until", r.out.when(w.OldSecretUntil)}}
	if r.out.format != "csv" {
		kept := parts[:0]
		for _, part := range parts {
			if part[1] != "" {
				kept = append(kept, part)
			}
		}
		parts = kept
	}
	return r.out.one(*w, parts...)
}

// showSecret prints a secret that the server tells but once.
func showSecret(r *remote, w *client.Webhook) error {
	if r.out.format != "table" {
		return r.out.one(*w, [2]string{"id", number(w.ID)}, [2]string{"secret", w.Secret})
	}
	r.out.remark("the secret that signs what the webhook %d gets, which is not shown again:", w.ID)
	_, err := fmt.Fprintln(r.out.w, w.Secret)
	return err
}

// A webhookFlags is what flags say of a webhook.
type webhookFlags struct {
	url, description          string
	kinds, sets, types, names []string
	disable                   bool
}

func (f *webhookFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.description, "description", "", "what it is for")
	flags.StringSliceVar(&f.kinds, "kind", nil, "only events of these kinds, such as jobs")
	flags.StringSliceVar(&f.sets, "set", nil, "only events of what is in these sets, by ID")
	flags.StringSliceVar(&f.types, "type", nil, "only events of these types, such as update, import, delete")
	flags.StringSliceVar(&f.names, "change-of", nil, "only changes of these names in lists")
	flags.BoolVar(&f.disable, "disable", false, "it gets nothing")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kindNames(), cobra.ShellCompDirectiveNoFileComp))
}

// filter changes the parts of a filter that flags are about, and reports whether there
// were any.
func (f *webhookFlags) filter(cmd *cobra.Command, to *client.WebhookFilter) (changed bool, err error) {
	given := func(flag string) bool {
		is := cmd.Flags().Changed(flag)
		changed = changed || is
		return is
	}
	if given("kind") {
		if to.Kinds, err = kindsOf(nonEmpty(f.kinds)); err != nil {
			return false, err
		}
	}
	if given("set") {
		if to.Sets, err = idsOf(cmd.CommandPath(), nonEmpty(f.sets)...); err != nil {
			return false, err
		}
	}
	if given("type") {
		to.Types = nonEmpty(f.types)
	}
	if given("change-of") {
		to.Names = nonEmpty(f.names)
	}
	return changed, nil
}

// nonEmpty returns texts without empty ones: an empty --kind means no kind.
func nonEmpty(texts []string) (kept []string) {
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

func createWebhookCommand(env environment) *cobra.Command {
	var f webhookFlags
	var secret string
	var cmd *cobra.Command
	cmd = remoteCommand(env, cobra.Command{
		Use:   "create URL",
		Short: "Make a webhook, and print the secret that signs what it gets",
		Long: `create makes a webhook, which gets what happens from then on. The server calls
addresses of the public internet by https, and others only if it was started
with --webhook-allow.`,
		Example: "  platen webhook create https://example.com/hook --kind jobs --type update\n  platen webhook create https://example.com/hook --quiet > secret",
		Args:    arguments("URL"), ValidArgsFunction: cobra.NoFileCompletions,
	}, func(ctx context.Context, r *remote, args []string) error {
		want := client.NewWebhook{URL: args[0], Description: f.description, Secret: secret}
		if _, err := f.filter(cmd, &want.Filter); err != nil {
			return err
		}
		if f.disable {
			want.State = "disabled"
		}
		made, err := r.CreateWebhook(ctx, want)
		if err != nil {
			return err
		}
		return showSecret(r, &made)
	})
	f.flags(cmd)
	cmd.Flags().StringVar(&secret, "secret", "", "secret to sign with, whsec_… (default a new one)")
	return cmd
}

func updateWebhookCommand(env environment) *cobra.Command {
	var f webhookFlags
	var enable bool
	var cmd *cobra.Command
	cmd = ofWebhook(env, cobra.Command{
		Use:   "update ID",
		Short: "Change a webhook; what no flag is about stays",
		Example: `  platen webhook update 1 --disable
  platen webhook update 1 --url https://example.com/other --enable
  platen webhook update 1 --kind '' --type update,delete     # of all kinds`,
	}, func(ctx context.Context, r *remote, id int64) error {
		w, err := r.Webhook(ctx, id)
		if err != nil {
			return err
		}
		var change client.WebhookChange
		if filtered, err := f.filter(cmd, &w.Filter); err != nil {
			return err
		} else if filtered {
			change.Filter = &w.Filter
		}
		for flag, to := range map[string]**string{"url": &change.URL, "description": &change.Description} {
			if cmd.Flags().Changed(flag) {
				text := cmd.Flag(flag).Value.String()
				*to = &text
			}
		}
		if enable && f.disable {
			return usageError{errors.New("--enable and --disable exclude each other"), "platen webhook update"}
		}
		if enable || f.disable {
			state := map[bool]string{true: "enabled", false: "disabled"}[enable]
			change.State = &state
		}
		if change == (client.WebhookChange{}) {
			return usageError{errors.New("there is nothing to change: say --url, --description, --kind, --set, --type, --change-of, --enable or --disable"), "platen webhook update"}
		}
		if w, err = r.ChangeWebhook(ctx, id, change); err != nil {
			return err
		}
		return showWebhook(r, &w)
	})
	f.flags(cmd)
	cmd.Flags().StringVar(&f.url, "url", "", "where events are sent to")
	cmd.Flags().BoolVar(&enable, "enable", false, "it gets events again, from where it was")
	return cmd
}

func attemptsCommand(env environment) *cobra.Command {
	var limit count
	cmd := ofWebhook(env, cobra.Command{Use: "attempts ID", Short: "List what was sent to a webhook and what came back, the newest first", Example: "  platen webhook attempts 1 --limit 10"},
		func(ctx context.Context, r *remote, id int64) error {
			r.out.begin("TIME", "EVENT", "TYPE", "DELIVERED", "STATUS", "ERROR")
			return printAll(r, limit, "nothing was sent yet", r.AttemptsSeq(ctx, id), func(a client.Attempt) []string {
				status := ""
				if a.Status != 0 {
					status = strconv.Itoa(a.Status)
				}
				return []string{r.out.when(a.Time), a.Event, a.Type, strconv.FormatBool(a.Delivered), status, a.Error}
			})
		})
	cmd.Flags().Var(&limit, "limit", "how many at most; 0: all")
	return cmd
}

func replayCommand(env environment) *cobra.Command {
	var replay client.WebhookReplay
	var since time.Duration
	cmd := ofWebhook(env, cobra.Command{
		Use: "replay ID", Short: "Send a webhook events once more",
		Example: "  platen webhook replay 1 --since 2h\n  platen webhook replay 1 --from 16777217      # an id that \"platen webhook attempts 1\" shows\n  platen webhook replay 1 --after 0            # all that are kept",
	}, func(ctx context.Context, r *remote, id int64) error {
		given := 0
		for _, is := range []bool{replay.From != "", replay.After != "", since > 0} {
			if is {
				given++
			}
		}
		if given != 1 || since < 0 {
			return usageError{errors.New("from where on? Say --from EVENT, --after EVENT or --since DURATION"), "platen webhook replay"}
		}
		if since > 0 {
			replay.Time = time.Now().Add(-since)
		}
		w, err := r.ReplayWebhook(ctx, id, replay)
		if err != nil {
			return err
		}
		return did(r, w, "what came after the event %s is sent again", w.After)
	})
	cmd.Flags().StringVar(&replay.From, "from", "", "the event of this id, and those after it")
	cmd.Flags().StringVar(&replay.After, "after", "", "those after the event of this id; 0: all that are kept")
	cmd.Flags().DurationVar(&since, "since", 0, "those of so long, such as 2h")
	return cmd
}

func rotateCommand(env environment) *cobra.Command {
	var keep time.Duration
	var secret string
	cmd := ofWebhook(env, cobra.Command{
		Use: "rotate ID", Short: "Give a webhook another secret, and print it",
		Example: "  platen webhook rotate 1\n  platen webhook rotate 1 --keep-old 0s     # the old one is known to others",
	}, func(ctx context.Context, r *remote, id int64) error {
		w, err := r.RotateWebhook(ctx, id, secret, keep)
		if err != nil {
			return err
		}
		return showSecret(r, &w)
	})
	cmd.Flags().StringVar(&secret, "secret", "", "secret to sign with, whsec_… (default a new one)")
	cmd.Flags().DurationVar(&keep, "keep-old", 24*time.Hour, fmt.Sprintf("how long the old one signs, too; %v at most", platen.MaxKeepOld))
	return cmd
}
