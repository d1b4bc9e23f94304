package platen_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the direction of imports: docs/architecture.md.
func TestImports(t *testing.T) {
	const module = "github.com/platenhq/platen"
	allowed := map[string][]string{
		"":                    {},
		"/internal/olrest":    {""},
		"/internal/auth":      {"", "/internal/olrest"},
		"/internal/spool":     {""},
		"/internal/apidoc":    {},
		"/internal/demo":      {},
		"/internal/admission": {},
		"/internal/listen":    {},
		"/internal/server":    {"", "/internal/admission", "/internal/apidoc", "/internal/auth", "/internal/listen", "/internal/olrest", "/internal/spool", "/internal/telemetry"},
		"/internal/block":     {""},
		"/internal/search":    {""},
		"/internal/sqlstore":  {"", "/internal/block", "/internal/search"},
		"/internal/telemetry": {"", "/internal/admission", "/internal/sqlstore"},
		"/internal/sqlite":    {"", "/internal/search", "/internal/sqlstore"},
		"/internal/postgres":  {"", "/internal/search", "/internal/sqlstore"},
		"/client":             {"", "/internal/olrest"},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		name := strings.TrimPrefix(path, module)
		may, ok := allowed[name]
		if !ok {
			continue // commands, and what only tests import
		}
		for imported := range strings.FieldsSeq(imports) {
			if of, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(may, of) {
				t.Errorf("%s must not import %s", path, imported)
			}
			if name == "" && strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("the vocabulary imports %s", imported)
			}
		}
	}
}
