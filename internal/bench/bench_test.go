package main

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestMain lets the test's own binary be the reference server, as the program
// is in a real run.
func TestMain(m *testing.M) {
	referenceMain()
	os.Exit(m.Run())
}

// TestSmoke runs the whole benchmark as short as it can be. It asserts no
// speed, only that everything can be measured.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	o, err := parse(flag.NewFlagSet("bench", flag.ContinueOnError), []string{"-short", "-seconds=0.05", "-connections=4"})
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	if o.platen, err = build(t.Context(), directory); err != nil {
		t.Fatal(err)
	}
	rows, err := measure(t.Context(), o, directory)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, row := range rows {
		if names[row.Name] {
			t.Errorf("two rows are called %q", row.Name)
		}
		names[row.Name] = true
		if math.IsNaN(row.Value) && row.Unit != "MiB" || math.IsInf(row.Value, 0) || row.Unit == "ratio" && row.Value <= 0 {
			t.Errorf("%s: %v", row.Name, row.Value)
		}
		if w := row.Waits; w != nil && !(0 < w.P50 && w.P50 <= w.P99 && w.P99 <= w.Longest) {
			t.Errorf("%s: waits of %v", row.Name, *w)
		}
	}
	for _, width := range []int{80, 120} {
		var out strings.Builder
		if err := printTable(&out, "SQLite", rows, width); err != nil {
			t.Fatal(err)
		}
		t.Log("\n" + out.String())
		for line := range strings.Lines(out.String()) {
			if utf8.RuneCountInString(strings.TrimSpace(line)) > width {
				t.Errorf("wider than %d columns: %s", width, line)
			}
		}
	}
}
