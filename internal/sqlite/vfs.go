package sqlite

import (
	"os"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// vfsName names the file system layer of SQLite that all connections use.
const vfsName = "platen"

// registerVFS makes vfsName known to SQLite, which asks for it by name.
var registerVFS = sync.OnceFunc(func() {
	vfs.Register(vfsName, privateVFS{vfs.Find("os").(vfs.VFSFilename)})
})

// privateVFS is the system's own file system, with two differences. Each file
// that SQLite creates is readable by its owner alone from its first byte; the
// driver makes it readable by all that the umask lets. And a write for which
// there is no room fails with SQLite's code for a full disk; the driver's code
// is an I/O error, whose cause is lost when the transaction is rolled back.
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
	file, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if whole, ok := file.(systemFile); ok && err == nil {
		return roomFile{whole}, flags, nil
	}
	return file, flags, err
}

// A systemFile is all that the driver's own file is to SQLite.
type systemFile interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FileSizeHint
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
	vfs.FileMemoryMapper
}

// A roomFile tells SQLite when there is no room for what is written.
type roomFile struct{ systemFile }

// WriteAt implements [vfs.File].
func (f roomFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.systemFile.WriteAt(p, offset)
	return n, orFull(err)
}

// Sync implements [vfs.File].
func (f roomFile) Sync(flags vfs.SyncFlag) error { return orFull(f.systemFile.Sync(flags)) }

// SizeHint implements [vfs.FileSizeHint].
func (f roomFile) SizeHint(size int64) error { return orFull(f.systemFile.SizeHint(size)) }

// DeviceCharacteristics implements [vfs.File]. Of the system's file only
// [systemFile] is passed on, so there are no atomic batches (F2FS).
func (f roomFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.systemFile.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}

// orFull returns err with SQLite's code for a full disk, if it is due to one.
func orFull(err error) error {
	if err != nil && isFull(err) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
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
