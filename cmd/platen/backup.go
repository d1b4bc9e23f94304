package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen/internal/sqlite"
)

func backupCommand(env environment) *cobra.Command {
	var data string
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a checked copy of an embedded database, while the server runs or not",
		Long: `backup writes a copy of the database in a directory to a file, as it is at one
moment, and checks it. A server that runs on it goes on. The file appears when
it is whole and on the disk; "platen restore" makes it a database again.

A database on PostgreSQL has tools of its own: pg_dump, or better a continuous
archive (docs/operations.md).`,
		Example: "  platen backup /backup/platen-monday.db --data /var/lib/platen",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" {
				return usageError{errors.New("a backup can not be written to standard output: it is checked when it is whole; name a file"), cmd.CommandPath()}
			}
			at := locate(data)
			if err := at.directory("backup"); err != nil {
				return err
			}
			if err := at.present(); err != nil {
				return err
			}
			if err := at.protect(env.tell); err != nil {
				return err
			}
			made, err := sqlite.Backup(cmd.Context(), data, args[0], overwrite)
			if err != nil && cmd.Context().Err() != nil {
				return errors.New("cut off; no backup was made")
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.stdout, "backup of %s in %s: %d entities, %s, schema %d, checked\n",
				data, made.Path, made.Entities, megabytes(made.Bytes), made.Schema)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData, "directory of the database")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace the file if it is there")
	return cmd
}

func restoreCommand(env environment) *cobra.Command {
	var data string
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a backup the database of a directory",
		Long: `restore checks a backup and makes it the database of a directory, which no
server may be running on. A database that is there already is refused, or with
--replace kept under another name, as is what is left of one that is gone. One
of an older platen is brought up to date by the next "platen serve".`,
		Example: "  platen restore /backup/platen-monday.db --data /var/lib/platen",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at := locate(data)
			if err := at.directory("restore"); err != nil {
				return err
			}
			if err := at.protect(env.tell); err != nil {
				return err
			}
			restored, kept, err := sqlite.Restore(cmd.Context(), args[0], data, replace)
			if err != nil && cmd.Context().Err() != nil {
				return errors.New("cut off, and nothing was restored; type it again")
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(env.stdout, "restored %s: %d entities, %s, schema %d, checked\n", data, restored.Entities, megabytes(restored.Bytes), restored.Schema)
			if kept == "" {
				return nil
			}
			what := "the database that was there"
			if _, err := os.Stat(kept); err != nil {
				what, kept = "what was left of a database", kept+"-…"
			}
			_, err = fmt.Fprintf(env.stdout, "%s is now %s\n", what, kept)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData, "directory of the database, made if need be")
	cmd.Flags().BoolVar(&replace, "replace", false, "if there is a database already, keep it under another name")
	return cmd
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
