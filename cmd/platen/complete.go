package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// What completion asks a server for.
const (
	completeWithin = 1500 * time.Millisecond
	completeMost   = 50
)

// completeIDs completes identifiers: the newest sets of a kind, or of all kinds if it
// is 0. It asks for no password, and says nothing if the server does not.
func completeIDs(env environment, kind platen.Kind) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		env := env
		env.stdin = nil // so that nothing is asked for
		_ = fromEnvironment(cmd.Flags(), &env)
		to := target{user: adminName}
		if flag := cmd.Flags().Lookup("server"); flag != nil {
			to.server = flag.Value.String()
		}
		c, err := to.client(env, false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		kinds := []platen.Kind{kind}
		if kind == 0 {
			kinds = []platen.Kind{platen.JobSet, platen.Job, platen.ContentSet, platen.DataSet}
		}
		for _, kind := range kinds {
			for e, err := range c.ListSeq(ctx, client.Listing{Kind: kind, OrderBy: "id desc", Fields: "id,properties", PageSize: completeMost}) {
				if err != nil || len(ids) >= completeMost {
					break
				}
				about := kind.String()
				if text := pairsText(e.Properties); text != "" {
					about += ": " + (&output{terminal: true}).clean(text)
				}
				ids = append(ids, e.ID.String()+"\t"+about)
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
