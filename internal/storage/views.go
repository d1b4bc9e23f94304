package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// Views keeps the views that users have saved.
type Views interface {
	// Views returns the views of a user and those that are shared, by id.
	Views(ctx context.Context, user string) ([]platen.View, error)
	// View returns a view that the user sees. NotFound.
	View(ctx context.Context, id int64, user string) (platen.View, error)
	// AddView adds a view and returns it as it is kept. Conflict: its owner has one
	// of that name and kind, or there are as many as there may be.
	AddView(ctx context.Context, view platen.View) (platen.View, error)
	// ChangeView changes what change changes of a view that the user sees, and
	// returns it as it is kept. Identifier and owner stay. change may be called more
	// than once. NotFound; Conflict, as of AddView; Changed: somebody else has
	// changed it meanwhile; and the errors of change.
	ChangeView(ctx context.Context, id int64, user string, change func(*platen.View) error) (platen.View, error)
	// RemoveView removes a view that the user sees, unless check returns an error.
	// NotFound; Changed, as of ChangeView.
	RemoveView(ctx context.Context, id int64, user string, check func(*platen.View) error) error
}
