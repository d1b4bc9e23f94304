package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTour runs the lines of the README's tour and those of docs/api.md, which go on
// from it, all at once, as somebody pastes them. No answer may be an error, and where
// an answer is written behind or below a line, it has to be that one.
func TestTour(t *testing.T) {
	long(t)
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("PLATEN_TEST_ALL") == "" {
			t.Skip(err)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	api, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(readme), "\n## A tour with curl\n")
	tour, _, _ = strings.Cut(tour, "\n## ")
	calls := callsOf(tour)
	ofTour := len(calls)
	calls = append(calls, callsOf(string(api))...)
	if ofTour < 15 || len(calls) < ofTour+15 {
		t.Fatalf("%d calls in the tour, %d in docs/api.md", ofTour, len(calls)-ofTour)
	}

	replace := strings.NewReplacer(
		"go build -o platen ./cmd/platen", ":",
		"./platen serve --data /tmp/platen-tour", `"$PLATEN" serve --listen 127.0.0.1:`+freePort(t)+` --data "$DATA" >"$DATA.log" 2>&1`,
		"timeout 5 ", "timeout 1 ", // events as they happen
	)
	dir := t.TempDir()
	port := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	var script strings.Builder
	script.WriteString("trap 'kill %1; wait' EXIT\n")
	var listen string
	for i, call := range calls {
		text := replace.Replace(call.text)
		if listen == "" && strings.Contains(text, "--listen") {
			listen = port.FindString(text)
		}
		fmt.Fprintf(&script, "echo '@@%d'\n%s\n", i, strings.ReplaceAll(text, "127.0.0.1:9340", listen))
	}
	if listen == "" {
		t.Fatal("the tour does not start a server as this test expects it")
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Env = append(os.Environ(), "PLATEN_TEST_BE=1", "PLATEN="+os.Args[0], "DATA="+filepath.Join(dir, "data"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Log(err)
	}
	_, rest, _ := strings.Cut(string(out), "@@0\n")
	for i, call := range calls {
		var answer string
		var more bool
		answer, rest, more = strings.Cut(rest, fmt.Sprintf("@@%d\n", i+1))
		answer = strings.TrimSpace(answer)
		if !more && i < len(calls)-1 || strings.Contains(answer, `{"error":`) || strings.Contains(answer, "curl:") || !call.answered(answer) {
			t.Errorf("%s\nis answered\n%s", call.text, answer)
		}
		if !more {
			break
		}
	}
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(dir, "data.log"))
		t.Logf("%s", log)
	}
}

// A call is what is typed at once, and its answer, if the document has it.
type call struct{ text, answer string }

var (
	blockPattern  = regexp.MustCompile("(?s)\n```sh\n(.*?)```")
	answerPattern = regexp.MustCompile(`# (\{.*\}|\[.*\]|true|ok|\d+)[^#]*$`)
)

// callsOf returns the calls in a document. One goes on in the next line after a
// backslash and within quotes; a line that is a comment may be the answer of the one
// before.
func callsOf(document string) (all []call) {
	for _, block := range blockPattern.FindAllStringSubmatch(document, -1) {
		text := ""
		for line := range strings.Lines(block[1]) {
			text += line
			if !strings.HasPrefix(text, "#") && (strings.HasSuffix(text, "\\\n") || strings.Count(text, "'")%2 == 1) {
				continue
			}
			answer := ""
			if found := answerPattern.FindStringSubmatch(strings.TrimSpace(text)); found != nil {
				answer = found[1]
			}
			switch {
			case strings.TrimSpace(text) == "":
			case !strings.HasPrefix(text, "#"):
				all = append(all, call{text, answer})
			case answer != "":
				all[len(all)-1].answer = answer
			}
			text = ""
		}
	}
	return all
}

// answered says whether an answer is that of the document, in which … stands for any
// text.
func (c call) answered(answer string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(c.answer), "…", ".*")
	return c.answer == "" || regexp.MustCompile("^"+pattern+"$").MatchString(answer)
}
