//go:build !linux && !darwin && !freebsd && !windows

package admission

import "errors"

// openFiles returns how many files the process may have open.
func openFiles() (limit uint64, limited bool) { return 0, false }

// FreeDisk returns how many bytes are left for the process on the disk that a
// directory is on. Here it can not be known.
func FreeDisk(string) (int64, error) { return 0, errors.ErrUnsupported }
