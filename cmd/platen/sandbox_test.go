package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramsOfOthers runs the programs of docs/testing.md, each in its language if
// that is there: clients that log in, tag, are refused and find out why, survive
// faults, and reset.
func TestProgramsOfOthers(t *testing.T) {
	for _, program := range [][]string{
		{"node", "--test", "sandbox.test.mjs"},
		{"python3", "-B", "-m", "unittest", "test_sandbox"},
		{"java", "SandboxTest.java"},
	} {
		t.Run(program[0], func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(program[0])
			if err != nil && os.Getenv("PLATEN_TEST_ALL") != "" {
				t.Fatal(err)
			}
			if err != nil {
				t.Skip(err)
			}
			cmd := exec.CommandContext(t.Context(), path, program[1:]...)
			cmd.Dir = filepath.Join("..", "..", "docs", "testing")
			cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1", "PLATEN="+os.Args[0])
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestSandboxSettings checks what a sandbox refuses, and that a file can be its data.
func TestSandboxSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "set.json")
	if err := os.WriteFile(file, []byte(`{"jobs":[{}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--listen 0.0.0.0:0":                     "loopback",
		"--seed demo --seed " + file:             "stands alone",
		"--seed " + os.DevNull:                   "unexpected end",
		"--seed missing.json":                    "missing.json",
		"--clock noon":                           "is not a time",
		"--token-ttl 1ms":                        "--token-ttl",
		"--journal 0":                            "always has one",
		"--seed " + file + " --log-level chatty": "--log-level",
	} {
		var stderr bytes.Buffer
		env := environment{getenv: func(string) string { return "" }, stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &stderr}
		if code := run(t.Context(), append([]string{"sandbox"}, strings.Fields(args)...), env); code != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: %d %s", args, code, stderr.String())
		}
	}
	if kind, err := kindOfDocument(file); err != nil || kind.String() != "job set" {
		t.Error(kind, err)
	}
}
