package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
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
	s, err := newStore(ctx, engine)
	if err != nil {
		return nil, err
	}
	state, err := s.logState(ctx)
	if err != nil {
		return nil, errors.Join(s.error("read the log", err), s.Close())
	}
	if state.since == 0 { // the server keeps no history
		s.historyFor = 0
	}
	return s, nil
}

// LookAt closes users that were opened to see whether a server could start, and
// returns what keeps it from that in what it reads first.
func LookAt(ctx context.Context, users UserStore) error {
	err := users.Unfinished(ctx)
	if err == nil {
		_, err = users.Users(ctx)
	}
	return errors.Join(err, users.Close())
}

var (
	selectUsers          = onControl.query(`SELECT ` + userColumns + ` FROM server_user ORDER BY name`)
	selectUser           = onControl.query(`SELECT ` + userColumns + ` FROM server_user WHERE name = $1`)
	selectLastUserChange = onControl.query(`SELECT v.version, coalesce(c.action, ''), coalesce(c.name, ''), coalesce(c.address, ''), coalesce(c.detail, ''), coalesce(c.changed_by, ''), coalesce(c.nonce, 0)
		FROM users_version AS v LEFT JOIN user_change AS c ON c.version = v.version`)
	updateUsersVersion = onWriter.query(`UPDATE users_version SET version = version + 1`)
	// Locks the one row of users_version until the end of the transaction, so that who adds
	// something that is limited in number counts when the one before has committed.
	lockCounts = onWriter.query(`UPDATE users_version SET version = version`)
	insertUser = onWriter.query(`INSERT INTO server_user (name, password, epoch, changed, role, issuer, subject, disabled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT DO NOTHING`)
	updateUser     = onWriter.query(`UPDATE server_user SET password = $1, epoch = $2, changed = $3 WHERE name = $4`)
	updateEpoch    = onWriter.query(`UPDATE server_user SET epoch = $1 WHERE name = $2`)
	updateDisabled = onWriter.query(`UPDATE server_user SET disabled = $1, epoch = coalesce($2, epoch) WHERE name = $3`)
	updateRole     = onWriter.query(`UPDATE server_user SET role = $1 WHERE name = $2`)
	deleteUser     = onWriter.query(`DELETE FROM server_user WHERE name = $1`)

	selectUserCount  = onReader.query(`SELECT count(*) FROM server_user WHERE name = $1`)
	selectAnyUser    = onReader.query(`SELECT count(*) FROM (SELECT 1 FROM server_user LIMIT 1) AS one`)
	selectIssuer     = onReader.query(`SELECT coalesce((SELECT issuer FROM server_user WHERE name = $1), '')`)
	selectAdminCount = onReader.query(`SELECT count(*) FROM server_user WHERE role = $1 AND disabled = 0 AND issuer = ''`)

	selectUserChanges = onControl.query(`SELECT version, action, name, address, detail, changed_by, nonce FROM user_change WHERE version > $1 ORDER BY version`)
	insertUserChange  = onWriter.query(`INSERT INTO user_change (version, action, name, address, detail, changed_by, nonce)
		SELECT version, $1, $2, $3, $4, $5, CAST($6 AS BIGINT) FROM users_version`)
	deleteUserChanges = onWriter.query(`DELETE FROM user_change WHERE version <= (SELECT version FROM users_version) - $1`)
)

// Users implements [storage.Users].
func (s *Store) Users(ctx context.Context) (_ []storage.User, err error) {
	ctx, done := s.observe(ctx, "users")
	defer func() { done(err) }()
	rows, err := s.on(selectUsers).QueryContext(ctx)
	users, err := collect(rows, err, scanUser)
	return users, s.error("read users", err)
}

// User implements [storage.Users].
func (s *Store) User(ctx context.Context, name string) (user storage.User, err error) {
	ctx, done := s.observe(ctx, "user")
	defer func() { done(err) }()
	user, err = scanUser(s.on(selectUser).QueryRowContext(ctx, name))
	if errors.Is(err, sql.ErrNoRows) {
		return user, noUser(name)
	}
	return user, s.error("read a user", err)
}

// userColumns are what scanUser scans.
const userColumns = `name, password, epoch, changed, role, disabled, issuer, subject`

func scanUser(from scanner) (user storage.User, err error) {
	var changed int64
	err = from.Scan(&user.Name, &user.Password, &user.Epoch, &changed, &user.Role, &user.Disabled, &user.Issuer, &user.Subject)
	user.Changed = time.Unix(changed, 0)
	return user, err
}

