package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/demo"
	"github.com/platenhq/platen/internal/pgtest"
)

// stop ends a server in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("stop: %v\n%s", err, p.log)
	}
}

// exports returns what a server exports of sets, their statistics, and its users.
func exports(t *testing.T, where string, sets []platen.Ref) string {
	t.Helper()
	_, users, _ := command(nil, "", "user", "list", option(where))
	p := serveProcess(t, where)
	c := p.client(t)
	var all bytes.Buffer
	for _, set := range sets {
		if err := c.Export(t.Context(), set, &all); err != nil {
			t.Fatal(set, err)
		}
		if set.Kind != platen.JobSet {
			continue
		}
		statistics, err := c.Statistics(t.Context(), set.ID, client.DocumentSets)
		if err != nil {
			t.Fatal(set, err)
		}
		fmt.Fprintf(&all, "%+v\n", statistics)
	}
	p.stop(t)
	return all.String() + users
}

// TestCopyOld copies from databases that are not of this version, or empty. It refuses,
// and they stay as they are.
func TestCopyOld(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		name := "sqlite"
		if strings.Contains(where, "://") {
			name = "postgres"
			if code, _, stderr := command(nil, "", "copy", "--from", where, "--to", t.TempDir()); code != 1 || !strings.Contains(stderr, "there is nothing to copy") {
				t.Errorf("of an empty database: %d %s", code, stderr)
			}
		}
		loadReleased(t, where, "testdata/released/0.1.0", name)
		_, before, _ := command(nil, "", "check", "--listen", "127.0.0.1:0", option(where))
		if code, _, stderr := command(nil, "", "copy", "--from", where, "--to", t.TempDir()); code != 1 || !strings.Contains(stderr, "start the server once with this version") {
			t.Errorf("of an old database: %d %s", code, stderr)
		}
		_, after, _ := command(nil, "", "check", "--listen", "127.0.0.1:0", option(where))
		schema := regexp.MustCompile(`has schema [0-9]+; the start brings it to`)
		if was := schema.FindString(before); was == "" || schema.FindString(after) != was {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
	})
}

