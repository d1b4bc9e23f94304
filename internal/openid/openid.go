// Package openid lets people log in by a provider of identities: the authorization
// code flow of OpenID Connect with PKCE, state and nonce. It keeps nothing of a
// login but a signed cookie in the browser, so a login that began on one server can
// end on another with the same key.
package openid

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/platenhq/platen"
)

// A Config says what a [Provider] is, and what its groups may do.
type Config struct {
	Issuer       string // as the provider writes it, to the last slash
	ClientID     string
	ClientSecret string // "": none, the client is a public one
	RedirectURL  string // where the provider sends browsers back to
	Scopes       []string
	NameClaim    string // has the name of a user
	GroupsClaim  string // has the groups
	Roles        map[string]platen.Role
	Label        string // of the button; "": the host of the issuer
	Key          []byte // signs what is in the cookie; the same on all servers
	Log          *slog.Logger
}

// DefaultScopes are asked for where nothing else is set.
var DefaultScopes = []string{oidc.ScopeOpenID, "profile", "email", "groups"}

// ParseRoles reads GROUP=ROLE texts. A group may have equals signs of its own.
func ParseRoles(texts []string) (map[string]platen.Role, error) {
	roles := make(map[string]platen.Role)
	for _, text := range texts {
		i := strings.LastIndexByte(text, '=')
		if i < 1 {
			return nil, fmt.Errorf("%q is not a group and its role: write GROUP=viewer, GROUP=editor or GROUP=admin", text)
		}
		group, name := strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
		role, err := platen.ParseRole(name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if _, twice := roles[group]; twice {
			return nil, fmt.Errorf("the group %q has two roles", group)
		}
		roles[group] = role
	}
	return roles, nil
}

// Check returns an error that says which settings can not be meant. path is that of
// the redirect URL.
func (c Config) Check(path string) error {
	if c.ClientID == "" {
		return errors.New("--oidc-client-id is missing: the provider names it when platen is registered there")
	}
	if err := checkURL("--oidc-issuer", c.Issuer); err != nil {
		return err
	}
	if c.RedirectURL == "" {
		return fmt.Errorf("--oidc-redirect-url is missing: https://HOST%s, with the host under which browsers know this server; the same is registered at the provider", path)
	}
	if err := checkURL("--oidc-redirect-url", c.RedirectURL); err != nil {
		return err
	}
	if at, err := url.Parse(c.RedirectURL); err != nil || at.EscapedPath() != path {
		return fmt.Errorf("--oidc-redirect-url %q has another path than %s, where this server answers", c.RedirectURL, path)
	}
	if !slices.Contains(c.Scopes, oidc.ScopeOpenID) {
		return errors.New(`--oidc-scopes lacks "openid", without which no provider says who somebody is`)
	}
	if c.NameClaim == "" || c.GroupsClaim == "" {
		return errors.New("--oidc-username-claim and --oidc-groups-claim must not be empty")
	}
	if len(c.Roles) == 0 {
		return errors.New("--oidc-roles is missing: nobody could log in; name groups of the provider and their roles, such as print-admins=admin,print=editor")
	}
	return nil
}

// checkURL refuses what is no URL of https, or of http on this machine, where nobody
// can listen.
func checkURL(name, text string) error {
	at, err := url.Parse(text)
	switch {
	case err != nil || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "":
		return fmt.Errorf("%s %q is no URL such as https://id.example.com", name, text)
	case at.Scheme != "https" && !(at.Scheme == "http" && isLoopback(at.Hostname())):
		return fmt.Errorf("%s %q must be an https:// URL; http:// is for this machine alone (localhost, 127.0.0.1, [::1])", name, text)
	}
	return nil
}

func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// A Provider is a provider of identities, as it is configured. It is asked for what
// else there is to know when somebody logs in.
type Provider struct {
	Config
	secure bool

	mu    sync.Mutex
	known knowledge
}

// New returns a provider whose settings are checked.
func New(config Config) *Provider {
	at, _ := url.Parse(config.Issuer)
	config.Label = cmp.Or(config.Label, at.Host)
	return &Provider{Config: config, secure: strings.HasPrefix(config.RedirectURL, "https://")}
}

// Secure reports whether browsers come by TLS.
func (p *Provider) Secure() bool { return p.secure }

// Home returns the address of the console under which logins work.
func (p *Provider) Home() string {
	at, _ := url.Parse(p.RedirectURL)
	return at.Scheme + "://" + at.Host + "/"
}

// A Refusal is why a login is refused. Its cause is one of few; what the person is
// told may have texts of the provider.
type Refusal struct {
	Err   *platen.Error
	Cause string
	// Guessed: the provider was asked about a code that a program may have made up.
	// What is refused before that costs nothing, and any page can have the browsers
	// of others send it.
	Guessed bool
}

// Error implements error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap is for [errors.As].
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(cause string, guessed bool, format string, args ...any) *Refusal {
	return &Refusal{Err: platen.Errorf(platen.Forbidden, format, args...), Cause: cause, Guessed: guessed}
}

// derive returns what a login uses for one purpose: a text that nobody can tell from
// random without the key.
func (p *Provider) derive(purpose string, seed []byte) string {
	return base64.RawURLEncoding.EncodeToString(p.mac(purpose, seed))
}

func (p *Provider) mac(purpose string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, p.Key)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// short bounds what is shown and logged of a text of others.
func short(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
