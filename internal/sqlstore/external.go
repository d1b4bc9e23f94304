package sqlstore

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// The condition is also that of the index.
var selectExternal = onReader.query(`SELECT name, epoch, role, disabled FROM server_user WHERE issuer = $1 AND subject = $2 AND issuer <> ''`)

// LoggedIn implements [storage.Users].
func (s *Store) LoggedIn(ctx context.Context, user storage.User) (known storage.User, err error) {
	ctx, done := s.observe(ctx, "logged_in")
	defer func() { done(err) }()
	found, err := external(ctx, s.on, user)
	if err != nil {
		return known, s.error("read a user", err)
	}
	if len(found) > 0 && upToDate(found[0], user.Role) {
		return found[0], nil // nothing is to be written, as with most logins
	}
	err = s.changeUser(ctx, storage.UserChange{}, func(t *transaction, change *storage.UserChange) error {
		known, err = t.loggedIn(user, change)
		return err
	})
	return known, err
}

// upToDate reports whether a login with a role changes nothing of a user.
func upToDate(user storage.User, role platen.Role) bool {
	if role == 0 {
		return user.Disabled != storage.NotDisabled
	}
	return user.Role == role && user.Disabled != storage.DisabledByProvider
}

// external returns the user who has the issuer and the subject of user, if there is one.
func external(ctx context.Context, on func(*query) statement, user storage.User) ([]storage.User, error) {
	rows, err := on(selectExternal).QueryContext(ctx, user.Issuer, user.Subject)
	return collect(rows, err, func(from scanner) (one storage.User, err error) {
		one = user
		return one, from.Scan(&one.Name, &one.Epoch, &one.Role, &one.Disabled)
	})
}

func (t *transaction) loggedIn(user storage.User, change *storage.UserChange) (storage.User, error) {
	found, err := external(t.ctx, t.stmt, user)
	if err != nil {
		return user, err
	}
	if len(found) == 0 {
		return user, t.addExternal(user, change)
	}
	known := found[0]
	change.User = known.Name
	if user.Role == 0 {
		change.Action = storage.UserDisabled
		if known.Disabled == storage.NotDisabled {
			known.Disabled, known.Epoch = storage.DisabledByProvider, user.Epoch
		}
		return known, t.changeOne(known.Name, updateDisabled, int64(known.Disabled), known.Epoch, known.Name)
	}
	change.Action, change.Detail = storage.RoleSet, user.Role.String()
	if known.Disabled == storage.DisabledByProvider {
		known.Disabled, change.Action = storage.NotDisabled, storage.UserEnabled
		if err := t.changeOne(known.Name, updateDisabled, int64(known.Disabled), nil, known.Name); err != nil {
			return known, err
		}
	}
	known.Role = user.Role
	return known, t.changeOne(known.Name, updateRole, int64(known.Role), known.Name)
}

// addExternal adds a user at the first login.
func (t *transaction) addExternal(user storage.User, change *storage.UserChange) error {
	if user.Role == 0 {
		return noUser(user.Name)
	}
	change.Action, change.User, change.Detail = storage.UserAdded, user.Name, user.Role.String()
	ok, err := changed(t, insertUser, user.Name, "", user.Epoch, user.Changed.Unix(), int64(user.Role), user.Issuer, user.Subject)
	if err != nil || !ok {
		return orError(err, platen.Errorf(platen.Conflict, "there is another user %q here, who is not taken over", user.Name))
	}
	return nil
}
