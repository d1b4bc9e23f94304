package postgres

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// control makes the system cut a connection whose data is not acknowledged: a
// server that is gone without a word says nothing else.
func control(network, _ string, conn syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var err error
	if failed := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unansweredTimeout.Milliseconds()))
	}); failed != nil {
		return failed
	}
	return err
}
