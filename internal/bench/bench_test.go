package main

import (
	"math"
	"os"
	"strings"
	"testing"
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
	o := options{rounds: 1, seconds: 0.05, connections: 4, jobs: 10, pages: 1000, directory: t.TempDir()}
	directory := t.TempDir()
	binary, err := build(t.Context(), directory)
	if err != nil {
		t.Fatal(err)
	}
	o.platen = binary
	r, err := measure(t.Context(), o, directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.rows() {
		if (math.IsNaN(row.Value) && row.Unit != "MiB") || math.IsInf(row.Value, 0) || (row.Unit == "ratio" && row.Value <= 0) {
			t.Errorf("%s: %v", row.Name, row.Value)
		}
	}
	var out strings.Builder
	if err := printTable(&out, r.rows()); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
}
