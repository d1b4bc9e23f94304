package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
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

// Backup writes a copy of the database in a directory, as it is at one moment,
// to a file, and checks it. A server may be running on it and go on. On an
// error there is no file. Conflict: the file is there already.
func Backup(ctx context.Context, dir, file string, overwrite bool) (Copy, error) {
	from := filepath.Join(dir, FileName)
	if _, err := os.Stat(from); err != nil {
		return Copy{}, platen.Errorf(platen.Conflict, "there is no platen database in %s; name its directory with --data", dir)
	}
	if _, err := os.Stat(file); err == nil && !overwrite {
		return Copy{}, platen.Errorf(platen.Conflict, "%s is there already; name another file, or add --overwrite", file)
	}
	return written(file, func(part string) (Copy, error) {
		if err := vacuum(ctx, from, part); err != nil {
			return Copy{}, explainCopy(err, file)
		}
		return Check(ctx, part)
	})
}

// vacuum copies a database into an empty file.
func vacuum(ctx context.Context, from, to string) error {
	db, err := open(from, "&mode=rw", 1)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, to)
	return errors.Join(err, db.Close())
}

// written makes a file that is whole or not there: fn writes it under another
// name in the same directory.
func written(file string, fn func(part string) (Copy, error)) (made Copy, err error) {
	dir := filepath.Dir(file)
	part, err := os.CreateTemp(dir, filepath.Base(file)+".part-*") // readable for its owner alone
	if err != nil {
		return Copy{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if made, err = fn(part.Name()); err != nil {
		return made, errors.Join(err, part.Close())
	}
	// Opened before it was written to; what is to be flushed is the same.
	if err = errors.Join(part.Sync(), part.Close()); err != nil {
		return made, err
	}
	if err = os.Rename(part.Name(), file); err != nil {
		return made, err
	}
	made.Path = file
	return made, syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Check looks whether a file is a database of platen's, whole, and of a schema
// that this platen knows.
func Check(ctx context.Context, file string) (Copy, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Copy{}, err
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
	case errors.Is(err, sqlite3.FULL):
		return platen.Errorf(platen.Conflict, "there is no room for %s: make some, or name a file on another disk", file)
	}
	return err
}

// Restore makes a copy the database of a directory, after checking it. The
// caller holds the directory's [Lock]. A database that is there is refused,
// or with replace kept beside it; its new name is returned.
func Restore(ctx context.Context, file, dir string, replace bool) (restored Copy, kept string, err error) {
	if restored, err = Check(ctx, file); err != nil {
		return restored, "", err
	}
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err == nil {
		if !replace {
			return restored, "", platen.Errorf(platen.Conflict, "there is a database in %s already; name another directory with --data, or add --replace, which keeps the old one under another name", dir)
		}
		kept = path + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	}
	_, err = written(path+".restored", func(part string) (Copy, error) { return restored, copyFile(file, part) })
	if err != nil {
		return restored, "", explainCopy(err, path)
	}
	if kept != "" {
		if err := moveAside(ctx, path, kept); err != nil {
			return restored, "", errors.Join(err, os.Remove(path+".restored"))
		}
	}
	return restored, kept, errors.Join(os.Rename(path+".restored", path), syncDir(dir))
}

// moveAside renames a database, with what is still in its log.
func moveAside(ctx context.Context, from, to string) error {
	db, err := open(from, "&mode=rw", 1)
	if err == nil {
		_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
		err = errors.Join(err, db.Close())
	}
	// A damaged one can not be opened; its parts stay together.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if failed := os.Rename(from+suffix, to+suffix); failed != nil && !os.IsNotExist(failed) {
			return errors.Join(failed, err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from, err), target.Close())
	}
	return errors.Join(target.Sync(), target.Close())
}
