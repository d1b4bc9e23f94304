package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// The files of a data directory. docs/operations.md has a table of them.
const (
	// FileName is the name of the database in its directory.
	FileName = "platen.db"
	// SpoolName is that of the directory for imports, unless another is set.
	SpoolName = "spool"
	// FirstPasswordName is that of the file with the password that the first
	// start made up, if nobody watched it.
	FirstPasswordName = "first-password"

	// markFile stays in a directory that has had a database, so that one which
	// is gone is missed.
	markFile = "platen.id"
	// backupFile says when the last backup was made.
	backupFile = "platen.backup"
	// probeFile is there for a moment while the disk is tried.
	probeFile = "platen.probe"

	newFile      = FileName + ".new"      // a database until it is complete
	restoredFile = FileName + ".restored" // a backup until it is in place
	beforeFile   = FileName + ".before-"  // what was replaced; a time follows
)

// suffixes are those of the files of a database: of its own, which comes first,
// and of what SQLite keeps beside it.
var suffixes = []string{"", "-wal", "-shm", "-journal"}

// Present returns nil if there is a database in a directory. NotFound: there
// is none, and nothing that shows that there ever was. Conflict: there was
// one, and the message says what is left of it and what to do.
func Present(dir string) error {
	path := filepath.Join(dir, FileName)
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return noDirectory(dir)
	}
	info, err := os.Lstat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing:
	case err != nil:
		return explainDirectory(err, dir)
	case !info.Mode().IsRegular():
		return platen.Errorf(platen.Conflict, "%s is not a regular file; if it is a link, name the directory that it leads to with --data", path)
	case info.Size() > 0:
		return nil
	}
	left, err := leftovers(dir)
	if err != nil {
		return err
	}
	what := path + " is empty (0 bytes)"
	if missing {
		if len(left) == 0 {
			return platen.Errorf(platen.NotFound, "there is no platen database in %s; name its directory with --data", dir)
		}
		what = path + " is missing, and " + strings.Join(left, ", ") + " shows that there was a database"
		if len(left) > 1 {
			what = path + " is missing, and " + strings.Join(left, ", ") + " show that there was a database"
		}
	}
	if exists(filepath.Join(dir, restoredFile)) {
		return platen.Errorf(platen.Conflict, "%s: a restore was cut off; type it again: \"platen restore FILE --data %s\"", what, dir)
	}
	return platen.Errorf(platen.Conflict, "%s: put it back, restore a backup with \"platen restore FILE --data %s\", or begin an empty database on purpose with \"platen serve --new --data %s\"", what, dir, dir)
}

func noDirectory(dir string) error {
	return platen.Errorf(platen.Conflict, "%s is a file, not a directory; name another with --data", dir)
}

// leftovers returns the names of the files in a directory that only a database
// leaves there.
func leftovers(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explainDirectory(err, dir)
	}
	var left []string
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == markFile, name == restoredFile, strings.HasPrefix(name, beforeFile),
			name == FileName+"-wal", name == FileName+"-shm", name == FileName+"-journal":
			left = append(left, name)
		case name == lockFile:
			// Platens that knew no markFile left the lock file empty.
			if info, err := entry.Info(); err == nil && info.Size() == 0 {
				left = append(left, name)
			}
		}
	}
	return left, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Create begins a new database in a directory, which it creates if need be.
// What is left of a former one is kept under other names, of which kept is the
// first part; "" if there was nothing. The caller holds the directory's
// [Lock]. Conflict: there is a database.
func Create(ctx context.Context, dir string) (kept string, err error) {
	switch err := Present(dir); platen.ErrorCode(err) {
	case platen.NotFound, platen.Conflict:
	default:
		if err == nil {
			err = platen.Errorf(platen.Conflict, "there is a database in %s already: leave --new away", dir)
		}
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(dir, newFile))
	if err != nil {
		return "", err
	}
	if err := remove(path); err != nil {
		return "", err
	}
	// It has its name when it is complete, so an empty file with that name is
	// never the beginning of a database.
	db, err := open(path, newOptions, 1, functions)
	if err != nil {
		return "", explainOpen(err, dir)
	}
	if err := errors.Join(migrate(ctx, db), db.Close()); err != nil {
		return "", errors.Join(explainOpen(err, dir), remove(path))
	}
	if kept, err = setAside(dir); err != nil {
		return kept, err
	}
	if err := os.Rename(path, filepath.Join(dir, FileName)); err != nil {
		return kept, err
	}
	return kept, errors.Join(mark(dir), syncDir(dir))
}

// mark leaves the [markFile] in a directory with a database.
func mark(dir string) error {
	path := filepath.Join(dir, markFile)
	if exists(path) {
		return nil
	}
	return writeFile(path, "This directory has had a platen database since "+time.Now().UTC().Format(time.RFC3339)+
		",\nor longer. While this file is here, platen does not begin an empty one unasked.\n")
}

// setAside renames the database of a directory with its companions, as far as
// they are there, to a name that it returns; "" if none is. The database goes
// first: without it no server starts, and with it, but without its log, one
// would miss what was written last.
func setAside(dir string) (kept string, err error) {
	path := filepath.Join(dir, FileName)
	stamp := path + strings.TrimPrefix(beforeFile, FileName) + time.Now().UTC().Format("20060102T150405Z")
	to := stamp
	for n := 2; taken(to); n++ {
		to = fmt.Sprintf("%s-%d", stamp, n)
	}
	for _, suffix := range suffixes {
		err := os.Rename(path+suffix, to+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return kept, err
		}
		kept = to
	}
	return kept, nil
}

// taken reports whether there is a file of a database with that name.
func taken(path string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return exists(path + suffix) })
}

// remove removes the files of a database, as far as they are there.
func remove(path string) (err error) {
	for _, suffix := range suffixes {
		if removed := os.Remove(path + suffix); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return err
}

// syncDir puts the names in a directory on the disk, where that takes a call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