// TestCopy moves a database there and back again.
func TestCopy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir, address, back := t.TempDir(), pgtest.Database(t), t.TempDir()
	p := serveProcess(t, dir)
	c := p.client(t)
	run := demo.MailRun()
	var sets []platen.Ref
	add := func(kind platen.Kind, write func(*bytes.Buffer) error) {
		t.Helper()
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		made, err := c.Import(ctx, kind, &b)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, platen.Ref{Kind: kind, ID: made.ID})
	}
	add(platen.DataSet, func(b *bytes.Buffer) error { return run.DataSet(b) })
	add(platen.ContentSet, func(b *bytes.Buffer) error { return run.ContentSet(b) })
	add(platen.JobSet, func(b *bytes.Buffer) error { return run.JobSet(b) })
	add(platen.JobSet, func(b *bytes.Buffer) error {
		const documents = 60_000 // with a list each, so that the copy can be cut off
		document := `{"metadata":[{"name":"nö","value":"1"}]},`
		b.WriteString(`{"jobs":[{"segments":[{"documentsets":[{"documents":[` + strings.Repeat(document, documents-1) + document[:len(document)-1] + `]}]}]}]}`)
		return nil
	})
	add(platen.JobSet, func(b *bytes.Buffer) error { // a value that is long in the search index
		fmt.Fprintf(b, `{"jobs":[{"properties":[{"name":"long","value":"%s"}]}]}`, strings.Repeat("l", 700))
		return nil
	})
	gone, err := c.Import(ctx, platen.JobSet, strings.NewReader(`{"jobs":[{"properties":[{"name":"a","value":"b"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: gone.ID}); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(nil, "secret of mine\n", "user", "add", "mailroom", option(dir)); code != 0 {
		t.Fatal(stderr)
	}
	if code, _, stderr := command(nil, "", "copy", "--from", dir, "--to", address); code != 1 || !strings.Contains(stderr, "another server has") {
		t.Errorf("copy of a running server: %d %s", code, stderr)
	}
	p.stop(t)
	before := exports(t, dir, sets)

	cut := exec.CommandContext(ctx, os.Args[0], "copy", "--from", dir, "--to", address)
	cut.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
	if err := cut.Start(); err != nil {
		t.Fatal(err)
	}
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		_ = pgtest.Query(address, "SELECT count(*) FROM metadata", &n) // there is no such table at first
	}
	if err := cut.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cut.Wait()
	if code, _, stderr := command(nil, "", "serve", "--listen", "127.0.0.1:0", option(address)); code != 1 || !strings.Contains(stderr, "not finished") {
		t.Errorf("serve on half a copy: %d %s", code, stderr)
	}
	p = serveProcess(t, back)
	if code, _, stderr := command(nil, "", "copy", "--from", dir, "--to", back); code != 1 || !strings.Contains(stderr, "another server has") {
		t.Errorf("copy to a running server: %d %s", code, stderr)
	}
	p.stop(t)
	back = t.TempDir()
	code, stdout, stderr := command(nil, "", "copy", "--from", dir, "--to", address)
	if code != 0 || !strings.Contains(stdout, "compared and equal") {
		t.Fatalf("copy again: %d %s %s", code, stdout, stderr)
	}
	p = serveProcess(t, address)
	if code, _, stderr := command(nil, "", "copy", "--from", address, "--to", back); code != 1 || !strings.Contains(stderr, "in use by another process") {
		t.Errorf("copy of a running server: %d %s", code, stderr)
	}
	p.stop(t)
	long := 0
	if err := pgtest.Query(address, "SELECT count(*) FROM find_long WHERE length(value) = 700", &long); err != nil || long != 1 {
		t.Errorf("%d long values were copied: %v", long, err)
	}
	if after := exports(t, address, sets); after != before {
		t.Errorf("the copy differs: %d bytes instead of %d", len(after), len(before))
	}
	if code, _, stderr := command(nil, "", "copy", "--from", dir, "--to", address); code != 1 || !strings.Contains(stderr, "not empty") {
		t.Errorf("copy to what is not empty: %d %s", code, stderr)
	}
	// While it is copied no server starts on it. A copy that is stopped holds
	// still where it is.
	half := exec.CommandContext(ctx, os.Args[0], "copy", "--from", address, "--to", t.TempDir())
	half.Env = append(os.Environ(), "PLATEN_TEST_BE=1")
	if err := half.Start(); err != nil {
		t.Fatal(err)
	}
	copies := func() (n int) {
		if err := pgtest.Query(address, "SELECT count(*) FROM replica WHERE id LIKE 'copy-%'", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	waitFor(t, "the copy", func() bool { return copies() == 1 })
	if err := half.Process.Signal(pgtest.Pause); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"user", "add", "meanwhile", "--generate"}} {
		if code, _, stderr := command(nil, "", append(args, option(address))...); code != 1 || !strings.Contains(stderr, "is being copied") {
			t.Errorf("%s while it is copied: %d %s", args[0], code, stderr)
		}
	}
	if err := half.Process.Signal(pgtest.Resume); err != nil {
		t.Fatal(err)
	}
	if err := half.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = half.Wait()
	if copies() != 0 {
		t.Error("a copy that has ended is taken for one under way")
	}
	if code, stdout, stderr := command(nil, "", "copy", "--from", address, "--to", back); code != 0 {
		t.Fatalf("copy back: %d %s %s", code, stdout, stderr)
	}
	if after := exports(t, back, sets); after != before {
		t.Errorf("the copy that came back differs: %d bytes instead of %d", len(after), len(before))
	}
	// Identifiers go on where they were: none is given twice.
	p = serveProcess(t, back)
	search := platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "long", Condition: platen.EndsWith, Value: strings.Repeat("l", 600)}}
	if found, err := p.client(t).Find(ctx, &search); err != nil || len(found) != 1 || len(found[0]) != 1 {
		t.Errorf("a long value in the copy that came back: found %v, %v", found, err)
	}
	made, err := p.client(t).Import(context.WithoutCancel(ctx), platen.JobSet, strings.NewReader(`{"jobs":[]}`))
	if err != nil || made.ID <= gone.ID {
		t.Errorf("after the copy a job set got the identifier %d, after %d: %v", made.ID, gone.ID, err)
	}
	for _, args := range []string{"--from " + dir, "--from nothing --to " + back, "--from " + dir + " --to postgres://x:secret@127.0.0.1:1/x"} {
		code, _, stderr := command(nil, "", append([]string{"copy"}, strings.Fields(args)...)...)
		if code == 0 || stderr == "" || strings.Contains(stderr, "secret") {
			t.Error(fmt.Sprint("copy ", args), code, stderr)
		}
	}
}
