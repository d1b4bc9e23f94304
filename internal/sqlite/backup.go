package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/platenhq/platen"
)

// A Copy is a file with a database in it that has been checked.
type Copy struct {
	Path     string
	Bytes    int64
	Schema   int   // the number of its newest migration
	Entities int64 // of all kinds
}

// unfinished is the name of a copy while it is written, in a directory of its
// own beside the file that it is to be.
const unfinished = "unfinished.db"

// Backup writes a copy of the database in a directory, as it is at one moment,
// to a file, and checks it. A server may be running on it and go on. On an
// error there is no file. What a backup that was killed has left is removed by
// the next one to the same file. Conflict: the file is there already, or
// another backup is being written to it.
func Backup(ctx context.Context, dir, file string, overwrite bool) (made Copy, err error) {
	if err := Present(dir); err != nil {
		return Copy{}, err
	}
	if file, err = backupTarget(dir, file, overwrite); err != nil {
		return Copy{}, err
	}
	part := file + ".part"
	release, err := lockPart(part)
	if err != nil {
		return Copy{}, err
	}
	defer func() { err = errors.Join(err, release()) }()
	copied := filepath.Join(part, unfinished)
	if err := vacuum(ctx, dir, copied); err != nil {
		return Copy{}, err
	}
	if made, err = Check(ctx, copied); err != nil {
		return Copy{}, err
	}
	if err := errors.Join(syncFile(copied), os.Rename(copied, file)); err != nil {
		return Copy{}, err
	}
	made.Path = file
	// That the time of the backup can not be recorded makes it no worse.
	_ = writeFile(filepath.Join(dir, backupFile), time.Now().UTC().Format(time.RFC3339)+"\n")
	return made, syncDir(filepath.Dir(file))
}

// backupTarget returns the file that a backup of a directory's database is to be,
// past links: what is renamed in the place of a link would not be where it leads.
// Whatever else is there, or belongs to a database, is refused also to overwrite.
func backupTarget(dir, file string, overwrite bool) (string, error) {
	if file == "" {
		return "", platen.Errorf(platen.Invalid, "the name of the backup is empty: name a file, such as /backup/platen.db")
	}
	info, err := os.Lstat(file)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		to, err := filepath.EvalSymlinks(file)
		if err != nil {
			return "", platen.Errorf(platen.Conflict, "%s is a link that leads to no file: name the file itself", file)
		}
		file = to
		info, err = os.Lstat(file)
		if err != nil {
			return "", err
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case info.IsDir():
		return "", platen.Errorf(platen.Conflict, "%s is a directory: name a file in it, such as %s", file, filepath.Join(file, "platen-backup.db"))
	case !info.Mode().IsRegular():
		return "", platen.Errorf(platen.Conflict, "%s is no regular file, and a backup would take its place: name another file", file)
	}
	parent := filepath.Dir(file)
	in, found := os.Stat(parent)
	if found != nil { // a disk that is not mounted, say: nothing is made in its place
		return "", platen.Errorf(platen.Conflict, "there is no directory %s for the backup: make it, or mount its disk", parent)
	}
	own, found := os.Stat(dir)
	if found != nil {
		return "", found
	}
	if isReserved(filepath.Base(file)) && (os.SameFile(in, own) || exists(filepath.Join(parent, markFile))) {
		return "", platen.Errorf(platen.Conflict, "%s is the name of a file of the database in %s: name another file, better on another disk", file, parent)
	}
	if err == nil && !overwrite {
		return "", platen.Errorf(platen.Conflict, "%s is there already; name another file, or add --overwrite", file)
	}
	return file, nil
}

// isReserved reports whether a name in a data directory is one of the server's,
// also on file systems to which upper and lower case are the same.
func isReserved(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, FileName) || slices.Contains([]string{markFile, lockFile, holderFile, backupFile, probeFile, SpoolName, FirstPasswordName}, name)
}

// lastBackup returns when the last backup of a directory was made, the zero time
// for never.
func lastBackup(dir string) time.Time {
	text, err := os.ReadFile(filepath.Join(dir, backupFile))
	if err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return time.Time{}
	}
	return at
}

