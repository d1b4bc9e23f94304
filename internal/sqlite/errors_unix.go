//go:build unix

package sqlite

import "syscall"

// noRoom are the system's errors for a disk, or a quota of it, that is full.
var noRoom = []error{syscall.ENOSPC, syscall.EDQUOT}
