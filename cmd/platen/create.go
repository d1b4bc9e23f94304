package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A percent bar shows how far an operation is, if a person watches.
type percent struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

func percentBar(r *remote, what string) percent {
	if r.out.quiet || !isTerminal(r.env.stderr) {
		return percent{}
	}
	bars := mpb.New(mpb.WithOutput(r.env.stderr), mpb.WithWidth(40))
	return percent{bars, bars.AddBar(100, mpb.PrependDecorators(decor.Name(what+" ")), mpb.AppendDecorators(decor.Percentage()))}
}

func (p percent) at(n int) {
	if p.bar != nil {
		p.bar.SetCurrent(int64(n))
	}
}

// done ends the bar, full if the operation has done what it was begun for.
func (p percent) done(full bool) {
	if p.bar != nil {
		if full {
			p.at(100)
		}
		p.bar.SetTotal(-1, true)
		p.bars.Wait()
	}
}

func createCommand(env environment) *cobra.Command {
	var structure string
	cmd := remoteCommand(env, cobra.Command{
		Use:   "create CONTENTSET...",
		Short: "Create a job set of content sets, and wait for it",
		Long: `create creates a job set of content sets: one job of one job segment, with a
document set for each content set. With --structure it is that of a file: jobs
of job segments of document sets of documents, each a list of content items, as
[[[[[9001],[9002]]]]]. It shows how far it is, and prints the identifier.
Ctrl-C cancels it.`,
		Example: "  platen create 1302\n  platen create --structure jobs.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if (len(args) > 0) == (structure != "") {
				return usageError{fmt.Errorf("%s wants CONTENTSET, one or more, or --structure FILE", cmd.CommandPath()), cmd.CommandPath()}
			}
			return nil
		},
		ValidArgsFunction: completeIDs(env, platen.ContentSet),
	}, func(ctx context.Context, r *remote, args []string) error {
		operation, err := beginCreation(ctx, r, structure, args)
		if err != nil {
			return err
		}
		bar := percentBar(r, "create")
		id, err := waitCreated(ctx, operation, bar)
		bar.done(err == nil)
		if err != nil {
			return err
		}
		return did(r, client.Ref{Kind: platen.JobSet, ID: id}, "job set %d", id)
	})
	cmd.Flags().StringVar(&structure, "structure", "", "file with the structure of the job set")
	return cmd
}

func beginCreation(ctx context.Context, r *remote, structure string, args []string) (*client.Operation, error) {
	if structure == "" {
		ids, err := idsOf("platen create", args...)
		if err != nil {
			return nil, err
		}
		return r.CreateJobSetOf(ctx, ids...)
	}
	text, err := os.ReadFile(structure)
	if err != nil {
		return nil, err
	}
	var want client.Structure
	if err := json.Unmarshal(text, &want); err != nil {
		return nil, platen.Errorf(platen.Invalid, "%s is not a structure such as [[[[[9001],[9002]]]]]: %v", structure, err)
	}
	return r.CreateJobSet(ctx, want)
}

// waitCreated waits for the result, and cancels the operation when ctx ends.
func waitCreated(ctx context.Context, operation *client.Operation, bar percent) (platen.ID, error) {
	watching, end := context.WithCancel(ctx)
	defer end()
	if bar.bar != nil {
		go func() {
			for watching.Err() == nil {
				if percent, _, err := operation.Progress(watching); err == nil {
					bar.at(percent)
				}
				time.Sleep(200 * time.Millisecond)
			}
		}()
	}
	id, err := operation.Wait(ctx)
	if ctx.Err() != nil {
		ending, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_ = operation.Cancel(ending) // it may have ended
	}
	return id, err
}

func statsCommand(env environment) *cobra.Command {
	var documents bool
	cmd := remoteCommand(env, cobra.Command{
		Use:     "stats JOBSET",
		Short:   "Count the documents, sheets, pages and media of a job set",
		Example: "  platen stats 1000\n  platen stats 1000 --documents --output csv",
		Args:    arguments("JOBSET, the identifier of a job set"), ValidArgsFunction: completeIDs(env, platen.JobSet),
	}, func(ctx context.Context, r *remote, args []string) error {
		ids, err := idsOf("platen stats", args...)
		if err != nil {
			return err
		}
		s, err := r.Statistics(ctx, ids[0], client.Documents)
		if err != nil {
			return err
		}
		count := func(n int64) string { return strconv.FormatInt(n, 10) }
		if documents {
			r.out.begin("document", "contentitem", "sheets", "pages", "metadata")
			return printAll(r, 0, "no documents", listOf(s.ByDocument, nil), func(d platen.DocumentStatistics) []string {
				return []string{d.Document.String(), d.Item.String(), count(d.Sheets), count(d.Pages), pairsText(d.Metadata)}
			})
		}
		parts := [][2]string{{"job set", s.JobSet.String()}, {"documents", count(s.Documents)}, {"sheets", count(s.Sheets)}, {"pages", count(s.Pages)}}
		media := make([]map[string]any, len(s.Media))
		for i, medium := range s.Media {
			parts = append(parts, [2]string{"pages on " + medium.Name, count(medium.Pages)})
			media[i] = map[string]any{"name": medium.Name, "pages": medium.Pages}
		}
		return r.out.one(map[string]any{"jobset": s.JobSet, "documents": s.Documents, "sheets": s.Sheets, "pages": s.Pages, "media": media}, parts...)
	})
	cmd.Flags().BoolVar(&documents, "documents", false, "each document, in the place of sums")
	return cmd
}
