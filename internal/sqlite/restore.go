package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/platenhq/platen"
)

// Restore makes a backup the database of a directory, which no server may have.
// The backup is checked before anything is touched, and again in its place. A
// database that is there is refused, or with replace kept beside it. What is
// left of one, such as its log, is kept in any case. kept is the first part of
// the names of what was kept; "" if there was nothing.
//
// Wherever it is cut off, a server that starts afterwards has the database of
// before, or that of the backup, or is refused with what to do ([Present]).
func Restore(ctx context.Context, file, dir string, replace bool) (restored Copy, kept string, err error) {
	backup, err := Check(ctx, file)
	if err != nil {
		return Copy{}, "", err
	}
	lock, err := Acquire(dir, fmt.Sprintf("process %d, which restores %s", os.Getpid(), file))
	if err != nil {
		return Copy{}, "", err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	path := filepath.Join(dir, FileName)
	if Present(dir) == nil {
		if !replace {
			return Copy{}, "", platen.Errorf(platen.Conflict, "there is a database in %s already; name another directory with --data, or add --replace, which keeps the old one under another name", dir)
		}
		emptyLog(ctx, path)
	}
	copied := filepath.Join(dir, restoredFile)
	if err := errors.Join(copyFile(file, copied), syncDir(dir)); err != nil {
		return Copy{}, "", errors.Join(explainCopy(err, copied), remove(copied))
	}
	if kept, err = setAside(dir); err != nil {
		return Copy{}, kept, err
	}
	if err := errors.Join(os.Rename(copied, path), syncDir(dir)); err != nil {
		return Copy{}, kept, err
	}
	if restored, err = checkInPlace(ctx, dir, backup); err != nil {
		return Copy{}, "", errors.Join(err, putBack(dir, kept))
	}
	return restored, kept, mark(dir)
}

// emptyLog brings what is in the log of a database into it, so that it can be
// kept as one file. A damaged one can not be opened; its files stay together.
func emptyLog(ctx context.Context, path string) {
	db, err := open(path, "&mode=rw", 1, functions)
	if err != nil {
		return
	}
	_, _ = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	_ = db.Close()
}

// checkInPlace opens the database of a directory as the server does, checks
// it, and compares it with the backup that it was.
func checkInPlace(ctx context.Context, dir string, backup Copy) (Copy, error) {
	path, err := databasePath(dir)
	if err != nil {
		return Copy{}, err
	}
	db, err := open(path, writerOptions, 1, functions)
	if err != nil {
		return Copy{}, err
	}
	c := Copy{Path: path, Bytes: backup.Bytes}
	err = errors.Join(c.check(ctx, db), db.Close())
	if err == nil && (c.Schema != backup.Schema || c.Entities != backup.Entities) {
		err = platen.Errorf(platen.Conflict, "%s has schema %d and %d entities, and the backup %d and %d", path, c.Schema, c.Entities, backup.Schema, backup.Entities)
	}
	return c, explainCopy(err, path)
}

// putBack undoes what Restore did with the files of a directory.
func putBack(dir, kept string) error {
	path := filepath.Join(dir, FileName)
	err := remove(path)
	if kept == "" {
		return err
	}
	// The database comes last: a server that finds it has its log, too.
	for i := len(suffixes) - 1; i >= 0; i-- {
		if exists(kept + suffixes[i]) {
			err = errors.Join(err, os.Rename(kept+suffixes[i], path+suffixes[i]))
		}
	}
	return errors.Join(err, syncDir(dir))
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := create(to, os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from, err), target.Close())
	}
	return errors.Join(target.Sync(), target.Close())
}
