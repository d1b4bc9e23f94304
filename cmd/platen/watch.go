package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// An eventFilter is which events a command is about, by flags.
type eventFilter struct {
	client.EventQuery
	kinds, sets []string
}

func (f *eventFilter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.kinds, "kind", nil, "only of these kinds, such as jobs")
	flags.StringSliceVar(&f.sets, "set", nil, "only of what is in these sets, by ID")
	flags.StringSliceVar(&f.Types, "type", nil, "only of these types: update, revert, import, jobcreation, add, delete, undelete, audit")
	flags.StringVar(&f.Name, "name", "", "only changes of this name in a list")
	flags.StringVar(&f.After, "after", "", "go on after the event of this id; 0: from the first that is kept (default: from now on)")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kindNames(), cobra.ShellCompDirectiveNoFileComp))
}

func (f *eventFilter) query(cmd string) (query client.EventQuery, err error) {
	query = f.EventQuery
	if query.Kinds, err = kindsOf(f.kinds); err != nil {
		return query, err
	}
	query.Sets, err = idsOf(cmd, f.sets...)
	query.Follow = true
	return query, err
}

func watchCommand(env environment) *cobra.Command {
	var filter eventFilter
	var limit, last count
	var until bool
	cmd := remoteCommand(env, cobra.Command{
		Use:   "watch",
		Short: "Show what changes, as it happens",
		Long: `watch prints events until it is interrupted. When the connection breaks or the
server starts anew it goes on by itself after the last event, so that none is
missed or there twice. --until-now ends it after those that there are, and
--last begins with the last that there are.`,
		Example: `  platen watch
  platen watch --last 20
  platen watch --kind jobs --name shift --output jsonl
  platen watch --after 0 --until-now --type delete`,
		Args: arguments(),
	}, func(ctx context.Context, r *remote, _ []string) error {
		query, err := filter.query("platen watch")
		if err != nil {
			return err
		}
		query.Follow = !until
		if last > 0 && query.After != "" {
			return usageError{errors.New("--last and --after exclude each other"), "platen watch"}
		}
		all := r.EventsSeq(ctx, query)
		if last > 0 {
			all = lastEvents(ctx, r, query, int(last))
		}
		r.out.live = !until
		r.out.begin("TIME", "TYPE", "SUBJECT", "USER", "WHAT")
		return printAll(r, limit, "nothing has happened", untilInterrupt(ctx, all), func(e client.Event) []string {
			entry := e.Data.Entry()
			return []string{r.out.when(e.Time), e.Type, e.Subject, e.Data.User, entryText(&entry)}
		})
	})
	filter.flags(cmd)
	cmd.Flags().Var(&limit, "limit", "end after so many; 0: never")
	cmd.Flags().Var(&last, "last", "so many of the last events at first; 0: none")
	cmd.Flags().BoolVar(&until, "until-now", false, "end after the events that there are")
	return cmd
}

// lastEvents yields the last n events of a query and, if it follows, those after them.
func lastEvents(ctx context.Context, r *remote, query client.EventQuery, n int) iter.Seq2[client.Event, error] {
	return func(yield func(client.Event, error) bool) {
		before := query
		before.Follow, before.Last = false, n
		query.After = "0"
		for event, err := range r.EventsSeq(ctx, before) {
			if !yield(event, err) || err != nil {
				return
			}
			query.After = event.ID
		}
		if !query.Follow {
			return
		}
		for event, err := range r.EventsSeq(ctx, query) {
			if !yield(event, err) {
				return
			}
		}
	}
}

// untilInterrupt ends an iterator without an error when ctx ends: that is how a
// command that follows something is to end.
func untilInterrupt[T any](ctx context.Context, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for value, err := range all {
			if err != nil && ctx.Err() != nil || !yield(value, err) {
				return
			}
		}
	}
}

