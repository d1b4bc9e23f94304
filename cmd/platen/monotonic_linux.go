package main

import "golang.org/x/sys/unix"

// monotonicMicroseconds returns the clock by which systemd tells one reload
// from another.
func monotonicMicroseconds() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano() / 1000
}
