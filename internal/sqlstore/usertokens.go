package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

var (
	selectTokens = onControl.query(`SELECT ` + strings.Join(namedTokenTable.names(), ", ") + ` FROM named_token ORDER BY name`)
	insertToken  = onWriter.query(namedTokenTable.insert() + ` ON CONFLICT (name) DO NOTHING`)
	updateToken  = onWriter.query(`UPDATE named_token SET role = coalesce($1, role), kinds = coalesce($2, kinds),
		disabled = coalesce($3, disabled), expires = coalesce($4, expires) WHERE name = $5`)
	deleteToken       = onWriter.query(`DELETE FROM named_token WHERE name = $1`)
	deleteTokensOf    = onWriter.query(`DELETE FROM named_token WHERE owner = $1`)
	selectTokenCounts = onReader.query(`SELECT count(*), count(CASE WHEN owner = $1 THEN 1 END) FROM named_token`)
	selectTokenOwner  = onReader.query(`SELECT coalesce((SELECT owner FROM named_token WHERE name = $1), '')`)
	updateTokenUse    = onWriter.query(`UPDATE named_token SET used = $1 WHERE name = $2 AND used < $1`)
)

// NamedTokens implements [storage.NamedTokens].
func (s *Store) NamedTokens(ctx context.Context) (_ []storage.NamedToken, err error) {
	ctx, done := s.observe(ctx, "named_tokens")
	defer func() { done(err) }()
	rows, err := s.on(selectTokens).QueryContext(ctx)
	tokens, err := collect(rows, err, func(from scanner) (token storage.NamedToken, err error) {
		var created, expires, used int64
		err = from.Scan(&token.Name, &token.Hash, &token.Owner, &token.Role, &token.Kinds, &token.Disabled, &created, &token.CreatedBy, &expires, &used)
		token.Created, token.Expires, token.Used = timeOf(created), timeOf(expires), timeOf(used)
		return token, err
	})
	return tokens, s.error("read tokens", err)
}

// AddToken implements [storage.NamedTokens].
func (s *Store) AddToken(ctx context.Context, token storage.NamedToken, most, mostOfOwner int) (err error) {
	ctx, done := s.observe(ctx, "add_token")
	defer func() { done(err) }()
	change := storage.UserChange{Action: storage.TokenMade, User: token.Owner, Detail: token.Name}
	return s.changeUser(ctx, change, func(t *transaction, _ *storage.UserChange) error {
		if known, err := t.hasUser(token.Owner); err != nil || !known {
			return orError(err, noUser(token.Owner))
		}
		var all, ofOwner int
		if err := t.stmt(selectTokenCounts).QueryRowContext(t.ctx, token.Owner).Scan(&all, &ofOwner); err != nil {
			return err
		}
		if all >= most {
			return platen.Errorf(platen.Conflict, "there are %d tokens, and there can be no more: revoke some", all)
		}
		if ofOwner >= mostOfOwner {
			return platen.Errorf(platen.Conflict, "there are %d tokens of this user, and there can be no more: revoke some", ofOwner)
		}
		ok, err := changed(t, insertToken, token.Name, token.Hash, token.Owner, int64(token.Role), int64(token.Kinds),
			flag(token.Disabled), microsOf(token.Created), token.CreatedBy, microsOf(token.Expires), microsOf(token.Used))
		if err != nil || !ok {
			return orError(err, platen.Errorf(platen.Conflict, "there is a token %q already", token.Name).About(token.Name))
		}
		return nil
	})
}

// UpdateToken implements [storage.NamedTokens].
func (s *Store) UpdateToken(ctx context.Context, name string, update storage.TokenUpdate) (err error) {
	ctx, done := s.observe(ctx, "update_token")
	defer func() { done(err) }()
	var role, kinds, disabled, expires any // nil: it stays
	if update.Role != nil {
		role = int64(*update.Role)
	}
	if update.Kinds != nil {
		kinds = int64(*update.Kinds)
	}
	if update.Disabled != nil {
		disabled = flag(*update.Disabled)
	}
	if update.Expires != nil {
		expires = microsOf(*update.Expires)
	}
	return s.changeToken(ctx, storage.TokenChanged, name, updateToken, role, kinds, disabled, expires, name)
}

// RemoveToken implements [storage.NamedTokens].
func (s *Store) RemoveToken(ctx context.Context, name string) (err error) {
	ctx, done := s.observe(ctx, "remove_token")
	defer func() { done(err) }()
	return s.changeToken(ctx, storage.TokenRevoked, name, deleteToken, name)
}

// changeToken runs q, which changes the token of a name.
func (s *Store) changeToken(ctx context.Context, action storage.UserAction, name string, q *query, args ...any) error {
	return s.changeUser(ctx, storage.UserChange{Action: action, Detail: name}, func(t *transaction, change *storage.UserChange) error {
		if err := t.stmt(selectTokenOwner).QueryRowContext(t.ctx, name).Scan(&change.User); err != nil {
			return err
		}
		ok, err := changed(t, q, args...)
		if err != nil || !ok {
			return orError(err, platen.Errorf(platen.NotFound, "there is no token %.80q", name).About(name))
		}
		return nil
	})
}

// RecordTokenUses implements [storage.NamedTokens].
func (s *Store) RecordTokenUses(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return s.error("record uses of tokens", s.update(func(t *transaction) error {
		for name, at := range used {
			if err := t.exec(updateTokenUse, microsOf(at), name); err != nil {
				return err
			}
		}
		return nil
	}))
}

// flag returns a boolean as an integer column has it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// orError returns err, or refusal if err is nil.
func orError(err error, refusal *platen.Error) error {
	if err != nil {
		return err
	}
	return refusal
}
