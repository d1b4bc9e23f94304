package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
)

// A location is where a database is: a directory, or the address of a server.
type location struct {
	data     string
	database string
}

// flags declares the settings of a location.
func (l *location) flags(flags *pflag.FlagSet) {
	flags.StringVar(&l.data, "data", defaultData, "directory of the database, made if need be")
	flags.StringVar(&l.database, "database", "", "address of a PostgreSQL database to use instead, as postgres://user@host:5432/database; "+
		"other users of the machine can see what is on a command line, so keep the password in the variable or in ~/.pgpass")
}

// locate returns the location that text names.
func locate(text string) location {
	if postgres.IsAddress(text) {
		return location{database: text}
	}
	return location{data: text}
}

// String names the location, without a password.
func (l location) String() string {
	if l.database != "" {
		return postgres.Redact(l.database)
	}
	if path, err := filepath.Abs(l.data); err == nil {
		return path
	}
	return l.data
}

// option is the flag and value that name the location to platen.
func (l location) option() string {
	if l.database != "" {
		return "--database " + l.String()
	}
	return "--data " + l.String()
}

// exists reports whether there is a database in a directory; of a server only
// opening it can tell.
func (l location) exists() bool {
	if l.database != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(l.data, sqlite.FileName))
	return err == nil
}

// lock keeps other servers off a directory; a database server can have many.
func (l location) lock(holder string) (release func() error, err error) {
	if l.database != "" {
		return func() error { return nil }, nil
	}
	lock, err := sqlite.Acquire(l.String(), holder)
	if err != nil {
		return nil, err
	}
	return lock.Release, nil
}

// open opens the store. cacheBytes bounds the cache of lists of a directory's.
func (l location) open(ctx context.Context, cacheBytes int) (*sqlstore.Store, error) {
	if l.database == "" {
		return sqlite.Open(ctx, l.String(), cacheBytes)
	}
	if !postgres.IsAddress(l.database) {
		return nil, usageError{fmt.Errorf("--database wants an address like postgres://user@host:5432/database; for a directory there is --data"), "platen serve"}
	}
	return postgres.Open(ctx, l.database)
}

// use runs fn on the store, and waits until all servers that run on it go by
// users that fn changed.
func (l location) use(ctx context.Context, create bool, fn func(*sqlstore.Store) error) (err error) {
	if !create && !l.exists() {
		return fmt.Errorf("there is no platen database in %s; name its directory with --data", cmp.Or(l.data, "."))
	}
	store, err := l.open(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Unfinished(ctx); err != nil {
		return err
	}
	if err := fn(store); err != nil {
		return err
	}
	if l.database != "" || sqlite.Locked(l.data) {
		time.Sleep(auth.MaxStaleness)
	}
	return nil
}
