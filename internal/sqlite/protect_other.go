//go:build !unix

package sqlite

import (
	"io/fs"
	"os"
)

// Protect does nothing here: files get the access list of their directory,
// which is for its owner to set.
func Protect(string) (mended []string, err error) { return nil, nil }

// Suitable does nothing here, either.
func Suitable(string) error { return nil }

func adopt(*os.File) {}

func isOurs(fs.FileInfo) bool { return true }

// locksDirectories says that there are no locks on directories. A file that is
// locked can not be deleted here, so the lock file is enough.
const locksDirectories = false
