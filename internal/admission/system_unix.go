//go:build linux || darwin || freebsd

package admission

import "golang.org/x/sys/unix"

// openFiles returns how many files the process may have open.
func openFiles() (limit uint64, limited bool) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return uint64(r.Cur), true // signed on FreeBSD
}

// FreeDisk returns how many bytes are left for the process on the disk that a
// directory is on.
func FreeDisk(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
