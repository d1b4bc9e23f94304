//go:build !unix

package pgtest

import (
	"errors"
	"os/exec"
	"syscall"
)

// Elsewhere no server is started: tests use the one that Variable names, or are skipped.

func runAs(*exec.Cmd, uint32, uint32) {}

func ownGroup(*exec.Cmd) {}

func kill(int, syscall.Signal) error { return errors.ErrUnsupported }

// Pause and Resume are no signals here.
const (
	Pause  syscall.Signal = -1
	Resume syscall.Signal = -1
)
