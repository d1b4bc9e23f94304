package auth

import (
	"context"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
)

// What callers do to users and named tokens. Whether they may do so at all is
// decided before, by the role that the route needs.

// Refresh takes up changes of users that were just made, so that the next
// request to this server goes by them. Other servers do within MaxStaleness.
func (g *Guard) Refresh(ctx context.Context) {
	_ = g.poll(ctx) // else the loop does
}

// changed returns err, and takes up what was changed if that is nil.
func (g *Guard) changed(ctx context.Context, err error) error {
	if err == nil {
		g.Refresh(ctx)
	}
	return err
}

// IssuerOf returns the issuer of the provider who knows a user, "" for local ones.
func (g *Guard) IssuerOf(name string) string { return g.users.Load().byName[name].Issuer }

// mayGive returns Forbidden if the caller's role is less than one that is to be
// given to somebody.
func mayGive(ctx context.Context, role platen.Role) error {
	if own := CallOf(ctx).Role; role > own {
		return platen.Errorf(platen.Forbidden, "the role %s is above yours, which is %s", role, own)
	}
	return nil
}

// withPassword returns a user who gets a password now, to the second, as it is stored.
// One is hashed at a time, since each takes much memory.
func (g *Guard) withPassword(name, password string) (storage.User, error) {
	g.newPasswords.Lock()
	defer g.newPasswords.Unlock()
	user, err := NewUser(name, password)
	user.Changed = g.now().Truncate(time.Second)
	return user, err
}

// AddUser adds a user. Invalid: name or password will not do. Conflict: the name
// is taken. Forbidden: the role is above the caller's.
func (g *Guard) AddUser(ctx context.Context, name, password string, role platen.Role) (storage.User, error) {
	if err := mayGive(ctx, role); err != nil {
		return storage.User{}, err
	}
	user, err := g.withPassword(name, password)
	if err != nil {
		return user, err
	}
	user.Role = role
	return user, g.changed(ctx, g.store.AddUser(ctx, user))
}

// ChangeUser sets the password of a user unless it is "", and the role unless it
// is 0. NotFound. Conflict: there would be no admin. Forbidden: the role is above
// the caller's. Invalid: the password will not do.
func (g *Guard) ChangeUser(ctx context.Context, name, password string, role platen.Role) error {
	if err := mayGive(ctx, role); err != nil {
		return err
	}
	user, err := g.store.User(ctx, name)
	if err != nil {
		return err // before the password is hashed, and whatever name it is
	}
	if user.External() {
		return platen.Errorf(platen.Conflict, "role and password of %q are those of the provider %s, and can not be set here; disable the user, or remove it", name, user.Issuer).About(name)
	}
	if password == "" {
		err = g.store.SetRole(ctx, name, role)
	} else {
		if user, err = g.withPassword(name, password); err == nil {
			user.Role = role
			err = g.store.SetPassword(ctx, user)
		}
	}
	return g.changed(ctx, err)
}

// SetDisabled disables a user, whose sessions and named tokens are refused from then
// on, or enables one; sessions from before stay ended. NotFound. Conflict: there
// would be no admin.
func (g *Guard) SetDisabled(ctx context.Context, name string, disabled bool) error {
	return g.changed(ctx, g.store.SetDisabled(ctx, name, disabled, NewEpoch()))
}

// RemoveUser removes a user. NotFound. Conflict: it is the last admin.
func (g *Guard) RemoveUser(ctx context.Context, name string) error {
	return g.changed(ctx, g.store.RemoveUser(ctx, name))
}

// ChangePassword replaces the password of the caller, who gives the old one. The
// caller's sessions end. Forbidden: the old one is wrong; it counts as a failed
// login. Invalid: the new one will not do.
func (g *Guard) ChangePassword(ctx context.Context, old, fresh string) error {
	name := CallOf(ctx).User
	if name == "" {
		return platen.Errorf(platen.Conflict, "this server checks no credentials (--no-auth), so you are no user whose password could change")
	}
	if user := g.users.Load().byName[name]; user.External() {
		return platen.Errorf(platen.Conflict, "your password is that of the provider %s, and can not be changed here", user.Issuer)
	}
	if _, err := g.checkPassword(ctx, name, old); err != nil {
		g.trail.refused(CallOf(ctx))
		if platen.ErrorCode(err) == platen.Forbidden {
			err = platen.Errorf(platen.Forbidden, "the old password is wrong")
		}
		return err
	}
	user, err := g.withPassword(name, fresh)
	if err == nil {
		err = g.store.SetPassword(ctx, user)
	}
	return g.changed(ctx, err)
}

