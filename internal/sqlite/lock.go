package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/platenhq/platen"
)

// The lock proper is on a file of its own, since some systems let nobody read
// a locked file; who holds it stands beside it.
const (
	lockFile   = "platen.lock"
	holderFile = "platen.holder"
)

// A Lock keeps other servers off a data directory. It ends with the process,
// however that ends.
type Lock struct {
	lock   *flock.Flock
	holder string
}

// Acquire takes the lock of a directory, which it creates if need be. holder
// says who has it, for the message of the next one who tries. The error is a
// [platen.Conflict] if another process has the lock.
func Acquire(dir, holder string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	l := &Lock{
		lock:   flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600)),
		holder: filepath.Join(dir, holderFile),
	}
	// A little patience: [Locked] holds the lock for a moment.
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	ok, err := l.lock.TryLockContext(ctx, 20*time.Millisecond)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if !ok {
		return nil, platen.Errorf(platen.Conflict, "another server has the directory %s: %s", dir, Holder(dir))
	}
	if err := l.SetHolder(holder); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// SetHolder changes what the next one who tries is told.
func (l *Lock) SetHolder(holder string) error {
	return os.WriteFile(l.holder, []byte(holder+"\n"), 0o600)
}

// Release gives the lock back.
func (l *Lock) Release() error {
	return errors.Join(os.Remove(l.holder), l.lock.Close())
}

// Holder says who has the lock of a directory.
func Holder(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, holderFile))
	if err != nil {
		return "a process that has not said who it is"
	}
	return strings.TrimSpace(string(text))
}

// Locked reports whether a server has the directory.
func Locked(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		return false
	}
	l := flock.New(filepath.Join(dir, lockFile))
	ok, err := l.TryLock()
	return errors.Join(err, l.Close()) == nil && !ok
}
