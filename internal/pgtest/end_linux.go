package pgtest

import (
	"os/exec"
	"syscall"
)

// endWithTest lets no server outlive the tests, even if these are killed.
func endWithTest(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT }
