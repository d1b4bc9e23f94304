package openid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/platenhq/platen"
)

const (
	// askWithin bounds the question what the provider is, which the page waits for, and
	// answerWithin each other one.
	askWithin    = 5 * time.Second
	answerWithin = 10 * time.Second
	// knowFor is how long what the provider says of itself is believed. Its keys are
	// asked for as soon as one is unknown.
	knowFor = time.Hour
	// After a failure the provider is not asked for soonest, which doubles up to
	// latest: a page of the console that is loaded anew must not wait each time.
	soonest = time.Second
	latest  = 30 * time.Second

	maxAnswer   = 1 << 20 // bytes
	connections = 8       // to the provider, at once
)

// knowledge is what a provider has said of itself.
type knowledge struct {
	provider *oidc.Provider // nil: nothing yet
	oauth    oauth2.Config
	userInfo bool
	saysWho  bool // its answers by way of the browser name it: RFC 9207
	since    time.Time

	failed error // of the last time, nil for none
	next   time.Time
	pause  time.Duration
}

// Discover asks the provider for what it says of itself, unless that is known.
// Unavailable: it does not say.
func (p *Provider) Discover(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

func (p *Provider) discover(ctx context.Context) (knowledge, error) {
	p.mu.Lock() // who else asks waits for the same answer
	defer p.mu.Unlock()
	now := time.Now()
	if p.known.provider != nil && now.Sub(p.known.since) < knowFor {
		return p.known, nil
	}
	if now.After(p.known.next) {
		fresh, err := p.ask(context.WithoutCancel(ctx))
		if err == nil {
			if p.known.failed != nil && p.Log != nil {
				p.Log.Info("the provider of identities answers again", "issuer", p.Issuer)
			}
			p.known = fresh
			return fresh, nil
		}
		if p.known.failed == nil && p.Log != nil {
			p.Log.Warn("the provider of identities can not be used; local users can log in", "issuer", p.Issuer, "error", err)
		}
		p.known.failed = err
		p.known.pause = min(max(soonest, 2*p.known.pause), latest)
		p.known.next = time.Now().Add(p.known.pause) // who has waited meanwhile does not ask again
	}
	if p.known.provider != nil {
		return p.known, nil // what it said before may do
	}
	return p.known, unreachable(p.known.failed)
}

// unreachable is the error for a provider that can not be asked. Why is for the log:
// strangers need not know where it is.
func unreachable(err error) error {
	unavailable := platen.Errorf(platen.Unavailable, "the provider can not be reached; users with a password of this server can log in")
	unavailable.Err = errors.New(reason(err))
	return unavailable
}

// ask asks the provider for what it says of itself.
func (p *Provider) ask(ctx context.Context) (k knowledge, err error) {
	ctx, cancel := context.WithTimeout(p.withClient(ctx), askWithin)
	defer cancel()
	k.since = time.Now()
	if k.provider, err = oidc.NewProvider(ctx, p.Issuer); err != nil {
		if other, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
			err = fmt.Errorf("the provider calls itself %q: set --oidc-issuer to exactly that", short(other.Discovered, 200))
		}
		return k, err
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Scopes  []string `json:"scopes_supported"`
		SaysWho bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := k.provider.Claims(&more); err != nil {
		return k, err
	}
	at := k.provider.Endpoint()
	for name, text := range map[string]string{"authorization_endpoint": at.AuthURL, "token_endpoint": at.TokenURL, "jwks_uri": more.Keys, "userinfo_endpoint": k.provider.UserInfoEndpoint()} {
		if text == "" && name == "userinfo_endpoint" {
			continue
		}
		end, err := url.Parse(text)
		if err != nil || end.Host == "" || end.Scheme != "https" && !(strings.HasPrefix(p.Issuer, "http://") && end.Scheme == "http") {
			return k, fmt.Errorf("the provider's %s is no https:// URL: %q", name, short(text, 200))
		}
	}
	// To try both ways, as the library would, uses the code up with the first.
	at.AuthStyle = oauth2.AuthStyleInHeader
	if p.ClientSecret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		at.AuthStyle = oauth2.AuthStyleInParams
	}
	k.saysWho = more.SaysWho
	k.userInfo = k.provider.UserInfoEndpoint() != ""
	k.oauth = oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: at, RedirectURL: p.RedirectURL, Scopes: p.scopes(more.Scopes)}
	return k, nil
}

// scopes returns what is asked for. Some providers refuse a login for a scope that they
// do not know, so of the default ones those are left out that it does not name.
func (p *Provider) scopes(named []string) []string {
	if len(named) == 0 || !slices.Equal(p.Scopes, DefaultScopes) {
		return p.Scopes
	}
	return slices.DeleteFunc(slices.Clone(p.Scopes), func(scope string) bool { return !slices.Contains(named, scope) })
}

// client is for all questions to providers.
var client = &http.Client{Timeout: answerWithin, Transport: bounded{transport()}, CheckRedirect: func(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != via[0].URL.Scheme || r.Method != http.MethodGet || len(via) > 3 {
		return http.ErrUseLastResponse // nothing secret goes elsewhere
	}
	return nil
}}

func (p *Provider) withClient(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, client)
}

func transport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = connections
	transport.IdleConnTimeout = askWithin
	transport.MaxResponseHeaderBytes = 64 << 10
	return transport
}

// bounded cuts answers off that are too long.
type bounded struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}

// reason says why the provider could not be asked, without what was sent to it or
// what it answered beyond its own words of an error.
func reason(err error) string {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if refused.ErrorCode == "" {
			return refused.Response.Status
		}
		return strings.TrimSpace(short(refused.ErrorCode, 60) + " " + short(refused.ErrorDescription, 200))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return short(err.Error(), 200)
}
