package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/filter"
)

func getCommand(env environment) *cobra.Command {
	var at string
	cmd := remoteCommand(env, cobra.Command{
		Use:     "get ID...",
		Short:   "Show what there is to know of entities of any kind",
		Example: "  platen get 1001\n  platen get 1001 1002 --output jsonl\n  platen get 1001 --at 2h        # its lists as they were",
		Args:    atLeast(1, "ID, one or more"), ValidArgsFunction: completeIDs(env, 0),
	}, func(ctx context.Context, r *remote, args []string) error {
		var then time.Time
		if at != "" {
			var ok bool
			if then, ok = timeOf(at); !ok {
				return usageError{fmt.Errorf("--at %q is neither a time, such as 2027-01-31T12:00:00Z or \"2027-01-31 12:00:00\", nor how long ago, such as 2h or 7d", at), "platen get"}
			}
		}
		return eachID("platen get", func(ctx context.Context, r *remote, id platen.ID) error {
			e, err := r.Entity(ctx, id)
			if err == nil && at != "" {
				e, err = entityAt(ctx, r, e, then)
			}
			if err != nil {
				return err
			}
			return r.out.one(e, entityParts(&e)...)
		})(ctx, r, args)
	})
	cmd.Flags().StringVar(&at, "at", "", "the lists as they were at a time, or so long ago, such as 2h")
	return cmd
}

// timeOf reads a time: in full, in the time zone of the user as the commands print it,
// a date, or how long ago it was.
func timeOf(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, true
		}
	}
	ago, err := days(text)
	return time.Now().Add(-ago), err == nil && ago >= 0
}

// entityAt returns what an entity is, with its lists as they were at a time.
func entityAt(ctx context.Context, r *remote, e client.Entity, at time.Time) (client.Entity, error) {
	then := client.Entity{Kind: e.Kind, ID: e.ID}
	for _, list := range []struct {
		facet platen.Facet
		pairs *[]platen.NameValue
	}{{platen.Properties, &then.Properties}, {platen.Metadata, &then.Metadata}, {platen.Fields, &then.Fields}} {
		if !slices.Contains(e.Kind.Info().Facets, list.facet) && (list.facet != platen.Fields || e.Kind != platen.DataRecord) {
			continue
		}
		var err error
		if *list.pairs, err = r.ListAt(ctx, e.ID, list.facet, at); err != nil {
			return then, err
		}
	}
	return then, nil
}

// entityParts returns what a person reads of an entity.
func entityParts(e *client.Entity) (parts [][2]string) {
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, [2]string{name, value})
		}
	}
	add("kind", e.Kind.String())
	add("id", e.ID.String())
	for _, above := range e.Ancestors {
		add("in", fmt.Sprintf("%s %d", above.Kind, above.ID))
	}
	if e.Record != 0 {
		add("data record", e.Record.String())
	}
	add("created", strings.TrimSpace(when(e.CreateTime)+" "+by(e.CreatedBy, e.CreatedToken)))
	add("how", e.CreatedHow)
	add("updated", when(e.UpdateTime))
	add("counts", countsText(e.Counts))
	add("revision", e.Revision)
	for _, list := range []struct {
		facet platen.Facet
		pairs []platen.NameValue
	}{{platen.Properties, e.Properties}, {platen.Metadata, e.Metadata}, {platen.Fields, e.Fields}} {
		for _, pair := range list.pairs {
			add(list.facet.String()+"."+pair.Name, pair.Value)
		}
	}
	return parts
}

// by says who did something.
func by(user, token string) string {
	switch {
	case user == "":
		return ""
	case token != "":
		return "by " + user + " with " + token
	}
	return "by " + user
}

func countsText(counts map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprint(name, " ", counts[name]))
	}
	return strings.Join(parts, ", ")
}

// listedFields are the columns of a table that names no others, and the list that the
// kind has.
func listedFields(kind platen.Kind) string {
	list := "properties"
	if facets := kind.Info().Facets; !slices.Contains(facets, platen.Properties) {
		list = "metadata"
	}
	switch {
	case kind.Info().Set:
		return "id,createTime,createdBy,counts," + list
	case kind == platen.Job:
		return "id,updateTime,counts.documents," + list
	case kind == platen.DataRecord:
		return "id,fields," + list
	}
	return "id," + list
}

