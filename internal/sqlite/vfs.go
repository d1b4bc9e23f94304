package sqlite

import (
	"os"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// The file system layers of SQLite: pacedVFS is that of the checkpointer, vfsName
// that of all other connections.
const (
	vfsName  = "platen"
	pacedVFS = "platen-paced"
)

// pacedPages is after how many pages of the database the checkpointer syncs it.
const pacedPages = 128

// registerVFS makes the layers known to SQLite, which asks for them by name.
var registerVFS = sync.OnceFunc(func() {
	system := vfs.Find("os").(vfs.VFSFilename)
	vfs.Register(vfsName, privateVFS{VFSFilename: system})
	vfs.Register(pacedVFS, privateVFS{VFSFilename: system, paced: true})
})

// privateVFS is the system's own file system, with two differences. Each file
// that SQLite creates is readable by its owner alone from its first byte; the
// driver makes it readable by all that the umask lets. And a write for which
// there is no room fails with SQLite's code for a full disk; the driver's code
// is an I/O error, whose cause is lost when the transaction is rolled back.
type privateVFS struct {
	vfs.VFSFilename
	paced bool // the database is a pacedFile
}

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
	whole, ok := file.(systemFile)
	switch {
	case err != nil || !ok:
		return file, flags, err
	case v.paced && flags&vfs.OPEN_MAIN_DB != 0:
		return &pacedFile{roomFile: roomFile{whole}}, flags, nil
	}
	return roomFile{whole}, flags, nil
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

// A pacedFile is synced after every few pages that are written. A commit syncs the
// write-ahead log meanwhile, and waits for the disk to finish with what it was given
// before: that must never be much.
type pacedFile struct {
	roomFile
	written int // pages since the last sync
}

// WriteAt implements [vfs.File]. An error of the sync must not be lost: the next sync
// may succeed although the pages are not on the disk.
func (f *pacedFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.roomFile.WriteAt(p, offset)
	if f.written++; err != nil || f.written < pacedPages {
		return n, err
	}
	return n, f.Sync(vfs.SYNC_NORMAL | vfs.SYNC_DATAONLY)
}

// Sync implements [vfs.File].
func (f *pacedFile) Sync(flags vfs.SyncFlag) error {
	f.written = 0
	return f.roomFile.Sync(flags)
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
