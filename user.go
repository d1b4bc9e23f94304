package platen

import (
	"context"
	"time"
)

// A User may call the server.
type User struct {
	Name     string
	Password string    // an argon2id hash in PHC form, never the password
	Epoch    int64     // random, new with each password and each end of the user's sessions: tokens carry it and die with it
	Changed  time.Time // when the password was set
}

// A UserAction is what was done to users or their sessions.
type UserAction string

// The actions, in words for the log.
const (
	UserAdded     UserAction = "user added"
	UserRemoved   UserAction = "user removed"
	PasswordSet   UserAction = "password set"
	SessionsEnded UserAction = "sessions ended"
	KeyRotated    UserAction = "token key rotated"
	UserUnlocked  UserAction = "user unlocked"
)

// A UserChange tells every server what was done to users or their sessions.
type UserChange struct {
	Version int64 // [UserStore.UsersVersion] after it
	Action  UserAction
	User    string // "" for all
	Address string // UserUnlocked: an IP address or prefix, "" for all
	By      string // who did it, see [WithActor]; "" if that is not known
}

type actorKey struct{}

// WithActor returns a context for changes that are made by actor, such as
// "root@host".
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorOf returns the actor of a context, "" for none.
func ActorOf(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// A LoginFailure is a failed login. Both fields are keyed hashes.
type LoginFailure struct {
	Address string // where it came from
	User    string // whom it tried
}

// A KnownLogin says that a user has logged in from an address. Both are keyed
// hashes, as in a [LoginFailure].
type KnownLogin struct {
	Address string
	User    string
	Seen    time.Time // the last time, to within a day
}

// A UserStore keeps users and the server's own secrets. Changes are recorded
// with the actor of their context.
type UserStore interface {
	// Users returns all users by name.
	Users(ctx context.Context) ([]User, error)
	// UsersVersion grows with each change of users, of their sessions, or of
	// a secret that was replaced, whichever process makes it.
	UsersVersion(ctx context.Context) (int64, error)
	// UserChanges returns the changes after a version, oldest first. Only
	// the last thousand are kept.
	UserChanges(ctx context.Context, after int64) ([]UserChange, error)
	// AddUser adds a user. Conflict: the name is taken.
	AddUser(ctx context.Context, user User) error
	// SetPassword replaces password, epoch and time of a user. NotFound.
	SetPassword(ctx context.Context, user User) error
	// SetEpoch replaces the epoch of a user, which ends the user's sessions.
	// NotFound.
	SetEpoch(ctx context.Context, name string, epoch int64) error
	// RemoveUser removes a user. NotFound; Conflict if it is the last.
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
