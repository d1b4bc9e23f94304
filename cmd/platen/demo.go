package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
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
		Args:        arguments(),
		Annotations: map[string]string{logAnnotation: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			set.data, err = os.MkdirTemp("", "platen-demo-")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(set.data)) }()
			if !cmd.Flags().Changed("listen") {
				set.listen = freeAddress(set.listen)
			}
			set.list = listSettings(env, cmd.Flags(), set)
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
	cmd.Flags().Lookup("journal").DefValue = "1000"
	set.journal.Requests = 1000
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

// demoText is what there is to try in a demo. It is no text/template: with that
// in a program the linker has to keep all methods of all types, 4 MB of them.
const demoText = `platen {version}: a demo with a mail run in it, gone when it ends (Ctrl-C)

  address   {url}
  user      {user}
  password  {password}
  API       {url}/serverengine/doc/

Data set {data} has the recipients, content set {content} their letters.
Job set {jobs} has the jobs {children}{customer}. Try:

  # the jobs of the job set
  {login} {entity}/jobsets/{jobs}

  # the properties of a job
  {login} {entity}/jobs/{job}/properties

  # tag it: the name is added, the others stay
  {login} -H 'Content-Type: application/json' -X PUT {entity}/jobs/properties -d '[{"id":{job},"properties":[{"name":"status","value":"printed"}]}]'

  # find what is tagged so
  {login} -H 'Content-Type: application/json' -X PUT {entity}/find -d '{"entity":"JOBS","search":{"ruleType":"RULESET","condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"status","condition":"EQ","value":"printed"}]}}'

  # a recipient, and what there is to print
  {login} '{entity}/datarecords/5001/values?recursive=true&outputFormat=simplified'
  {login} '{url}/rest/serverengine/statistics/jobset/{jobs}?levelMode=documentSetOnly'

  # which requests were refused, and why
  {login} '{url}/api/v1/requests?status=4xx'

`

// demoFacts are the facts of demoText.
type demoFacts struct {
	Version, URL, User, Password string
	Data, Content, Jobs          platen.Created
	Customer                     string // of the first job, "" if that is not known
}

// showDemo sends the mail run to the server as any client would, and prints
// what there is to try.
func showDemo(ctx context.Context, env environment, now running) error {
	facts := demoFacts{Version: buildVersion(), URL: now.url, User: adminName, Password: env.getenv(adminPassword)}
	c, err := client.New(facts.URL, facts.User, facts.Password)
	if err != nil {
		return err
	}
	run := demo.MailRun()
	for _, set := range []struct {
		kind  platen.Kind
		write func(io.Writer) error
		made  *platen.Created
	}{
		{platen.DataSet, run.DataSet, &facts.Data},
		{platen.ContentSet, run.ContentSet, &facts.Content},
		{platen.JobSet, run.JobSet, &facts.Jobs},
	} {
		document, w := io.Pipe()
		go func() { w.CloseWithError(set.write(w)) }()
		if *set.made, err = c.Import(ctx, set.kind, document); err != nil {
			return err
		}
	}
	properties, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: facts.Jobs.Children[0]}, platen.Properties)
	if err != nil {
		return err
	}
	for _, pair := range properties {
		if pair.Name == "customer" {
			facts.Customer = pair.Value
		}
	}
	_, err = fmt.Fprint(env.stdout, facts)
	return err
}

// String returns the text of the demo.
func (facts demoFacts) String() string {
	customer := ""
	if facts.Customer != "" {
		customer = ", the first for " + facts.Customer
	}
	return strings.NewReplacer(
		"{version}", facts.Version, "{url}", facts.URL, "{user}", facts.User, "{password}", facts.Password,
		"{login}", fmt.Sprintf("curl -u %s:%s", facts.User, facts.Password), "{entity}", facts.URL+"/rest/serverengine/entity",
		"{data}", fmt.Sprint(facts.Data.ID), "{content}", fmt.Sprint(facts.Content.ID), "{jobs}", fmt.Sprint(facts.Jobs.ID),
		"{children}", fmt.Sprint(facts.Jobs.Children), "{job}", fmt.Sprint(facts.Jobs.Children[0]), "{customer}", customer,
	).Replace(demoText)
}
