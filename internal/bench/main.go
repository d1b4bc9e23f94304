// Bench measures a platen server as a black box, and compares it with what
// the machine it runs on can do at best: with a constant answer of net/http,
// with a file sent by the kernel, and with the bare disk. The ratios are the
// point; the rates are those of the machine.
//
//	go run ./internal/bench
//	go run ./internal/bench -short
//	go run ./internal/bench -only properties
//	go run ./internal/bench -only beside -beside 'import|deletion'
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
	"regexp"
	"syscall"
	"time"
)

// options say what is measured, and how long.
type options struct {
	rounds      int
	seconds     float64
	connections int
	jobs        int
	manyJobs    int
	pages       int
	dataRecords int
	documents   int
	short       bool
	large       bool
	peers       bool
	only        *regexp.Regexp // names of steps
	works       *regexp.Regexp // names of works
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
	o.rounds, o.seconds, o.connections = 1, min(o.seconds, 0.1), min(o.connections, 8)
	o.jobs, o.manyJobs, o.pages, o.dataRecords, o.documents = 100, 500, 10_000, 2_000, 5_000
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
	case min(o.jobs, o.manyJobs, o.pages, o.dataRecords, o.documents) < 1:
		return errors.New("-jobs, -many-jobs, -pages, -records and -documents: want 1 or more")
	case o.manyJobs < o.connections:
		return fmt.Errorf("-many-jobs %d: want as many as there are -connections, or more", o.manyJobs)
	}
	return nil
}

func main() {
	referenceMain()
	o, err := parse(flag.CommandLine, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = bench(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(flags *flag.FlagSet, args []string) (o options, err error) {
	var (
		only, works string
	)
	flags.IntVar(&o.rounds, "rounds", 5, "rounds; medians over them are shown")
	flags.Float64Var(&o.seconds, "seconds", 2, "time of each measurement in a round, in seconds")
	flags.IntVar(&o.connections, "connections", 64, "keep-alive connections of the load generator")
	flags.IntVar(&o.jobs, "jobs", 1000, "jobs whose properties are read and written")
	flags.IntVar(&o.manyJobs, "many-jobs", 20_000, "jobs that get new values")
	flags.IntVar(&o.pages, "pages", 1_000_000, "document pages of the one large job")
	flags.IntVar(&o.dataRecords, "records", 200_000, "data records of an import")
	flags.IntVar(&o.documents, "documents", 1_000_000, "documents of the job sets that statistics are asked of")
	flags.StringVar(&only, "only", "", "measure only the steps whose name this regular expression fits: "+stepNames())
	flags.StringVar(&works, "beside", "", "in the step beside, only the works whose name this regular expression fits: "+workNames())
	flags.BoolVar(&o.large, "large", false, "growth up to 10,000,000 entities and 100,000 users; the latter take an hour")
	flags.BoolVar(&o.peers, "peers", false, "measure PocketBase, too")
	flags.BoolVar(&o.short, "short", false, "a smoke test: everything, as small as it can be; its figures mean nothing")
	flags.BoolVar(&o.asJSON, "json", false, "print the results as JSON instead of a table")
	flags.BoolVar(&o.postgres, "postgres", false, "measure on a private PostgreSQL, against pgbench too")
	flags.StringVar(&o.platen, "platen", "", "the server to measure, instead of one that is built now")
	flags.StringVar(&o.directory, "dir", "", "where to make the temporary directory; its disk is the one that is measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.short {
		o.smoke()
	}
	if o.only, err = regexp.Compile(only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.works, err = regexp.Compile(works); err != nil {
		return o, fmt.Errorf("-beside: %w", err)
	}
	return o, o.check()
}

// bench makes the temporary directory, measures, and prints.
func bench(ctx context.Context, o options) (err error) {
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
	rows, err := measure(ctx, o, directory)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if o.asJSON {
		return errors.Join(err, printJSON(os.Stdout, rows))
	}
	title := "SQLite"
	if o.postgres {
		title = "PostgreSQL"
	}
	return errors.Join(err, printTable(os.Stdout, title, rows, terminalWidth()))
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