// NewToken makes a named token, and returns it with its text, which is kept
// nowhere. Invalid: the name will not do, or the time is over. NotFound: there is
// no such user. Conflict: the name is taken, or there are too many. Forbidden:
// the role is above that of the caller or the user.
func (g *Guard) NewToken(ctx context.Context, asked olrest.NewToken) (token storage.NamedToken, text string, err error) {
	call := CallOf(ctx)
	if asked.User == "" {
		asked.User = call.User
	}
	if asked.User == "" {
		return token, "", platen.Errorf(platen.Invalid, "name the user that the token is for: this server checks no credentials (--no-auth), so it can not be yours")
	}
	if err := olrest.CheckName("token", asked.Name); err != nil {
		return token, "", err
	}
	if err := mayMake(call, asked.User); err != nil {
		return token, "", err
	}
	if err := g.mayHave(ctx, asked.User, asked.Role, asked.Expires); err != nil {
		return token, "", err
	}
	text, hash := newNamedToken()
	token = storage.NamedToken{
		Name: asked.Name, Hash: hash, Owner: asked.User, Role: asked.Role, Kinds: asked.Kinds,
		Created: g.now().Truncate(time.Microsecond), CreatedBy: call.By(), Expires: asked.Expires,
	}
	mostOfOwner := maxNamedTokens
	if call.Role < platen.Admin {
		mostOfOwner = maxOwnTokens
	}
	if err := g.store.AddToken(ctx, token, maxNamedTokens, mostOfOwner); err != nil {
		return token, "", err
	}
	g.Refresh(ctx)
	return token, text, nil
}

// maxOwnTokens bounds the tokens of somebody who is no admin: all servers have those
// of all users in memory.
const maxOwnTokens = 50

// mayMake checks that the caller may make a token for a user. Who is no admin makes
// tokens for nobody else.
func mayMake(call *Call, owner string) error {
	if call.Role < platen.Admin && owner != call.User {
		return platen.Errorf(platen.Forbidden, "only an admin makes tokens for others, and your role is %s", call.Role)
	}
	return byPerson(call)
}

// byPerson refuses changes of tokens by a token of somebody who is no admin: one that
// was stolen could outlive its end.
func byPerson(call *Call) error {
	if call.Role >= platen.Admin || call.Token == "" {
		return nil
	}
	return platen.Errorf(platen.Forbidden, "a token can not make, change or revoke tokens: log in for that")
}

// mayHave checks what a named token of a user is to have.
func (g *Guard) mayHave(ctx context.Context, owner string, role platen.Role, expires time.Time) error {
	if !expires.IsZero() && !g.now().Before(expires) {
		return platen.Errorf(platen.Invalid, "the expireTime %s is over", olrest.FormatTime(expires))
	}
	if err := mayGive(ctx, role); err != nil {
		return err
	}
	user, err := g.store.User(ctx, owner)
	if err == nil && role > user.Role {
		err = platen.Errorf(platen.Forbidden, "the role %s is above that of the user %s, which is %s", role, owner, user.Role)
	}
	return err
}

// ChangeToken changes a named token. NotFound; otherwise as NewToken.
func (g *Guard) ChangeToken(ctx context.Context, name string, update storage.TokenUpdate) error {
	token, _, err := g.NamedToken(ctx, name)
	if err == nil {
		err = byPerson(CallOf(ctx))
	}
	if err != nil {
		return err
	}
	var role platen.Role
	var expires time.Time
	if update.Role != nil {
		role = *update.Role
	}
	if update.Expires != nil {
		expires = *update.Expires
	}
	if err := g.mayHave(ctx, token.Owner, role, expires); err != nil {
		return err
	}
	return g.changed(ctx, g.store.UpdateToken(ctx, name, update))
}

// RevokeToken removes a named token: this server refuses it from then on, and
// others do within MaxStaleness. NotFound.
func (g *Guard) RevokeToken(ctx context.Context, name string) error {
	_, _, err := g.NamedToken(ctx, name)
	if err == nil {
		err = byPerson(CallOf(ctx))
	}
	if err == nil {
		err = g.store.RemoveToken(ctx, name)
	}
	return g.changed(ctx, err)
}

// NamedTokens returns the named tokens that the caller may see by name, and the role
// that each has now: all for an admin, and otherwise the caller's own.
func (g *Guard) NamedTokens(ctx context.Context) ([]storage.NamedToken, []platen.Role, error) {
	tokens, err := g.store.NamedTokens(ctx)
	if err != nil {
		return nil, nil, err
	}
	if call := CallOf(ctx); call.Role < platen.Admin {
		tokens = slices.DeleteFunc(tokens, func(token storage.NamedToken) bool { return token.Owner != call.User })
	}
	users, err := g.store.Users(ctx)
	if err != nil {
		return nil, nil, err
	}
	of := make(map[string]platen.Role, len(users))
	for _, user := range users {
		of[user.Name] = user.Role
	}
	roles := make([]platen.Role, len(tokens))
	for i, token := range tokens {
		roles[i] = min(token.Role, of[token.Owner])
	}
	return tokens, roles, nil
}

// NamedToken returns a named token that the caller may see, and the role that it has
// now. NotFound.
func (g *Guard) NamedToken(ctx context.Context, name string) (storage.NamedToken, platen.Role, error) {
	tokens, roles, err := g.NamedTokens(ctx)
	if err != nil {
		return storage.NamedToken{}, 0, err
	}
	for i, token := range tokens {
		if token.Name == name {
			return token, roles[i], nil
		}
	}
	return storage.NamedToken{}, 0, platen.Errorf(platen.NotFound, "there is no token %.80q", name).About(name)
}
