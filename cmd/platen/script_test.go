package main

import (
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"
	"github.com/rogpeppe/go-internal/testscript"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// TestScripts runs the command line as people type it: testdata/script. What
// they need besides testscript's own commands is here.
func TestScripts(t *testing.T) {
	long(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PLATEN_PASSWORD", testPassword)
			env.Setenv("PLATEN_ADMIN_PASSWORD", testPassword)
			for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
				env.Setenv(name, filepath.Join(env.WorkDir, "home"))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sql":   scriptSQL,
			"await": scriptAwait,
			"fetch": scriptFetch,
			"exits": scriptExits,
			"hook":  scriptHook,
			"cut":   scriptCut,
		},
	})
}

// scriptSQL runs a statement on a database: sql FILE STATEMENT.
func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite3", "file:"+ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// scriptAwait waits until a file has a text, and sets the rest of its line as
// a variable: await FILE TEXT VARIABLE.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if _, rest, found := strings.Cut(string(text), args[1]); found && strings.Contains(rest, "\n") {
			line, _, _ := strings.Cut(rest, "\n")
			ts.Setenv(args[2], strings.TrimSpace(line))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s has no %q: %s", args[0], args[1], text)
		}
	}
}

// scriptExits runs a program and checks its exit code: exits CODE PROGRAM ARGS.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s: exit code %d, not %s", args[1:], code, args[0])
	}
}

// scriptHook starts a receiver of webhooks, which takes what a secret has signed, and
// sets its address as a variable: hook SECRET VARIABLE.
func scriptHook(ts *testscript.TestScript, neg bool, args []string) {
	verifier, err := standardwebhooks.NewWebhook(args[0])
	ts.Check(err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[1], s.URL)
}

// scriptCut starts a proxy of a server that breaks the connection instead of answering
// what changes something, or answers with a status, and sets its address as a variable:
// cut URL VARIABLE [STATUS].
func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	target, err := url.Parse(args[0])
	ts.Check(err)
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(answer *http.Response) error {
			if r := answer.Request; r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "authentication") {
				if len(args) < 3 {
					panic(http.ErrAbortHandler)
				}
				status, err := strconv.Atoi(args[2])
				answer.StatusCode, answer.ContentLength, answer.Body = status, 0, http.NoBody
				answer.Header = http.Header{}
				return err
			}
			return nil
		},
	})
	ts.Defer(s.Close)
	ts.Setenv(args[1], s.URL)
}

// scriptFetch checks the status of a GET: fetch STATUS URL.
func scriptFetch(ts *testscript.TestScript, neg bool, args []string) {
	response, err := http.Get(args[1])
	ts.Check(err)
	response.Body.Close()
	if !strings.HasPrefix(response.Status, args[0]) {
		ts.Fatalf("%s: %s", args[1], response.Status)
	}
}
