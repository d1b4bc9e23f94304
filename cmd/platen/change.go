package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// listName reads a name as people write it: shift is that of a property, unless it
// begins with the name of a list.
func listName(text string) string {
	for facet := platen.Properties; facet <= platen.Fields; facet++ {
		if name, ok := strings.CutPrefix(text, facet.String()+"."); ok && name != "" {
			return client.Name(facet, strings.Trim(name, `"`))
		}
	}
	return client.Name(platen.Properties, text)
}

// assignments reads texts of the form name=value.
func assignments(cmd string, texts []string) (pairs []platen.NameValue, err error) {
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("%q is not name=value", text), cmd}
		}
		pairs = append(pairs, platen.NameValue{Name: listName(name), Value: value})
	}
	return pairs, nil
}

func listNames(texts []string) (names []string) {
	for _, text := range texts {
		names = append(names, listName(text))
	}
	return names
}

// splitIDs splits arguments into the identifiers at their beginning and the rest.
func splitIDs(args []string) (ids []platen.ID, rest []string) {
	for i, arg := range args {
		id, ok := platen.ParseID(arg)
		if !ok {
			return ids, args[i:]
		}
		ids = append(ids, id)
	}
	return ids, nil
}

const namesHelp = `A name is that of a property; metadata.NAME and fields.NAME are those of other
lists. All entities are changed at once, or none, and that is one change that
"platen revert" takes back.`

func setCommand(env environment) *cobra.Command {
	return remoteCommand(env, cobra.Command{
		Use:     "set ID... NAME=VALUE...",
		Short:   "Set properties, metadata or fields of entities",
		Long:    "set sets values of entities; names that are not mentioned stay.\n" + namesHelp,
		Example: "  platen set 1001 shift=night\n  platen set 1001 1002 1003 shift=night metadata.checked=yes",
		Args:    atLeast(2, "ID... and NAME=VALUE..."), ValidArgsFunction: completeChange(env, "="),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, rest := splitIDs(args)
		pairs, err := assignments("platen set", rest)
		if err != nil || len(ids) == 0 || len(pairs) == 0 {
			return orUsage(err, "platen set", "set wants ID... and then NAME=VALUE...")
		}
		return updateNamed(ctx, r, ids, client.BulkUpdate{Set: pairs})
	})
}

func unsetCommand(env environment) *cobra.Command {
	return remoteCommand(env, cobra.Command{
		Use:     "unset ID... NAME...",
		Short:   "Remove properties, metadata or fields of entities",
		Long:    "unset removes names with their values; those that are not there do no harm.\n" + namesHelp,
		Example: "  platen unset 1001 1002 shift",
		Args:    atLeast(2, "ID... and NAME..."), ValidArgsFunction: completeChange(env, ""),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, names := splitIDs(args)
		if len(ids) == 0 || len(names) == 0 {
			return orUsage(nil, "platen unset", "unset wants ID... and then NAME...")
		}
		return updateNamed(ctx, r, ids, client.BulkUpdate{Unset: listNames(names)})
	})
}

// orUsage returns err, or that the call was wrong.
func orUsage(err error, cmd, text string) error {
	if err != nil {
		return err
	}
	return usageError{fmt.Errorf("%s", text), cmd}
}

// updateNamed updates entities by their identifiers.
func updateNamed(ctx context.Context, r *remote, ids []platen.ID, update client.BulkUpdate) error {
	for _, id := range ids {
		update.Entities = append(update.Entities, client.BulkEntity{ID: id})
	}
	updated, err := r.Update(ctx, update)
	if err != nil {
		return err
	}
	return showUpdated(ctx, r, updated)
}

// showUpdated prints what an update did, after its operation if it has one.
func showUpdated(ctx context.Context, r *remote, updated client.Updated) error {
	if updated.Operation != nil {
		bar := percentBar(r, "update")
		state, err := r.WaitOperation(ctx, updated.Operation.ID, func(s client.OperationState) { bar.at(s.Progress) })
		bar.done(err == nil)
		if state.Result != nil {
			updated.Matched, updated.Changed = state.Result.Matched, state.Result.Changed
			if n := len(state.Result.Changes); n > 0 {
				updated.Change = state.Result.Changes[n-1]
			}
		}
		updated.Operation = &state
		if isInterrupt(err) {
			return platen.Errorf(platen.Failed, "the update goes on at the server as the operation %s; \"platen operation cancel %s\" stops it", state.ID, state.ID)
		}
		if err != nil {
			return err
		}
	}
	if r.out.format == "table" {
		if r.out.quiet {
			return nil
		}
		change := ""
		if updated.Change != 0 && updated.Operation == nil {
			change = fmt.Sprintf("; take it back with: platen revert %d", updated.Change)
		}
		_, err := fmt.Fprintf(r.out.w, "changed %d of %d%s\n", updated.Changed, updated.Matched, change)
		return err
	}
	return r.out.one(updated, [2]string{"matched", strconv.FormatInt(updated.Matched, 10)}, [2]string{"changed", strconv.FormatInt(updated.Changed, 10)},
		[2]string{"change", strconv.FormatInt(updated.Change, 10)})
}

