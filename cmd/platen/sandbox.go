package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/logwriter"
	"github.com/platenhq/platen/internal/sandbox"
)

// sandboxSettings are the settings of a sandbox.
type sandboxSettings struct {
	settings // of which it has few
	seed     []string
	password string
	clock    string
	json     bool
}

func sandboxCommand(env environment) *cobra.Command {
	var set sandboxSettings
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a server for tests: reset in a moment, with a clock and faults",
		Long: `sandbox runs a server for tests. Its data are in memory, and gone when it ends.
Identifiers begin at the same number each time, the clock stands still until it
is told, and the user ` + adminName + ` has the password ` + sandbox.DefaultPassword + `, unless
` + adminPassword + ` is set to another one. So it listens on loopback only.

The commands below talk to a sandbox that runs: they reset it, keep snapshots,
move its clock, have requests fail as a list of rules says, and start further
sandboxes on ports of their own. They know its password. Programs do the same
over /api/v1/sandbox. The last requests are in the journal ("platen requests").
docs/testing.md has examples.`,
		Example: `  platen sandbox
  platen sandbox reset
  platen sandbox --seed none --listen 127.0.0.1:0 --json
  platen sandbox --seed customers.json --seed mailrun.json --clock 2026-12-31T23:59:00Z`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("listen") {
				set.listen = freeAddress(set.listen)
			}
			set.password = cmp.Or(env.getenv(adminPassword), sandbox.DefaultPassword)
			return runSandbox(cmd.Context(), env, &set)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&set.listen, "listen", defaultListen, "loopback address and port to listen on; port 0 takes a free one")
	flags.StringSliceVar(&set.seed, "seed", []string{"demo"}, `what there is at the start: "demo" (a mail run), "none", or files with documents of sets as import takes them, in this order`)
	flags.StringVar(&set.clock, "clock", sandbox.DefaultClock.Format(time.RFC3339), "time at which the clock stands at the start")
	flags.BoolVar(&set.json, "json", false, "print url, user and password as one line of JSON")
	flags.DurationVar(&set.tokenTTL, "token-ttl", time.Hour, "how long a token is good for by the clock, 720h at most")
	flags.StringVar(&set.apiVersion, "api-version", defaultAPIVersion, "version text; clients switch features by it")
	flags.Int64Var(&set.maxBody, "max-body", 16<<20, "largest body of a request in bytes")
	set.journalFlags(flags)
	flags.Lookup("journal").DefValue = "1000"
	set.journal.Requests = 1000
	flags.StringVar(&set.logFormat, "log-format", "text", `"text" for people or "json"`)
	flags.StringVar(&set.logLevel, "log-level", "warn", `"debug", "info" (a line for each request), "warn" or "error"`)
	for _, command := range sandboxCommands(env) {
		withoutVariables(command)
		cmd.AddCommand(command)
	}
	return cmd
}

// config returns what the settings say, or why they can not be meant.
func (set *sandboxSettings) config() (config sandbox.Config, err error) {
	wrong := func(format string, args ...any) (sandbox.Config, error) {
		return config, usageError{fmt.Errorf(format, args...), "platen sandbox"}
	}
	config = sandbox.Config{
		Listen: set.listen, User: adminName, Password: set.password, TokenTTL: set.tokenTTL,
		MaxBody: set.maxBody, APIVersion: set.apiVersion, Version: buildVersion(), Journal: set.journal,
	}
	if _, err := auth.NewUser(adminName, set.password); err != nil {
		return wrong("%s: %w", adminPassword, err)
	}
	if config.Clock, err = time.Parse(time.RFC3339, set.clock); err != nil || config.Clock.Year() < 1970 || config.Clock.Year() > 9000 {
		return wrong("--clock %q is not a time such as 2026-01-31T12:00:00Z", set.clock)
	}
	switch {
	case set.tokenTTL < time.Second || set.tokenTTL > auth.MaxTokenTTL:
		return wrong("--token-ttl %v is not from 1s to %v", set.tokenTTL, auth.MaxTokenTTL)
	case set.maxBody < 1:
		return wrong("--max-body %d is too small", set.maxBody)
	case set.apiVersion == "":
		return wrong("--api-version is empty")
	case set.journal.Requests < 1 || set.journal.Requests > maxJournal:
		return wrong("--journal %d is not a number from 1 to %d: a sandbox always has one", set.journal.Requests, maxJournal)
	}
	if err := checkJournal(set.journal); err != nil {
		return wrong("%w", err)
	}
	if config.Data, err = seedOf(set.seed); err != nil {
		return wrong("--seed: %w", err)
	}
	return config, nil
}

