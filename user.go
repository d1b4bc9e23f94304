package platen

import (
	"context"
	"time"
)

// A User may call the server.
type User struct {
	Name     string
	Password string    // an argon2id hash in PHC form, never the password
	Epoch    int64     // random, new with each password: tokens carry it and die with it
	Changed  time.Time // when the password was set
}

// A LoginFailure is a failed login. What it tells of is hashed.
type LoginFailure struct {
	Address string // where it came from
	User    string // whom it tried
}

// A UserStore keeps users and the server's own secrets.
type UserStore interface {
	// Users returns all users by name.
	Users(ctx context.Context) ([]User, error)
	// UsersVersion changes whenever a user does, whoever changed it.
	UsersVersion(ctx context.Context) (int64, error)
	// AddUser adds a user. Conflict: the name is taken.
	AddUser(ctx context.Context, user User) error
	// SetPassword replaces password, epoch and time of a user. NotFound.
	SetPassword(ctx context.Context, user User) error
	// RemoveUser removes a user. NotFound; Conflict if it is the last.
	RemoveUser(ctx context.Context, name string) error
	// Secret returns the secret of that name, and makes fresh the secret if
	// there is none yet.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)
	// ShareFailures records failed logins for other processes that serve the
	// same users, and returns those that these have recorded since it was
	// last called.
	ShareFailures(ctx context.Context, mine []LoginFailure) (others []LoginFailure, err error)
}
