package spool

import (
	"errors"
	"io"
	"os"

	"github.com/platenhq/platen"
)

// memoryBytes is how much of an answer is kept in memory.
const memoryBytes = 256 << 10

// An Answer keeps an answer until it is whole, so that what it was made from
// need not wait for a client: its beginning in memory, what is beyond in a
// temporary file.
type Answer struct {
	dir       Dir
	memory    []byte
	temporary *os.File
	size      int64
}

// NewAnswer returns an empty answer. The caller closes it.
func (d Dir) NewAnswer() *Answer { return &Answer{dir: d} }

// Write implements [io.Writer]. Unavailable: there is no room.
func (a *Answer) Write(b []byte) (int, error) {
	if a.temporary == nil && len(a.memory)+len(b) > memoryBytes {
		var err error
		if a.temporary, err = a.dir.temporaryFile(); err != nil {
			return 0, err
		}
	}
	n := len(b)
	if a.temporary != nil {
		var err error
		if n, err = a.temporary.Write(b); err != nil {
			return n, noRoom(err)
		}
	} else {
		a.memory = append(a.memory, b...)
	}
	a.size += int64(n)
	return n, nil
}

// Size returns how many bytes were written.
func (a *Answer) Size() int64 { return a.size }

// WriteTo implements [io.WriterTo].
func (a *Answer) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(a.memory)
	if err != nil || a.temporary == nil {
		return int64(n), err
	}
	rest, err := io.Copy(w, io.NewSectionReader(a.temporary, 0, a.size-int64(n)))
	return int64(n) + rest, err
}

// Close removes the temporary file.
func (a *Answer) Close() error {
	if a.temporary == nil {
		return nil
	}
	return closeTemporary(a.temporary)
}

// temporaryFile makes a file in the directory. Where the system allows it, the
// file has no name, and goes with the process.
func (d Dir) temporaryFile() (*os.File, error) {
	file, err := os.CreateTemp(string(d), prefix)
	if err != nil {
		return nil, &platen.Error{Code: platen.Unavailable, Message: "the server can not make a file in its spool directory", Err: err}
	}
	_ = os.Remove(file.Name())
	return file, nil
}

func closeTemporary(file *os.File) error {
	err := file.Close()
	if removed := os.Remove(file.Name()); !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
