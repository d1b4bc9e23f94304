package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

func editCommand(env environment) *cobra.Command {
	var list string
	var asJSON bool
	cmd := remoteCommand(env, cobra.Command{
		Use:   "edit ID",
		Short: "Edit a list of an entity in your editor",
		Long: `edit opens the properties of an entity, or another list, in $VISUAL or $EDITOR:
a line of name=value each, or JSON if that is asked for or a value has more
than one line. What was changed, and the order, is written only if the editor
ends well and nobody else has changed the list meanwhile; otherwise the text
stays in a file, whose name is said.`,
		Example: "  platen edit 1001\n  EDITOR=nano platen edit 1001 --list metadata --json",
		Args:    arguments("ID"), ValidArgsFunction: completeIDs(env, 0),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, err := idsOf("platen edit", args...)
		if err != nil {
			return err
		}
		for facet := platen.Properties; facet <= platen.Fields; facet++ {
			if facet.String() == list {
				return edit(ctx, r, ids[0], facet, asJSON)
			}
		}
		return usageError{fmt.Errorf("there is no list %q; the lists are properties, metadata, fields", list), "platen edit"}
	})
	cmd.Flags().StringVar(&list, "list", "properties", "which list: properties, metadata or fields (of data records)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	_ = cmd.RegisterFlagCompletionFunc("list", cobra.FixedCompletions([]string{"properties", "metadata", "fields"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// edit lets a person change a list, and writes what was changed.
func edit(ctx context.Context, r *remote, id platen.ID, facet platen.Facet, asJSON bool) error {
	before, tag, err := r.ListTagged(ctx, id, facet)
	if err != nil {
		return err
	}
	asJSON = asJSON || !asLines(before)
	text, ending := editText(before, asJSON, fmt.Sprintf("The %s of %d. Lines that begin with # are left out; an empty file ends the editing.", facet, id))
	file, err := os.CreateTemp("", fmt.Sprintf("platen-%d-%s-*%s", id, facet, ending)) // with mode 0600
	if err != nil {
		return err
	}
	path := file.Name()
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	ctx, stop, failed := withoutInterrupts(ctx, func() error { return openEditor(ctx, r.env, path) })
	defer stop()
	edited, err := os.ReadFile(path)
	if err != nil {
		return errors.Join(failed, err)
	}
	if bytes.Equal(edited, text) || len(bytes.TrimSpace(edited)) == 0 {
		if failed == nil {
			r.out.remark("nothing was changed")
		}
		return errors.Join(failed, os.Remove(path))
	}
	// From here on the text is not lost, whatever happens.
	kept := func(err error, sent bool) error {
		shown := platen.Errorf(platen.ErrorCode(err), "%s; nothing was changed, and your text is in %s", explain(err), path)
		switch {
		case shown.Code == platen.Changed:
			shown.Message = fmt.Sprintf("the %s of %d were changed meanwhile, so nothing was written; your text is in %s: see \"platen get %d\", then edit again", facet, id, path, id)
		case sent && client.InDoubt(err):
			shown.Message = fmt.Sprintf("%s; whether the %s of %d were changed is not known: see \"platen get %d\"; your text is in %s", explain(err), facet, id, id, path)
		}
		return errors.Join(shown, err) // an interrupt stays one
	}
	if failed != nil {
		return kept(failed, false)
	}
	after, err := readEdited(edited, asJSON)
	if err != nil {
		return kept(platen.Errorf(platen.Invalid, "%s", err), false)
	}
	if slices.Equal(before, after) {
		r.out.remark("nothing was changed")
		return os.Remove(path)
	}
	updated, err := writeEdited(ctx, r, id, facet, tag, before, after)
	if err != nil {
		return kept(err, true)
	}
	return errors.Join(showUpdated(ctx, r, updated), os.Remove(path))
}

// withoutInterrupts calls run while interrupts do nothing here, and returns a context
// that they end again. A terminal sends them to the editor as well, which knows what
// they mean. They are received, since the editor would inherit that they are ignored.
func withoutInterrupts(ctx context.Context, run func() error) (context.Context, context.CancelFunc, error) {
	unheard, last := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Ignore(os.Interrupt) // so that who waited for them does no longer
	signal.Notify(unheard, os.Interrupt)
	signal.Notify(last, os.Interrupt)
	err := run()
	signal.Stop(last) // returns when those of the meantime are received, which would end the new context
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	signal.Stop(unheard)
	return ctx, stop, err
}

// writeEdited makes the list before, which has a tag, the list after. It updates names,
// which is a change whose number can be told, if that leads to the order of after.
func writeEdited(ctx context.Context, r *remote, id platen.ID, facet platen.Facet, tag platen.Tag, before, after []platen.NameValue) (client.Updated, error) {
	update := client.BulkUpdate{Entities: []client.BulkEntity{{ID: id, Tags: map[string]string{facet.String(): tag.String()}}}}
	var trial platen.BulkUpdate // the same, to see which order it leads to
	gone, fresh := differences(before, after)
	trial.Set[facet] = fresh
	for _, pair := range fresh {
		update.Set = append(update.Set, platen.NameValue{Name: client.Name(facet, pair.Name), Value: pair.Value})
	}
	for _, pair := range gone {
		if !hasName(after, pair.Name) {
			trial.Unset[facet] = append(trial.Unset[facet], pair.Name)
			update.Unset = append(update.Unset, client.Name(facet, pair.Name))
		}
	}
	if slices.Equal(trial.Apply(facet, slices.Clone(before)), after) {
		return r.Update(ctx, update)
	}
	if facet == platen.Fields {
		return client.Updated{}, platen.Errorf(platen.Invalid, "fields can not be put in another order: leave them where they are, and write new ones at the end")
	}
	e, err := r.Entity(ctx, id)
	if err == nil {
		err = r.Replace(ctx, e.Kind, facet, platen.Update{ID: id, Pairs: after, Match: &platen.Match{Tags: []platen.Tag{tag}}})
	}
	return client.Updated{Matched: 1, Changed: 1}, err
}

func hasName(pairs []platen.NameValue, name string) bool {
	for _, pair := range pairs {
		if pair.Name == name {
			return true
		}
	}
	return false
}

// asLines reports whether a list can be lines of name=value.
func asLines(pairs []platen.NameValue) bool {
	for _, pair := range pairs {
		if strings.ContainsAny(pair.Name, "=\r\n") || strings.HasPrefix(pair.Name, "#") || strings.TrimSpace(pair.Name) != pair.Name || strings.ContainsAny(pair.Value, "\r\n") {
			return false
		}
	}
	return true
}

func editText(pairs []platen.NameValue, asJSON bool, about string) (text []byte, ending string) {
	if asJSON {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		_ = e.Encode(pairs) // a bytes.Buffer takes all
		return b.Bytes(), ".json"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", about)
	for _, pair := range pairs {
		fmt.Fprintf(&b, "%s=%s\n", pair.Name, pair.Value)
	}
	return b.Bytes(), ".txt"
}

func readEdited(text []byte, asJSON bool) (pairs []platen.NameValue, _ error) {
	if asJSON {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&pairs); err != nil {
			return nil, err
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, errors.New("there is more after the list: write one array with all names in it")
		}
		if pairs == nil {
			return nil, errors.New("null is no list: write [] to remove all names")
		}
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if asJSON || strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("line %d is not name=value", number)
		}
		pairs = append(pairs, platen.NameValue{Name: strings.TrimSpace(name), Value: value})
	}
	seen := make(map[string]bool)
	for _, pair := range pairs {
		if pair.Name == "" || seen[pair.Name] {
			return nil, fmt.Errorf("the name %q is empty or there twice", pair.Name)
		}
		seen[pair.Name] = true
	}
	return pairs, nil
}

// openEditor runs the editor of the user on a file. Editors are commands with
// arguments, as shells read them.
func openEditor(ctx context.Context, env environment, path string) error {
	editor := env.getenv("VISUAL")
	if editor == "" {
		editor = env.getenv("EDITOR")
	}
	if editor == "" {
		if editor = "vi"; runtime.GOOS == "windows" {
			editor = "notepad"
		}
	}
	words := strings.Fields(editor)
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it has a terminal to put in order
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.stdin, env.stdout, env.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor %q failed: %w; set EDITOR to another one", editor, err)
	}
	return nil
}
