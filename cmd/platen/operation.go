package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen/client"
)

func operationCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "operation", Short: "List and cancel job creations and updates in parts",
		Args: arguments(), RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var ended int
	list := remoteCommand(env, cobra.Command{Use: "list", Short: "List the operations that run, and the last that have ended", Example: "  platen operation list", Args: arguments()},
		func(ctx context.Context, r *remote, _ []string) error {
			r.out.begin("ID", "TYPE", "STATE", "DONE", "STARTED", "RESULT")
			return printAll(r, 0, "no operations", listOf(r.OperationStates(ctx, ended)), func(o client.OperationState) []string {
				return []string{o.ID, o.Type, o.State, fmt.Sprintf("%d %%", o.Progress), r.out.when(o.StartTime), resultText(&o)}
			})
		})
	list.Flags().IntVar(&ended, "ended", 20, "how many of those that have ended in the last 24 hours, 0 to 1000")
	cmd.AddCommand(list,
		remoteCommand(env, cobra.Command{
			Use: "cancel ID...", Short: "Stop operations; what an update has changed stays, of a job creation nothing does",
			Example: "  platen operation cancel eb6ca665-6908-418f-b0f8-d8489743d80c", Args: atLeast(1, "ID, one or more, as \"platen operation list\" shows them"),
		}, func(ctx context.Context, r *remote, args []string) error {
			return each(r, args, func(id string) error {
				state, err := r.CancelOperation(ctx, id)
				if err != nil {
					return err
				}
				return did(r, state, "cancelled %s, of which %d %% were done", id, state.Progress)
			})
		}))
	return cmd
}

// resultText says what an operation has done, and why it ended before it was done.
func resultText(o *client.OperationState) string {
	text := o.Error
	if text != "" && o.Result != nil {
		text += "; "
	}
	switch {
	case o.Result == nil:
		return text
	case o.Result.JobSet != 0:
		return text + fmt.Sprintf("job set %d", o.Result.JobSet)
	default:
		return text + fmt.Sprintf("%d of %d changed", o.Result.Changed, o.Result.Matched)
	}
}