func updateCommand(env environment) *cobra.Command {
	var update client.BulkUpdate
	var set, unset []string
	var preview bool
	cmd := remoteCommand(env, cobra.Command{
		Use:   "update KIND",
		Short: "Change all entities that a filter holds for",
		Long: `update sets and removes names in the lists of all entities of a kind that a
filter holds for ("platen list --help" says how filters are written), at once
or, with --in-parts or if there are too many, part by part. --preview shows
what it would do to the first hundred, and changes nothing.`,
		Example: `  platen update jobs --filter 'properties.shift = night' --set shift=day --preview
  platen update jobs --filter 'jobset = 1000' --set checked=yes --unset shift`,
		Args: arguments("KIND"), ValidArgs: kindNames(),
	}, func(ctx context.Context, r *remote, args []string) (err error) {
		if update.Kind, err = kindOf(args[0]); err != nil {
			return err
		}
		if update.Set, err = assignments("platen update", set); err != nil {
			return err
		}
		update.Unset = listNames(unset)
		switch {
		case update.Filter == "" && !update.All:
			return usageError{fmt.Errorf("which %ss are meant? Say --filter, or --all", update.Kind), "platen update"}
		case len(set)+len(unset) == 0:
			return usageError{fmt.Errorf("there is nothing to change: say --set NAME=VALUE or --unset NAME"), "platen update"}
		}
		if preview {
			return showPreview(ctx, r, update)
		}
		updated, err := r.Update(ctx, update)
		if err != nil {
			return err
		}
		return showUpdated(ctx, r, updated)
	})
	flags := cmd.Flags()
	flags.StringVar(&update.Filter, "filter", "", "which entities, such as 'properties.shift = night'")
	flags.BoolVar(&update.All, "all", false, "all entities of the kind")
	flags.StringArrayVar(&set, "set", nil, "NAME=VALUE to set; may be given more than once")
	flags.StringArrayVar(&unset, "unset", nil, "NAME to remove; may be given more than once")
	flags.BoolVar(&update.InParts, "in-parts", false, "part by part, so that others need not wait")
	flags.BoolVar(&preview, "preview", false, "show what would be changed, and change nothing")
	return cmd
}

func showPreview(ctx context.Context, r *remote, update client.BulkUpdate) error {
	preview, err := r.PreviewUpdate(ctx, update)
	if err != nil {
		return err
	}
	if r.out.format == "json" {
		return r.out.one(preview)
	}
	r.out.begin("ID", "BEFORE", "AFTER")
	for _, one := range preview.Preview {
		var before, after []platen.NameValue
		for _, list := range []*client.BeforeAfter{one.Properties, one.Metadata, one.Fields} {
			if list != nil {
				before, after = append(before, list.Before...), append(after, list.After...)
			}
		}
		gone, fresh := differences(before, after)
		if err := r.out.row(one, one.ID.String(), pairsText(gone), pairsText(fresh)); err != nil {
			return err
		}
	}
	if err := r.out.end(""); err != nil {
		return err
	}
	r.out.remark("%d match, %d would change; nothing was changed", preview.Matched, preview.Changed)
	return nil
}

// differences returns what is only in one of two lists.
func differences(before, after []platen.NameValue) (gone, fresh []platen.NameValue) {
	for _, pair := range before {
		if !slices.Contains(after, pair) {
			gone = append(gone, pair)
		}
	}
	for _, pair := range after {
		if !slices.Contains(before, pair) {
			fresh = append(fresh, pair)
		}
	}
	return gone, fresh
}

