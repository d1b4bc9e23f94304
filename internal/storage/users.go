package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// Users keeps users, their named tokens, and the server's own secrets. Changes
// are recorded with the origin of their context.
type Users interface {
	NamedTokens
	Auditor
	// Users returns all users by name.
	Users(ctx context.Context) ([]User, error)
	// User returns a user. NotFound.
	User(ctx context.Context, name string) (User, error)
	// LastUserChange returns the last change of users, of their sessions or named
	// tokens, or of a secret that was replaced, whichever process has made it. Of
	// one that is not kept it has the version only.
	LastUserChange(ctx context.Context) (UserChange, error)
	// UserChanges returns the changes after a version, oldest first. Only
	// the last thousand are kept.
	UserChanges(ctx context.Context, after int64) ([]UserChange, error)
	// AddUser adds a user. One without a role is an admin if it is the first,
	// and otherwise an editor. Conflict: the name is taken, or the user is the
	// first and would be no admin.
	AddUser(ctx context.Context, user User) error
	// SetPassword replaces password, epoch and time of a user, and the role if
	// user has one. NotFound; Conflict as SetRole.
	SetPassword(ctx context.Context, user User) error
	// SetRole replaces the role of a user. NotFound; Conflict: there would be no
	// local admin who is not disabled, or the user is external.
	SetRole(ctx context.Context, name string, role platen.Role) error
	// SetDisabled disables a user for an admin, with a new epoch, or enables one
	// whoever disabled it. NotFound; Conflict as SetRole.
	SetDisabled(ctx context.Context, name string, disabled bool, epoch int64) error
	// LoggedIn brings an external user up to date at a login, and returns the user
	// as it is then, whom an admin may have disabled. It is found by Issuer and
	// Subject, keeps the name of its first login, at which it is added, and gets
	// Role; without one it is disabled, and gets Epoch. NotFound: there is none, and
	// no role. Conflict: somebody else has the name.
	LoggedIn(ctx context.Context, user User) (User, error)
	// SetEpoch replaces the epoch of a user, which ends the user's sessions.
	// NotFound.
	SetEpoch(ctx context.Context, name string, epoch int64) error
	// RemoveUser removes a user and the user's named tokens. NotFound; Conflict if
	// it is the last local admin who is not disabled.
	RemoveUser(ctx context.Context, name string) error
	// Unlock tells all servers to forget the failed logins of a user, "" for
	// all, from an address, "" for all; and forgets those that are shared, by
	// their hashes. NotFound: there is no such user.
	Unlock(ctx context.Context, name, address string, hashed LoginFailure) error
	// Secret returns the secret of that name, and makes fresh the secret if
	// there is none yet.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)
	// ReplaceSecret puts a new secret in the place of one. action is what
	// this does to users.
	ReplaceSecret(ctx context.Context, name string, secret []byte, action UserAction) error
	// ShareFailures records failed logins for other processes that serve the
	// same users, and returns those that these have recorded since it was
	// last called. After an error none of mine is recorded.
	ShareFailures(ctx context.Context, mine []LoginFailure) (others []LoginFailure, err error)
	// RecordLogins keeps where users have logged in from: of each user the
	// last keep addresses, and none that was last seen before a time.
	RecordLogins(ctx context.Context, logins []KnownLogin, keep int, before time.Time) error
	// KnownLogins returns what was recorded as seen at since or later, oldest
	// first.
	KnownLogins(ctx context.Context, since time.Time) ([]KnownLogin, error)
	// Now returns the time by the clock that all processes on the same
	// database share.
	Now(ctx context.Context) (time.Time, error)
}
