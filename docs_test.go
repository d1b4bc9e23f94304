package platen_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDocs checks that the manual's index has each of its pages, and that what
// pages refer to is there, headings included.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	index, err := os.ReadFile("docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not have %s", name)
		}
	}
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			file, anchor := found[1], strings.TrimPrefix(found[2], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			there, err := os.ReadFile(target)
			if info, missing := os.Stat(target); missing == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s refers to %s, which is not there", page, file)
			} else if anchor != "" && !headings(string(there))[anchor] {
				t.Errorf("%s refers to %s#%s: no such heading", page, file, anchor)
			}
		}
	}
}

// headings returns the anchors that a page's headings have.
func headings(text string) map[string]bool {
	anchors := make(map[string]bool)
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			anchor := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-")
			anchors[regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(anchor, "")] = true
		}
	}
	return anchors
}

// TestLogTable checks that the manual's table of log messages has each warning, error
// and change that is logged, and no message that is not in the code.
func TestLogTable(t *testing.T) {
	manual, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## The log\n")
	section, _, _ = strings.Cut(section, "\n## ")
	told := make(map[string]*regexp.Regexp)
	for row := range strings.Lines(section) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for i, text := range strings.Split(cells[1], "`") {
			if i%2 == 1 {
				told[text] = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(text), "…", ".*") + "$")
			}
		}
	}
	logged, texts := messages(t)
	for _, message := range logged {
		if !slices.ContainsFunc(slices.Collect(maps.Values(told)), func(row *regexp.Regexp) bool { return row.MatchString(message) }) {
			t.Errorf("docs/operations.md does not have the log message %q", message)
		}
	}
	for text, row := range told {
		elsewhere := text == "msg" || strings.Contains(text, "=") || strings.HasPrefix(text, "PLATEN_") // the head, fields, a constant
		if !elsewhere && !slices.ContainsFunc(texts, row.MatchString) {
			t.Errorf("docs/operations.md has the log message %q, which nothing logs", text)
		}
	}
}

// messages returns the texts of all calls that log a warning, an error or a change, and
// all texts in the code.
func messages(t *testing.T) (logged, texts []string) {
	out, err := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := func(e ast.Expr) (string, bool) {
		if sum, ok := e.(*ast.BinaryExpr); ok {
			e = sum.X
		}
		literal, ok := e.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return "", false
		}
		value, err := strconv.Unquote(literal.Value)
		return value, err == nil
	}
	for file := range strings.Lines(string(out)) {
		parsed, err := parser.ParseFile(token.NewFileSet(), strings.TrimSpace(file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if value, ok := text(n); ok {
					texts = append(texts, value)
				}
			case *ast.CallExpr:
				called, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || len(n.Args) == 0 {
					break
				}
				message := n.Args[0]
				switch name := called.Sel.Name; {
				case (name == "Warn" || name == "Error") && isLog(called.X):
				case name == "logChange" || name == "logRule": // behind the request
					message = n.Args[1]
				default:
					return true
				}
				if value, ok := text(message); ok {
					logged = append(logged, value)
				}
			}
			return true
		})
	}
	return logged, texts
}

// isLog reports whether an expression names a logger.
func isLog(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.EqualFold(e.Name, "log")
	case *ast.SelectorExpr:
		return isLog(e.Sel)
	}
	return false
}
