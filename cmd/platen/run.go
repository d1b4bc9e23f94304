package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

	files   map[string]string // the files that variables came from
	unknown []string          // what there is to say of variables that no command knows
}

// tell tells the person at the command line what a command has noticed.
func (env environment) tell(line string) { fmt.Fprintln(env.stderr, "platen:", line) }

// isTerminal reports whether a person watches a stream or types into it.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// run runs one command and returns the exit code: 0, 1 for what failed, 2 for a
// wrong call, or what [exitCode] says of a command that talks to a server.
func run(ctx context.Context, args []string, env environment) int {
	err := env.readVariables(variables(rootCommand(env)))
	if err == nil {
		root := rootCommand(env)
		root.SetArgs(args)
		describeEnvironment(root)
		checkHelp(root)
		err = root.ExecuteContext(storage.WithOrigin(ctx, &storage.Origin{User: actor()}))
	}
	if err == nil {
		return 0
	}
	text := fmt.Sprintln("platen:", explain(err))
	if distrusted(err) {
		how := "name its certificate: SSL_CERT_FILE=ca.pem platen …"
		if runtime.GOOS == "windows" || runtime.GOOS == "darwin" { // where Go knows no such variable
			how = "have this system trust its certificate"
		}
		text += "If that is an authority of your own, " + how + "\n"
	}
	code := exitCode(err)
	if wrong, ok := errors.AsType[usageError](err); ok {
		text += fmt.Sprintf("See %q.\n", wrong.command+" --help")
		code = exitUsage
	} else if strings.HasPrefix(err.Error(), "unknown command") {
		text += "See \"platen --help\".\n"
		code = exitUsage
	}
	writeBounded(ctx, env.stderr, text)
	return code
}

// writeBounded writes what a command has to say at its end. One that was told to stop
// does not wait for whoever should read that.
func writeBounded(ctx context.Context, w io.Writer, text string) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(w, text)
	}()
	select {
	case <-written:
		return
	case <-ctx.Done():
	}
	select {
	case <-written:
	case <-time.After(300 * time.Millisecond):
	}
}

// extraCommands are those that only some builds have.
var extraCommands []func(environment) *cobra.Command

// rootCommand returns the command line.
func rootCommand(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "platen",
		Short: "An open server for the entity side of the OL Connect Server REST API",
		Long: `platen is an open server for the entity side of the OL Connect Server REST API.

  platen demo                        a server with a mail run in it, to look at
  platen sandbox                     a server for tests
  platen serve                       the server
  platen login http://host:9340      remember a server, for the commands below
  platen list jobs                   what is on it, as a table, JSON or CSV
  platen set 1001 shift=night        tag a job
  platen watch                       what changes, as it happens
  platen import FILE                 send a job set document to it
  platen backup FILE                 a copy of the database, while the server runs
  platen copy                        move between SQLite and PostgreSQL

Each setting can also be made in the environment, where a name with _FILE at
its end names a file that has the value. "platen COMMAND --help" has the names
in brackets, "platen config" what the server's are set to.

` + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       buildVersion(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(&cobra.Group{ID: groupServer, Title: "A server, and its database:"},
		&cobra.Group{ID: groupRemote, Title: "What is on a server:"}, &cobra.Group{ID: groupLogin, Title: "Servers to talk to:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	add(groupServer, serveCommand(env), configCommand(env), checkCommand(env), demoCommand(env), sandboxCommand(env),
		copyCommand(env), backupCommand(env), restoreCommand(env), userCommand(env), keyCommand(env), readyCommand(env))
	add(groupLogin, loginCommand(env), logoutServerCommand(env), serversCommand(env))
	add(groupRemote, getCommand(env), listCommand(env), findCommand(env), treeCommand(env), contentsCommand(env), statsCommand(env),
		setCommand(env), unsetCommand(env), editCommand(env), updateCommand(env),
		historyCommand(env), revertCommand(env), watchCommand(env), deleteCommand(env), undeleteCommand(env), deletedCommand(env),
		createCommand(env), operationCommand(env), tokenCommand(env), webhookCommand(env), requestsCommand(env))
	for _, extra := range extraCommands {
		add(groupServer, extra(env))
	}
	for _, command := range root.Commands() {
		if command.GroupID != groupServer {
			withoutVariables(command)
		}
	}
	add(groupRemote, importCommand(env), exportCommand(env))
	root.AddCommand(versionCommand(env))
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Annotations[logAnnotation] == "" {
			for _, line := range env.unknown {
				env.tell(line)
			}
		}
		return fromEnvironment(cmd.Flags(), &env)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
			known := make(map[string]bool)
			cmd.Flags().VisitAll(func(flag *pflag.Flag) { known["--"+flag.Name] = true })
			err = fmt.Errorf("%w%s", err, didYouMean("--"+name, known))
		}
		return usageError{err, cmd.CommandPath()}
	})
	return root
}

// checkHelp has the commands that the library adds, help and completion, refuse what
// they do not know: they would print the help of something else, and end with 0.
func checkHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		switch command.Name() {
		case "help":
			command.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					err = unknownCommand(found, rest[0])
				}
				return err
			}
		case "completion":
			command.Args = arguments()
			command.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// unknownCommand is the error of a name that is no command below cmd.
func unknownCommand(cmd *cobra.Command, name string) error {
	known := make(map[string]bool)
	for _, command := range cmd.Commands() {
		if !command.Hidden {
			known[command.Name()] = true
		}
	}
	return usageError{fmt.Errorf("unknown command %q of %s%s", name, cmd.CommandPath(), didYouMean(name, known)), cmd.CommandPath()}
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
	if isInterrupt(err) {
		return "interrupted"
	}
	return err.Error()
}

// distrusted reports whether this system does not know who signed a certificate.
func distrusted(err error) bool {
	_, is := errors.AsType[x509.UnknownAuthorityError](err)
	return is
}

// arguments checks the number of arguments, and says what they are.
func arguments(want ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(want) {
			return nil
		}
		if len(want) == 0 && cmd.HasSubCommands() {
			return unknownCommand(cmd, args[0])
		}
		wants := "takes no arguments"
		if len(want) > 0 {
			wants = "wants " + strings.Join(want, " and ")
		}
		return usageError{fmt.Errorf("%s %s, got %d%s", cmd.CommandPath(), wants, len(args), switchedApart(cmd, args)), cmd.CommandPath()}
	}
}

// switchedApart says how a switch is written, if an argument seems to be the value of
// one.
func switchedApart(cmd *cobra.Command, args []string) (hint string) {
	i := slices.IndexFunc(args, func(arg string) bool { return arg == "true" || arg == "false" })
	if i < 0 {
		return ""
	}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Value.Type() == "bool" {
			hint = fmt.Sprintf("; write --%s=%s", flag.Name, args[i])
		}
	})
	return hint
}
