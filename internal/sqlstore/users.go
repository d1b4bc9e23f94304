package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// changesKept is how many changes of users are kept for other processes to
// read, which do so four times a second.
const changesKept = 1000

// A UserStore is a store of which only the users can be reached, for those who
// change them beside a server.
type UserStore interface {
	storage.Users
	// Unfinished returns a Conflict if a copy into the store was begun and not
	// finished.
	Unfinished(ctx context.Context) error
	Close() error
}

// OpenUsers is [Open] without work in the background: a server with one writer
// knows what is in find_stale (onewriter.go), so no other process may change it.
func OpenUsers(ctx context.Context, engine Engine) (UserStore, error) {
	return newStore(ctx, engine)
}

// Users implements [storage.Users].
func (s *Store) Users(ctx context.Context) (_ []storage.User, err error) {
	ctx, done := s.observe(ctx, "users")
	defer func() { done(err) }()
	rows, err := s.on(selectUsers).QueryContext(ctx)
	users, err := collect(rows, err, func(from scanner) (user storage.User, err error) {
		var changed int64
		err = from.Scan(&user.Name, &user.Password, &user.Epoch, &changed)
		user.Changed = time.Unix(changed, 0)
		return user, err
	})
	return users, s.error("read users", err)
}

// UsersVersion implements [storage.Users].
func (s *Store) UsersVersion(ctx context.Context) (int64, error) {
	var version int64
	err := s.on(selectUsersVersion).QueryRowContext(ctx).Scan(&version)
	return version, s.error("read users", err)
}

// UserChanges implements [storage.Users].
func (s *Store) UserChanges(ctx context.Context, after int64) ([]storage.UserChange, error) {
	rows, err := s.on(selectUserChanges).QueryContext(ctx, after)
	changes, err := collect(rows, err, func(from scanner) (c storage.UserChange, err error) {
		return c, from.Scan(&c.Version, &c.Action, &c.User, &c.Address, &c.By)
	})
	return changes, s.error("read changes of users", err)
}

// AddUser implements [storage.Users].
func (s *Store) AddUser(ctx context.Context, user storage.User) (err error) {
	ctx, done := s.observe(ctx, "add_user")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.UserAdded, User: user.Name}, func(t *transaction) (bool, error) {
		return changed(t, insertUser, user.Name, user.Password, user.Epoch, user.Changed.Unix())
	}, platen.Errorf(platen.Conflict, "there is a user %q already", user.Name))
}

// SetPassword implements [storage.Users].
func (s *Store) SetPassword(ctx context.Context, user storage.User) (err error) {
	ctx, done := s.observe(ctx, "set_password")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.PasswordSet, User: user.Name}, func(t *transaction) (bool, error) {
		return changed(t, updateUser, user.Password, user.Epoch, user.Changed.Unix(), user.Name)
	}, noUser(user.Name))
}

// SetEpoch implements [storage.Users].
func (s *Store) SetEpoch(ctx context.Context, name string, epoch int64) (err error) {
	ctx, done := s.observe(ctx, "set_epoch")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.SessionsEnded, User: name}, func(t *transaction) (bool, error) {
		return changed(t, updateEpoch, epoch, name)
	}, noUser(name))
}

// RemoveUser implements [storage.Users].
func (s *Store) RemoveUser(ctx context.Context, name string) (err error) {
	ctx, done := s.observe(ctx, "remove_user")
	defer func() { done(err) }()
	users, err := s.Users(ctx)
	if err != nil {
		return err
	}
	refusal := noUser(name)
	for _, user := range users {
		if user.Name == name {
			refusal = platen.Errorf(platen.Conflict, "%q is the last user: add another one first", name)
		}
	}
	return s.changeUser(ctx, storage.UserChange{Action: storage.UserRemoved, User: name}, func(t *transaction) (bool, error) {
		return changed(t, deleteUser, name)
	}, refusal)
}

