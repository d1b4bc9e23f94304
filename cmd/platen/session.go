package main

import (
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/sqlstore"
)

// actor names who runs this process, for the log of changes: user@host.
func actor() string {
	name := fmt.Sprint("uid ", os.Getuid())
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return printable(name, 64) + "@" + printable(host, 64)
}

// printable returns at most most characters of text, those that are not
// printable ASCII replaced.
func printable(text string, most int) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return clean[:min(len(clean), most)]
}

func logoutCommand(env environment, at *location) *cobra.Command {
	return &cobra.Command{
		Use:     "logout NAME",
		Short:   "End a user's sessions: the password and named tokens stay",
		Example: "  platen user logout mailroom --data /var/lib/platen",
		Args:    arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
				return s.SetEpoch(cmd.Context(), args[0], auth.NewEpoch())
			})
			if err == nil {
				_, err = fmt.Fprintf(env.stdout, "ended the sessions of %s\n", args[0])
			}
			return err
		},
	}
}

func unlockCommand(env environment, at *location) *cobra.Command {
	var address string
	var all bool
	cmd := &cobra.Command{
		Use:   "unlock [NAME]",
		Short: "Forget failed logins, so that a password can be tried again at once",
		Long: `unlock makes all running servers forget failed logins: those of a user, those
from an address, or all. With a user and an address, that user can log in from
that address even while others go on guessing. What is counted, and how much is
allowed, is in docs/operations.md, "Guessing: the numbers".`,
		Example: `  platen user unlock mailroom --data /var/lib/platen
  platen user unlock mailroom --address 192.0.2.7
  platen user unlock --address 2001:db8::7
  platen user unlock --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			named := len(args) > 0 || address != ""
			if len(args) > 1 || named == all {
				return usageError{fmt.Errorf("%s wants NAME, --address or both, or else --all", cmd.CommandPath()), cmd.CommandPath()}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.Join(args, "")
			err := at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
				return auth.Unlock(cmd.Context(), s, name, address)
			})
			if err != nil {
				return err
			}
			who, from := "all users", "all addresses"
			if name != "" {
				who = name
			}
			if address != "" {
				from = address
			}
			_, err = fmt.Fprintf(env.stdout, "forgot the failed logins of %s from %s\n", who, from)
			return err
		},
	}
	cmd.Flags().StringVar(&address, "address", "", "IP address of the client; of IPv6 its /64 counts")
	cmd.Flags().BoolVar(&all, "all", false, "those of all users from all addresses")
	return cmd
}

func keyCommand(env environment) *cobra.Command {
	var at location
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Manage the key of the sessions' tokens",
		Args:  arguments(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	at.flags(cmd.PersistentFlags())
	cmd.AddCommand(&cobra.Command{
		Use:   "rotate",
		Short: "Make a new key, which ends all sessions",
		Long: `rotate makes a new key for the tokens that a login gives, for example when
somebody may have read the database or a backup of it. All running servers take
it up before the command returns; all such tokens from before are invalid, and
clients log in anew. Passwords stay, and so do named tokens, of which the database
has only a hash.`,
		Example: "  platen key rotate --data /var/lib/platen",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := at.use(cmd.Context(), env, false, func(s sqlstore.UserStore) error {
				return auth.RotateKey(cmd.Context(), s)
			})
			if err == nil {
				_, err = fmt.Fprintln(env.stdout, "made a new key; all sessions have ended")
			}
			return err
		},
	})
	return cmd
}
