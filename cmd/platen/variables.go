package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/olrest"
)

const (
	variablePrefix = "PLATEN_"
	// fileSuffix ends the name of a variable that names a file with the value of
	// the variable before it: secrets need not be in the environment.
	fileSuffix = "_FILE"
	// maxVariableFile bounds such a file.
	maxVariableFile = 64 << 10
)

// credentials are the credentials of systemd (LoadCredential=) that platen
// looks for by itself, with the variables that they are the values of.
var credentials = map[string]string{
	"platen.admin-password": adminPassword,
	"platen.database":       variablePrefix + "DATABASE",

	"platen.oidc-client-secret": variablePrefix + "OIDC_CLIENT_SECRET",
}

// environmentName is the variable that sets a flag.
func environmentName(flag *pflag.Flag) string {
	if flag.Name == "help" || flag.Annotations[argumentAnnotation] != nil {
		return ""
	}
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// variables returns the names of all variables that some command knows.
func variables(root *cobra.Command) map[string]bool {
	known := map[string]bool{adminPassword: true, passwordVariable: true, tokenVariable: true}
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if name := environmentName(flag); name != "" {
				known[name] = true
			}
		})
		for _, child := range cmd.Commands() {
			add(child)
		}
	}
	add(root)
	return known
}

// readVariables reads the files that variables name, so that env has what is in
// them, and notes variables that no command knows.
func (env *environment) readVariables(known map[string]bool) error {
	if env.environ == nil {
		return nil
	}
	values := make(map[string]string)
	env.files = make(map[string]string)
	fromFile := func(name, of, path string) error {
		if env.getenv(of) != "" || env.files[of] != "" {
			return usageError{fmt.Errorf("%s and %s are both set: unset one", of, name), "platen"}
		}
		text, err := readVariable(path)
		if err != nil {
			return usageError{fmt.Errorf("%s: %w", name, err), "platen"}
		}
		values[of], env.files[of] = text, path
		return nil
	}
	for _, entry := range env.environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || strings.HasPrefix(name, "PLATEN_TEST_") || value == "" || known[name] {
			continue
		}
		of, isFile := strings.CutSuffix(name, fileSuffix)
		if !isFile || !known[of] {
			env.unknown = append(env.unknown, name+" is no variable of platen's, and has no effect"+didYouMean(name, known))
			continue
		}
		if err := fromFile(name, of, value); err != nil {
			return err
		}
	}
	for name, of := range credentials {
		path := filepath.Join(env.getenv("CREDENTIALS_DIRECTORY"), name)
		if _, err := os.Stat(path); env.getenv("CREDENTIALS_DIRECTORY") == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := fromFile("the credential "+name, of, path); err != nil {
			return err
		}
	}
	getenv := env.getenv
	env.getenv = func(name string) string {
		if value, ok := values[name]; ok {
			return value
		}
		return getenv(name)
	}
	return nil
}

// readVariable returns the text of a file without the end of its last line.
func readVariable(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxVariableFile {
		return "", fmt.Errorf("%s has %d bytes; %d are the most of a value", path, info.Size(), maxVariableFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return value, nil
}

// didYouMean names the known variable that is most like name, if one is.
func didYouMean(name string, known map[string]bool) string {
	best, least := "", min(4, len(name)/2+1)
	for _, other := range slices.Sorted(maps.Keys(known)) {
		if d := olrest.LetterDistance(name, other); d < least {
			best, least = other, d
		}
	}
	if best == "" {
		return ""
	}
	return "; is " + best + " meant?"
}

// logAnnotation marks a command that has a log, which then says what there is to
// say of variables: lines of another form would be none to what reads the log.
const logAnnotation = "log"

// Where the value of a flag came from, among the annotations of the flag. None:
// the command line, or the default.
const sourceAnnotation = "source"

// fromEnvironment sets the flags that the command line did not.
func fromEnvironment(flags *pflag.FlagSet, env *environment) error {
	var wrong error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := environmentName(flag)
		if name == "" || flag.Changed || env.getenv(name) == "" {
			return
		}
		source := name
		if file := env.files[name]; file != "" {
			source = name + fileSuffix + "=" + file
		}
		if err := flags.Set(flag.Name, env.getenv(name)); err != nil {
			wrong = errors.Join(wrong, usageError{fmt.Errorf("%s: %w", source, err), "platen"})
			return
		}
		wrong = errors.Join(wrong, flags.SetAnnotation(flag.Name, sourceAnnotation, []string{source}))
	})
	return wrong
}

// describeEnvironment names each flag's variable in its help.
func describeEnvironment(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if name := environmentName(flag); name != "" {
			flag.Usage += " [" + name + "]"
		}
	})
	for _, child := range cmd.Commands() {
		describeEnvironment(child)
	}
}
