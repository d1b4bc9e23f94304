package storage

import (
	"time"

	"github.com/platenhq/platen"
)

// A User may call the server.
type User struct {
	Name     string
	Password string    // an argon2id hash in PHC form, never the password
	Epoch    int64     // random, new with each password and each end of the user's sessions: tokens of sessions carry it and die with it
	Changed  time.Time // when the password was set
	Role     platen.Role
	Disabled DisabledBy

	// By whom and as what a provider of identities knows the user, who then has no
	// password. Both are "" for a local one.
	Issuer, Subject string
}

// External reports whether a provider of identities knows the user: only it says
// who logs in, and with which role.
func (u User) External() bool { return u.Issuer != "" }

// A DisabledBy says whether a user is refused, with all sessions and named tokens,
// and for whose sake. Databases store it.
type DisabledBy int64

// The reasons.
const (
	NotDisabled        DisabledBy = 0
	DisabledByAdmin    DisabledBy = 1
	DisabledByProvider DisabledBy = 2 // at the last login no group gave a role
)

// A UserAction is what was done to users, their sessions or tokens.
type UserAction string

// The actions, in words for the log.
const (
	UserAdded     UserAction = "user added"
	UserRemoved   UserAction = "user removed"
	PasswordSet   UserAction = "password set"
	RoleSet       UserAction = "role set"
	SessionsEnded UserAction = "sessions ended"
	KeyRotated    UserAction = "token key rotated"
	UserDisabled  UserAction = "user disabled"
	UserEnabled   UserAction = "user enabled"
	UserUnlocked  UserAction = "user unlocked"
	TokenMade     UserAction = "token made"
	TokenChanged  UserAction = "token changed"
	TokenRevoked  UserAction = "token revoked"
)

// A UserChange tells every server what was done to users, their sessions or
// tokens.
type UserChange struct {
	Version int64 // grows by one with each
	Action  UserAction
	User    string // "" for all
	Address string // UserUnlocked: an IP address or prefix, "" for all
	Detail  string // UserAdded, RoleSet, UserEnabled: the role; TokenMade, TokenChanged, TokenRevoked: the name of the token
	Nonce   int64  // random: another change with the same version, before the database was put back, has another one
	By      string // who did it, see [Origin.By]; "" if that is not known
}

// A LoginFailure is a failed login. Both fields are keyed hashes.
type LoginFailure struct {
	Address string // where it came from
	User    string // whom it tried; "" for nobody
}

// A KnownLogin says that a user has logged in from an address. Both are keyed
// hashes, as in a [LoginFailure].
type KnownLogin struct {
	Address string
	User    string
	Seen    time.Time // the last time, to within a day
}
