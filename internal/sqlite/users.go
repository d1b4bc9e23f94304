package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

const (
	// userWait is how long a change of users waits for the server, which
	// writes an import in one transaction.
	userWait = time.Minute
	// userNotice is how long it waits without a word.
	userNotice = time.Second
)

// OpenUsers opens the users of a directory, beside a server or without one,
// and does nothing else there. A change waits up to a minute for the server's
// transaction, or until ctx ends; waiting is called when it takes long. The
// error is that of [Present], or a Conflict if the schema is not that of this
// version.
func OpenUsers(ctx context.Context, dir string, waiting func()) (sqlstore.UserStore, error) {
	if err := Present(dir); err != nil {
		return nil, err
	}
	if _, err := Protect(dir); err != nil {
		return nil, err
	}
	store, err := openUsers(ctx, dir, waiting)
	return store, explainOpen(err, dir)
}

func openUsers(ctx context.Context, dir string, waiting func()) (sqlstore.UserStore, error) {
	path, err := databasePath(dir)
	if err != nil {
		return nil, err
	}
	reader, err := open(path, readerOptions, 1, functions)
	if err != nil {
		return nil, err
	}
	if err := current(ctx, reader); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	writer, err := open(path, writerOptions, 1, func(c *sqlite3.Conn) error {
		return errors.Join(functions(c), c.BusyHandler(patient(ctx, waiting)))
	})
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	e := engine(writer, reader, reader, reader, reader)
	e.Translate = translateForUsers
	e.Close = func() error { return errors.Join(reader.Close(), writer.Close()) }
	return sqlstore.OpenUsers(ctx, e)
}

// patient returns a handler that waits for another connection's transaction.
func patient(ctx context.Context, waiting func()) func(context.Context, int) bool {
	var since time.Time
	told := false
	return func(_ context.Context, count int) bool {
		if count == 0 {
			since = time.Now()
		}
		waited := time.Since(since)
		if ctx.Err() != nil || waited > userWait {
			return false
		}
		if waited > userNotice && !told {
			told = true
			waiting()
		}
		// Short and uneven: a busy server leaves no more than a moment between
		// two transactions.
		time.Sleep(rand.N(2 * time.Millisecond))
		return true
	}
}

// translateForUsers is translate, with what a person can do.
func translateForUsers(err error) error {
	if errors.Is(err, sqlite3.BUSY) {
		return platen.Errorf(platen.Unavailable, "the server's transaction has not ended, so nothing was changed; try again when its import or deletion is done")
	}
	return translate(err)
}
