package admission

import "golang.org/x/sys/windows"

// openFiles returns how many files the process may have open: no limit that
// matters.
func openFiles() (limit uint64, limited bool) { return 0, false }

// FreeDisk returns how many bytes are left for the process on the disk that a
// directory is on.
func FreeDisk(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}
