package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/olrest"
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

// printSettings prints the settings of a server.
func printSettings(env environment, flags *pflag.FlagSet, set settings) error {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, one := range listSettings(env, flags, set) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", one.Name, cmp.Or(one.Value, "-"), one.Source)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(env.stdout, text.String())
	return err
}

// hidden is shown for what is secret.
const hidden = "(hidden)"

// listSettings returns the settings of a server, without secrets.
func listSettings(env environment, flags *pflag.FlagSet, set settings) (list []olrest.Setting) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if environmentName(flag) == "" {
			return
		}
		one := olrest.Setting{Name: flag.Name, Value: flag.Value.String(), Source: "default"}
		if flag.Name == "database" && one.Value != "" {
			one.Value = set.location.String()
		}
		if flag.Name == "data" && isAddress(one.Value) || flag.Name == secretFlag && one.Value != "" {
			one.Value = hidden
		}
		if from := flag.Annotations[sourceAnnotation]; len(from) > 0 {
			one.Source = from[0]
		} else if flag.Changed {
			one.Source = "--" + flag.Name
		}
		list = append(list, one)
	})
	if env.getenv(adminPassword) == "" {
		return list
	}
	password := olrest.Setting{Name: "admin-password", Value: hidden, Source: adminPassword}
	if file := env.files[adminPassword]; file != "" {
		password.Source = adminPassword + fileSuffix + "=" + file
	}
	return append(list, password)
}
