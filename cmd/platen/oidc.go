package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/console"
	"github.com/platenhq/platen/internal/openid"
)

// An oidcSettings says whether and how people log in by a provider of identities.
type oidcSettings struct {
	config openid.Config
	roles  []string
}

// secretFlag has a value that nothing shows.
const secretFlag = "oidc-client-secret"

func (o *oidcSettings) flags(flags *pflag.FlagSet) {
	c := &o.config
	flags.StringVar(&c.Issuer, "oidc-issuer", "", "URL of an OpenID Connect provider by which people can log in to the console, exactly as it calls itself; local users stay")
	flags.StringVar(&c.ClientID, "oidc-client-id", "", "the client that the provider knows this server as")
	flags.StringVar(&c.ClientSecret, secretFlag, "", "the client's secret; rather in a file, since the process list shows flags; none: the client is a public one")
	flags.StringVar(&c.RedirectURL, "oidc-redirect-url", "", "https://HOST"+console.Callback+", with the host under which browsers know this server; the same is registered at the provider")
	flags.StringSliceVar(&c.Scopes, "oidc-scopes", openid.DefaultScopes, "what is asked of the provider; of the default, what it says it knows")
	flags.StringVar(&c.NameClaim, "oidc-username-claim", "preferred_username", "claim with the name of a user; without it the e-mail address is the name, or else the subject")
	flags.StringVar(&c.GroupsClaim, "oidc-groups-claim", "groups", "claim with the groups of a user")
	flags.StringSliceVar(&o.roles, "oidc-roles", nil, "GROUP=ROLE: which groups may log in, and as what (viewer, editor, admin); of several the greatest role counts; may be given more than once, or with commas")
	flags.StringVar(&c.Label, "oidc-name", "", "what the button for the login calls the provider; default: its host")
}

// on reports whether there is a provider.
func (o *oidcSettings) on() bool { return o.config.Issuer != "" }

// check refuses settings that can not be meant, and reads the roles.
func (o *oidcSettings) check(noAuth bool) (err error) {
	wrong := func(err error) error { return usageError{err, "platen serve"} }
	c := &o.config
	switch {
	case !o.on() && (c.ClientID != "" || c.ClientSecret != "" || c.RedirectURL != "" || c.Label != "" || len(o.roles) > 0):
		return wrong(errors.New("--oidc-client-id, --oidc-client-secret, --oidc-redirect-url, --oidc-roles and --oidc-name need --oidc-issuer"))
	case !o.on():
		return nil
	case noAuth:
		return wrong(errors.New("with --no-auth nobody logs in: leave it or --oidc-issuer out"))
	}
	if c.Roles, err = openid.ParseRoles(o.roles); err != nil {
		return wrong(fmt.Errorf("--oidc-roles: %w", err))
	}
	if err := c.Check(console.Callback); err != nil {
		return wrong(err)
	}
	return nil
}

// knowProvider makes the server know the provider. It is asked for nothing yet, so
// that the server starts without it.
func (p *service) knowProvider(ctx context.Context) error {
	if !p.set.oidc.on() {
		return nil
	}
	config := p.set.oidc.config
	var err error
	if config.Key, err = auth.LoginKey(ctx, p.store); err != nil {
		return err
	}
	config.Log = p.log
	p.config.OpenID = openid.New(config)
	return nil
}

// A warning is what check has found that does not keep the server from starting.
type warning struct{ error }

// lookAtProvider asks the provider, and compares its settings with the others.
func (p *service) lookAtProvider(ctx context.Context) (string, error) {
	if !p.set.oidc.on() {
		return "by password alone", nil
	}
	config := p.set.oidc.config
	back, err := url.Parse(config.RedirectURL)
	if err != nil {
		return "", err
	}
	var wrong []string
	if err := openid.New(config).Discover(ctx); err != nil {
		wrong = append(wrong, fmt.Sprintf("%s: %s", config.Issuer, explain(err)))
	}
	front := &p.set.front
	secure := front.tls.Cert != "" || len(front.acme.domains) > 0
	proxied := front.behindProxy || len(front.proxies) > 0
	switch {
	case secure && back.Scheme != "https":
		wrong = append(wrong, fmt.Sprintf("the server speaks TLS, but --oidc-redirect-url %s is http://", config.RedirectURL))
	case !secure && !proxied && back.Scheme == "https":
		wrong = append(wrong, fmt.Sprintf("the server speaks plain HTTP, but --oidc-redirect-url %s is https://: is a proxy before it?", config.RedirectURL))
	case len(front.acme.domains) > 0 && !slices.Contains(front.acme.domains, back.Hostname()):
		wrong = append(wrong, fmt.Sprintf("--oidc-redirect-url %s is at none of the domains of --acme-domain", config.RedirectURL))
	}
	if len(wrong) > 0 {
		return "", warning{errors.New(strings.Join(wrong, "; "))}
	}
	return fmt.Sprintf("%s answers; it has to know the redirect URL %s", config.Issuer, config.RedirectURL), nil
}