func listCommand(env environment) *cobra.Command {
	var listing client.Listing
	var limit count
	cmd := remoteCommand(env, cobra.Command{
		Use:   "list KIND",
		Short: "List entities of a kind, by a filter",
		Long: `list lists entities: all of them, however many there are, or up to --limit.
Filters are those of https://google.aip.dev/160: names are properties.NAME,
metadata.NAME, fields.NAME, facts such as createTime and counts.documents, and
what an entity is in (jobset = 1000). The kinds are ` + strings.Join(kindNames(), ", ") + `.`,
		Example: `  platen list jobsets --order-by 'createTime desc' --limit 10
  platen list jobs --filter 'properties.shift = night AND counts.documents > 1'
  platen list jobs --filter 'jobset = 1000' --fields id,properties.shift --output csv`,
		Args: arguments("KIND"), ValidArgs: kindNames(),
	}, func(ctx context.Context, r *remote, args []string) (err error) {
		if listing.Kind, err = kindOf(args[0]); err != nil {
			return err
		}
		shown := listing.Fields
		if shown == "" {
			shown = listedFields(listing.Kind)
			if r.out.format == "table" || r.out.format == "csv" {
				listing.Fields = shown
			}
		}
		if limit > 0 {
			listing.PageSize = min(int(limit), 1000)
		}
		fields, err := filter.ParseNames(shown)
		if err != nil {
			return usageError{fmt.Errorf("--fields: %w", err), "platen list"}
		}
		titles := titlesOf(shown, fields)
		if r.out.format == "table" {
			for i := range titles {
				titles[i] = strings.ToUpper(titles[i])
			}
		}
		r.out.begin(titles...)
		return printAll(r, limit, "no "+listing.Kind.String()+"s", r.ListSeq(ctx, listing), func(e client.Entity) []string {
			cells := make([]string, len(fields))
			for i, field := range fields {
				cells[i] = r.out.entityCell(&e, field.Name)
			}
			return cells
		})
	})
	cmd.Flags().StringVar(&listing.Filter, "filter", "", "which entities, such as 'properties.shift = night'")
	cmd.Flags().StringVar(&listing.OrderBy, "order-by", "", "what they are ordered by, such as 'createTime desc'")
	cmd.Flags().StringVar(&listing.Fields, "fields", "", "what is shown of each, such as id,properties.shift")
	cmd.Flags().Var(&limit, "limit", "how many at most; 0: all")
	return cmd
}

// titlesOf returns the names of a list as they are written in it.
func titlesOf(text string, names []filter.Key) (titles []string) {
	characters := []rune(text)
	for i, name := range names {
		end := len(characters)
		if i+1 < len(names) {
			end = names[i+1].At - 1
		}
		titles = append(titles, strings.TrimRight(string(characters[name.At-1:end]), ", \t\r\n"))
	}
	return titles
}

// entityCell returns what a field of a listing shows of an entity.
func (o *output) entityCell(e *client.Entity, segments []string) string {
	field, name := segments[0], strings.Join(segments[1:], ".")
	lists := map[string][]platen.NameValue{"properties": e.Properties, "metadata": e.Metadata, "fields": e.Fields}
	if len(segments) > 1 {
		if field == "counts" {
			return strconv.FormatInt(e.Counts[name], 10)
		}
		for _, pair := range lists[field] {
			if pair.Name == name {
				return pair.Value
			}
		}
		return ""
	}
	if pairs, ok := lists[field]; ok {
		return pairsText(pairs)
	}
	switch field {
	case "id":
		return e.ID.String()
	case "kind":
		return client.KindName(e.Kind)
	case "counts":
		return countsText(e.Counts)
	case "datarecord":
		if e.Record != 0 {
			return e.Record.String()
		}
	case "position":
		if e.Position != nil {
			return strconv.FormatInt(*e.Position, 10)
		}
	case "ancestors":
		var parts []string
		for _, above := range e.Ancestors {
			parts = append(parts, fmt.Sprint(client.KindName(above.Kind), " ", above.ID))
		}
		return strings.Join(parts, ", ")
	}
	return map[string]string{"createTime": o.when(e.CreateTime), "updateTime": o.when(e.UpdateTime), "createdBy": e.CreatedBy,
		"createdToken": e.CreatedToken, "createdHow": e.CreatedHow, "revision": e.Revision}[field]
}

func contentsCommand(env environment) *cobra.Command {
	var limit count
	cmd := remoteCommand(env, cobra.Command{
		Use:     "contents ID",
		Short:   "List the content items of a job or a content set, with their data records",
		Example: "  platen contents 1001 --output csv",
		Args:    arguments("ID, of a job or a content set"), ValidArgsFunction: completeIDs(env, platen.ContentSet),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, err := idsOf("platen contents", args...)
		if err != nil {
			return err
		}
		e, err := r.Entity(ctx, ids[0])
		if err != nil {
			return err
		}
		if e.Kind != platen.Job && e.Kind != platen.ContentSet {
			return platen.Errorf(platen.Invalid, "%d is a %s; jobs and content sets have content items", e.ID, e.Kind)
		}
		r.out.begin("contentitem", "datarecord")
		return printAll(r, limit, "no content items", contentsOf(r.ContentsSeq(ctx, platen.Ref{Kind: e.Kind, ID: e.ID})), func(c content) []string {
			return []string{c.Item.String(), c.Record.String()}
		})
	})
	cmd.Flags().Var(&limit, "limit", "how many at most; 0: all")
	return cmd
}

