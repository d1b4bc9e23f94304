package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version, commit and date are set by scripts/release; in other builds the
// build's own information says them.
var (
	version = "" // such as 0.1.0
	commit  = "" // the whole hash
	date    = "" // of the commit, RFC 3339 in UTC
)

// A build says what a binary was made of.
type build struct {
	version string // "development" if nobody knows
	commit  string // "" if nobody knows, with "+dirty" if files had changed
	date    string // of the commit, "" if nobody knows
}

// thisBuild returns what this binary was made of.
func thisBuild() build {
	made := build{version: version, commit: commit, date: date}
	if made.version != "" {
		return made
	}
	made.version = "development"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return made
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		made.version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			made.commit = setting.Value + made.commit
		case setting.Key == "vcs.time":
			made.date = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			made.commit += "+dirty"
		}
	}
	return made
}

func buildVersion() string { return thisBuild().version }

// String returns the build in words, a line for each.
func (made build) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "platen %s\nAPI %s\n", made.version, defaultAPIVersion)
	if made.commit != "" {
		fmt.Fprintf(&text, "commit %s of %s\n", made.commit, made.date)
	}
	fmt.Fprintf(&text, "built with %s for %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return text.String()
}

func versionCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of platen, of the API that it speaks, and what it was built from",
		Args:  arguments(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(env.stdout, thisBuild())
			return err
		},
	}
}
