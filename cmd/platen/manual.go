//go:build manual

package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// With the build tag "manual" there is a command that writes the man pages.
// Released binaries have neither it nor the libraries that it needs.
func init() {
	extraCommands = append(extraCommands, func(environment) *cobra.Command {
		return &cobra.Command{
			Use:    "manual DIRECTORY",
			Hidden: true,
			Args:   arguments("DIRECTORY"),
			RunE: func(cmd *cobra.Command, args []string) error {
				written := thisBuild()
				at, err := time.Parse(time.RFC3339, written.date)
				if err != nil {
					return err
				}
				if err := os.MkdirAll(args[0], 0o755); err != nil {
					return err
				}
				root := cmd.Root()
				root.DisableAutoGenTag = true
				root.InitDefaultCompletionCmd()
				return doc.GenManTree(root, &doc.GenManHeader{
					Title: "PLATEN", Section: "1", Source: "platen " + written.version, Manual: "platen", Date: &at,
				}, args[0])
			},
		}
	})
}
