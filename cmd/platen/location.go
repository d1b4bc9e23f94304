package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
)

// A databaseServer is a kind of database server.
type databaseServer struct {
	isAddress func(text string) bool      // text is an address of one, and no directory
	redact    func(address string) string // without passwords, also if it is no address
	outlook   func(ctx context.Context, address string) (has, wants int, err error)
	open      func(ctx context.Context, address string, options ...sqlstore.Option) (*sqlstore.Store, error)
	openUsers func(ctx context.Context, address string) (sqlstore.UserStore, error)
}

// databaseServers are the kinds of database server that --database takes, the
// usual one first. To add one is to add its row; CONTRIBUTING.md has what its
// package implements.
var databaseServers = []databaseServer{
	{postgres.IsAddress, postgres.Redact, postgres.Outlook, postgres.Open, postgres.OpenUsers},
}

// serverAt returns the kind of server that an address names, otherwise the
// usual one. ok: it names one.
func serverAt(address string) (server databaseServer, ok bool) {
	for _, server := range databaseServers {
		if server.isAddress(address) {
			return server, true
		}
	}
	return databaseServers[0], false
}

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
	if _, ok := serverAt(text); ok {
		return location{database: text}
	}
	return location{data: text}
}

// String names the location, without a password.
func (l location) String() string {
	if l.database != "" {
		server, _ := serverAt(l.database)
		return server.redact(l.database)
	}
	if path, err := filepath.Abs(l.data); err == nil {
		return path
	}
	return l.data
}

// passwordCommand says in words how another password is set. An address that has a
// password can not be printed so that it works.
func (l location) passwordCommand() string {
	if l.database != "" && l.String() != l.database {
		return fmt.Sprintf("with the same PLATEN_DATABASE: platen user passwd %s", adminName)
	}
	return fmt.Sprintf("platen user passwd %s %s", adminName, l.option())
}

// same reports whether two locations are one, as far as that can be seen.
func (l location) same(other location) bool {
	if l.database != "" || other.database != "" {
		return l.database == other.database
	}
	if l.String() == other.String() {
		return true
	}
	one, err := os.Stat(l.data)
	if err != nil {
		return false
	}
	two, err := os.Stat(other.data)
	return err == nil && os.SameFile(one, two)
}

// option is the flag and value that name the location to platen.
func (l location) option() string {
	if l.database != "" {
		return "--database " + l.String()
	}
	return "--data " + l.String()
}

// explain says what a person can do about an error of working with the database.
func (l location) explain(err error) error {
	if err == nil || l.database != "" {
		return err
	}
	return sqlite.ExplainDamage(err, l.String())
}

// present returns nil if there is a database in a directory, and otherwise
// what is there; of a server only opening it can tell.
func (l location) present() error {
	if l.database != "" {
		return nil
	}
	if err := l.named(); err != nil {
		return err
	}
	return sqlite.Present(l.data)
}

// named returns an error for a location that names no directory where one should
// be. An address may have a password in it, so it is not shown.
func (l location) named() error {
	switch {
	case l.database != "":
	case l.data == "":
		return platen.Errorf(platen.Invalid, "--data is empty: name the directory of the database")
	case isAddress(l.data):
		return platen.Errorf(platen.Invalid, "what is given as the directory of the database is an address; --data and PLATEN_DATA name a directory, and an address goes to --database or PLATEN_DATABASE")
	}
	return nil
}

// directory returns an error unless a location is a directory, whose files a
// command works with.
func (l location) directory(command string) error {
	if l.database != "" {
		return platen.Errorf(platen.Invalid, "platen %s is for a database in a directory, and %s is PostgreSQL's: that has pg_dump and pg_restore, or better a continuous archive (docs/operations.md)", command, l)
	}
	return l.named()
}

// protect takes from other users of the machine what they may do with a
// directory, and tells of each file that it had to change.
func (l location) protect(tell func(string)) error {
	if l.database != "" {
		return nil
	}
	if err := l.named(); err != nil {
		return err
	}
	mended, err := sqlite.Protect(l.String())
	for _, line := range mended {
		tell(line)
	}
	return err
}

// lock keeps other servers off a directory, and other users; a database server
// has means of its own.
func (l location) lock(holder string, tell func(string)) (release func() error, err error) {
	if l.database != "" {
		return func() error { return nil }, nil
	}
	if err := l.protect(tell); err != nil {
		return nil, err
	}
	lock, err := sqlite.Acquire(l.String(), holder)
	if err != nil {
		return nil, err
	}
	return lock.Release, nil
}

// begin makes a new database in a directory, although there was one.
func (l location) begin(ctx context.Context, tell func(string)) error {
	if l.database != "" {
		return usageError{errors.New("--new is for a database in a directory: --data"), "platen serve"}
	}
	kept, err := sqlite.Create(ctx, l.String())
	if kept != "" {
		tell("what was left of the database that was there is now " + kept)
	}
	return err
}

// open opens the store. cacheBytes bounds the cache of lists of a directory's.
func (l location) open(ctx context.Context, cacheBytes int, options ...sqlstore.Option) (*sqlstore.Store, error) {
	if l.database == "" {
		return sqlite.Open(ctx, l.String(), cacheBytes, options...)
	}
	server, err := l.server()
	if err != nil {
		return nil, err
	}
	return server.open(ctx, l.database, options...)
}

// server returns the kind of server that the address names.
func (l location) server() (databaseServer, error) {
	server, ok := serverAt(l.database)
	if !ok {
		return server, usageError{fmt.Errorf("--database wants an address like postgres://user@host:5432/database; for a directory there is --data"), "platen serve"}
	}
	return server, nil
}

// openUsers opens the users of a store, beside the servers that run on it.
func (l location) openUsers(ctx context.Context, tell func(string)) (store sqlstore.UserStore, err error) {
	if l.database != "" {
		server, wrong := l.server()
		if wrong != nil {
			return nil, wrong
		}
		store, err = server.openUsers(ctx, l.database)
	} else {
		store, err = sqlite.OpenUsers(ctx, l.String(), func() {
			tell("waiting for the server's current transaction, a minute at most")
		})
	}
	if err != nil {
		return nil, err
	}
	if err := store.Unfinished(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// use runs fn on the users of a store, and waits until all servers that run on
// it go by what fn changed. create makes the database if there is none.
func (l location) use(ctx context.Context, env environment, create bool, fn func(sqlstore.UserStore) error) (err error) {
	tell := env.tell
	open := func() (sqlstore.UserStore, error) {
		if err := l.present(); err != nil {
			return nil, err
		}
		if err := l.protect(tell); err != nil {
			return nil, err
		}
		return l.openUsers(ctx, tell)
	}
	defer func() { err = l.explain(err) }()
	store, err := open()
	if create && platen.ErrorCode(err) == platen.NotFound {
		if err = l.make(ctx, tell); err == nil {
			store, err = open()
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := fn(store); err != nil {
		return err
	}
	if l.database != "" || sqlite.Locked(l.data) {
		time.Sleep(auth.MaxStaleness)
	}
	return nil
}

// make makes the database where there is none.
func (l location) make(ctx context.Context, tell func(string)) error {
	release, err := l.lock(fmt.Sprintf("process %d, which adds a user", os.Getpid()), tell)
	if err != nil {
		return err
	}
	store, err := l.open(ctx, 0)
	if err == nil {
		err = store.Close()
	}
	return errors.Join(err, release())
}
