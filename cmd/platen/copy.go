package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

func copyCommand(env environment) *cobra.Command {
	var from, to string
	var withoutIndex bool
	cmd := &cobra.Command{
		Use:   "copy --from DIRECTORY|ADDRESS --to DIRECTORY|ADDRESS",
		Short: "Move a database between SQLite and PostgreSQL, either way",
		Long: `copy copies everything, with users and all identifiers, from one database to
another that is empty. No server may run on either. At the end it compares the
two, row by row. A copy that was cut off goes on when it is begun again; until
it is finished, no server starts on the target.

Without the search index it copies a database of which that alone is damaged;
the target makes its own when a server starts on it.`,
		Example: `  platen copy --from /var/lib/platen --to postgres://platen@db:5432/platen
  platen copy --from postgres://platen@db:5432/platen --to ./platen-data
  platen copy --from /var/lib/platen --to /var/lib/platen-new --without-index`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usageError{errors.New("say where from and where to: --from and --to, each a directory or an address"), cmd.CommandPath()}
			}
			return copyStore(cmd.Context(), env, locate(from), locate(to), withoutIndex)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "directory, or address of a PostgreSQL database, to copy")
	cmd.Flags().StringVar(&to, "to", "", "directory, made if need be, or address of an empty database, to copy to")
	cmd.Flags().BoolVar(&withoutIndex, "without-index", false, "leave out the search index, since it is damaged")
	return cmd
}

// copyStore copies what is at one location to another.
func copyStore(ctx context.Context, env environment, from, to location, withoutIndex bool) (err error) {
	if from.same(to) {
		return usageError{fmt.Errorf("--from and --to are both %s: name another place to copy to", from), "platen copy"}
	}
	if err := from.present(); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if err := from.current(ctx, env); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	source, closeSource, err := openAlone(ctx, env, from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	target, closeTarget, err := openAlone(ctx, env, to)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, closeTarget()) }()
	start, shown := time.Now(), time.Now()
	rows, err := sqlstore.Copy(ctx, source, target, withoutIndex, func(p sqlstore.Progress) {
		if time.Since(shown) < time.Second {
			return
		}
		shown = time.Now()
		fmt.Fprintf(env.stderr, "%s %d of %d rows (%s)\n", p.Doing, p.Rows, p.Of, p.Table)
	})
	if ctx.Err() != nil {
		return errors.New("cut off; the same command goes on where it stopped")
	}
	if err != nil {
		return from.explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "copied %s to %s: %d rows, compared and equal, in %v\n", from, to, rows, time.Since(start).Round(time.Millisecond))
	return err
}

// openAlone opens a store that no other server uses.
func openAlone(ctx context.Context, env environment, at location) (*sqlstore.Store, func() error, error) {
	release, err := at.lock(fmt.Sprintf("process %d, which copies it", os.Getpid()), env.tell)
	if err != nil {
		return nil, nil, err
	}
	store, err := at.open(ctx, 0)
	if err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return store, func() error { return errors.Join(store.Close(), release()) }, nil
}

// current returns an error unless there is a database with the schema of this version:
// to open another one would change it.
func (l location) current(ctx context.Context, env environment) error {
	if err := l.protect(env.tell); err != nil {
		return err
	}
	users, err := l.openUsers(ctx, env.tell)
	if platen.ErrorCode(err) == platen.NotFound {
		return platen.Errorf(platen.NotFound, "%s is empty: there is nothing to copy", l)
	}
	if err != nil {
		return err
	}
	return users.Close()
}