func requestsCommand(env environment) *cobra.Command {
	var filter client.RequestFilter
	var limit count
	var follow bool
	var since time.Duration
	journal := func() *remote { return &remote{env: env, target: target{basic: true}} }
	cmd := journal().command(cobra.Command{
		Use:   "requests",
		Short: "Show the last requests to a server, and why they were refused",
		Long: `requests lists the journal of a server that keeps one ("platen serve --journal
1000"; the demo does), the newest first, or with --follow as they end.`,
		Example: `  platen requests --status 4xx
  platen requests --follow --path '*/properties'
  platen requests show q5x2ka-17
  platen requests curl q5x2ka-17`,
		Args: arguments(),
	}, func(ctx context.Context, r *remote, _ []string) error {
		if since > 0 {
			filter.Since = time.Now().Add(-since)
		}
		all := r.RequestsSeq(ctx, filter)
		if r.out.live = follow; follow {
			all = untilInterrupt(ctx, r.FollowRequestsSeq(ctx, filter))
		}
		r.out.begin("REQUEST", "TIME", "STATUS", "METHOD", "PATH", "USER", "REASON")
		return printAll(r, limit, "no requests", all, func(q client.Request) []string {
			path := q.Path
			if q.Query != "" {
				path += "?" + q.Query
			}
			return []string{q.RequestID, r.out.when(q.Time), strconv.Itoa(q.Status), q.Method, path, q.User + q.Tried, reasonText(&q)}
		})
	})
	flags := cmd.Flags()
	flags.StringVar(&filter.User, "of", "", "only those of this user")
	flags.StringVar(&filter.Method, "method", "", "only those with this method")
	flags.StringVar(&filter.Path, "path", "", "only those with this path; * stands for any text")
	flags.StringVar(&filter.Status, "status", "", "only those with this status, such as 404 or 4xx")
	flags.StringVar(&filter.Fault, "fault", "", "only those on which this fault of a sandbox has acted")
	flags.StringVar(&filter.Reason, "reason", "", "only those with this text in the reason")
	flags.DurationVar(&since, "since", 0, "only those of so long, such as 10m")
	flags.BoolVarP(&follow, "follow", "f", false, "as they end, until interrupted")
	flags.Var(&limit, "limit", "how many at most; 0: all")
	cmd.AddCommand(
		journal().command(cobra.Command{
			Use: "show REQUEST", Short: "Show a request with what was sent in both directions",
			Example: "  platen requests show q5x2ka-17", Args: arguments("REQUEST, its id"),
		}, func(ctx context.Context, r *remote, args []string) error {
			q, err := r.Request(ctx, args[0])
			if err != nil {
				return err
			}
			return r.out.one(q, requestParts(&q)...)
		}),
		journal().command(cobra.Command{
			Use: "curl REQUEST", Short: "Write a request as a command line with curl",
			Example: "  platen requests curl q5x2ka-17", Args: arguments("REQUEST, its id"),
		}, func(ctx context.Context, r *remote, args []string) error {
			line, err := r.RequestCurl(ctx, args[0])
			if err == nil {
				_, err = fmt.Fprint(r.out.w, line)
			}
			return err
		}),
	)
	return cmd
}

// reasonText says why a request was refused, or came as it came.
func reasonText(q *client.Request) string {
	if q.Fault == "" || strings.Contains(q.Reason, "the fault "+q.Fault) {
		return q.Reason
	}
	return strings.TrimSuffix("the fault "+q.Fault+": "+q.Reason, ": ")
}

// requestParts returns what a person reads of a request.
func requestParts(q *client.Request) [][2]string {
	parts := [][2]string{{"request", q.RequestID}, {"time", when(q.Time)}, {"took", (time.Duration(q.TookMicros) * time.Microsecond).String()},
		{"sent", q.Method + " " + q.Path}, {"query", q.Query}, {"route", q.Route}, {"client", q.Client}, {"user", q.User + q.Tried},
		{"status", strconv.Itoa(q.Status)}, {"fault", q.Fault}, {"reason", q.Reason}}
	for _, hint := range q.Hints {
		parts = append(parts, [2]string{"hint", hint})
	}
	for _, sent := range []struct {
		what string
		part *client.Transferred
	}{{"request", q.Request}, {"answer", q.Answer}} {
		if sent.part == nil {
			continue
		}
		for _, header := range sent.part.Headers {
			parts = append(parts, [2]string{sent.what + " header", header.Name + ": " + header.Value})
		}
		if sent.part.Body != "" {
			parts = append(parts, [2]string{sent.what + " body", sent.part.Body})
		}
	}
	kept := parts[:0]
	for _, part := range parts {
		if part[1] != "" {
			kept = append(kept, part)
		}
	}
	return kept
}

func tokenCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Make, list, disable and revoke named tokens",
		Args: arguments(), RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(createTokenCommand(env),
		remoteCommand(env, cobra.Command{Use: "list", Short: "List the named tokens", Example: "  platen token list", Args: arguments()},
			func(ctx context.Context, r *remote, _ []string) error {
				r.out.begin("NAME", "USER", "ROLE", "EXPIRES", "LAST USED", "STATE")
				return printAll(r, 0, "no named tokens", listOf(r.Tokens(ctx)), func(t client.Token) []string {
					return []string{t.Name, t.User, t.Effective.String(), r.out.when(t.ExpireTime), r.out.when(t.LastUseTime), enabledText[t.Disabled]}
				})
			}),
		ableTokenCommand(env, "disable", "Refuse named tokens, until they are enabled again", true),
		ableTokenCommand(env, "enable", "Take named tokens that were disabled", false),
		remoteCommand(env, cobra.Command{Use: "revoke NAME...", Short: "End named tokens for good", Example: "  platen token revoke ci", Args: atLeast(1, "NAME, one or more")},
			func(ctx context.Context, r *remote, args []string) error {
				return each(r, args, func(name string) error {
					if err := r.RevokeToken(ctx, name); err != nil {
						return err
					}
					return did(r, map[string]any{"revoked": name}, "revoked %s", name)
				})
			}))
	return cmd
}

// enabledText is the state of what can be disabled, by whether it is.
var enabledText = map[bool]string{false: "enabled", true: "disabled"}

// ableTokenCommand returns a command that disables or enables named tokens.
func ableTokenCommand(env environment, name, short string, disabled bool) *cobra.Command {
	return remoteCommand(env, cobra.Command{Use: name + " NAME...", Short: short, Example: "  platen token " + name + " ci", Args: atLeast(1, "NAME, one or more")},
		func(ctx context.Context, r *remote, args []string) error {
			return each(r, args, func(name string) error {
				token, err := r.ChangeToken(ctx, name, client.TokenChange{Disabled: &disabled})
				if err != nil {
					return err
				}
				return did(r, token, "%s is %s", name, enabledText[disabled])
			})
		})
}

func createTokenCommand(env environment) *cobra.Command {
	var role, user string
	var kinds []string
	var expires time.Duration
	cmd := remoteCommand(env, cobra.Command{
		Use:   "create NAME",
		Short: "Make a named token and print it; no other command shows it again",
		Example: `  platen token create ci --role viewer
  platen token create tagger --role editor --kind jobs --expires 720h --quiet > token`,
		Args: arguments("NAME"),
	}, func(ctx context.Context, r *remote, args []string) (err error) {
		want := client.NewToken{Name: args[0], User: user}
		if want.Role, err = platen.ParseRole(role); err != nil {
			return usageError{err, "platen token create"}
		}
		if want.Kinds, err = kindsOf(kinds); err != nil {
			return err
		}
		if expires > 0 {
			want.ExpireTime = time.Now().Add(expires)
		}
		token, err := r.CreateToken(ctx, want)
		if err != nil {
			return err
		}
		if r.out.format != "table" {
			return r.out.one(token, [2]string{"name", token.Name}, [2]string{"token", token.Secret})
		}
		r.out.remark("the token %s, which is not shown again; %s=… is how commands take it:", token.Name, tokenVariable)
		_, err = fmt.Fprintln(r.out.w, token.Secret)
		return err
	})
	flags := cmd.Flags()
	flags.StringVar(&role, "role", "viewer", "what it may do: viewer, editor or admin")
	flags.StringVar(&user, "of", "", "user whose token it is (default you)")
	flags.StringSliceVar(&kinds, "kind", nil, "only for these kinds, such as jobs")
	flags.DurationVar(&expires, "expires", 0, "end after so long, such as 720h; 0: never")
	return cmd
}
