package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/platenhq/platen"
)

// Where there are locks on directories, the directory itself is locked: that
// can not be deleted while it is in use. Everywhere a file in it is locked,
// too. Some systems let nobody read a locked file, so who holds the lock
// stands in a third place.
const (
	lockFile   = "platen.lock"
	holderFile = "platen.holder"

	// holderEvery is how often the holder looks whether its file is there.
	holderEvery = 500 * time.Millisecond
	// lockWait covers the moment for which [Locked] holds the lock.
	lockWait = 300 * time.Millisecond
)

// A Lock keeps other servers off a data directory. It ends with the process,
// however that ends.
type Lock struct {
	locks   []*flock.Flock
	holder  string // path of the holder file
	stop    chan struct{}
	stopped chan struct{}
}

// Acquire takes the lock of a directory, which it creates if need be. holder
// says who has it, for the message of the next one who tries. The error is a
// [platen.Conflict] if another process has the lock.
func Acquire(dir, holder string) (*Lock, error) {
	l, err := acquire(dir, holder)
	if errors.Is(err, errHeld) {
		return nil, platen.Errorf(platen.Conflict, "another server has the directory %s: %s", dir, Holder(dir))
	}
	if isFull(err) {
		return nil, explainOpen(err, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	// Nobody else is at work here, so these are of a command that was killed.
	if Present(dir) == nil {
		_ = errors.Join(remove(filepath.Join(dir, newFile)), remove(filepath.Join(dir, restoredFile)))
	}
	return l, nil
}

var errHeld = errors.New("another process has the lock")

func acquire(dir, holder string) (_ *Lock, err error) {
	l := &Lock{holder: filepath.Join(dir, holderFile), stop: make(chan struct{}), stopped: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.unlock())
		}
	}()
	if err := l.lockDirectory(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockFile)
	if !exists(path) {
		if err := writeFile(path, "A lock on this file keeps a second server off the directory; platen.holder says who has it.\n"); err != nil {
			// One without a text counts as left by a database.
			if removed := os.Remove(path); !errors.Is(removed, os.ErrNotExist) {
				err = errors.Join(err, removed)
			}
			return nil, err
		}
	}
	if err := l.take(flock.New(path, flock.SetPermissions(0o600))); err != nil {
		return nil, err
	}
	if err := writeFile(l.holder, holder+"\n"); err != nil {
		return nil, err
	}
	go l.keepHolder(holder)
	return l, nil
}

// lockDirectory makes a directory, if need be, and locks it, if that can be
// done here.
func (l *Lock) lockDirectory(dir string) error {
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil || !locksDirectories {
			return err
		}
		lock := flock.New(dir, flock.SetFlag(os.O_RDONLY))
		if err := l.take(lock); errors.Is(err, errHeld) {
			return err
		} else if err != nil {
			return nil // network file systems have no such locks; there the file has to do
		}
		locked, err := lock.Stat()
		if err != nil {
			return err
		}
		// Who had the lock before may have removed the directory.
		if now, err := os.Stat(dir); err == nil && os.SameFile(locked, now) {
			return nil
		}
		if err := l.unlock(); err != nil {
			return err
		}
	}
}

// take adds a lock to those that l holds.
func (l *Lock) take(lock *flock.Flock) error {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	ok, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	switch {
	case ok:
		l.locks = append(l.locks, lock)
		return nil
	case ctx.Err() != nil:
		return errHeld
	}
	return err
}

// keepHolder writes the holder file again when somebody has deleted it.
func (l *Lock) keepHolder(holder string) {
	defer close(l.stopped)
	ticker := time.NewTicker(holderEvery)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			if !exists(l.holder) {
				_ = writeFile(l.holder, holder+"\n") // the next time, if not now
			}
		}
	}
}

// Release gives the lock back.
func (l *Lock) Release() error { return errors.Join(l.end(), l.unlock()) }

// releaseAndRemove gives the lock back, and removes the directory if it has
// nothing else in it.
func (l *Lock) releaseAndRemove(dir string) error {
	// While it is locked, so that it is nobody else's, where that is possible.
	clear := func() error { return errors.Join(os.Remove(filepath.Join(dir, lockFile)), os.Remove(dir)) }
	if locksDirectories {
		return errors.Join(l.end(), clear(), l.unlock())
	}
	return errors.Join(l.end(), l.unlock(), clear())
}

// end removes the holder file.
func (l *Lock) end() error {
	close(l.stop)
	<-l.stopped
	err := os.Remove(l.holder)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// unlock ends the locks, the last one first.
func (l *Lock) unlock() (err error) {
	for _, lock := range slices.Backward(l.locks) {
		err = errors.Join(err, lock.Close())
	}
	l.locks = nil
	return err
}

// Holder says who has the lock of a directory. It waits a moment for a holder
// whose file was deleted.
func Holder(dir string) string {
	for end := time.Now().Add(2 * holderEvery); ; time.Sleep(holderEvery / 10) {
		text, err := os.ReadFile(filepath.Join(dir, holderFile))
		if who := strings.TrimSpace(string(text)); err == nil && who != "" {
			return who
		}
		if time.Now().After(end) {
			return "a process that has not said who it is"
		}
	}
}

// Locked reports whether a server has the directory.
func Locked(dir string) bool {
	locks := []*flock.Flock{}
	if locksDirectories {
		locks = append(locks, flock.New(dir, flock.SetFlag(os.O_RDONLY)))
	}
	if path := filepath.Join(dir, lockFile); exists(path) {
		locks = append(locks, flock.New(path))
	}
	for _, lock := range locks {
		ok, err := lock.TryLock()
		if errors.Join(err, lock.Close()) == nil && !ok {
			return true
		}
	}
	return false
}