// Unlock implements [storage.Users].
func (s *Store) Unlock(ctx context.Context, name, address string, hashed storage.LoginFailure) (err error) {
	ctx, done := s.observe(ctx, "unlock_user")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.UserUnlocked, User: name, Address: address}, func(t *transaction) (bool, error) {
		if name != "" {
			var n int64
			if err := t.stmt(selectUserCount).QueryRowContext(t.ctx, name).Scan(&n); err != nil || n == 0 {
				return false, err
			}
		}
		return true, s.engine.Replicas.ForgetFailures(t.ctx, t.conn(), hashed)
	}, noUser(name))
}

func noUser(name string) *platen.Error {
	return platen.Errorf(platen.NotFound, "there is no user %q", name)
}

// changeUser runs fn and records the change; if fn changed nothing, refusal is
// the error.
func (s *Store) changeUser(ctx context.Context, change storage.UserChange, fn func(*transaction) (bool, error), refusal *platen.Error) error {
	return s.error(string(change.Action), s.update(func(t *transaction) error {
		// First, so that changes wait for each other, and their versions are
		// in the order of their commits.
		if err := t.exec(updateUsersVersion); err != nil {
			return err
		}
		ok, err := fn(t)
		if err == nil && !ok {
			err = refusal
		}
		if err != nil {
			return err
		}
		if err := t.exec(insertUserChange, string(change.Action), change.User, change.Address, storage.OriginOf(ctx).User); err != nil {
			return err
		}
		return t.exec(deleteUserChanges, int64(changesKept))
	}))
}

// Secret implements [storage.Users].
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	// Servers ask again whenever users change: a read waits for no writer.
	var secret []byte
	err := s.on(selectSecret).QueryRowContext(ctx, name).Scan(&secret)
	if errors.Is(err, sql.ErrNoRows) {
		err = s.update(func(t *transaction) error {
			if err := t.exec(insertSecret, name, fresh); err != nil {
				return err
			}
			return t.stmt(selectSecret).QueryRowContext(t.ctx, name).Scan(&secret)
		})
	}
	return secret, s.error("read secret", err)
}

// ReplaceSecret implements [storage.Users].
func (s *Store) ReplaceSecret(ctx context.Context, name string, secret []byte, action storage.UserAction) (err error) {
	ctx, done := s.observe(ctx, "replace_secret")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: action}, func(t *transaction) (bool, error) {
		return true, t.exec(upsertSecret, name, secret)
	}, nil)
}

// ShareFailures implements [storage.Users].
func (s *Store) ShareFailures(ctx context.Context, mine []storage.LoginFailure) ([]storage.LoginFailure, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	others, last, err := s.engine.Replicas.ShareFailures(ctx, s.id, mine, s.failuresSeen.Load())
	if err != nil {
		return nil, s.error("share failed logins", err)
	}
	s.failuresSeen.Store(last)
	return others, nil
}

// RecordLogins implements [storage.Users].
func (s *Store) RecordLogins(ctx context.Context, logins []storage.KnownLogin, keep int, before time.Time) error {
	if len(logins) == 0 {
		return nil
	}
	err := s.update(func(t *transaction) error {
		users := make(map[string]bool)
		for _, login := range logins {
			users[login.User] = true
			if err := t.exec(upsertLogin, []byte(login.User), []byte(login.Address), login.Seen.Unix()); err != nil {
				return err
			}
		}
		for user := range users {
			if err := t.exec(deleteLoginsOf, []byte(user), int64(keep-1)); err != nil {
				return err
			}
		}
		return t.exec(deleteLogins, before.Unix())
	})
	return s.error("record logins", err)
}

// KnownLogins implements [storage.Users].
func (s *Store) KnownLogins(ctx context.Context, since time.Time) ([]storage.KnownLogin, error) {
	rows, err := s.on(selectLogins).QueryContext(ctx, since.Unix())
	logins, err := collect(rows, err, func(from scanner) (storage.KnownLogin, error) {
		var user, address []byte
		var seen int64
		err := from.Scan(&user, &address, &seen)
		return storage.KnownLogin{User: string(user), Address: string(address), Seen: time.Unix(seen, 0)}, err
	})
	return logins, s.error("read logins", err)
}

// Now implements [storage.Users].
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.engine.Replicas.Now(ctx)
	return now, s.error("read the clock", err)
}
