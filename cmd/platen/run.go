package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// An environment is all that a command sees of the world besides its
// arguments, so that tests can give it another one.
type environment struct {
	getenv  func(string) string
	environ func() []string // nil: only getenv is asked
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer

	files map[string]string // the files that variables came from
}

// tell tells the person at the command line what a command has noticed.
func (env environment) tell(line string) { fmt.Fprintln(env.stderr, "platen:", line) }

// isTerminal reports whether a person watches a stream or types into it.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// run runs one command and returns the exit code: 0, 1 for what failed, or 2
// for a wrong call.
func run(ctx context.Context, args []string, env environment) int {
	err := env.readVariables(variables(rootCommand(env)))
	if err == nil {
		root := rootCommand(env)
		root.SetArgs(args)
		describeEnvironment(root)
		err = root.ExecuteContext(storage.WithOrigin(ctx, &storage.Origin{User: actor()}))
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(env.stderr, "platen:", explain(err))
	wrong, ok := errors.AsType[usageError](err)
	switch {
	case ok:
		fmt.Fprintf(env.stderr, "See %q.\n", wrong.command+" --help")
		return 2
	case strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintln(env.stderr, `See "platen --help".`)
		return 2
	}
	return 1
}

// extraCommands are those that only some builds have.
var extraCommands []func(environment) *cobra.Command

// rootCommand returns the command line.
func rootCommand(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "platen",
		Short: "An open server for the entity side of the OL Connect Server REST API",
		Long: `platen is an open server for the entity side of the OL Connect Server REST API.

  platen demo          a server with a mail run in it, to look at
  platen sandbox       a server for tests
  platen serve         the server
  platen import FILE   send a job set document to a server
  platen backup FILE   a copy of the database, while the server runs
  platen copy          move between SQLite and PostgreSQL

Each flag can also be set in the environment, where a name with _FILE at its
end names a file that has the value. "platen COMMAND --help" has the names,
"platen config" what they are set to.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		serveCommand(env), configCommand(env), checkCommand(env), demoCommand(env), sandboxCommand(env),
		importCommand(env), exportCommand(env),
		copyCommand(env), backupCommand(env), restoreCommand(env),
		userCommand(env), keyCommand(env), readyCommand(env), versionCommand(env),
	)
	for _, extra := range extraCommands {
		root.AddCommand(extra(env))
	}
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return fromEnvironment(cmd.Flags(), &env)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err, cmd.CommandPath()}
	})
	return root
}

// A usageError is a call that was wrong in itself.
type usageError struct {
	error
	command string
}

// explain returns what a person should read of an error.
func explain(err error) string {
	if shown, ok := errors.AsType[*platen.Error](err); ok && shown.Message != "" {
		return shown.Error()
	}
	return err.Error()
}

// arguments checks the number of arguments, and says what they are.
func arguments(want ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(want) {
			return nil
		}
		wants := "takes no arguments"
		if len(want) > 0 {
			wants = "wants " + strings.Join(want, " and ")
		}
		return usageError{fmt.Errorf("%s %s, got %d", cmd.CommandPath(), wants, len(args)), cmd.CommandPath()}
	}
}
