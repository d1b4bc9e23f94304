package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/sandbox"
)

const (
	passwordVariable = "PLATEN_PASSWORD"
	tokenVariable    = "PLATEN_TOKEN"
	defaultServer    = "http://" + defaultListen
)

// savedServers are the servers that the user has logged in to.
type savedServers struct {
	Default string                 `json:"default"`
	Servers map[string]savedServer `json:"servers"`
}

// A savedServer is one of them, by a name of the user's.
type savedServer struct {
	Address   string    `json:"address"`
	User      string    `json:"user"`
	Token     string    `json:"token"`
	TokenName string    `json:"tokenName,omitempty"` // of a named token; "": of a session
	Expires   time.Time `json:"expires,omitzero"`
}

// serversFile returns where they are kept.
func serversFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no place to keep servers and tokens in: %w", err)
	}
	return filepath.Join(dir, "platen", "servers.json"), nil
}

// readServers reads the servers of the user; none if there is no file.
func readServers() (saved savedServers, err error) {
	saved.Servers = make(map[string]savedServer)
	path, err := serversFile()
	if err != nil {
		return saved, nil // without a place for them there are none
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &saved)
	}
	if err != nil {
		return saved, fmt.Errorf("the servers in %s can not be read: %w", path, err)
	}
	if saved.Servers == nil {
		saved.Servers = make(map[string]savedServer)
	}
	return saved, nil
}

// write keeps the servers in a file that nobody else can read.
func (s *savedServers) write() error {
	path, err := serversFile()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".servers-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone already if all went well
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// A target is the server that a command talks to, and as whom.
type target struct {
	server  string
	user    string
	sandbox bool // it is one, whose password is known
	basic   bool // no login: faults of a sandbox are for that, too

	name    string // of the saved server that it is, "" for none
	assumed bool   // the password is that of sandboxes, since none was given
}

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.server, "server", "", "server: a name that \"platen login\" has saved, or an address (default the first one saved, otherwise "+defaultServer+")")
	cmd.Flags().StringVar(&t.user, "user", adminName, "user to log in as, unless a token is saved or in "+tokenVariable+"; the password is that of "+passwordVariable+", or asked for; empty: no login")
	_ = cmd.RegisterFlagCompletionFunc("server", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		saved, _ := readServers()
		return slices.Sorted(maps.Keys(saved.Servers)), cobra.ShellCompDirectiveNoFileComp
	})
}

// isAddress reports whether a text is the address of a server, not a name.
func isAddress(text string) bool { return strings.Contains(text, "://") }

// find returns the server that is meant.
func (t *target) find() (savedServer, error) {
	saved, err := readServers()
	if err != nil {
		return savedServer{}, err
	}
	name := cmp.Or(t.server, saved.Default)
	if name == "" {
		return savedServer{Address: defaultServer}, nil
	}
	if isAddress(name) {
		for _, known := range slices.Sorted(maps.Keys(saved.Servers)) {
			if at := saved.Servers[known]; strings.TrimRight(name, "/") == at.Address {
				t.name = known
				return at, nil
			}
		}
		return savedServer{Address: name}, nil
	}
	at, ok := saved.Servers[name]
	if !ok {
		names := make(map[string]bool, len(saved.Servers))
		for known := range saved.Servers {
			names[known] = true
		}
		return at, usageError{fmt.Errorf("no server %q is saved%s; see \"platen servers\", or give an address such as %s", name, didYouMean(name, names), defaultServer), "platen login"}
	}
	t.name = name
	return at, nil
}

// isLoopback reports whether an address is of this machine, where all sandboxes are.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// client returns a client of the server. Credentials are, in this order: the variable
// with a token, that with a password, the saved token, a password that is asked for.
func (t *target) client(env environment, stdinTaken bool) (*client.Client, error) {
	at, err := t.find()
	if err != nil {
		return nil, err
	}
	t.server = at.Address
	if token := env.getenv(tokenVariable); token != "" {
		t.user = ""
		return named(client.NewWithToken(at.Address, token))
	}
	if t.user == adminName && at.User != "" {
		t.user = at.User
	}
	password := env.getenv(passwordVariable)
	switch {
	case password == "" && at.Token != "" && t.user == at.User:
		if !at.Expires.IsZero() && time.Now().After(at.Expires) {
			return nil, platen.Errorf(platen.Expired, "the session at %s has ended; begin another one with: platen login %s", t.name, t.name)
		}
		t.user = ""
		return named(client.NewWithToken(at.Address, at.Token))
	case password == "" && t.sandbox && t.user == adminName && isLoopback(at.Address):
		password, t.assumed = cmp.Or(env.getenv(adminPassword), sandbox.DefaultPassword), true
	case password == "" && t.user != "":
		if stdinTaken || !isTerminal(env.stdin) {
			return nil, platen.Errorf(platen.Unauthenticated, "no password: set %s to that of the user %s, or log in with: platen login %s", passwordVariable, t.user, at.Address)
		}
		if password, err = askPassword(env, "Password of "+t.user+" at "+t.server+": "); err != nil {
			return nil, err
		}
	}
	c, err := named(client.New(at.Address, t.user, password))
	if err == nil {
		c.Basic = t.basic
	}
	return c, err
}

// named gives a client the name of this program.
func named(c *client.Client, err error) (*client.Client, error) {
	if err != nil {
		return nil, usageError{err, "platen"}
	}
	c.UserAgent = "platen/" + buildVersion()
	return c, nil
}

// serverName returns a name for a server without one: its host.
func serverName(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}
