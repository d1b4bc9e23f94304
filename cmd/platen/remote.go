package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// The groups of commands in the help.
const (
	groupServer = "server"
	groupRemote = "remote"
	groupLogin  = "login"
)

// A remote is a command that talks to a server, while it runs.
type remote struct {
	env environment
	target
	out output
	*client.Client
}

// remoteCommand returns a command that talks to a server. run is called with a client.
func remoteCommand(env environment, cmd cobra.Command, run func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	return (&remote{env: env}).command(cmd, run)
}

// command returns a command that is this remote.
func (r *remote) command(cmd cobra.Command, run func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.out.to(r.env)
		c, err := r.client(r.env, false)
		if err != nil {
			return serverError{err}
		}
		r.Client = c
		if err := run(cmd.Context(), r, args); err != nil {
			if r.assumed && refused(err) {
				err = platen.Errorf(platen.ErrorCode(err), "%s; %s is no sandbox, or one with a password of its own: set %s, or --server", explain(err), r.server, passwordVariable)
			}
			if r.name != "" && r.user == "" && refused(err) && r.env.getenv(tokenVariable) == "" {
				err = platen.Errorf(platen.ErrorCode(err), "%s; if the session at %s has ended, begin another one with: platen login %s", explain(err), r.name, r.name)
			}
			return serverError{err}
		}
		return nil
	}
	r.target.flags(&cmd)
	r.out.flags(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return &cmd
}

func refused(err error) bool {
	code := platen.ErrorCode(err)
	return code == platen.Unauthenticated || code == platen.Expired || code == platen.Forbidden
}

// isInterrupt reports whether a command ended because it was told to.
func isInterrupt(err error) bool { return errors.Is(err, context.Canceled) }

// argumentAnnotation marks flags that say what one call is to do: no variable sets
// them.
const argumentAnnotation = "argument"

// withoutVariables marks the flags of a command that are not about the server or the
// form of the output.
func withoutVariables(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "server", "user":
		case "output":
			if _, ok := flag.Value.(*format); ok {
				return
			}
			fallthrough
		default:
			if flag.Annotations == nil {
				flag.Annotations = make(map[string][]string)
			}
			flag.Annotations[argumentAnnotation] = []string{"true"}
		}
	})
	for _, child := range cmd.Commands() {
		withoutVariables(child)
	}
}

// kindOf reads a kind as people write it: job, jobs, "job set", job-sets.
func kindOf(text string) (platen.Kind, error) {
	plain := strings.TrimSuffix(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(text)), "s")
	known := make(map[string]bool)
	for kind := platen.DataSet; kind <= platen.Document; kind++ {
		if client.KindName(kind) == plain {
			return kind, nil
		}
		known[client.KindName(kind)+"s"] = true
	}
	return 0, usageError{fmt.Errorf("%q is no kind of entity; the kinds are %s%s", text, strings.Join(kindNames(), ", "), didYouMean(plain+"s", known)), "platen list"}
}

// kindsOf reads kinds as [kindOf] does.
func kindsOf(texts []string) (kinds []platen.Kind, err error) {
	for _, text := range texts {
		kind, err := kindOf(text)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// kindNames are the kinds, in the plural.
func kindNames() (names []string) {
	for kind := platen.DataSet; kind <= platen.Document; kind++ {
		names = append(names, client.KindName(kind)+"s")
	}
	return names
}

// idsOf reads identifiers.
func idsOf(cmd string, texts ...string) ([]platen.ID, error) {
	ids := make([]platen.ID, len(texts))
	for i, text := range texts {
		id, ok := platen.ParseID(text)
		if !ok {
			return nil, usageError{fmt.Errorf("%q is no identifier: they go from 1 to %d", text, platen.MaxID), cmd}
		}
		ids[i] = id
	}
	return ids, nil
}

// atLeast checks that there are arguments, and says what they are.
func atLeast(n int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return usageError{fmt.Errorf("%s wants %s, got %d", cmd.CommandPath(), want, len(args)), cmd.CommandPath()}
	}
}

// atMost checks that there are not too many arguments, and says what they are.
func atMost(n int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return usageError{fmt.Errorf("%s takes %d at most: %s; got %d", cmd.CommandPath(), n, want, len(args)), cmd.CommandPath()}
	}
}

// A count is the value of a flag that says how many at most. It is not negative, so
// that a slip does not mean all. What 0 means is said by the flag.
type count int

// String implements pflag.Value.
func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Type implements pflag.Value.
func (c *count) Type() string { return "int" }

// Set implements pflag.Value.
func (c *count) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return errors.New("want a whole number from 0 on")
	}
	*c = count(n)
	return nil
}

// printAll prints what an iterator yields in rows, limit at most; 0 is all.
func printAll[T any](r *remote, limit count, nothing string, all iter.Seq2[T, error], cells func(T) []string) error {
	for value, err := range all {
		if err != nil {
			return errors.Join(err, r.out.flush())
		}
		if err := r.out.row(value, cells(value)...); err != nil {
			return err
		}
		if limit > 0 && r.out.rows == int(limit) {
			break
		}
	}
	return r.out.end(nothing)
}

// listOf returns an iterator over a list.
func listOf[T any](list []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, value := range list {
			if !yield(value, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}
