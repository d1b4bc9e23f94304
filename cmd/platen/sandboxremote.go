package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/olrest"
)

// sandboxRemote returns a command that talks to a sandbox: that at the server's address,
// or another one of its process.
func sandboxRemote(env environment, cmd cobra.Command, run func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	var name string
	r := &remote{env: env, target: target{sandbox: true, basic: true}}
	made := r.command(cmd, func(ctx context.Context, r *remote, args []string) error {
		err := r.goTo(ctx, name)
		if err == nil {
			err = run(ctx, r, args)
		}
		if platen.ErrorCode(err) == platen.NotFound && strings.Contains(err.Error(), "is no sandbox") {
			return platen.Errorf(platen.NotFound, "%s; this is about %s, and --server names another one", explain(err), r.server)
		}
		return err
	})
	made.Flags().StringVar(&name, "name", "", "the sandbox of this name among those of the process (see \"platen sandbox list\")")
	_ = made.RegisterFlagCompletionFunc("name", completeSandbox(env, instanceNames))
	return made
}

// goTo has a command talk to another sandbox of the process, "" for the one it talks to.
func (r *remote) goTo(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	state, err := r.Sandbox(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	for _, instance := range state.Instances {
		if known[instance.Name] = true; instance.Name == name {
			if r.server = instance.URL; r.user == "" {
				r.user = adminName
			}
			r.Client, err = r.client(r.env, false)
			return err
		}
	}
	return platen.Errorf(platen.NotFound, "there is no sandbox %q%s; \"platen sandbox list\" shows those that there are", name, didYouMean(name, known))
}

// completeSandbox completes what a sandbox knows.
func completeSandbox(env environment, names func(ctx context.Context, c *client.Client) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		c := completing(cmd, env, target{sandbox: true})
		if c == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		return names(ctx, c), cobra.ShellCompDirectiveNoFileComp
	}
}

func instanceNames(ctx context.Context, c *client.Client) (names []string) {
	state, _ := c.Sandbox(ctx)
	for _, instance := range state.Instances {
		names = append(names, instance.Name+"\t"+instance.URL)
	}
	return names
}

func snapshotNames(ctx context.Context, c *client.Client) []string {
	state, _ := c.Sandbox(ctx)
	return state.Snapshots
}

func faultNames(ctx context.Context, c *client.Client) (names []string) {
	faults, _ := c.Faults(ctx)
	for _, fault := range faults {
		names = append(names, fault.Name)
	}
	return names
}

// sandboxCommands are the commands that talk to a sandbox which runs.
func sandboxCommands(env environment) []*cobra.Command {
	return []*cobra.Command{
		sandboxRemote(env, cobra.Command{Use: "show", Short: "Show what a sandbox is: clock, snapshots, faults", Example: "  platen sandbox show", Args: arguments()},
			func(ctx context.Context, r *remote, _ []string) error {
				state, err := r.Sandbox(ctx)
				if err != nil {
					return err
				}
				return showSandbox(r, &state)
			}),
		resetCommand(env), snapshotCommand(env), clockCommand(env), faultsCommand(env),
		sandboxRemote(env, cobra.Command{Use: "list", Short: "List the sandboxes of the process", Example: "  platen sandbox list", Args: arguments()},
			func(ctx context.Context, r *remote, _ []string) error {
				state, err := r.Sandbox(ctx)
				r.out.begin("NAME", "URL")
				return printAll(r, 0, "no sandboxes", listOf(state.Instances, err), func(i client.SandboxInstance) []string { return []string{i.Name, i.URL} })
			}),
		addInstanceCommand(env),
		sandboxRemote(env, cobra.Command{
			Use: "remove NAME", Aliases: []string{"delete"}, Short: "End a sandbox that \"platen sandbox add\" has started", Example: "  platen sandbox remove suite-b",
			Args: arguments("NAME"), ValidArgsFunction: completeSandbox(env, instanceNames),
		}, func(ctx context.Context, r *remote, args []string) error {
			if err := r.RemoveInstance(ctx, args[0]); err != nil {
				return err
			}
			return did(r, map[string]any{"removed": args[0]}, "ended %s", args[0])
		}),
	}
}

