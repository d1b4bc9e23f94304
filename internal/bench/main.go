// Bench measures a platen server as a black box, and compares it with what
// the machine it runs on can do at best: with a constant answer of net/http,
// with a file sent by the kernel, and with the bare disk. The ratios are the
// point; the rates are those of the machine.
//
//	go run ./internal/bench
//	go run ./internal/bench -short
//	go run ./internal/bench -postgres
//	go run ./internal/bench -dir /mnt/disk -json
//
// It builds the server, runs it on a new database in a temporary directory,
// and removes both at the end. Its exit code says whether everything could be
// measured, and not how fast it was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options say what is measured, and how long.
type options struct {
	rounds      int
	seconds     float64
	connections int
	jobs        int
	pages       int
	platen      string
	directory   string
	asJSON      bool
	postgres    bool
}

// duration is the time of one measurement.
func (o options) duration() time.Duration {
	return time.Duration(o.seconds * float64(time.Second))
}

// smoke is what the flag -short asks for.
func (o *options) smoke() {
	o.rounds, o.seconds, o.pages = 1, 0.3, 20_000
}

// check refuses options that can not be meant.
func (o options) check() error {
	switch {
	case o.rounds < 1:
		return fmt.Errorf("-rounds %d: want 1 or more", o.rounds)
	case o.seconds <= 0:
		return fmt.Errorf("-seconds %g: want more than 0", o.seconds)
	case o.connections < 1:
		return fmt.Errorf("-connections %d: want 1 or more", o.connections)
	case o.jobs < 1:
		return fmt.Errorf("-jobs %d: want 1 or more", o.jobs)
	case o.pages < 1:
		return fmt.Errorf("-pages %d: want 1 or more", o.pages)
	}
	return nil
}

func main() {
	referenceMain()
	var (
		o     options
		short bool
	)
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; medians over them are shown")
	flag.Float64Var(&o.seconds, "seconds", 2, "time of each measurement in a round, in seconds")
	flag.IntVar(&o.connections, "connections", 64, "keep-alive connections of the load generator")
	flag.IntVar(&o.jobs, "jobs", 1000, "jobs whose properties are read and written")
	flag.IntVar(&o.pages, "pages", 1_000_000, "document pages of the one large job")
	flag.BoolVar(&short, "short", false, "a smoke test: 1 round of 0.3 s, and 20,000 document pages")
	flag.BoolVar(&o.asJSON, "json", false, "print the results as JSON instead of a table")
	flag.BoolVar(&o.postgres, "postgres", false, "measure on a private PostgreSQL, against pgbench too")
	flag.StringVar(&o.platen, "platen", "", "the server to measure, instead of one that is built now")
	flag.StringVar(&o.directory, "dir", "", "where to make the temporary directory; its disk is the one that is measured")
	flag.Parse()
	if short {
		o.smoke()
	}
	err := o.check()
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes the temporary directory, measures, and prints.
func run(ctx context.Context, o options) (err error) {
	directory, err := os.MkdirTemp(o.directory, "platen-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	if o.platen == "" {
		progress("building the server")
		if o.platen, err = build(ctx, directory); err != nil {
			return err
		}
	}
	rows, err := figures(ctx, o, directory)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	if o.asJSON {
		return printJSON(os.Stdout, rows)
	}
	return printTable(os.Stdout, rows)
}

// figures measures what is asked for.
func figures(ctx context.Context, o options, directory string) ([]row, error) {
	if o.postgres {
		r, err := measurePostgres(ctx, o, directory)
		if err != nil {
			return nil, err
		}
		return r.rows(), nil
	}
	r, err := measure(ctx, o, directory)
	if err != nil {
		return nil, err
	}
	return r.rows(), nil
}

// build builds the server into a directory, and returns its path.
func build(ctx context.Context, directory string) (string, error) {
	path := filepath.Join(directory, "platen")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/platenhq/platen/cmd/platen").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// progress says on standard error what is under way.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