// lockPart makes the directory in which a backup is written, and keeps others
// out of it. release removes it with all that is in it.
func lockPart(part string) (release func() error, err error) {
	if !isPart(part) {
		return nil, platen.Errorf(platen.Conflict, "%s is in the way, and not what a backup of this user's has left: remove it", part)
	}
	if _, err := Protect(part); err != nil {
		return nil, err
	}
	lock, err := acquire(part, fmt.Sprintf("process %d", os.Getpid()))
	if errors.Is(err, errHeld) {
		return nil, platen.Errorf(platen.Conflict, "another backup is being written in %s: %s", part, Holder(part))
	}
	if err != nil {
		_ = os.Remove(part) // unless something is in it
		return nil, explainCopy(err, part)
	}
	copied := filepath.Join(part, unfinished)
	if err := remove(copied); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return func() error { return errors.Join(remove(copied), lock.releaseAndRemove(part)) }, nil
}

// isPart reports whether a path is free, or has what a backup leaves there.
func isPart(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return true
	}
	if !info.IsDir() || !isOurs(info) {
		return false
	}
	entries, err := os.ReadDir(path)
	foreign := func(entry os.DirEntry) bool {
		name := entry.Name()
		return name != lockFile && name != holderFile && !strings.HasPrefix(name, unfinished)
	}
	return err == nil && !slices.ContainsFunc(entries, foreign)
}

// vacuum copies the database of a directory into a file that is not there.
func vacuum(ctx context.Context, dir, to string) error {
	path, err := databasePath(dir)
	if err != nil {
		return explainOpen(err, dir)
	}
	db, err := open(path, "&mode=rw", 1, functions)
	if err != nil {
		return err
	}
	defer db.Close()
	// What is wrong with the database is told from what is with the copy.
	if err := db.PingContext(ctx); err != nil {
		return explainOpen(err, dir)
	}
	// The copy of a database that can not give pages back can. In one that can already
	// the pragma would write, and so wait for the server's transaction.
	var can int
	err = db.QueryRowContext(ctx, `PRAGMA auto_vacuum`).Scan(&can)
	if err == nil && can == 0 {
		_, err = db.ExecContext(ctx, `PRAGMA auto_vacuum=incremental`)
	}
	if err != nil {
		return explainOpen(err, dir)
	}
	if _, err = db.ExecContext(ctx, `VACUUM INTO ?`, to); errors.Is(err, sqlite3.CORRUPT) {
		return explainOpen(err, dir)
	}
	return explainCopy(err, to)
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Check looks whether a file is a database of platen's, whole, and of a schema
// that this platen knows.
func Check(ctx context.Context, file string) (Copy, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return Copy{}, err
	case info.IsDir():
		return Copy{}, platen.Errorf(platen.Conflict, "%s is a directory: name the file of a backup", file)
	case !info.Mode().IsRegular():
		return Copy{}, platen.Errorf(platen.Conflict, "%s is no regular file: name the file of a backup", file)
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return Copy{}, err
	}
	c := Copy{Path: file, Bytes: info.Size()}
	db, err := driver.Open("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=ro&immutable=1")
	if err != nil {
		return Copy{}, explainCopy(err, file)
	}
	err = c.check(ctx, db)
	return c, errors.Join(explainCopy(err, file), db.Close())
}

func (c *Copy) check(ctx context.Context, db *sql.DB) error {
	var tables, ours int
	if err := db.QueryRowContext(ctx, migrations.Tables).Scan(&tables, &ours); err != nil {
		return err
	}
	if ours == 0 {
		return platen.Errorf(platen.Conflict, "%s is no database of platen's", c.Path)
	}
	if err := db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM migration`).Scan(&c.Schema); err != nil {
		return platen.Errorf(platen.Conflict, "%s is no database of platen's", c.Path)
	}
	known := migrations.Names()
	if c.Schema > len(known) {
		return platen.Errorf(platen.Conflict, "%s has schema %d, this platen knows up to %d: use the newer platen that wrote it", c.Path, c.Schema, len(known))
	}
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return platen.Errorf(platen.Conflict, "%s is damaged: %s", c.Path, found)
	}
	return db.QueryRowContext(ctx, `SELECT coalesce(sum(last - first + 1), 0) FROM entity`).Scan(&c.Entities)
}

// explainCopy says what a person can do about an error with a file.
func explainCopy(err error, file string) error {
	switch {
	case errors.Is(err, sqlite3.NOTADB):
		return platen.Errorf(platen.Conflict, "%s is no database", file)
	case errors.Is(err, sqlite3.CORRUPT):
		return platen.Errorf(platen.Conflict, "%s is damaged", file)
	case isFull(err):
		return platen.Errorf(platen.Conflict, "there is no room for %s: make some, or name a place on another disk", file)
	case errors.Is(err, fs.ErrPermission):
		return platen.Errorf(platen.Conflict, "this user may not open %s: %s; name another file, or run the command as a user who may", file, sqliteMessage(err))
	}
	return err
}
