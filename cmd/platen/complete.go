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

// completeChange completes identifiers and, after one, the names of its lists with
// something after each.
func completeChange(env environment, after string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	ids := completeIDs(env, 0)
	return func(cmd *cobra.Command, args []string, typed string) (names []string, _ cobra.ShellCompDirective) {
		of, _ := splitIDs(args)
		if len(of) == 0 || typed != "" && typed[0] >= '0' && typed[0] <= '9' {
			return ids(cmd, args, typed)
		}
		c := completing(cmd, env, target{})
		if c == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		e, err := c.Entity(ctx, of[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, pair := range e.Properties {
			names = append(names, pair.Name+after+"\t"+(&output{terminal: true}).clean(pair.Value))
		}
		for _, pair := range e.Metadata {
			names = append(names, "metadata."+pair.Name+after+"\t"+(&output{terminal: true}).clean(pair.Value))
		}
		for _, pair := range e.Fields {
			names = append(names, "fields."+pair.Name+after+"\t"+(&output{terminal: true}).clean(pair.Value))
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if after != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return names, directive
	}
}

// completing returns a client for a completion, nil if there is none without a
// question.
func completing(cmd *cobra.Command, env environment, to target) *client.Client {
	env.stdin = nil // so that nothing is asked for
	_ = fromEnvironment(cmd.Flags(), &env)
	to.user = adminName
	if flag := cmd.Flags().Lookup("server"); flag != nil {
		to.server = flag.Value.String()
	}
	c, err := to.client(env, false)
	if err != nil {
		return nil
	}
	return c
}

// completeIDs completes identifiers: the newest sets of a kind, or of all kinds if it
// is 0. It asks for no password, and says nothing if the server does not.
func completeIDs(env environment, kind platen.Kind) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		c := completing(cmd, env, target{})
		if c == nil {
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
