package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A login is what "platen login" was asked for.
type login struct {
	name, user, passwordFile string
	named                    bool
	makeDefault              bool
}

func loginCommand(env environment) *cobra.Command {
	var l login
	cmd := &cobra.Command{
		Use:   "login [ADDRESS|NAME]",
		Short: "Log in to a server, and remember it by a name",
		Long: `login trades a password for a token, and keeps that in the user's config
folder, in a file that nobody else can read. The password is asked for, or is
that of --password-file, of the variable ` + passwordVariable + `, or the first line of
standard input; it is not kept. Without --named-token the token is that of a
session, which ends; with it, it is a named token, which goes on until it is
revoked ("platen logout" does). The first server is the default of all
commands, until --default names another one.`,
		Example: `  platen login http://127.0.0.1:9340
  platen login https://platen.example --name live --named-token --password-file secret
  platen login live`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return arguments("one ADDRESS or NAME")(cmd, args)
			}
			return nil
		},
		ValidArgsFunction: completeServers,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.run(cmd.Context(), env, strings.Join(args, "")); err != nil {
				return serverError{err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&l.name, "name", "", "name to remember the server by (default its host)")
	cmd.Flags().StringVar(&l.user, "user", "", "user to log in as (default the last one, otherwise "+adminName+")")
	cmd.Flags().StringVar(&l.passwordFile, "password-file", "", "file with the password")
	cmd.Flags().BoolVar(&l.named, "named-token", false, "make and keep a named token, which does not end, instead of a session")
	cmd.Flags().BoolVar(&l.makeDefault, "default", false, "make it the server of all commands that name no other")
	return cmd
}

func completeServers(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	saved, _ := readServers()
	return slices.Sorted(maps.Keys(saved.Servers)), cobra.ShellCompDirectiveNoFileComp
}

func (l *login) run(ctx context.Context, env environment, server string) error {
	saved, err := readServers()
	if err != nil {
		return err
	}
	t := target{server: server}
	at, err := t.find()
	if err != nil {
		return err
	}
	l.user = cmp.Or(l.user, at.User, adminName)
	l.name = cmp.Or(l.name, t.name, serverName(at.Address))
	if isAddress(l.name) {
		return usageError{fmt.Errorf("the name %q looks like an address", l.name), "platen login"}
	}
	password, err := l.password(env, at.Address)
	if err != nil {
		return err
	}
	c, err := named(client.New(at.Address, l.user, password))
	if err != nil {
		return err
	}
	fresh := savedServer{Address: strings.TrimRight(at.Address, "/"), User: l.user}
	if fresh.Token, fresh.Expires, err = c.Token(ctx); err != nil {
		return err
	}
	if l.named {
		if err := fresh.nameToken(ctx, c); err != nil {
			return err
		}
	}
	saved.Servers[l.name] = fresh
	if saved.Default == "" || l.makeDefault {
		saved.Default = l.name
	}
	if err := saved.write(); err != nil {
		return err
	}
	until := ""
	if !fresh.Expires.IsZero() {
		until = ", until " + when(fresh.Expires)
	}
	_, err = fmt.Fprintf(env.stdout, "logged in to %s (%s) as %s%s\n", l.name, fresh.Address, l.user, until)
	return err
}

// password returns the password, however it is given.
func (l *login) password(env environment, address string) (string, error) {
	if l.passwordFile != "" {
		return readVariable(l.passwordFile)
	}
	if password := env.getenv(passwordVariable); password != "" {
		return password, nil
	}
	if isTerminal(env.stdin) {
		return askPassword(env, "Password of "+l.user+" at "+address+": ")
	}
	line, err := bufio.NewReader(io.LimitReader(env.stdin, 4096)).ReadString('\n')
	if password := strings.TrimRight(line, "\r\n"); password != "" {
		return password, nil
	}
	if err != nil && err != io.EOF {
		return "", err
	}
	return "", platen.Errorf(platen.Unauthenticated, "no password: use --password-file, set %s, or give it as a line of standard input", passwordVariable)
}

// nameToken makes a named token with the role of the user, and keeps it in the place
// of the session's.
func (s *savedServer) nameToken(ctx context.Context, c *client.Client) error {
	me, err := c.Me(ctx)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	token, err := c.CreateToken(ctx, client.NewToken{Name: "cli-" + printable(strings.ToLower(host), 32) + "-" + strconv.FormatInt(time.Now().Unix(), 36), Role: me.Role})
	if err == nil {
		s.Token, s.TokenName, s.Expires = token.Secret, token.Name, token.ExpireTime
	}
	return err
}

func logoutServerCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "logout [NAME]",
		Short: "Forget a server and its token",
		Long: `logout forgets a server, the default one if none is named, and revokes a named
token that "platen login" has made. That a session ends at once takes "platen
user logout" at the server.`,
		Example:           "  platen logout live",
		ValidArgsFunction: completeServers,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return arguments("one NAME")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			saved, err := readServers()
			if err != nil {
				return err
			}
			t := target{server: strings.Join(args, "")}
			at, err := t.find()
			if err == nil && t.name == "" {
				err = platen.Errorf(platen.NotFound, "no such server is saved; see: platen servers")
			}
			if err != nil {
				return serverError{err}
			}
			if at.TokenName != "" {
				c, err := named(client.NewWithToken(at.Address, at.Token))
				if err == nil {
					err = c.RevokeToken(cmd.Context(), at.TokenName)
				}
				if err != nil && !errors.Is(err, platen.ErrNotFound) {
					env.tell(fmt.Sprintf("the token %s could not be revoked, and is good until somebody does: %s", at.TokenName, explain(err)))
				}
			}
			delete(saved.Servers, t.name)
			if saved.Default == t.name {
				saved.Default = ""
				if names := slices.Sorted(maps.Keys(saved.Servers)); len(names) > 0 {
					saved.Default = names[0]
				}
			}
			if err := saved.write(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.stdout, "forgot %s\n", t.name)
			return err
		},
	}
}

func serversCommand(env environment) *cobra.Command {
	var out output
	var makeDefault string
	cmd := &cobra.Command{
		Use:     "servers",
		Short:   "List the servers that you have logged in to",
		Example: "  platen servers\n  platen servers --default live",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			saved, err := readServers()
			if err != nil {
				return err
			}
			if makeDefault != "" {
				t := target{server: makeDefault}
				if _, err := t.find(); err != nil || t.name == "" {
					return errors.Join(err, serverError{platen.Errorf(platen.NotFound, "no server %q is saved", makeDefault)})
				}
				saved.Default = t.name
				if err := saved.write(); err != nil {
					return err
				}
			}
			out.to(env)
			out.begin("NAME", "ADDRESS", "USER", "TOKEN", "UNTIL", "DEFAULT")
			for _, name := range slices.Sorted(maps.Keys(saved.Servers)) {
				at := saved.Servers[name]
				token, isDefault := at.TokenName, ""
				if token == "" {
					token = "session"
				}
				if name == saved.Default {
					isDefault = "yes"
				}
				shown := map[string]any{"name": name, "address": at.Address, "user": at.User, "token": token, "default": isDefault != ""}
				if err := out.row(shown, name, at.Address, at.User, token, when(at.Expires), isDefault); err != nil {
					return err
				}
			}
			return out.end("no servers; log in to one with: platen login ADDRESS")
		},
	}
	out.flags(cmd.Flags())
	cmd.Flags().StringVar(&makeDefault, "default", "", "make a server that of all commands that name no other")
	return cmd
}
