//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/platenhq/platen"
)

// others are the permissions of everybody but the owner.
const others fs.FileMode = 0o077

// Protect takes from everybody but the owner the permissions on a directory
// and on platen's files in it. mended has a sentence for each that was open to
// others. A directory that does not exist yet is no error. Conflict: others
// can get at the data, and this process may not change that; or the directory
// is not one for a database, but has files of others.
func Protect(dir string) (mended []string, err error) {
	info, err := os.Stat(dir) // of what a symbolic link leads to
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if !info.IsDir() {
		return nil, noDirectory(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, explainDirectory(err, dir)
	}
	if err := suitable(dir, info, entries); err != nil {
		return nil, err
	}
	add := func(path string, info fs.FileInfo) error {
		line, err := protect(path, info)
		if line != "" {
			mended = append(mended, line)
		}
		return err
	}
	// The directory comes first: then nobody can open its files any more.
	if err := add(dir, info); err != nil {
		return mended, err
	}
	for _, entry := range entries {
		if !isOurName(entry.Name()) {
			continue
		}
		info, err := entry.Info() // of a symbolic link itself
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink != 0 {
			continue
		}
		if err != nil {
			return mended, fmt.Errorf("data directory: %w", err)
		}
		if err := add(filepath.Join(dir, entry.Name()), info); err != nil {
			return mended, err
		}
	}
	return mended, nil
}

// isOurName reports whether a file of that name is platen's.
func isOurName(name string) bool { return strings.HasPrefix(name, "platen.") }

// Suitable returns the Conflict of [Protect] for a directory with files of others,
// and changes nothing.
func Suitable(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return explainDirectory(err, dir)
	}
	return suitable(dir, info, entries)
}

func suitable(dir string, info fs.FileInfo, entries []fs.DirEntry) error {
	was := info.Mode().Perm()
	foreign := foreignIn(entries)
	if foreign == "" || was&others == 0 {
		return nil
	}
	return platen.Errorf(platen.Conflict, "%s has no platen database, but %s, and its mode is %04o, which a database can not have: name a directory of its own with --data", dir, foreign, was)
}

// foreignIn names some of the entries of a directory in which nothing is platen's; ""
// if there are none. What a new file system has does not count.
func foreignIn(entries []fs.DirEntry) string {
	const most = 3
	var names []string
	for _, entry := range entries {
		switch name := entry.Name(); {
		case isOurName(name):
			return ""
		case name != "lost+found":
			names = append(names, name)
		}
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

// protect does for one file or directory what [Protect] does.
func protect(path string, info fs.FileInfo) (mended string, err error) {
	was := info.Mode().Perm()
	if was&others == 0 {
		return "", nil
	}
	now := was &^ others
	if err = os.Chmod(path, now|info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err == nil {
		info, err = os.Stat(path) // some file systems keep no modes
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil // SQLite removed it
	case err == nil && info.Mode().Perm()&others == 0:
		return fmt.Sprintf("%s was open to other users of the machine (mode %04o); its mode is now %04o", path, was, now), nil
	case err == nil:
		return "", platen.Errorf(platen.Conflict, "%s is open to other users of the machine (mode %04o), and its file system keeps no other mode: name a directory on another one with --data", path, was)
	}
	return "", platen.Errorf(platen.Conflict, "%s is open to other users of the machine (mode %04o), and this user (uid %d) may not change that: as its owner type \"chmod %04o %s\", or name a directory of this user's own with --data",
		path, was, os.Geteuid(), now, path)
}

// adopt gives a file that root made to the owner of its directory, so that
// "sudo platen user" leaves nothing that the server can not open.
func adopt(file *os.File) {
	if os.Geteuid() != 0 {
		return
	}
	made, err := file.Stat()
	if err != nil {
		return
	}
	dir, err := os.Stat(filepath.Dir(file.Name()))
	if err != nil {
		return
	}
	of, to := made.Sys().(*syscall.Stat_t), dir.Sys().(*syscall.Stat_t)
	if of.Uid == 0 && to.Uid != 0 && of.Nlink == 1 && made.Size() == 0 {
		_ = file.Chown(int(to.Uid), int(to.Gid))
	}
}

// isOurs reports whether a file belongs to the user of this process.
func isOurs(info fs.FileInfo) bool {
	return int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}

// locksDirectories says that a lock can be had on a directory itself.
const locksDirectories = true
