//go:build unix

package pgtest

import (
	"os/exec"
	"syscall"
)

// runAs has a program run as another user.
func runAs(cmd *exec.Cmd, uid, gid uint32) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
}

// ownGroup has a program and all that it starts be a group of processes.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr.Setpgid = true }

// kill sends a signal to a process, or to the group of -pid.
func kill(pid int, signal syscall.Signal) error { return syscall.Kill(pid, signal) }

// Signals by which a process stands still, and goes on.
const (
	Pause  = syscall.SIGSTOP
	Resume = syscall.SIGCONT
)
