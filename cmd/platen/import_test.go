package main

import (
	"testing"

	"github.com/platenhq/platen"
)

// TestImportKilled kills a server in the middle of a large import. The next one
// shows nothing of it, and the same import succeeds once it has cleaned up.
func TestImportKilled(t *testing.T) {
	onEach(t, testImportKilled)
}

func testImportKilled(t *testing.T, data string) {
	const first, items = 1_000_000, 100_000
	p := serveProcess(t, data)
	ended := make(chan error, 1)
	go func() {
		_, _, err := p.request("POST", "/api/v1/jobsets", gaps(first, items))
		ended <- err
	}()
	stored := 0
	waitFor(t, "some transactions of the import", func() bool {
		if p.gauge(t, `platen_pool_connections{pool="writer",state="in_use"}`) > 0 {
			stored++
		}
		return stored > 3 || p.gauge(t, "platen_imports_running") == 0 && stored > 0
	})
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	if err := <-ended; err == nil {
		t.Skip("the import was over before the server was killed")
	}

	p = serveProcess(t, data)
	c := p.client(t)
	for _, kind := range []platen.Kind{platen.JobSet, platen.ContentItem, platen.DataRecord} {
		found, err := c.Find(t.Context(), &platen.Search{Kind: kind})
		if err != nil || len(found) != 0 {
			t.Errorf("%v after the kill: %d groups, %v", kind, len(found), err)
		}
	}
	waitFor(t, "the clean-up", func() bool {
		made, err := c.Import(t.Context(), platen.JobSet, gaps(first, items))
		if err != nil {
			if platen.ErrorCode(err) != platen.Unavailable {
				t.Fatal(err)
			}
			return false
		}
		contents, err := c.Contents(t.Context(), platen.Ref{Kind: platen.Job, ID: made.Children[0]})
		if err != nil || len(contents) != items {
			t.Errorf("%d content items, %v", len(contents), err)
		}
		return true
	})
}