// A content is a content item as it is printed.
type content struct {
	Item   platen.ID `json:"contentitem"`
	Record platen.ID `json:"datarecord"`
}

func contentsOf(all iter.Seq2[platen.Content, error]) iter.Seq2[content, error] {
	return func(yield func(content, error) bool) {
		for one, err := range all {
			if !yield(content(one), err) {
				return
			}
		}
	}
}

func treeCommand(env environment) *cobra.Command {
	depth, most := 2, count(20)
	cmd := remoteCommand(env, cobra.Command{
		Use:     "tree ID",
		Short:   "Show what an entity contains, level by level",
		Example: "  platen tree 1000\n  platen tree 1000 --depth 4 --most 5",
		Args:    arguments("ID"), ValidArgsFunction: completeIDs(env, 0),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, err := idsOf("platen tree", args...)
		if err != nil {
			return err
		}
		e, err := r.Entity(ctx, ids[0])
		if err != nil {
			return err
		}
		if r.out.format == "table" {
			r.out.begin("ENTITY", "PROPERTIES")
		} else {
			r.out.begin("kind", "id", "depth")
		}
		t := tree{r: r, depth: depth, most: int(most)}
		if err := t.show(ctx, e, 0); err != nil {
			return err
		}
		return r.out.end("")
	})
	cmd.Flags().IntVar(&depth, "depth", depth, "how many levels")
	cmd.Flags().Var(&most, "most", "how many of each entity at most; 0: all")
	return cmd
}

// A tree is shown down to a depth.
type tree struct {
	r           *remote
	depth, most int
}

func (t *tree) show(ctx context.Context, e client.Entity, depth int) error {
	if err := t.row(e.Kind, e.ID, depth, pairsText(slices.Concat(e.Properties, e.Metadata))); err != nil || depth == t.depth {
		return err
	}
	shown := 0
	for child, err := range t.r.ChildrenSeq(ctx, e.ID, 0) {
		if err != nil {
			return err
		}
		if shown++; t.most > 0 && shown > t.most {
			t.r.out.remark("%s %d has more than %d; --most 0 shows all", e.Kind, e.ID, t.most)
			return nil
		}
		below, err := t.r.Entity(ctx, child.ID)
		if err != nil {
			return err
		}
		if err := t.show(ctx, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) row(kind platen.Kind, id platen.ID, depth int, text string) error {
	object := map[string]any{"kind": client.KindName(kind), "id": id, "depth": depth}
	if t.r.out.format == "csv" {
		return t.r.out.row(object, client.KindName(kind), id.String(), strconv.Itoa(depth))
	}
	return t.r.out.row(object, fmt.Sprintf("%s%s %d", strings.Repeat("  ", depth), kind, id), text)
}

func historyCommand(env environment) *cobra.Command {
	var limit count
	cmd := remoteCommand(env, cobra.Command{
		Use:   "history ID",
		Short: "Show who changed what of an entity, the newest first",
		Example: `  platen history 1001
  platen revert 16384        # one of the changes that it shows`,
		Args: arguments("ID"), ValidArgsFunction: completeIDs(env, 0),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, err := idsOf("platen history", args...)
		if err != nil {
			return err
		}
		r.out.begin("CHANGE", "TIME", "TYPE", "USER", "WHAT")
		return printAll(r, limit, "nothing has changed since changes are kept", r.HistorySeq(ctx, ids[0]), func(c client.Change) []string {
			var what []string
			for i := range c.Entries {
				what = append(what, entryText(&c.Entries[i]))
			}
			return []string{strconv.FormatInt(c.ID, 10), r.out.when(c.Time), c.Type, c.User, strings.Join(what, "; ")}
		})
	})
	cmd.Flags().Var(&limit, "limit", "how many at most; 0: all")
	return cmd
}

// entryText says what a change did to one list or set.
func entryText(e *client.ChangeEntry) string {
	var parts []string
	for _, name := range e.Names {
		switch {
		case name.Before == nil && name.After != nil:
			parts = append(parts, fmt.Sprintf("+%s=%s", name.Name, *name.After))
		case name.After == nil:
			parts = append(parts, "-"+name.Name)
		default:
			parts = append(parts, fmt.Sprintf("%s=%s (was %s)", name.Name, *name.After, *name.Before))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Audit)) {
		parts = append(parts, name+"="+e.Audit[name])
	}
	if e.Added > 0 {
		parts = append(parts, fmt.Sprint(e.Added, " data records"))
	}
	return strings.Join(parts, ", ")
}
