// Command licenses prints the licences of all that is in platen binaries, by
// their bills of materials. It fails if something has none, or one that is not
// permissive.
//
//	go run ./licenses platen.cdx.json... >licenses.txt
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// permissive are the licences that parts of a binary may be under, as SPDX
// names them. BSD-Source-Code is what cyclonedx-gomod takes Go's own for.
var permissive = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "CC0-1.0", "ISC", "MIT", "MIT-0", "Unlicense", "Zlib"}

// legal matches the names of files with a licence, or with what it wants kept.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense|copyright|patents)([-._].*)?$`)

// A component is a module in a bill of materials in CycloneDX.
type component struct {
	Name, Version string
	Evidence      struct {
		Licenses []struct{ License struct{ ID string } }
	}
}

func main() {
	log.SetFlags(0)
	components, err := componentsOf(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	w := bufio.NewWriter(os.Stdout)
	fmt.Fprint(w, "platen is under the Apache License 2.0. It has these in it:\n")
	bad := false
	for _, one := range components {
		if err := one.print(w); err != nil {
			bad = true
			log.Printf("%s %s: %v", one.Name, one.Version, err)
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	if bad {
		os.Exit(1)
	}
}

// componentsOf returns the components of some bills, each once.
func componentsOf(bills []string) (list []component, err error) {
	seen := make(map[string]bool)
	for _, bill := range bills {
		text, err := os.ReadFile(bill)
		if err != nil {
			return nil, err
		}
		var has struct{ Components []component }
		if err := json.Unmarshal(text, &has); err != nil {
			return nil, fmt.Errorf("%s: %w", bill, err)
		}
		for _, one := range has.Components {
			if !seen[one.Name+one.Version] {
				seen[one.Name+one.Version] = true
				list = append(list, one)
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no bill of materials with components is named")
	}
	slices.SortFunc(list, func(a, b component) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// print prints the licences of a component. An error says what is wrong with
// them.
func (c component) print(w io.Writer) error {
	var names []string
	var wrong error
	for _, one := range c.Evidence.Licenses {
		names = append(names, one.License.ID)
		if !slices.Contains(permissive, one.License.ID) {
			wrong = errors.Join(wrong, fmt.Errorf("%q is not among the permissive licences", one.License.ID))
		}
	}
	if c.Name == "std" {
		names = []string{"BSD-3-Clause"} // Go itself, which is no module
	}
	dir, err := c.source()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\n%s %s: %s\n%[1]s\n", strings.Repeat("=", 78), c.Name, c.Version, strings.Join(names, ", "))
	texts, err := printTexts(w, dir)
	if texts == 0 || len(names) == 0 {
		err = errors.Join(err, errors.New("it has no licence that is known"))
	}
	return errors.Join(wrong, err)
}

// source returns the directory with the source of a component.
func (c component) source() (string, error) {
	if c.Name == "std" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		return strings.TrimSpace(string(root)), err
	}
	out, err := exec.Command("go", "mod", "download", "-json", c.Name+"@"+c.Version).Output()
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	err = json.Unmarshal(out, &module)
	return module.Dir, err
}

// printTexts prints the licence files of a directory, and returns how many
// there are.
func printTexts(w io.Writer, dir string) (texts int, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() || !legal.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return texts, err
		}
		fmt.Fprintf(w, "\n--- %s ---\n%s\n", entry.Name(), text)
		texts++
	}
	return texts, err
}
