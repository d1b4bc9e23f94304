package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/olrest"
)

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
	cmd.Flags().Var(k, "kind", "what the set is, if that does not show: dataset, contentset or jobset")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"dataset", "contentset", "jobset"}, cobra.ShellCompDirectiveNoFileComp))
}

// setOf returns what a document is: what was asked for, or else what it looks like.
func (k *setKind) setOf(cmd *cobra.Command, name string, looks setKind) error {
	if looks == "" || looks == *k {
		return nil
	}
	if cmd.Flags().Changed("kind") {
		return usageError{fmt.Errorf("%s looks like the document of a %s, not of a %s: use --kind %s, or leave --kind out",
			name, sets[string(looks)].kind, sets[string(*k)].kind, looks), cmd.CommandPath()}
	}
	*k = looks
	return nil
}

// lookAhead is how much of a document is read to see what it is.
const lookAhead = 64 << 10

// looksLike returns which kind of set the beginning of a document is of, by the names
// of its members; "" if that does not tell.
func looksLike(beginning []byte) setKind {
	of := map[string]setKind{"jobs": "jobset", "contentitems": "contentset", "records": "dataset", "schema": "dataset"}
	d := json.NewDecoder(bytes.NewReader(beginning))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return ""
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return ""
		}
		text, _ := name.(string)
		if kind, ok := of[strings.ToLower(text)]; ok {
			return kind
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return ""
		}
	}
	return ""
}

func importCommand(env environment) *cobra.Command {
	var to target
	var kind setKind
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Send a document of a data set, content set or job set to a server",
		Long: `import sends a document, a file or "-" for standard input, to a server, and
prints the id of the set and those of what is in it, on a terminal the first
twenty of them. The server stores all of it or nothing. The document of a job set is the JSON Job Set Structure of OL
Connect, where each level may also carry id, properties and metadata; those of
data sets and content sets are in the same style. The API document of the
server (/serverengine/doc/) has examples. What the document is, its beginning
tells; --kind says so where it does not.`,
		Example: `  ` + passwordVariable + `=secret-of-mine platen import mailrun.json
  platen import customers.json --kind dataset
  platen export 1000 --server one | platen import - --server http://two:9340`,
		Args: arguments("FILE, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := importDocument(cmd, env, &to, &kind, args[0])
			if err != nil {
				return serverError{err}
			}
			return nil
		},
	}
	to.flags(cmd)
	kind.flag(cmd)
	return cmd
}

// importDocument sends a document, and prints what was made of it.
func importDocument(cmd *cobra.Command, env environment, to *target, kind *setKind, name string) error {
	fromStdin := name == "-"
	source := env.stdin
	var size int64
	if !fromStdin {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil {
			size = info.Size()
		}
		source = file
	}
	c, err := to.client(env, fromStdin)
	if err != nil {
		return err
	}
	if err := c.Login(cmd.Context()); to.user != "" && err != nil {
		return platen.Errorf(platen.ErrorCode(err), "log in to %s: %s", to.server, explain(err))
	}
	whole := bufio.NewReaderSize(source, lookAhead)
	beginning, err := whole.Peek(lookAhead)
	if err != nil && err != io.EOF {
		return err
	}
	if err := kind.setOf(cmd, name, looksLike(beginning)); err != nil {
		return err
	}
	document, done := progress(env, "import", whole, size)
	made, err := c.Import(cmd.Context(), sets[string(*kind)].kind, io.NopCloser(document))
	done()
	if err != nil {
		shown := &platen.Error{Code: platen.ErrorCode(err), Message: "nothing was imported: " + explain(err)}
		switch {
		case shown.Code == platen.Unavailable && !strings.HasPrefix(explain(err), olrest.Unexplained):
			// The server's own words say whether it may be there.
			shown.Message = explain(err)
		case client.InDoubt(err):
			shown.Message = explain(err) + "; whether it was imported is not known: look before it is sent again"
		}
		return errors.Join(shown, err) // an interrupt stays one
	}
	children := make([]string, len(made.Children))
	for i, id := range made.Children {
		children[i] = id.String()
	}
	const shown = 20 // on a terminal: a program gets all
	rest := ""
	if n := len(children) - shown; n > 0 && isTerminal(env.stdout) {
		children, rest = children[:shown], fmt.Sprintf(" and %d more", n)
	}
	set := sets[string(*kind)]
	_, err = fmt.Fprintf(env.stdout, "%s %d\n%s %s%s\n", set.kind, made.ID, set.content, strings.Join(children, " "), rest)
	return err
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
		Args:    arguments("ID, the identifier of a set"), ValidArgsFunction: completeIDs(env, platen.JobSet),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := idsOf(cmd.CommandPath(), args...)
			if err != nil {
				return serverError{err}
			}
			if err := exportDocument(cmd, env, &from, &kind, ids[0], output); err != nil {
				return serverError{err}
			}
			return nil
		},
	}
	from.flags(cmd)
	kind.flag(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, instead of standard output")
	_ = cmd.Flags().SetAnnotation("output", argumentAnnotation, []string{"true"}) // the variable is for the form of other commands' output
	return cmd
}

// exportDocument writes a set to a file, or to standard output.
func exportDocument(cmd *cobra.Command, env environment, from *target, kind *setKind, id platen.ID, output string) error {
	c, err := from.client(env, false)
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("kind") {
		// Another server than platen does not say what the set is.
		if e, err := c.Entity(cmd.Context(), id); err == nil && e.Kind.Info().Set {
			*kind = setKind(client.KindName(e.Kind))
		}
	}
	ref := platen.Ref{Kind: sets[string(*kind)].kind, ID: id}
	if output == "" {
		return c.Export(cmd.Context(), ref, env.stdout)
	}
	return writeWhole(output, func(file io.Writer) error {
		w, done := progressOut(env, "export", file)
		defer done()
		return c.Export(cmd.Context(), ref, w)
	})
}

// writeWhole writes a file that is there once it is complete. Until then it has
// another name, which errors do not show: the caller has not given it. Of a link it
// replaces what the link leads to; a pipe or a device is written to.
func writeWhole(path string, write func(io.Writer) error) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	switch info, err := os.Stat(path); {
	case err != nil || info.Mode().IsRegular():
	case info.IsDir():
		return fmt.Errorf("%s is a directory: name a file in it", path)
	default:
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(file), file.Close())
	}
	named := func(err error) error {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			return &fs.PathError{Op: failed.Op, Path: path, Err: failed.Err}
		}
		if failed, ok := errors.AsType[*os.LinkError](err); ok {
			return &fs.PathError{Op: "write", Path: path, Err: failed.Err}
		}
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return named(err)
	}
	defer os.Remove(file.Name()) // gone already if all went well
	err = write(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return named(err)
	}
	return named(os.Rename(file.Name(), path))
}

// progressOut shows how much has been written, if a person watches.
func progressOut(env environment, what string, w io.Writer) (io.Writer, func()) {
	r, pipe := io.Pipe()
	watched, done := progress(env, what, r, 0)
	if watched == io.Reader(r) {
		return w, func() {}
	}
	copied := make(chan struct{})
	go func() {
		_, err := io.Copy(w, watched)
		r.CloseWithError(err)
		close(copied)
	}()
	return pipe, func() {
		pipe.Close()
		<-copied
		done()
	}
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
