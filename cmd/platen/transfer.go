package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A target is the server that a command talks to, and as whom.
type target struct {
	server string
	user   string
}

const passwordVariable = "PLATEN_PASSWORD"

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.server, "server", "http://"+defaultListen, "address of the server")
	cmd.Flags().StringVar(&t.user, "user", adminName, "user to log in as; the password is that of the variable "+passwordVariable+", or asked for; empty: no login")
}

// client returns a client of the server, and asks for the password if need be.
func (t *target) client(env environment, stdinTaken bool) (*client.Client, error) {
	password := env.getenv(passwordVariable)
	if password == "" && t.user != "" {
		if stdinTaken || !isTerminal(env.stdin) {
			return nil, fmt.Errorf("no password: set %s to that of the user %s", passwordVariable, t.user)
		}
		var err error
		if password, err = askPassword(env, "Password of "+t.user+" at "+t.server+": "); err != nil {
			return nil, err
		}
	}
	return client.New(t.server, t.user, password)
}

func importCommand(env environment) *cobra.Command {
	var to target
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Send a job set document to a server",
		Long: `import sends a job set document, a file or "-" for standard input, to a server,
and prints the id of the job set and those of its jobs. The server stores all
of it or nothing. The document is the JSON Job Set Structure of OL Connect,
where each level may also carry id, properties and metadata; the API document
of the server (/serverengine/doc/) has an example.`,
		Example: `  ` + passwordVariable + `=secret-of-mine platen import mailrun.json
  platen export 1000 --server http://one:9340 | platen import - --server http://two:9340`,
		Args: arguments("FILE, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			fromStdin := args[0] == "-"
			var document io.Reader = env.stdin
			var size int64
			if !fromStdin {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				if info, err := file.Stat(); err == nil {
					size = info.Size()
				}
				document = file
			}
			c, err := to.client(env, fromStdin)
			if err != nil {
				return err
			}
			if err := c.Login(cmd.Context()); to.user != "" && err != nil {
				return fmt.Errorf("log in to %s: %s", to.server, explain(err))
			}
			document, done := progress(env, "import", document, size)
			made, err := c.ImportJobSet(cmd.Context(), io.NopCloser(document))
			done()
			if err != nil {
				return fmt.Errorf("nothing was imported: %s", explain(err))
			}
			jobs := make([]string, len(made.Jobs))
			for i, id := range made.Jobs {
				jobs[i] = id.String()
			}
			_, err = fmt.Fprintf(env.stdout, "job set %d\njobs %s\n", made.ID, strings.Join(jobs, " "))
			return err
		},
	}
	to.flags(cmd)
	return cmd
}

func exportCommand(env environment) *cobra.Command {
	var from target
	var output string
	cmd := &cobra.Command{
		Use:   "export ID",
		Short: "Fetch a job set as a document",
		Long: `export fetches a job set with all that it contains, and writes it as a document
that "platen import" takes: to standard output, or to a file that appears only
when it is whole.`,
		Example: `  ` + passwordVariable + `=secret-of-mine platen export 1000 --output mailrun.json`,
		Args:    arguments("ID, the identifier of a job set"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			id, ok := platen.ParseID(args[0])
			if !ok {
				return usageError{fmt.Errorf("%q is no identifier: they go from 1 to %d", args[0], platen.MaxID), cmd.CommandPath()}
			}
			c, err := from.client(env, false)
			if err != nil {
				return err
			}
			w := env.stdout
			if output != "" {
				file, err := os.CreateTemp(filepath.Dir(output), filepath.Base(output)+".*")
				if err != nil {
					return err
				}
				defer os.Remove(file.Name()) // gone already if all went well
				if err := errors.Join(c.ExportJobSet(cmd.Context(), id, file), file.Close()); err != nil {
					return err
				}
				return os.Rename(file.Name(), output)
			}
			return c.ExportJobSet(cmd.Context(), id, w)
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, instead of standard output")
	return cmd
}

// progress shows how much of r has been read, if a person watches.
func progress(env environment, what string, r io.Reader, size int64) (io.Reader, func()) {
	if !isTerminal(env.stderr) {
		return r, func() {}
	}
	bars := mpb.New(mpb.WithOutput(env.stderr), mpb.WithWidth(40))
	bar := bars.AddBar(size,
		mpb.PrependDecorators(decor.Name(what+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f")),
	)
	watched, err := bar.ProxyReader(r)
	if err != nil {
		return r, func() {}
	}
	return watched, func() {
		bar.SetTotal(-1, true)
		bars.Wait()
	}
}
