//go:build !linux

package main

// monotonicMicroseconds is for systemd, which runs on Linux alone.
func monotonicMicroseconds() int64 { return 0 }
