package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

func userCommand(env environment) *cobra.Command {
	var at location
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Manage the users of a server",
		Long: `user manages the users in a database, whether or not servers run on it. All
that run go by the change before the command returns, and log it with who made
it: with a new password, or without the user, all sessions from before have
ended. Named tokens, which POST /api/v1/tokens makes, go on with a new password,
end with their user, and may never do more than the role of their user allows.

A viewer reads; an editor also writes, imports, creates job sets and deletes; an
admin also manages users, tokens, webhooks and rules of retention.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	at.flags(cmd.PersistentFlags())
	cmd.AddCommand(
		logoutCommand(env, &at), unlockCommand(env, &at),
		addUserCommand(env, &at), roleCommand(env, &at),
		disableCommand(env, &at, true), disableCommand(env, &at, false),
		passwordCommand(env, &at, "passwd", "Set the password of a user, which ends the user's sessions", false, func(ctx context.Context, s sqlstore.UserStore, user storage.User) error {
			return s.SetPassword(ctx, user)
		}),
		listUsersCommand(env, &at),
		&cobra.Command{
			Use:   "remove NAME",
			Short: "Remove a user with the user's sessions and tokens; the last admin stays",
			Args:  arguments("NAME"),
			RunE: func(cmd *cobra.Command, args []string) error {
				err := at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
					return s.RemoveUser(cmd.Context(), args[0])
				})
				if err == nil {
					_, err = fmt.Fprintf(env.stdout, "removed %s\n", args[0])
				}
				return err
			},
		},
	)
	return cmd
}

func addUserCommand(env environment, at *location) *cobra.Command {
	var name string
	var role platen.Role // 0: what the store takes for it
	cmd := passwordCommand(env, at, "add", "Add a user", true, func(ctx context.Context, s sqlstore.UserStore, user storage.User) error {
		user.Role = role
		return s.AddUser(ctx, user)
	})
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if name != "" {
			if role, err = platen.ParseRole(name); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
		}
		return nil
	}
	cmd.Example += "\n  platen user add dashboard --role viewer --generate"
	cmd.Flags().StringVar(&name, "role", "", "viewer, editor or admin (default editor; of the first user admin)")
	return cmd
}

func roleCommand(env environment, at *location) *cobra.Command {
	return &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "Set the role of a user: viewer, editor or admin",
		Long: `role sets what a user may do, from now on: sessions and tokens go on with the
new role. There is always an admin.`,
		Example: "  platen user role mailroom viewer --data /var/lib/platen",
		Args:    arguments("NAME", "ROLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, err := platen.ParseRole(args[1])
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			err = at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
				return s.SetRole(cmd.Context(), args[0], role)
			})
			if err == nil {
				_, err = fmt.Fprintf(env.stdout, "%s is now %s\n", args[0], role)
			}
			return err
		},
	}
}

// disableCommand disables users, or enables them.
func disableCommand(env environment, at *location, disabled bool) *cobra.Command {
	use, short := "enable", "Let a user in again who is disabled"
	if disabled {
		use, short = "disable", "Refuse a user with all sessions and tokens until it is enabled; the last local admin stays"
	}
	return &cobra.Command{
		Use: use + " NAME", Short: short, Example: "  platen user " + use + " mailroom --data /var/lib/platen", Args: arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
				return s.SetDisabled(cmd.Context(), args[0], disabled, auth.NewEpoch())
			})
			if err == nil {
				_, err = fmt.Fprintf(env.stdout, "%s is %s\n", args[0], enabledText[disabled])
			}
			return err
		},
	}
}

// passwordCommand is a command that sets a password, with set.
func passwordCommand(env environment, at *location, use, short string, create bool, set func(context.Context, sqlstore.UserStore, storage.User) error) *cobra.Command {
	var generate bool
	sub := &cobra.Command{
		Use:   use + " NAME",
		Short: short,
		Long: short + `.
The password is asked for, or read from standard input if that is no terminal;
with --generate a random one is made and printed.`,
		Example: "  platen user " + use + " mailroom --data /var/lib/platen\n" +
			"  platen user " + use + " mailroom --generate",
		Args: arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			password := auth.NewPassword()
			if !generate {
				var err error
				if password, err = newPassword(env, args[0]); err != nil {
					return err
				}
			}
			user, err := auth.NewUser(args[0], password)
			if err != nil {
				return err
			}
			err = at.use(cmd.Context(), env, create, func(s sqlstore.UserStore) error { return set(cmd.Context(), s, user) })
			if err == nil && generate {
				_, err = fmt.Fprintln(env.stdout, password)
			}
			return err
		},
	}
	sub.Flags().BoolVar(&generate, "generate", false, "make a random password and print it")
	return sub
}

func listUsersCommand(env environment, at *location) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
				users, err := s.Users(cmd.Context())
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "USER\tROLE\tPASSWORD SET\tDISABLED")
				for _, user := range users {
					password := user.Changed.Format(time.DateTime)
					if user.External() {
						password = user.Issuer
					}
					disabled := ""
					if user.Disabled != storage.NotDisabled {
						disabled = "yes"
					}
					fmt.Fprintln(w, strings.TrimRight(strings.Join([]string{user.Name, user.Role.String(), password, disabled}, "\t"), "\t"))
				}
				return w.Flush()
			})
		},
	}
}

// newPassword asks a person twice, or reads a line of what is no terminal.
func newPassword(env environment, name string) (string, error) {
	if !isTerminal(env.stdin) {
		line, err := bufio.NewReader(io.LimitReader(env.stdin, 4096)).ReadString('\n')
		if err != nil && (err != io.EOF || line == "") {
			return "", fmt.Errorf("no password on standard input: give it as a line, or use --generate")
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	password, err := askPassword(env, "New password of "+name+": ")
	if err != nil {
		return "", err
	}
	again, err := askPassword(env, "Again: ")
	if err != nil {
		return "", err
	}
	if password != again {
		return "", errors.New("the passwords differ; nothing was changed")
	}
	return password, nil
}

// askPassword asks a person, without showing what is typed. An interrupt ends that, and
// the terminal shows again what is typed.
func askPassword(env environment, prompt string) (string, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	terminal := int(env.stdin.(*os.File).Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	fmt.Fprint(env.stderr, prompt)
	defer fmt.Fprintln(env.stderr)
	var password []byte
	read := make(chan error, 1)
	go func() {
		var err error
		password, err = term.ReadPassword(terminal)
		read <- err
	}()
	select {
	case err := <-read:
		return string(password), err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}