// LastUserChange implements [storage.Users].
func (s *Store) LastUserChange(ctx context.Context) (storage.UserChange, error) {
	last, err := scanUserChange(s.on(selectLastUserChange).QueryRowContext(ctx))
	return last, s.error("read users", err)
}

func scanUserChange(from scanner) (c storage.UserChange, err error) {
	err = from.Scan(&c.Version, &c.Action, &c.User, &c.Address, &c.Detail, &c.By, &c.Nonce)
	return c, err
}

// UserChanges implements [storage.Users].
func (s *Store) UserChanges(ctx context.Context, after int64) ([]storage.UserChange, error) {
	rows, err := s.on(selectUserChanges).QueryContext(ctx, after)
	changes, err := collect(rows, err, scanUserChange)
	return changes, s.error("read changes of users", err)
}

// AddUser implements [storage.Users].
func (s *Store) AddUser(ctx context.Context, user storage.User) (err error) {
	ctx, done := s.observe(ctx, "add_user")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.UserAdded, User: user.Name}, func(t *transaction, change *storage.UserChange) error {
		var others int64
		if err := t.stmt(selectAnyUser).QueryRowContext(t.ctx).Scan(&others); err != nil {
			return err
		}
		role := user.Role
		switch {
		case role == 0 && others == 0:
			role = platen.Admin
		case role == 0:
			role = platen.Editor
		case others == 0 && role != platen.Admin:
			return platen.Errorf(platen.Conflict, "%q is the first user, who has to be an admin", user.Name).About(user.Name)
		}
		change.Detail = role.String()
		ok, err := changed(t, insertUser, user.Name, user.Password, user.Epoch, user.Changed.Unix(), int64(role), user.Issuer, user.Subject)
		if err != nil || !ok {
			return orError(err, platen.Errorf(platen.Conflict, "there is a user %q already", user.Name).About(user.Name))
		}
		return nil
	})
}

// SetPassword implements [storage.Users].
func (s *Store) SetPassword(ctx context.Context, user storage.User) (err error) {
	ctx, done := s.observe(ctx, "set_password")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.PasswordSet, User: user.Name}, func(t *transaction, _ *storage.UserChange) error {
		if err := t.checkLocal(user.Name, "password"); err != nil {
			return err
		}
		if err := t.changeOne(user.Name, updateUser, user.Password, user.Epoch, user.Changed.Unix(), user.Name); err != nil || user.Role == 0 {
			return err
		}
		if err := t.setRole(user.Name, user.Role); err != nil {
			return err
		}
		return t.recordUserChange(ctx, storage.UserChange{Action: storage.RoleSet, User: user.Name, Detail: user.Role.String()})
	})
}

// SetRole implements [storage.Users].
func (s *Store) SetRole(ctx context.Context, name string, role platen.Role) (err error) {
	ctx, done := s.observe(ctx, "set_role")
	defer func() { done(err) }()
	change := storage.UserChange{Action: storage.RoleSet, User: name, Detail: role.String()}
	return s.changeUser(ctx, change, func(t *transaction, _ *storage.UserChange) error { return t.setRole(name, role) })
}

func (t *transaction) setRole(name string, role platen.Role) error {
	if err := t.checkLocal(name, "role"); err != nil {
		return err
	}
	if err := t.changeOne(name, updateRole, int64(role), name); err != nil {
		return err
	}
	return t.checkAdmin(name)
}

// SetDisabled implements [storage.Users].
func (s *Store) SetDisabled(ctx context.Context, name string, disabled bool, epoch int64) (err error) {
	ctx, done := s.observe(ctx, "set_disabled")
	defer func() { done(err) }()
	change := storage.UserChange{Action: storage.UserEnabled, User: name}
	by, fresh := storage.NotDisabled, any(nil)
	if disabled {
		change.Action, by, fresh = storage.UserDisabled, storage.DisabledByAdmin, epoch
	}
	return s.changeUser(ctx, change, func(t *transaction, _ *storage.UserChange) error {
		if err := t.changeOne(name, updateDisabled, int64(by), fresh, name); err != nil || !disabled {
			return err
		}
		return t.checkAdmin(name)
	})
}

// SetEpoch implements [storage.Users].
func (s *Store) SetEpoch(ctx context.Context, name string, epoch int64) (err error) {
	ctx, done := s.observe(ctx, "set_epoch")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.SessionsEnded, User: name}, func(t *transaction, _ *storage.UserChange) error {
		return t.changeOne(name, updateEpoch, epoch, name)
	})
}

