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
// failed, of whatever kind.
func (g *Guard) MayTry(r *http.Request) error {
	call := CallOf(r.Context())
	var limited attempt
	if g.allow(&limited, g.hashes.of("", prefixOf(call.Client))) {
		return nil
	}
	return g.RefuseExternal(r, "", limited.cause, false, limited.err.(*platen.Error))
}

// RefuseExternal records that a login by a provider is refused, and returns err.
// tried is the name of who would log in, "" if nobody knows; cause is in few words
// and none of the caller's. guessed: it counts as a wrong password of its address.
func (g *Guard) RefuseExternal(r *http.Request, tried, cause string, guessed bool, err *platen.Error) error {
	call := CallOf(r.Context())
	if guessed {
		g.failed(g.hashes.of("", prefixOf(call.Client)))
	}
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
		return g.RefuseExternal(r, name, causeName, false, platen.Errorf(platen.Invalid,
			"the provider calls you %.80q, and nobody can have that name here: %v. Another claim may have one (--oidc-username-claim)", name, err))
	}
	call.User = name // who makes or changes the user
	user, err := g.store.LoggedIn(r.Context(), storage.User{
		Name: who.Name, Role: who.Role, Issuer: who.Issuer, Subject: who.Subject, Epoch: NewEpoch(), Changed: g.now(),
	})
	call.User = ""
	switch code := platen.ErrorCode(err); {
	case code == platen.NotFound:
		return g.RefuseExternal(r, who.Name, causeNoRole, false, who.noRole())
	case code == platen.Conflict:
		return g.RefuseExternal(r, who.Name, causeTaken, false, platen.Errorf(platen.Conflict,
			"there is another user %s here already, who is not taken over: an admin can remove that user, if nobody needs it", who.Name))
	case err != nil:
		return err
	}
	g.Refresh(r.Context())
	switch {
	case who.Role == 0:
		return g.RefuseExternal(r, user.Name, causeNoRole, false, who.noRole())
	case user.Disabled != storage.NotDisabled:
		return g.RefuseExternal(r, user.Name, causeNoUser, false, disabledError(user))
	}
	setSession(w, r, g.begin(r, user, g.now()), secure)
	return nil
}
