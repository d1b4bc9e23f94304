package main

import (
	"errors"
	"os"
	"sync"
)

// A rotatedFile is a log that nobody else bounds: when it would be larger than most
// bytes, it gets a name with ".1" at its end, in place of the one before, and goes on
// in a new file.
type rotatedFile struct {
	path string
	most int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// openRotated opens a log to append to it.
func openRotated(path string, most int64) (*rotatedFile, error) {
	f := &rotatedFile{path: path, most: most}
	return f, f.open()
}

func (f *rotatedFile) open() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Write implements [io.Writer].
func (f *rotatedFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size > 0 && f.size+int64(len(b)) > f.most {
		// If it can not be renamed, since somebody reads it, it grows until it can.
		_ = f.file.Close()
		_ = os.Rename(f.path, f.path+".1")
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(b)
	f.size += int64(n)
	return n, err
}

// Close closes the file.
func (f *rotatedFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