// RemoveUser implements [storage.Users].
func (s *Store) RemoveUser(ctx context.Context, name string) (err error) {
	ctx, done := s.observe(ctx, "remove_user")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.UserRemoved, User: name}, func(t *transaction, _ *storage.UserChange) error {
		if err := t.changeOne(name, deleteUser, name); err != nil {
			return err
		}
		for _, q := range []*query{deleteTokensOf, deleteViewsOf} {
			if err := t.exec(q, name); err != nil {
				return err
			}
		}
		return t.checkAdmin(name)
	})
}

// Unlock implements [storage.Users].
func (s *Store) Unlock(ctx context.Context, name, address string, hashed storage.LoginFailure) (err error) {
	ctx, done := s.observe(ctx, "unlock_user")
	defer func() { done(err) }()
	return s.changeUser(ctx, storage.UserChange{Action: storage.UserUnlocked, User: name, Address: address}, func(t *transaction, _ *storage.UserChange) error {
		if name != "" {
			if known, err := t.hasUser(name); err != nil || !known {
				return orError(err, noUser(name))
			}
		}
		return s.engine.Replicas.ForgetFailures(t.ctx, t.conn(), hashed)
	})
}

func noUser(name string) *platen.Error {
	return platen.Errorf(platen.NotFound, "there is no user %.80q", name).About(name)
}

// hasUser reports whether there is a user of that name.
func (t *transaction) hasUser(name string) (bool, error) {
	var n int64
	err := t.stmt(selectUserCount).QueryRowContext(t.ctx, name).Scan(&n)
	return n > 0, err
}

// changeOne runs q, which changes the user of a name. NotFound: there is none.
func (t *transaction) changeOne(name string, q *query, args ...any) error {
	ok, err := changed(t, q, args...)
	if err != nil || !ok {
		return orError(err, noUser(name))
	}
	return nil
}

// checkAdmin returns a Conflict if a change of a user has left no admin.
func (t *transaction) checkAdmin(name string) error {
	var n int64
	err := t.stmt(selectAdminCount).QueryRowContext(t.ctx, int64(platen.Admin)).Scan(&n)
	if err != nil || n == 0 {
		return orError(err, platen.Errorf(platen.Conflict, "%q is the last admin who has a password here: make another local user an admin first", name).About(name))
	}
	return nil
}

// checkLocal returns a Conflict if a provider of identities knows the user, and so
// says what the user's role is, and checks the password.
func (t *transaction) checkLocal(name, what string) error {
	var issuer string
	err := t.stmt(selectIssuer).QueryRowContext(t.ctx, name).Scan(&issuer)
	if err != nil || issuer != "" {
		return orError(err, platen.Errorf(platen.Conflict, "the %s of %q is that of the provider %s, and can not be set here; disable the user, or remove it", what, name, issuer).About(name))
	}
	return nil
}

// changeUser runs fn, which changes something of users, and records the
// change, which fn may complete.
func (s *Store) changeUser(ctx context.Context, change storage.UserChange, fn func(*transaction, *storage.UserChange) error) error {
	return s.error(string(change.Action), s.update(func(t *transaction) error {
		// First, so that changes wait for each other, and their versions are
		// in the order of their commits.
		if err := t.exec(updateUsersVersion); err != nil {
			return err
		}
		if err := fn(t, &change); err != nil {
			return err
		}
		if err := t.insertUserChange(ctx, change); err != nil {
			return err
		}
		return t.exec(deleteUserChanges, int64(changesKept))
	}))
}

func (t *transaction) insertUserChange(ctx context.Context, change storage.UserChange) error {
	if err := t.logAudit(auditOfUser(storage.OriginOf(ctx), change)); err != nil {
		return err
	}
	return t.exec(insertUserChange, string(change.Action), change.User, change.Address, change.Detail, storage.OriginOf(ctx).By(), rand.Int64())
}

// recordUserChange records one more change of the same transaction, before the
// one that it is for.
func (t *transaction) recordUserChange(ctx context.Context, change storage.UserChange) error {
	if err := t.insertUserChange(ctx, change); err != nil {
		return err
	}
	return t.exec(updateUsersVersion)
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
	return s.changeUser(ctx, storage.UserChange{Action: action}, func(t *transaction, _ *storage.UserChange) error {
		return t.exec(upsertSecret, name, secret)
	})
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
