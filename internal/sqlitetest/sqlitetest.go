// Package sqlitetest opens databases of SQLite for tests, in which the migrations run
// once for all.
package sqlitetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
)

// Open is [sqlite.Open] of a directory that exists, but a new database is a copy of one
// that was made before.
func Open(ctx context.Context, dir string, cacheBytes int, options ...sqlstore.Option) (*sqlstore.Store, error) {
	path := filepath.Join(dir, sqlite.FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		database, err := empty()
		if err == nil {
			err = os.WriteFile(path, database, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	return sqlite.Open(ctx, dir, cacheBytes, options...)
}

// empty returns the file of a database without entities.
var empty = sync.OnceValues(func() (database []byte, err error) {
	dir, err := os.MkdirTemp("", "platen-empty-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := sqlite.Create(context.Background(), dir); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, sqlite.FileName))
})
