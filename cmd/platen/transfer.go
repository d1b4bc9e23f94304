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

// sets are the kinds that import and export take, by their names on the
// command line, with what is in them.
var sets = map[string]struct {
	kind    platen.Kind
	content string
}{
	"dataset":    {platen.DataSet, "records"},
	"contentset": {platen.ContentSet, "content items"},
	"jobset":     {platen.JobSet, "jobs"},
}

// A setKind is the value of the flag --kind.
type setKind string

// String implements pflag.Value.
func (k *setKind) String() string { return string(*k) }

// Type implements pflag.Value.
func (k *setKind) Type() string { return "kind" }

// Set implements pflag.Value.
func (k *setKind) Set(text string) error {
	if _, ok := sets[text]; !ok {
		return errors.New("want dataset, contentset or jobset")
	}
	*k = setKind(text)
	return nil
}

func (k *setKind) flag(cmd *cobra.Command) {
	*k = "jobset"
	cmd.Flags().Var(k, "kind", "what the document is: dataset, contentset or jobset")
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
	var kind setKind
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Send a document of a data set, content set or job set to a server",
		Long: `import sends a document, a file or "-" for standard input, to a server, and
prints the id of the set and those of what is in it. The server stores all of
it or nothing. The document of a job set is the JSON Job Set Structure of OL
Connect, where each level may also carry id, properties and metadata; those of
data sets and content sets are in the same style. The API document of the
server (/serverengine/doc/) has examples.`,
		Example: `  ` + passwordVariable + `=secret-of-mine platen import mailrun.json
  platen import customers.json --kind dataset
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
			made, err := c.Import(cmd.Context(), sets[string(kind)].kind, io.NopCloser(document))
			done()
			if err != nil {
				return fmt.Errorf("nothing was imported: %s", explain(err))
			}
			children := make([]string, len(made.Children))
			for i, id := range made.Children {
				children[i] = id.String()
			}
			set := sets[string(kind)]
			_, err = fmt.Fprintf(env.stdout, "%s %d\n%s %s\n", set.kind, made.ID, set.content, strings.Join(children, " "))
			return err
		},
	}
	to.flags(cmd)
	kind.flag(cmd)
	return cmd
}

func exportCommand(env environment) *cobra.Command {
	var from target
	var kind setKind
	var output string
	cmd := &cobra.Command{
		Use:   "export ID",
		Short: "Fetch a data set, content set or job set as a document",
		Long: `export fetches a set with all that it contains, and writes it as a document
that "platen import" takes: to standard output, or to a file that appears only
when it is whole.`,
		Example: `  ` + passwordVariable + `=secret-of-mine platen export 1000 --output mailrun.json`,
		Args:    arguments("ID, the identifier of a set"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			id, ok := platen.ParseID(args[0])
			if !ok {
				return usageError{fmt.Errorf("%q is no identifier: they go from 1 to %d", args[0], platen.MaxID), cmd.CommandPath()}
			}
			ref := platen.Ref{Kind: sets[string(kind)].kind, ID: id}
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
				if err := errors.Join(c.Export(cmd.Context(), ref, file), file.Close()); err != nil {
					return err
				}
				return os.Rename(file.Name(), output)
			}
			return c.Export(cmd.Context(), ref, w)
		},
	}
	from.flags(cmd)
	kind.flag(cmd)
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
