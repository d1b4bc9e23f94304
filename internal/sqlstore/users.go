package sqlstore

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// A UserStore is a store of which only the users can be reached, for those who
// change them beside a server.
type UserStore interface {
	platen.UserStore
	// Unfinished returns a Conflict if a copy into the store was begun and not
	// finished.
	Unfinished(ctx context.Context) error
	Close() error
}

// OpenUsers is [Open] without work in the background. The server on a database
// that is not shared remembers which notes for the index it has made
// (committer.go), so nobody else may work them off.
func OpenUsers(ctx context.Context, engine Engine) (UserStore, error) {
	return newStore(ctx, engine)
}

// Users implements [platen.UserStore].
func (s *Store) Users(ctx context.Context) (_ []platen.User, err error) {
	ctx, done := s.observe(ctx, "users")
	defer func() { done(err) }()
	rows, err := s.read[selectUsers].QueryContext(ctx)
	if err != nil {
		return nil, s.error("read users", err)
	}
	defer rows.Close()
	var users []platen.User
	for rows.Next() {
		var user platen.User
		var changed int64
		if err := rows.Scan(&user.Name, &user.Password, &user.Epoch, &changed); err != nil {
			return nil, s.error("read users", err)
		}
		user.Changed = time.Unix(changed, 0)
		users = append(users, user)
	}
	return users, s.error("read users", rows.Err())
}

// UsersVersion implements [platen.UserStore].
func (s *Store) UsersVersion(ctx context.Context) (int64, error) {
	var version int64
	err := s.read[selectUsersVersion].QueryRowContext(ctx).Scan(&version)
	return version, s.error("read users", err)
}

// AddUser implements [platen.UserStore].
func (s *Store) AddUser(ctx context.Context, user platen.User) (err error) {
	_, done := s.observe(ctx, "add_user")
	defer func() { done(err) }()
	return s.changeUser("add user", func(t *transaction) (bool, error) {
		return changed(t, insertUser, user.Name, user.Password, user.Epoch, user.Changed.Unix())
	}, platen.Errorf(platen.Conflict, "there is a user %q already", user.Name))
}

// SetPassword implements [platen.UserStore].
func (s *Store) SetPassword(ctx context.Context, user platen.User) (err error) {
	_, done := s.observe(ctx, "set_password")
	defer func() { done(err) }()
	return s.changeUser("set password", func(t *transaction) (bool, error) {
		return changed(t, updateUser, user.Name, user.Password, user.Epoch, user.Changed.Unix())
	}, platen.Errorf(platen.NotFound, "there is no user %q", user.Name))
}

// RemoveUser implements [platen.UserStore].
func (s *Store) RemoveUser(ctx context.Context, name string) (err error) {
	ctx, done := s.observe(ctx, "remove_user")
	defer func() { done(err) }()
	users, err := s.Users(ctx)
	if err != nil {
		return err
	}
	refusal := platen.Errorf(platen.NotFound, "there is no user %q", name)
	for _, user := range users {
		if user.Name == name {
			refusal = platen.Errorf(platen.Conflict, "%q is the last user: add another one first", name)
		}
	}
	return s.changeUser("remove user", func(t *transaction) (bool, error) {
		return changed(t, deleteUser, name)
	}, refusal)
}

// changeUser runs fn; if that changed nothing, refusal is the error.
func (s *Store) changeUser(doing string, fn func(*transaction) (bool, error), refusal *platen.Error) error {
	return s.error(doing, s.update(func(t *transaction) error {
		// First, so that changes wait for each other.
		if err := t.exec(updateUsersVersion); err != nil {
			return err
		}
		ok, err := fn(t)
		if err == nil && !ok {
			err = refusal
		}
		return err
	}))
}

// changed runs q and reports whether it changed a row.
func changed(t *transaction, q query, args ...any) (bool, error) {
	result, err := t.stmt(q).ExecContext(t.ctx, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Secret implements [platen.UserStore].
func (s *Store) Secret(_ context.Context, name string, fresh []byte) ([]byte, error) {
	var secret []byte
	err := s.update(func(t *transaction) error {
		if err := t.exec(insertSecret, name, fresh); err != nil {
			return err
		}
		return t.stmt(selectSecret).QueryRowContext(t.ctx, name).Scan(&secret)
	})
	return secret, s.error("read secret", err)
}

// ShareFailures implements [platen.UserStore].
func (s *Store) ShareFailures(ctx context.Context, mine []platen.LoginFailure) ([]platen.LoginFailure, error) {
	if !s.engine.Shared {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for _, failure := range mine {
		if _, err := s.write[insertFailure].ExecContext(ctx, s.id, []byte(failure.Address), []byte(failure.User)); err != nil {
			return nil, s.error("share failed logins", err)
		}
	}
	rows, err := s.read[selectFailures].QueryContext(ctx, s.failuresSeen.Load(), s.id)
	others, err := collect(rows, err, func(from interface{ Scan(...any) error }) (platen.LoginFailure, error) {
		var seq int64
		var address, user []byte
		err := from.Scan(&seq, &address, &user)
		if err == nil {
			s.failuresSeen.Store(seq)
		}
		return platen.LoginFailure{Address: string(address), User: string(user)}, err
	})
	return others, s.error("share failed logins", err)
}
