package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

var (
	viewColumns   = strings.Join(viewTable.names(), ", ")
	selectViews   = onReader.query(`SELECT ` + viewColumns + ` FROM saved_view WHERE owner = $1 OR shared = 1 ORDER BY id`)
	selectView    = onReader.query(`SELECT ` + viewColumns + ` FROM saved_view WHERE id = $1 AND (owner = $2 OR shared = 1)`)
	insertView    = onWriter.query(newViewTable.insert() + ` RETURNING id`)
	updateView    = onWriter.query(`UPDATE saved_view SET shared = $1, name = $2, kind = $3, filter = $4, order_by = $5, fields = $6, version = $7, changed = $8 WHERE id = $9 AND version = $7 - 1`)
	deleteView    = onWriter.query(`DELETE FROM saved_view WHERE id = $1 AND version = $2`)
	deleteViewsOf = onWriter.query(`DELETE FROM saved_view WHERE owner = $1 AND shared = 0`)
	// What the limits count, but for one view: those of its owner, those that are
	// shared, and those of its owner with its kind and name.
	selectViewCounts = onReader.query(`SELECT CAST(coalesce(sum(CASE WHEN owner = $1 THEN 1 ELSE 0 END), 0) AS BIGINT),
		CAST(coalesce(sum(shared), 0) AS BIGINT),
		CAST(coalesce(sum(CASE WHEN owner = $1 AND kind = $2 AND name = $3 THEN 1 ELSE 0 END), 0) AS BIGINT)
		FROM saved_view WHERE id <> $4`)
)

func scanView(from scanner) (v platen.View, err error) {
	var created, changed int64
	err = from.Scan(&v.ID, &v.Owner, &v.Shared, &v.Name, &v.Kind, &v.Filter, &v.OrderBy, &v.Fields, &v.Version, &created, &changed)
	v.Created, v.Changed = timeOf(created), timeOf(changed)
	return v, err
}

// Views implements [storage.Views].
func (s *Store) Views(ctx context.Context, user string) (_ []platen.View, err error) {
	ctx, done := s.observe(ctx, "views")
	defer func() { done(err) }()
	rows, err := s.on(selectViews).QueryContext(ctx, user)
	views, err := collect(rows, err, scanView)
	return views, s.error("read views", err)
}

// View implements [storage.Views].
func (s *Store) View(ctx context.Context, id int64, user string) (_ platen.View, err error) {
	ctx, done := s.observe(ctx, "view")
	defer func() { done(err) }()
	view, err := oneView(id, s.on(selectView).QueryRowContext(ctx, id, user))
	return view, s.error("read a view", err)
}

func oneView(id int64, row scanner) (platen.View, error) {
	view, err := scanView(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = platen.Errorf(platen.NotFound, "there is no view %d, or it is another user's own", id).About(strconv.FormatInt(id, 10))
	}
	return view, err
}

// AddView implements [storage.Views].
func (s *Store) AddView(ctx context.Context, view platen.View) (_ platen.View, err error) {
	_, done := s.observe(ctx, "add_view")
	defer func() { done(err) }()
	now := s.now().UnixMicro()
	view.ID, view.Version, view.Created, view.Changed = 0, 1, timeOf(now), timeOf(now)
	err = s.update(func(t *transaction) error {
		if err := t.admitView(&view); err != nil {
			return err
		}
		return t.stmt(insertView).QueryRowContext(t.ctx, view.Owner, flag(view.Shared), view.Name, int64(view.Kind), view.Filter, view.OrderBy, view.Fields,
			view.Version, now, now).Scan(&view.ID)
	})
	return view, s.error("add a view", err)
}

// admitView returns a Conflict if a view can not be kept beside the others.
func (t *transaction) admitView(view *platen.View) error {
	if err := t.exec(lockCounts); err != nil {
		return err
	}
	var own, shared, same int
	err := t.stmt(selectViewCounts).QueryRowContext(t.ctx, view.Owner, int64(view.Kind), view.Name, view.ID).Scan(&own, &shared, &same)
	switch {
	case err != nil:
		return err
	case same > 0:
		return platen.Errorf(platen.Conflict, "there is a view %q of this kind already: change that one, or take another name", view.Name).About(view.Name)
	case own >= platen.MaxViews:
		return platen.Errorf(platen.Conflict, "there are %d views of this user, and there can be no more: delete some", own)
	case view.Shared && shared >= platen.MaxSharedViews:
		return platen.Errorf(platen.Conflict, "there are %d shared views, and there can be no more: delete some, or do not share this one", shared)
	}
	return nil
}

// ChangeView implements [storage.Views].
func (s *Store) ChangeView(ctx context.Context, id int64, user string, change func(*platen.View) error) (view platen.View, err error) {
	_, done := s.observe(ctx, "change_view")
	defer func() { done(err) }()
	err = s.update(func(t *transaction) (err error) {
		if view, err = oneView(id, t.stmt(selectView).QueryRowContext(t.ctx, id, user)); err != nil {
			return err
		}
		before := view
		if err := change(&view); err != nil {
			return err
		}
		view.ID, view.Owner, view.Version, view.Created = before.ID, before.Owner, before.Version+1, before.Created
		now := s.now().UnixMicro()
		view.Changed = timeOf(now)
		if err := t.admitView(&view); err != nil {
			return err
		}
		ok, err := changed(t, updateView, flag(view.Shared), view.Name, int64(view.Kind), view.Filter, view.OrderBy, view.Fields, view.Version, now, id)
		if err != nil || !ok {
			return orError(err, errViewChanged)
		}
		return nil
	})
	return view, s.error("change a view", err)
}

var errViewChanged = platen.Errorf(platen.Changed, "somebody else has changed the view meanwhile: read it again")

// RemoveView implements [storage.Views].
func (s *Store) RemoveView(ctx context.Context, id int64, user string, check func(*platen.View) error) (err error) {
	_, done := s.observe(ctx, "remove_view")
	defer func() { done(err) }()
	return s.error("remove a view", s.update(func(t *transaction) error {
		view, err := oneView(id, t.stmt(selectView).QueryRowContext(t.ctx, id, user))
		if err == nil {
			err = check(&view)
		}
		if err != nil {
			return err
		}
		ok, err := changed(t, deleteView, id, view.Version)
		if err != nil || !ok {
			return orError(err, errViewChanged)
		}
		return nil
	}))
}
