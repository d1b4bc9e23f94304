package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func configCommand(env environment) *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print each setting of the server, and where it comes from",
		Long: `config takes the flags and the environment of "platen serve", and prints each
setting with its value and where that comes from, without secrets. It starts
nothing and opens nothing.`,
		Example: "  platen config --data /var/lib/platen",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := printSettings(env, cmd.Flags(), set); err != nil {
				return err
			}
			return set.check()
		},
	}
	set.serveFlags(cmd)
	return cmd
}

// printSettings prints the flags of a server with their values.
func printSettings(env environment, flags *pflag.FlagSet, set settings) error {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	flags.VisitAll(func(flag *pflag.Flag) {
		name := environmentName(flag)
		if name == "" {
			return
		}
		value, source := flag.Value.String(), "default"
		if flag.Name == "database" && value != "" {
			value = set.location.String()
		}
		if from := flag.Annotations[sourceAnnotation]; len(from) > 0 {
			source = from[0]
		} else if flag.Changed {
			source = "--" + flag.Name
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", flag.Name, cmp.Or(value, "-"), source)
	})
	password, source := "-", "default"
	if env.getenv(adminPassword) != "" {
		password, source = "(hidden)", adminPassword
		if file := env.files[adminPassword]; file != "" {
			source = adminPassword + fileSuffix + "=" + file
		}
	}
	fmt.Fprintf(t, "%s\t%s\t%s\n", strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(adminPassword, variablePrefix), "_", "-")), password, source)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(env.stdout, text.String())
	return err
}
