// Command platen is the server, and what an operator needs beside it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long after a signal another one is taken for the same. What starts
// a command, such as timeout or a shell in a terminal, passes on what the command gets
// anyway, and a server that it ended at once would not close its database.
const sameSignal = 2 * time.Second

func main() {
	keepToOwner()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { // another signal, later, ends the process at once
		time.Sleep(sameSignal)
		stop()
	})
	os.Exit(run(ctx, os.Args[1:], environment{
		getenv:  os.Getenv,
		environ: os.Environ,
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
	}))
}
