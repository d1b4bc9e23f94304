package platen_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/platenhq/platen"

// imports says what of ours each package may depend on, by any number of
// steps; docs/architecture.md says the same of direct imports. Packages that
// only tests import, and programs, may import all.
var imports = map[string][]string{
	"":                    {},
	"/internal/transfer":  {""},
	"/internal/storage":   {"", "/internal/transfer"},
	"/internal/olrest":    {"", "/internal/filter", "/internal/transfer"},
	"/internal/auth":      {"", "/internal/filter", "/internal/olrest", "/internal/storage", "/internal/transfer", "/internal/clock"},
	"/internal/spool":     {"", "/internal/transfer"},
	"/internal/journal":   {"", "/internal/filter", "/internal/olrest", "/internal/transfer"},
	"/internal/apidoc":    {"/internal/webpage"},
	"/internal/console":   {"/internal/demo", "/internal/webpage"},
	"/internal/demo":      {},
	"/internal/webpage":   {},
	"/internal/operation": {"", "/internal/storage", "/internal/transfer", "/internal/clock"},
	"/internal/webhook":   {"", "/internal/filter", "/internal/event", "/internal/olrest", "/internal/storage", "/internal/transfer"},
	"/internal/admission": {},
	"/internal/listen":    {},
	"/internal/openid":    {""},
	"/internal/server": {"", "/internal/admission", "/internal/apidoc", "/internal/auth", "/internal/batch", "/internal/block", "/internal/console", "/internal/counts", "/internal/demo", "/internal/filter", "/internal/journal", "/internal/listcache", "/internal/listen", "/internal/logwriter", "/internal/olrest",
		"/internal/operation", "/internal/search", "/internal/spool", "/internal/sqlstore", "/internal/storage", "/internal/telemetry", "/internal/transfer", "/internal/changelog", "/internal/event", "/internal/webhook", "/internal/retention", "/internal/clock", "/internal/fault", "/internal/openid", "/internal/webpage"},
	"/internal/changelog": {"", "/internal/storage", "/internal/transfer"},
	"/internal/event":     {"", "/internal/storage", "/internal/transfer"},
	"/internal/retention": {"", "/internal/filter", "/internal/olrest", "/internal/storage", "/internal/transfer"},
	"/internal/batch":     {},
	"/internal/logwriter": {},
	"/internal/listcache": {""},
	"/internal/filter":    {},
	"/internal/block":     {"", "/internal/transfer"},
	"/internal/counts":    {"", "/internal/transfer"},
	"/internal/search":    {""},
	"/internal/sqlstore":  {"", "/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/search", "/internal/storage", "/internal/transfer", "/internal/changelog", "/internal/clock"},
	"/internal/telemetry": {"", "/internal/admission", "/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/search", "/internal/sqlstore", "/internal/storage", "/internal/transfer", "/internal/changelog", "/internal/clock"},
	"/internal/sqlite":    {"", "/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/search", "/internal/sqlstore", "/internal/storage", "/internal/transfer", "/internal/changelog", "/internal/clock"},
	"/internal/postgres":  {"", "/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/search", "/internal/sqlstore", "/internal/storage", "/internal/transfer", "/internal/changelog", "/internal/clock"},
	"/internal/clock":     {},
	"/internal/fault":     {"", "/internal/filter", "/internal/olrest", "/internal/transfer"},
	"/internal/sandbox":   sandboxImports,
	"/platentest":         append(sandboxImports, "/internal/sandbox"),
	"/client":             {"", "/internal/filter", "/internal/olrest", "/internal/transfer"},
}

// sandboxImports are those of a server in memory with a client of it: all but
// PostgreSQL and programs.
var sandboxImports = []string{"", "/client", "/internal/admission", "/internal/apidoc", "/internal/auth", "/internal/batch", "/internal/block", "/internal/changelog", "/internal/clock",
	"/internal/console", "/internal/counts", "/internal/demo", "/internal/event", "/internal/fault", "/internal/filter", "/internal/journal", "/internal/listcache", "/internal/listen", "/internal/logwriter",
	"/internal/olrest", "/internal/openid", "/internal/operation", "/internal/retention", "/internal/search", "/internal/server", "/internal/spool", "/internal/sqlite", "/internal/sqlstore", "/internal/storage",
	"/internal/telemetry", "/internal/transfer", "/internal/webhook", "/internal/webpage"}

