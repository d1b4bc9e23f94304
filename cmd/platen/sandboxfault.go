package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

func addFaultCommand(env environment) *cobra.Command {
	var f platen.Fault
	var headers []string
	var cmd *cobra.Command
	cmd = sandboxRemote(env, cobra.Command{
		Use:   "add",
		Short: "Add a fault after the others",
		Long: `add adds a fault: which requests it is for, and what happens to them. Without
flags of the first kind it is for all; of the second kind there has to be one.`,
		Example: `  platen sandbox faults add --route '/rest/serverengine/entity/jobs/{id}/properties' --method PUT --from 2 --to 3 --status 503
  platen sandbox faults add --fault busy --every 3 --retry-after 2s
  platen sandbox faults add --path '*/jobsets' --latency 500ms --cut-after 100`,
		Args: arguments(), ValidArgsFunction: cobra.NoFileCompletions,
	}, func(ctx context.Context, r *remote, _ []string) error {
		f.Headers = nil
		for _, header := range headers {
			name, value, ok := strings.Cut(header, ":")
			if !ok {
				return usageError{fmt.Errorf("--header %q is not 'NAME: VALUE'", header), "platen sandbox faults add"}
			}
			f.Headers = append(f.Headers, platen.NameValue{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
		}
		f.Cut = f.CutAfter >= 0
		f.CutAfter = max(f.CutAfter, 0)
		f.EmptyBody = f.Body == "" && cmd.Flags().Changed("body")
		added, err := r.AddFault(ctx, f)
		if err != nil {
			return err
		}
		if r.out.format != "table" {
			return r.out.one(added, [2]string{"name", added.Name})
		}
		return did(r, added, "added %s; which requests it has acted on: platen requests --fault %s", added.Name, added.Name)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.Name, "fault", "", "name of the fault (default one that is free)")

	flags.StringSliceVar(&f.Methods, "method", nil, "for requests with one of these methods")
	flags.StringVar(&f.Route, "route", "", "for requests to this route, with its braces")
	flags.StringVar(&f.Path, "path", "", "for requests with this path; * stands for any text")
	flags.StringVar(&f.User, "of", "", "for requests of this user")
	flags.Int64Var(&f.From, "from", 0, "of these, from this one on, counted from 1")
	flags.Int64Var(&f.To, "to", 0, "of these, up to this one")
	flags.Int64Var(&f.Every, "every", 0, "of these, each so many")
	flags.Float64Var(&f.Probability, "probability", 0, "of these, each with this probability, such as 0.1")
	flags.Int64Var(&f.Seed, "seed", 0, "of the probability: the same seed makes the same sequence")

	flags.IntVar(&f.Status, "status", 0, "status that is answered instead")
	flags.StringVar(&f.Body, "body", "", "body of that, '' for none (default an error as the API has them)")
	flags.StringArrayVar(&headers, "header", nil, "header of that, 'NAME: VALUE'; may be given more than once")
	flags.DurationVar(&f.RetryAfter, "retry-after", 0, "Retry-After of that; alone, the status is 429")
	flags.BoolVar(&f.ExpireToken, "expire-token", false, "401, as if the token had expired")
	flags.BoolVar(&f.NoAnswer, "no-answer", false, "no answer at all")
	flags.DurationVar(&f.Latency, "latency", 0, "what passes before the request is dealt with")
	flags.Int64Var(&f.Bandwidth, "bandwidth", 0, "bytes of the answer in a second")
	flags.Int64Var(&f.CutAfter, "cut-after", -1, "the connection breaks after so many bytes of the answer; -1: never")
	flags.DurationVar(&f.OperationDelay, "operation-delay", 0, "what passes before the operation that the request begins does anything")
	flags.StringVar(&f.OperationError, "operation-error", "", "the operation that the request begins fails with this message")
	_ = cmd.RegisterFlagCompletionFunc("route", cobra.FixedCompletions(routePaths(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// routePaths are the paths of all routes that a fault can be for.
func routePaths() (paths []string) {
	seen := make(map[string]bool)
	for _, route := range olrest.Routes() {
		if !seen[route.Path] && !strings.HasPrefix(route.Path, olrest.SandboxPath) {
			seen[route.Path] = true
			paths = append(paths, route.Path)
		}
	}
	return paths
}
