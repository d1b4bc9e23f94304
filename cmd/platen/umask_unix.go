//go:build unix

package main

import "syscall"

// keepToOwner makes every file and directory that this process creates
// accessible to its owner alone.
func keepToOwner() { syscall.Umask(0o077) }
