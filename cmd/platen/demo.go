package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/demo"
)

func demoCommand(env environment) *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a server with a mail run in it, to look at",
		Long: `demo runs a server on a temporary database with a mail run in it: a data set of
300 recipients, a content set of their letters, and a job set with three jobs.
It prints the address, the password and curl lines that work when pasted. When
it ends, all is gone.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			set.data, err = os.MkdirTemp("", "platen-demo-")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(set.data)) }()
			if !cmd.Flags().Changed("listen") {
				set.listen = freeAddress(set.listen)
			}
			env.getenv = withPassword(env.getenv)
			return serve(cmd.Context(), env, set, func(ctx context.Context, now running) error {
				return showDemo(ctx, env, now)
			})
		},
	}
	set.flags(cmd)
	cmd.Flags().BoolVar(&set.front.behindProxy, "behind-proxy", false, "allow plain HTTP on an address that is not loopback")
	cmd.Flags().Lookup("log-level").DefValue = "warn"
	set.logLevel = "warn"
	return cmd
}

// freeAddress returns the address, or one with a free port if that is taken.
func freeAddress(address string) string {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		listener.Close()
		return address
	}
	host, _, split := net.SplitHostPort(address)
	if split != nil || !errors.Is(err, syscall.EADDRINUSE) {
		return address
	}
	return net.JoinHostPort(host, "0")
}

// withPassword makes up the password of the demo, unless one is given.
func withPassword(getenv func(string) string) func(string) string {
	password := getenv(adminPassword)
	if password == "" {
		password = auth.NewPassword()
	}
	return func(name string) string {
		if name == adminPassword {
			return password
		}
		return getenv(name)
	}
}

// showDemo sends the mail run to the server as any client would, and prints
// what there is to try.
func showDemo(ctx context.Context, env environment, now running) error {
	password := env.getenv(adminPassword)
	c, err := client.New(now.url, adminName, password)
	if err != nil {
		return err
	}
	run := demo.MailRun()
	var made [3]platen.Created
	for i, set := range []struct {
		kind  platen.Kind
		write func(io.Writer) error
	}{{platen.DataSet, run.DataSet}, {platen.ContentSet, run.ContentSet}, {platen.JobSet, run.JobSet}} {
		document, w := io.Pipe()
		go func() { w.CloseWithError(set.write(w)) }()
		if made[i], err = c.Import(ctx, set.kind, document); err != nil {
			return err
		}
	}
	data, content, jobs := made[0], made[1], made[2]
	customer, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: jobs.Children[0]}, platen.Properties)
	if err != nil {
		return err
	}
	what := ""
	for _, pair := range customer {
		if pair.Name == "customer" {
			what = ", the first for " + pair.Value
		}
	}
	entity := now.url + "/rest/serverengine/entity"
	login := "curl -u " + adminName + ":" + password
	sends := login + " -H 'Content-Type: application/json' -X PUT"
	_, err = fmt.Fprintf(env.stdout, `platen %s: a demo with a mail run in it, gone when it ends (Ctrl-C)

  address   %s
  user      %s
  password  %s
  API       %s/serverengine/doc/

Data set %d has the recipients, content set %d their letters.
Job set %d has the jobs %d%s. Try:

  # the jobs of the job set
  %s %s/jobsets/%d

  # the properties of a job
  %s %s/jobs/%d/properties

  # tag it: the name is added, the others stay
  %s %s/jobs/properties -d '[{"id":%d,"properties":[{"name":"status","value":"printed"}]}]'

  # find what is tagged so
  %s %s/find -d '{"entity":"JOBS","search":{"ruleType":"RULESET","condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"status","condition":"EQ","value":"printed"}]}}'

  # a recipient, and what there is to print
  %s '%s/datarecords/5001/values?recursive=true&outputFormat=simplified'
  %s '%s/rest/serverengine/statistics/jobset/%d?levelMode=documentSetOnly'

`, buildVersion(), now.url, adminName, password, now.url,
		data.ID, content.ID, jobs.ID, jobs.Children, what,
		login, entity, jobs.ID,
		login, entity, jobs.Children[0],
		sends, entity, jobs.Children[0],
		sends, entity,
		login, entity,
		login, now.url, jobs.ID)
	return err
}