// seedOf returns the data that a sandbox begins with.
func seedOf(seed []string) (sandbox.Data, error) {
	var documents []sandbox.Document
	for _, name := range seed {
		switch {
		case name == "none" && len(seed) == 1:
			return nil, nil
		case name == "demo" && len(seed) == 1:
			return sandbox.Demo(), nil
		case name == "none" || name == "demo":
			return nil, fmt.Errorf(`%q stands alone; a file of that name is "./%s"`, name, name)
		}
		kind, err := kindOfDocument(name)
		if err != nil {
			return nil, err
		}
		documents = append(documents, sandbox.Document{Kind: kind, Write: func(w io.Writer) error {
			file, err := os.Open(name)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = io.Copy(w, file)
			return err
		}})
	}
	return sandbox.Documents(documents...), nil
}

// kindOfDocument returns the kind of set whose document is in a file, by what is
// in it.
func kindOfDocument(name string) (platen.Kind, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	for key, kind := range map[string]platen.Kind{"records": platen.DataSet, "contentitems": platen.ContentSet, "jobs": platen.JobSet} {
		if _, ok := keys[key]; ok {
			return kind, nil
		}
	}
	return 0, fmt.Errorf("%s has none of records, contentitems and jobs: it is no document of a set", name)
}

// sandboxText is what there is to know of a sandbox, see [demoText].
const sandboxText = `platen {version}: a sandbox for tests, gone when it ends (Ctrl-C)

  address   {url}
  user      {user}
  password  {password}
  clock     {clock}, and stands still
  API       {url}/serverengine/doc/

  # back to the start
  {login} -X POST {url}/api/v1/sandbox/reset

  # an hour later
  {login} -X PUT {url}/api/v1/sandbox/clock -H 'Content-Type: application/json' -d '{"advance":"1h"}'

  # the next two requests for properties fail, and which did
  {login} {url}/api/v1/sandbox/faults -H 'Content-Type: application/json' -d '{"path":"*/properties","to":2,"status":503}'
  {login} '{url}/api/v1/requests?fault=fault-1'

  # the same by commands ("platen sandbox --help" has all), and by the console's view Sandbox
  platen sandbox reset --server {url}
  platen sandbox clock +1h --server {url}
  platen sandbox faults add --path '*/properties' --to 2 --status 503 --server {url}

`

// runSandbox runs a sandbox until ctx ends.
func runSandbox(ctx context.Context, env environment, set *sandboxSettings) error {
	outliveReaders()
	lines := logwriter.New(env.stderr)
	defer lines.Close()
	config, err := set.config()
	if err != nil {
		return err
	}
	if config.Log, err = newLog(lines, set.settings); err != nil {
		return err
	}
	lines.OnDropped(tellDropped(config.Log))
	s, err := sandbox.Open(ctx, config)
	if platen.ErrorCode(err) == platen.Invalid {
		return usageError{err, "platen sandbox"}
	}
	if err != nil {
		return err
	}
	if set.json {
		err = json.NewEncoder(env.stdout).Encode(map[string]string{"url": s.URL(), "user": adminName, "password": set.password})
	} else {
		_, err = strings.NewReplacer("{version}", buildVersion(), "{url}", s.URL(), "{user}", adminName, "{password}", set.password,
			"{clock}", config.Clock.UTC().Format(time.RFC3339), "{login}", fmt.Sprintf("curl -u %s:%s", adminName, set.password),
		).WriteString(env.stdout, sandboxText)
	}
	if err == nil {
		<-ctx.Done()
	}
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err
}
