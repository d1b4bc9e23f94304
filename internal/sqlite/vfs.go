package sqlite

import (
	"os"
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"
)

// vfsName names the file system layer of SQLite that all connections use.
const vfsName = "platen"

// registerVFS makes vfsName known to SQLite, which asks for it by name.
var registerVFS = sync.OnceFunc(func() {
	vfs.Register(vfsName, privateVFS{vfs.Find("os").(vfs.VFSFilename)})
})

// privateVFS is the system's own file system, except that each file which
// SQLite creates is readable by its owner alone from its first byte. The
// driver creates them readable by all that the umask lets.
type privateVFS struct{ vfs.VFSFilename }

// OpenFilename implements [vfs.VFSFilename].
func (v privateVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if path := name.String(); path != "" && flags&vfs.OPEN_CREATE != 0 {
		ensure(path)
		if flags&vfs.OPEN_WAL != 0 {
			// The driver opens the shared memory by itself, after the log.
			ensure(name.Database() + "-shm")
		}
	}
	return v.VFSFilename.OpenFilename(name, flags)
}

// ensure creates an empty file, unless there is one. SQLite reports what keeps
// it from being there.
func ensure(path string) {
	if file, err := create(path, os.O_EXCL); err == nil {
		_ = file.Close()
	}
}

// create opens a file for writing that only its owner may read, and creates it
// if need be. flags are further flags of [os.OpenFile].
func create(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flags, 0o600)
	if err == nil {
		adopt(file)
	}
	return file, err
}

// writeFile is [os.WriteFile] for a file that only its owner may read.
func writeFile(path, text string) error {
	file, err := create(path, os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