func revertCommand(env environment) *cobra.Command {
	var force bool
	cmd := remoteCommand(env, cobra.Command{
		Use:     "revert CHANGE",
		Short:   "Put back what was before a change",
		Example: "  platen history 1001\n  platen revert 16384",
		Args:    arguments("CHANGE, a number that \"platen history\" shows"),
	}, func(ctx context.Context, r *remote, args []string) error {
		change, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("%q is not the number of a change", args[0]), "platen revert"}
		}
		made, err := r.Revert(ctx, change, force)
		if shown, ok := errors.AsType[*platen.Error](err); ok {
			shown.Message = strings.Replace(shown.Message, `send {"force":true}`, "use --force", 1)
		}
		if err != nil {
			return err
		}
		return did(r, map[string]any{"change": made}, "put back; this is the change %d", made)
	})
	cmd.Flags().BoolVar(&force, "force", false, "also what has changed since, name by name")
	return cmd
}

// did prints what was done: in words, or an object.
func did(r *remote, object any, words string, args ...any) error {
	switch {
	case r.out.format == "json" || r.out.format == "jsonl":
		return r.out.one(object)
	case r.out.quiet:
		return nil
	}
	_, err := fmt.Fprintf(r.out.w, words+"\n", args...)
	return err
}

func deleteCommand(env environment) *cobra.Command {
	var revision string
	cmd := remoteCommand(env, cobra.Command{
		Use:     "delete ID...",
		Short:   "Delete sets, each with all that it contains",
		Long:    "delete deletes data sets, content sets and job sets. Until the server removes\nthem for good, \"platen undelete\" takes it back.",
		Example: "  platen delete 1000\n  platen undelete 1000\n  platen delete 1000 --revision 0123456789abcdef     # as \"platen get 1000\" shows it",
		Args:    atLeast(1, "ID, one or more"), ValidArgsFunction: completeIDs(env, platen.JobSet),
	}, func(ctx context.Context, r *remote, args []string) error {
		if revision != "" && len(args) > 1 {
			return usageError{errors.New("--revision is that of one set"), "platen delete"}
		}
		return eachID("platen delete", func(ctx context.Context, r *remote, id platen.ID) error {
			if err := r.DeleteEntity(ctx, id, revision); err != nil {
				return err
			}
			return did(r, map[string]any{"deleted": id}, "deleted %d", id)
		})(ctx, r, args)
	})
	cmd.Flags().StringVar(&revision, "revision", "", "only if the set still has this revision: nothing in it has changed since")
	return cmd
}

func undeleteCommand(env environment) *cobra.Command {
	return remoteCommand(env, cobra.Command{
		Use:     "undelete ID...",
		Short:   "Take back the deletion of sets",
		Example: "  platen deleted\n  platen undelete 1000",
		Args:    atLeast(1, "ID, one or more"),
	}, eachID("platen undelete", func(ctx context.Context, r *remote, id platen.ID) error {
		ref, err := r.Undelete(ctx, id)
		if err != nil {
			return err
		}
		return did(r, ref, "the %s %d is back", ref.Kind, ref.ID)
	}))
}

// eachID runs a command for each of its arguments.
func eachID(cmd string, run func(context.Context, *remote, platen.ID) error) func(context.Context, *remote, []string) error {
	return func(ctx context.Context, r *remote, args []string) error {
		ids, err := idsOf(cmd, args...)
		if err != nil {
			return err
		}
		return each(r, ids, func(id platen.ID) error { return run(ctx, r, id) })
	}
}

// each calls run, which prints an object, with each of what a command is about. In
// JSON several objects are an array, which also ends where one fails: what it has is
// done.
func each[T any](r *remote, all []T, run func(T) error) (err error) {
	r.out.several = len(all) > 1
	for i := 0; err == nil && i < len(all); i++ {
		err = run(all[i])
	}
	if r.out.several && r.out.format == "json" {
		err = errors.Join(err, r.out.end(""))
	}
	return err
}

func deletedCommand(env environment) *cobra.Command {
	return remoteCommand(env, cobra.Command{
		Use: "deleted", Short: "List the sets that are deleted and can come back",
		Example: "  platen deleted",
		Args:    arguments(),
	}, func(ctx context.Context, r *remote, _ []string) error {
		r.out.begin("ID", "KIND", "DELETED", "BY", "REMOVED FOR GOOD")
		return printAll(r, 0, "nothing is deleted", r.DeletedSeq(ctx), func(s client.DeletedSet) []string {
			purge := r.out.when(s.PurgeTime)
			if s.Final {
				purge = "can not come back"
			}
			return []string{s.ID.String(), client.KindName(s.Kind), r.out.when(s.DeleteTime), s.DeletedBy, purge}
		})
	})
}
