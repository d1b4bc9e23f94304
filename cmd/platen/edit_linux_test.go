package main

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// TestWithoutInterrupts interrupts the process as an editor ends. That is not an
// interrupt of what comes after. A signal to its own thread is there when Tgkill
// returns; with others it is not known when the kernel delivers them.
func TestWithoutInterrupts(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 100 {
		ctx, stop, err := withoutInterrupts(t.Context(), func() error {
			return syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGINT)
		})
		for range 10 {
			runtime.Gosched()
		}
		if err != nil || ctx.Err() != nil {
			t.Fatal(err, ctx.Err())
		}
		stop()
	}
}
