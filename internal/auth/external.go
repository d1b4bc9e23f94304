package auth

import (
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// An External is somebody whom a provider of identities has authenticated.
type External struct {
	Issuer, Subject string // by whom, and as what
	Name            string // of the user, if this is the first login
	Role            platen.Role
	Sent            string // which groups the provider sent, in words
}

// noRole says why somebody may not come in, and what would have to change.
func (e External) noRole() *platen.Error {
	return platen.Errorf(platen.Forbidden, "no group of %s has a role here, so %[1]s can not log in (--oidc-roles has the groups that have one). The provider sent %[2]s", e.Name, e.Sent)
}

// MayTry returns TooManyAttempts if too many logins of the address of a request have
// failed: of whatever kind, or if somebody has logged in from there by the provider,
// by that alone.
func (g *Guard) MayTry(r *http.Request, issuer string) error {
	var limited attempt
	if g.allow(&limited, g.tryOf(r, issuer)) {
		return nil
	}
	return g.RefuseExternal(r, "", limited.cause, limited.err.(*platen.Error))
}

// CountExternal counts a login by a provider that somebody made up as a wrong password
// of its address.
func (g *Guard) CountExternal(r *http.Request, issuer string) { g.failed(g.tryOf(r, issuer)) }

// tryOf returns what a login by a provider counts as. Nobody knows whose it is, so the
// provider is the user, whose name no user can have, where somebody has logged in by
// it. Elsewhere it is nobody's: there is no allowance for all other addresses together.
func (g *Guard) tryOf(r *http.Request, issuer string) storage.LoginFailure {
	from := prefixOf(CallOf(r.Context()).Client)
	try := g.hashes.of(issuer, from)
	if known, _ := g.limiter.standing(try); !known {
		return g.hashes.of("", from)
	}
	return try
}

// RefuseExternal records that a login by a provider is refused, and returns err.
// tried is the name of who would log in, "" if nobody knows; cause is in few words
// and none of the caller's.
func (g *Guard) RefuseExternal(r *http.Request, tried, cause string, err *platen.Error) error {
	call := CallOf(r.Context())
	_ = call.refuse(tried, cause, err)
	g.trail.refused(call)
	if cause != causeLimited {
		g.audit(call, "login by the provider refused", "cause", cause)
	}
	return err
}

// nameOf returns the name of the user that somebody has been since the first login, or
// will be as of this one.
func (g *Guard) nameOf(who External) (name string, known bool) {
	for name, user := range g.users.Load().byName {
		if user.External() && user.Issuer == who.Issuer && user.Subject == who.Subject {
			return name, true
		}
	}
	return who.Name, false
}

// StartExternal begins a session of the console for somebody whom a provider has
// authenticated, as the user who was added at the first login. secure: the browser
// came by TLS. Forbidden: there is no role, or an admin has disabled the user.
// Conflict: another user has the name. Invalid: nobody can have it.
func (g *Guard) StartExternal(w http.ResponseWriter, r *http.Request, who External, secure bool) error {
	call := CallOf(r.Context())
	name, known := g.nameOf(who)
	if err := checkUserName(name); err != nil && !known {
		return g.RefuseExternal(r, name, causeName, platen.Errorf(platen.Invalid,
			"the provider calls you %.80q, and nobody can have that name here: %v. Another claim may have one (--oidc-username-claim)", name, err))
	}
	call.User = name // who makes or changes the user
	user, err := g.store.LoggedIn(r.Context(), storage.User{
		Name: who.Name, Role: who.Role, Issuer: who.Issuer, Subject: who.Subject, Epoch: NewEpoch(), Changed: g.now(),
	})
	call.User = ""
	switch code := platen.ErrorCode(err); {
	case code == platen.NotFound:
		return g.RefuseExternal(r, who.Name, causeNoRole, who.noRole())
	case code == platen.Conflict:
		return g.RefuseExternal(r, who.Name, causeTaken, platen.Errorf(platen.Conflict,
			"there is another user %s here already, who is not taken over: an admin can remove that user, if nobody needs it", who.Name))
	case err != nil:
		return err
	}
	g.Refresh(r.Context())
	switch {
	case who.Role == 0:
		return g.RefuseExternal(r, user.Name, causeNoRole, who.noRole())
	case user.Disabled != storage.NotDisabled:
		return g.RefuseExternal(r, user.Name, causeNoUser, disabledError(user))
	}
	g.learn(g.hashes.of(who.Issuer, prefixOf(call.Client)))
	setSession(w, r, g.begin(r, user, g.now()), secure)
	return nil
}