func showSandbox(r *remote, s *client.Sandbox) error {
	return r.out.one(s, [2]string{"name", s.Name}, [2]string{"address", s.URL}, [2]string{"clock", clockText(s.Clock)},
		[2]string{"snapshots", strings.Join(s.Snapshots, ", ")}, [2]string{"faults", strconv.Itoa(s.Faults)}, [2]string{"resets", number(s.Resets)})
}

func clockText(c client.Clock) string {
	text := c.Time.UTC().Format(time.RFC3339)
	if c.Running {
		return text + ", and runs"
	}
	return text + ", and stands still"
}

func resetCommand(env environment) *cobra.Command {
	var reset client.SandboxReset
	cmd := sandboxRemote(env, cobra.Command{
		Use:   "reset [SNAPSHOT]",
		Short: "Make all as it was at the start, or in a snapshot",
		Long: `reset makes data, identifiers, users, tokens, webhooks and the clock of a sandbox
as they were at its start, or in a snapshot, and empties its faults and the
journal of requests. Logins stay good.`,
		Example: "  platen sandbox reset\n  platen sandbox reset imported --keep faults,journal",
		Args:    atMost(1, "SNAPSHOT"), ValidArgsFunction: completeSandbox(env, snapshotNames),
	}, func(ctx context.Context, r *remote, args []string) error {
		reset.Snapshot = strings.Join(args, "")
		state, err := r.ResetSandbox(ctx, reset)
		if err != nil {
			return err
		}
		if r.out.format != "table" {
			return showSandbox(r, &state)
		}
		to := "at the start"
		if reset.Snapshot != "" {
			to = "in " + reset.Snapshot
		}
		took := time.Duration(state.TookMicros) * time.Microsecond
		return did(r, state, "%s is as it was %s, within %v; the clock shows %s", state.Name, to, took, clockText(state.Clock))
	})
	all := []string{olrest.KeepClock, olrest.KeepFaults, olrest.KeepJournal}
	cmd.Flags().StringSliceVar(&reset.Keep, "keep", nil, "what stays as it is: "+strings.Join(all, ", "))
	_ = cmd.RegisterFlagCompletionFunc("keep", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func snapshotCommand(env environment) *cobra.Command {
	var remove bool
	cmd := sandboxRemote(env, cobra.Command{
		Use:   "snapshot [NAME]",
		Short: "Keep what there is under a name, for a reset to go back to",
		Long: `snapshot keeps data and clock of a sandbox under a name, in the place of what it
had. "platen sandbox reset NAME" goes back to it. Without a name it lists the
snapshots.`,
		Example: "  platen sandbox snapshot imported\n  platen sandbox reset imported\n  platen sandbox snapshot imported --remove",
		Args:    atMost(1, "NAME"), ValidArgsFunction: completeSandbox(env, snapshotNames),
	}, func(ctx context.Context, r *remote, args []string) error {
		switch {
		case len(args) == 0 && remove:
			return usageError{fmt.Errorf("--remove wants the NAME of a snapshot"), "platen sandbox snapshot"}
		case len(args) == 0:
			state, err := r.Sandbox(ctx)
			r.out.begin("SNAPSHOT")
			return printAll(r, 0, "no snapshots", listOf(state.Snapshots, err), func(name string) []string { return []string{name} })
		case remove:
			if err := r.RemoveSnapshot(ctx, args[0]); err != nil {
				return err
			}
			return did(r, map[string]any{"removed": args[0]}, "forgot %s", args[0])
		}
		if err := r.TakeSnapshot(ctx, args[0]); err != nil {
			return err
		}
		return did(r, map[string]any{"snapshot": args[0]}, "kept; go back to it with: platen sandbox reset %s", args[0])
	})
	cmd.Flags().BoolVar(&remove, "remove", false, "forget the snapshot")
	return cmd
}

func clockCommand(env environment) *cobra.Command {
	var run, stop bool
	cmd := sandboxRemote(env, cobra.Command{
		Use:   "clock [TIME|+DURATION]",
		Short: "Show the clock, set it, or move it on",
		Long: `clock sets the clock of a sandbox to a time, such as 2027-01-31T12:00:00Z or
2027-01-31 (midnight in UTC), or moves it on, by +90m or +7d12h. What is due by
then, such as the deletion of old sets, is done when it returns.`,
		Example: "  platen sandbox clock\n  platen sandbox clock 2027-01-01T00:00:00Z\n  platen sandbox clock +7d\n  platen sandbox clock --run",
		Args:    atMost(1, "TIME or +DURATION"), ValidArgsFunction: cobra.NoFileCompletions,
	}, func(ctx context.Context, r *remote, args []string) (err error) {
		change, err := clockChange(strings.Join(args, ""))
		if err != nil {
			return err
		}
		if run && stop {
			return usageError{errors.New("--run and --stop exclude each other"), "platen sandbox clock"}
		}
		if run || stop {
			change.Running = &run
		}
		var now client.Clock
		if change == (client.ClockChange{}) {
			now, err = r.Clock(ctx)
		} else {
			now, err = r.SetClock(ctx, change)
		}
		if err != nil {
			return err
		}
		if r.out.format == "table" {
			_, err = fmt.Fprintln(r.out.w, clockText(now))
			return err
		}
		return r.out.one(now, [2]string{"time", now.Time.UTC().Format(time.RFC3339Nano)}, [2]string{"running", strconv.FormatBool(now.Running)})
	})
	cmd.Flags().BoolVar(&run, "run", false, "it runs from then on")
	cmd.Flags().BoolVar(&stop, "stop", false, "it stands still from then on")
	return cmd
}

// clockChange reads what a clock is to become: "", a time, or a plus and by how much.
func clockChange(text string) (change client.ClockChange, err error) {
	by, moves := strings.CutPrefix(text, "+")
	switch {
	case text == "":
		return change, nil
	case moves:
		if change.Advance, err = days(by); err == nil && change.Advance > 0 {
			return change, nil
		}
	default:
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if change.Time, err = time.Parse(layout, text); err == nil {
				return change, nil
			}
		}
	}
	return change, usageError{fmt.Errorf("%q is neither a time, such as 2027-01-31T12:00:00Z or 2027-01-31, nor how far to move on, such as +90m or +7d", text), "platen sandbox clock"}
}

// days reads a duration that may begin with days, such as 7d12h.
func days(text string) (sum time.Duration, err error) {
	if n, rest, found := strings.Cut(text, "d"); found {
		whole, err := strconv.ParseUint(n, 10, 15)
		if err != nil || rest == "" {
			return time.Duration(whole) * 24 * time.Hour, err
		}
		sum, text = time.Duration(whole)*24*time.Hour, rest
	}
	part, err := time.ParseDuration(text)
	return sum + part, err
}

func addInstanceCommand(env environment) *cobra.Command {
	var data string
	cmd := sandboxRemote(env, cobra.Command{
		Use:   "add NAME",
		Short: "Start another sandbox in the process, with an address of its own",
		Long: `add starts another sandbox in the process of one, for a second suite of tests:
with data, a clock, faults and a journal of its own, and the same password. It
prints the address. --name has other commands talk to it.`,
		Example: "  platen sandbox add suite-b\n  platen sandbox reset --name suite-b\n  platen sandbox remove suite-b",
		Args:    arguments("NAME"), ValidArgsFunction: cobra.NoFileCompletions,
	}, func(ctx context.Context, r *remote, args []string) error {
		added, err := r.AddInstance(ctx, args[0], data)
		if err != nil {
			return err
		}
		if r.out.format != "table" {
			return r.out.one(added, [2]string{"name", added.Name}, [2]string{"url", added.URL})
		}
		_, err = fmt.Fprintln(r.out.w, added.URL)
		return err
	})
	cmd.Flags().StringVar(&data, "data", "", `what it begins with: "demo" or "none" (default that of the one which adds it)`)
	_ = cmd.RegisterFlagCompletionFunc("data", cobra.FixedCompletions([]string{"demo", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func faultsCommand(env environment) *cobra.Command {
	cmd := sandboxRemote(env, cobra.Command{
		Use:   "faults",
		Short: "List the rules by which a sandbox misbehaves, and how often each has acted",
		Long: `faults lists the faults of a sandbox in their order: the first that a request
meets acts on it, and no other. MATCHED is for how many requests it was, HITS on
how many it has acted. "platen requests --fault NAME" shows which. What a fault
can say is in docs/testing.md.`,
		Example: `  platen sandbox faults
  platen sandbox faults add --path '*/properties' --to 2 --status 503 --retry-after 1s
  platen sandbox faults --output json > faults.json
  platen sandbox faults set faults.json`,
		Args: arguments(),
	}, func(ctx context.Context, r *remote, _ []string) error { return showFaults(r)(r.Faults(ctx)) })
	cmd.AddCommand(
		sandboxRemote(env, cobra.Command{
			Use:   "set FILE|-",
			Short: "Put the faults of a file in the place of all",
			Long: `set reads faults in JSON: a list, an object with the list "faults" as the API has
it, or one fault. All are taken, or none; all counts begin at 0.`,
			Example: `  platen sandbox faults set faults.json
  echo '{"path":"*/properties","every":2,"status":503}' | platen sandbox faults set -`,
			Args: arguments("FILE, or - for standard input"),
		}, func(ctx context.Context, r *remote, args []string) error {
			list, err := readFaults(r.env.stdin, args[0])
			if err != nil {
				return err
			}
			return showFaults(r)(r.ReplaceFaults(ctx, list...))
		}),
		addFaultCommand(env),
		sandboxRemote(env, cobra.Command{
			Use: "remove NAME...", Short: "Remove faults", Example: "  platen sandbox faults remove fault-1",
			Args: atLeast(1, "NAME, one or more"), ValidArgsFunction: completeSandbox(env, faultNames),
		}, func(ctx context.Context, r *remote, args []string) error {
			return each(r, args, func(name string) error {
				if err := r.RemoveFault(ctx, name); err != nil {
					return err
				}
				return did(r, map[string]any{"removed": name}, "removed %s", name)
			})
		}),
		sandboxRemote(env, cobra.Command{Use: "clear", Short: "Remove all faults", Example: "  platen sandbox faults clear", Args: arguments()},
			func(ctx context.Context, r *remote, _ []string) error {
				if err := r.RemoveFaults(ctx); err != nil {
					return err
				}
				return did(r, map[string]any{"faults": []string{}}, "there is no fault any more")
			}),
	)
	return cmd
}

// readFaults reads the faults that a file has, "-" for standard input.
func readFaults(stdin io.Reader, name string) (list []platen.Fault, err error) {
	var text []byte
	if name == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, platen.Errorf(platen.Invalid, "%s is empty; for no faults there is: platen sandbox faults clear", name)
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")):
		text = append(append([]byte(`{"faults":`), text...), '}')
	case json.Unmarshal(text, &object) == nil && object["faults"] == nil:
		one, err := olrest.ReadFault(text)
		return []platen.Fault{one}, err
	}
	return olrest.ReadFaults(text)
}

// showFaults returns what prints faults.
func showFaults(r *remote) func([]client.Fault, error) error {
	return func(list []client.Fault, err error) error {
		r.out.begin("NAME", "REQUESTS", "WHAT HAPPENS", "MATCHED", "HITS")
		return printAll(r, 0, "no faults", listOf(list, err), func(f client.Fault) []string {
			requests, what := faultTexts(&f.Fault)
			return []string{f.Name, requests, what, number(f.Matched), number(f.Hits)}
		})
	}
}

// faultTexts says which requests a fault is for, and what it does to them.
func faultTexts(f *platen.Fault) (requests, what string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(olrest.EncodeFault(f), &members) != nil {
		return "", ""
	}
	texts := func(names ...string) string {
		var parts []string
		for _, name := range names {
			if value, ok := members[name]; ok {
				parts = append(parts, name+"="+strings.Trim(string(value), `"`))
			}
		}
		return strings.Join(parts, " ")
	}
	return texts("methods", "route", "path", "user", "from", "to", "every", "probability", "seed"),
		texts("status", "retryAfter", "headers", "body", "expireToken", "noAnswer", "latency", "bandwidth", "cutAfter", "operationDelay", "operationError")
}
