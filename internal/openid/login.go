package openid

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/platenhq/platen"
)

// The causes of refusals, for the log and the audit trail.
const (
	causeNone     = "no login by the provider is under way"
	causeState    = "the state is that of another login"
	causeProvider = "the provider refused"
	causeCode     = "the provider does not take the code"
	causeToken    = "the ID token is not good"
	causeNonce    = "the ID token is of another login"
)

// maxCode bounds what comes back from the provider by way of the browser.
const maxCode = 8 << 10

// An Identity is what a provider says of somebody.
type Identity struct {
	Subject string
	Name    string
	Role    platen.Role // the greatest of the groups; 0: none has one
	Sent    string      // which groups there are, in words
}

// Begin begins a login: location is where the browser goes, and cookie what it has to
// keep until it is back. target is where it is to be at the end. Unavailable: the
// provider can not be reached.
func (p *Provider) Begin(ctx context.Context, target string) (location, cookie string, err error) {
	known, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	login := newPending(target)
	seed := login.seed[:]
	location = known.oauth.AuthCodeURL(p.derive("state", seed), oidc.Nonce(p.derive("nonce", seed)), oauth2.S256ChallengeOption(p.derive("verifier", seed)))
	return location, p.seal(login, time.Now()), nil
}

// Finish ends a login that the provider has sent back with a query. target is where
// the browser is to go. The error is a [Refusal], or Unavailable.
func (p *Provider) Finish(ctx context.Context, query url.Values, cookie string) (who Identity, target string, err error) {
	login, ok := p.open(cookie, time.Now())
	if !ok {
		return who, "", refuse(causeNone, false, "no login is under way in this browser: it was ended already, took longer than %d minutes, or began at another address than %s; log in again there", int(LoginTime.Minutes()), p.Home())
	}
	seed := login.seed[:]
	if states := query["state"]; len(states) != 1 || !hmac.Equal([]byte(states[0]), []byte(p.derive("state", seed))) {
		return who, "", refuse(causeState, false, "this answer of the provider is for another login, perhaps of another tab: log in again")
	}
	if code := query.Get("error"); code != "" {
		return who, "", refuse(causeProvider, false, "the provider refused: %s", strings.TrimSpace(short(code, 60)+" "+short(query.Get("error_description"), 200)))
	}
	if issuer := query.Get("iss"); issuer != "" && issuer != p.Issuer {
		return who, "", refuse(causeState, false, "this answer is of another provider, %s", short(issuer, 200))
	}
	codes := query["code"]
	if len(codes) != 1 || codes[0] == "" || len(codes[0]) > maxCode {
		return who, "", refuse(causeCode, false, "the provider sent no code")
	}
	known, err := p.discover(ctx)
	if err != nil {
		return who, "", err
	}
	if known.saysWho && query.Get("iss") == "" {
		return who, "", refuse(causeState, false, "this answer does not say of which provider it is, and those of this one do: log in again")
	}
	ctx = p.withClient(ctx)
	token, claims, err := p.exchange(ctx, known, codes[0], seed)
	if err == nil && known.userInfo && (claims.text(p.NameClaim) == "" || claims.lacks(p.GroupsClaim)) {
		err = p.more(ctx, known, token, claims)
	}
	if err == nil {
		who, err = p.identity(claims)
	}
	return who, login.target, err
}

// exchange trades a code for an ID token, and returns what that says.
func (p *Provider) exchange(ctx context.Context, known knowledge, code string, seed []byte) (*oauth2.Token, claims, error) {
	token, err := known.oauth.Exchange(ctx, code, oauth2.VerifierOption(p.derive("verifier", seed)))
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if ok && refused.Response.StatusCode == http.StatusTooManyRequests {
		busy := platen.Errorf(platen.Unavailable, "the provider has too many requests just now: log in again in a moment")
		busy.Err = errors.New(reason(err))
		return nil, nil, busy
	}
	if ok && refused.Response.StatusCode < http.StatusInternalServerError {
		return nil, nil, refuse(causeCode, true, "the provider does not take its own code (%s): log in again; if that does not help, an admin has to look at --oidc-client-id, --oidc-client-secret and --oidc-redirect-url", reason(err))
	}
	if err != nil {
		return nil, nil, unreachable(err)
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := known.provider.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") { // the library does not wrap it
			return nil, nil, unreachable(err)
		}
		return nil, nil, refuse(causeToken, false, "the provider's ID token is not good: %s", reason(err))
	}
	if !hmac.Equal([]byte(verified.Nonce), []byte(p.derive("nonce", seed))) {
		return nil, nil, refuse(causeNonce, true, "the provider's ID token is of another login: log in again")
	}
	if verified.AccessTokenHash != "" {
		if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, nil, refuse(causeToken, false, "the provider's tokens do not belong together: %s", reason(err))
		}
	}
	found := make(claims)
	if err := verified.Claims(&found); err != nil {
		return nil, nil, refuse(causeToken, false, "the provider's ID token can not be read: %s", reason(err))
	}
	// A token for several clients says which of them asked for it.
	if len(verified.Audience) > 1 && found.text("azp") != p.ClientID {
		return nil, nil, refuse(causeToken, false, "the provider's ID token is for several clients, and was not asked for by this one")
	}
	return token, found, nil
}

// more adds what the ID token does not say, and the provider says when asked. Many
// have only in the ID token who somebody is.
func (p *Provider) more(ctx context.Context, known knowledge, token *oauth2.Token, to claims) error {
	info, err := known.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); ok {
			return unreachable(err)
		}
		status, _, _ := strings.Cut(err.Error(), ":") // behind it stands what the provider answered
		return refuse(causeToken, false, "the provider does not say more of the user: %s", short(status, 60))
	}
	if info.Subject != to.text("sub") {
		return refuse(causeToken, false, "the provider has said more of another user")
	}
	found := make(claims)
	if err := info.Claims(&found); err != nil {
		return refuse(causeToken, false, "what the provider says of the user can not be read: %s", reason(err))
	}
	for name, value := range found {
		if to.lacks(name) {
			to[name] = value
		}
	}
	return nil
}

// claims are what a provider says of somebody, by name.
type claims map[string]json.RawMessage

// text returns a claim that is text, "" for none.
func (c claims) text(name string) (text string) {
	_ = json.Unmarshal(c[name], &text)
	return text
}

// lacks reports whether a claim is not there, or null.
func (c claims) lacks(name string) bool {
	return c[name] == nil || string(c[name]) == "null"
}