// indirect are dependencies that have to go by way of another package.
var indirect = map[string][]string{
	"/internal/server":    {"/internal/batch", "/internal/block", "/internal/counts", "/internal/demo", "/internal/filter", "/internal/listcache", "/internal/search", "/internal/sqlstore", "/internal/changelog", "/internal/webpage"}, // by way of telemetry and console
	"/internal/journal":   {"/internal/filter", "/internal/transfer"},                                                                                                                                                                    // by way of olrest
	"/internal/changelog": {"/internal/transfer"},
	"/internal/event":     {"/internal/transfer"},
	"/internal/webhook":   {"/internal/filter", "/internal/transfer"},
	"/internal/operation": {"/internal/transfer"}, // by way of storage
	"/internal/retention": {"/internal/filter", "/internal/transfer"},
	"/internal/fault":     {"/internal/filter", "/internal/transfer"},
	"/internal/telemetry": {"/internal/clock", "/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/search", "/internal/transfer", "/internal/changelog"},
	"/internal/sqlite":    {"/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/changelog"},
	"/internal/postgres":  {"/internal/batch", "/internal/block", "/internal/counts", "/internal/listcache", "/internal/changelog"},
}

// forTests are packages that nothing but tests may depend on; programs are
// those that nothing may depend on.
var (
	forTests = []string{"/internal/costtest", "/internal/pgtest", "/internal/sqlitetest", "/internal/storetest", "/internal/tlstest"}
	programs = []string{"/cmd/platen", "/internal/bench"}
)

// TestImports holds the direction of imports, over all dependencies.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{range .Imports}} {{.}}{{end}}:{{range .Deps}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		name := strings.TrimPrefix(parts[0], module)
		may, ok := imports[name]
		program, test := slices.Contains(programs, name), slices.Contains(forTests, name)
		if !ok && !program && !test {
			t.Errorf("%s is in no table of layout_test.go", parts[0])
			continue
		}
		for dependency := range strings.FieldsSeq(parts[2]) {
			of, ours := strings.CutPrefix(dependency, module)
			switch {
			case ours && slices.Contains(programs, of), ours && slices.Contains(forTests, of) && !test && name != "/internal/bench":
				t.Errorf("%s must not depend on %s", parts[0], dependency)
			case ours && ok && !slices.Contains(may, of):
				t.Errorf("%s must not depend on %s", parts[0], dependency)
			case name == "" && strings.Contains(strings.Split(dependency, "/")[0], "."):
				t.Errorf("the vocabulary depends on %s", dependency)
			}
		}
		for imported := range strings.FieldsSeq(parts[1]) {
			if of, ours := strings.CutPrefix(imported, module); ours && slices.Contains(indirect[name], of) {
				t.Errorf("%s must not import %s itself", parts[0], imported)
			}
		}
	}
}

// TestCheapUser checks that nothing but a sandbox, and tests, makes users whose passwords
// are guessed at no cost.
func TestCheapUser(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{range .GoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}{{"\n"}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for line := range strings.Lines(string(out)) {
		name, path, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "CheapUser(") {
			users = append(users, strings.TrimPrefix(name, module))
		}
	}
	if want := []string{"/internal/auth", "/internal/sandbox"}; !slices.Equal(users, want) {
		t.Errorf("auth.CheapUser is in %v, not in %v alone", users, want)
	}
}

// TestSize checks that what makes the program large does not come back: gRPC,
// and templates, with which the linker keeps every method of every type (cobra
// has them, and calls them for nothing that platen uses).
func TestSize(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}}:{{range .Imports}} {{.}}{{end}}`, "./cmd/platen").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "google.golang.org/grpc" {
			t.Error("gRPC is in the program")
		}
		for _, imported := range strings.Fields(imports) {
			if name != "github.com/spf13/cobra" && name != "html/template" && (imported == "text/template" || imported == "html/template") {
				t.Errorf("%s has templates", name)
			}
		}
	}
}
