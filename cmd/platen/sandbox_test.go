package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestProgramsOfOthers runs the programs of docs/testing.md, each in its language if
// that is there: clients that log in, tag, are refused and find out why, survive
// faults, and reset.
func TestProgramsOfOthers(t *testing.T) {
	long(t)
	for _, program := range [][]string{
		{"node", "--test", "sandbox.test.mjs"},
		{"python3", "-B", "-m", "unittest", "test_sandbox"},
		{"pytest", "-q", "-p", "no:cacheprovider", "pytest_sandbox.py"},
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
			cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1", "PYTHONDONTWRITEBYTECODE=1", "PLATEN="+os.Args[0])
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestShellOfSandbox runs the shell lines of docs/testing.md, all at once, with a client
// that asks twice.
func TestShellOfSandbox(t *testing.T) {
	long(t)
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("PLATEN_TEST_ALL") == "" {
			t.Skip(err)
		}
	}
	manual, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := blockPattern.FindAllStringSubmatch(string(manual), -1)
	lines := blocks[len(blocks)-1][1]
	if !strings.Contains(lines, "./my-client") {
		t.Fatalf("not the lines that this test knows:\n%s", lines)
	}
	dir, address := t.TempDir(), "127.0.0.1:"+freePort(t)
	for name, text := range map[string]string{
		"platen":    "exec \"$PLATEN\" \"$@\"\n",
		"my-client": "for time in 1 2; do curl -sS -o answer.json -u ol-admin:$PLATEN_PASSWORD $PLATEN_SERVER/rest/serverengine/entity/jobs/1289/properties; done\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -e\ntrap 'kill %1; wait' EXIT\n"+lines)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1", "HOME="+dir, "PATH="+dir+":"+os.Getenv("PATH"),
		"PLATEN="+os.Args[0], "PLATEN_LISTEN="+address, "PLATEN_SERVER=http://"+address)
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("retryAfter=1s,2,2\n")) || !bytes.Contains(out, []byte("503")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFilesOfCI runs the commands of the files for GitHub and GitLab, with a release of
// this program, and the programs beside them as a client's tests.
func TestFilesOfCI(t *testing.T) {
	long(t)
	release := releaseOf(t, os.Args[0])
	var github struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []struct{ Run string }
		}
	}
	var gitlab map[string]struct {
		Variables    map[string]string
		BeforeScript []string `yaml:"before_script"`
		Script       []string
	}
	readYAML(t, "github-actions.yml", &github)
	readYAML(t, "gitlab-ci.yml", &gitlab)
	var steps []string
	for _, step := range github.Jobs["test"].Steps {
		steps = append(steps, step.Run)
	}
	t.Run("GitHub", func(t *testing.T) {
		t.Parallel()
		runSteps(t, release, github.Jobs["test"].Env, steps)
	})
	t.Run("GitLab", func(t *testing.T) {
		t.Parallel()
		runSteps(t, release, gitlab["test"].Variables, append(gitlab["test"].BeforeScript, gitlab["test"].Script...))
	})
}

func readYAML(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "testing", name))
	if err == nil {
		err = yaml.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// releaseOf serves a program as a release, whatever its version, and returns the address.
func releaseOf(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == "SHA256SUMS" {
			fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(text), strings.Trim(path.Dir(r.URL.Path), "/"))
			return
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// runSteps runs commands one after the other, as the machines of CI do: variables that
// one leaves for the next are in a file.
func runSteps(t *testing.T, release string, variables map[string]string, steps []string) {
	t.Helper()
	for _, program := range []string{"bash", "curl", "sha256sum", "node", "python3"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("PLATEN_TEST_ALL") == "" {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"sandbox.test.mjs", "test_sandbox.py"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "testing", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	handed := filepath.Join(dir, "handed")
	script := "set -e -o pipefail\ncd " + dir + "\n"
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		script += fmt.Sprintf("export %s=\"%s\"\n", name, variables[name])
	}
	script += "export PLATEN_RELEASE=" + release + "/$PLATEN_FILE\n"
	for _, step := range steps {
		script += step + "\n[ ! -f " + handed + " ] || { set -a; . " + handed + "; set +a; }\n"
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1", "HOME="+dir, "CI_PROJECT_DIR="+dir, "GITHUB_ENV="+handed, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, script, out)
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
