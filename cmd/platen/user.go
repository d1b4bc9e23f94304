package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
it: with a new password, or without the user, all tokens from before are
invalid.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	at.flags(cmd.PersistentFlags())
	cmd.AddCommand(
		logoutCommand(env, &at), unlockCommand(env, &at),
		passwordCommand(env, &at, "add", "Add a user", true, func(ctx context.Context, s sqlstore.UserStore, user storage.User) error {
			return s.AddUser(ctx, user)
		}),
		passwordCommand(env, &at, "passwd", "Set the password of a user, which ends the user's tokens", false, func(ctx context.Context, s sqlstore.UserStore, user storage.User) error {
			return s.SetPassword(ctx, user)
		}),
		listUsersCommand(env, &at),
		&cobra.Command{
			Use:   "remove NAME",
			Short: "Remove a user, which ends the user's tokens; the last one stays",
			Args:  arguments("NAME"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
					return s.RemoveUser(cmd.Context(), args[0])
				})
			},
		},
	)
	return cmd
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
				fmt.Fprintln(w, "USER\tPASSWORD SET")
				for _, user := range users {
					fmt.Fprintf(w, "%s\t%s\n", user.Name, user.Changed.Format(time.DateTime))
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

// askPassword asks a person, without showing what is typed.
func askPassword(env environment, prompt string) (string, error) {
	fmt.Fprint(env.stderr, prompt)
	defer fmt.Fprintln(env.stderr)
	password, err := term.ReadPassword(int(env.stdin.(*os.File).Fd()))
	return string(password), err
}
