package sqlstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlitetest"
)

// TestCommitFrames holds the committer up at the database, where another
// connection has the lock, and counts the functions of ours that it is in. The
// statements of lists are run by the same function as that begin.
func TestCommitFrames(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlitetest.Open(t.Context(), dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	job := createJobs(t, s, 1).Children[0]
	other, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := replace(context.Background(), s, job, "x"); err != nil {
			t.Error(err)
		}
	})
	var frames []string
	for deadline := time.Now().Add(time.Minute); len(frames) == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the committer has not begun")
		}
		frames = committing()
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	t.Log(frames)
	if len(frames) > 4 {
		t.Errorf("%d functions of ours from the queue to the database, want 4 at most: %v", len(frames), frames)
	}
}

// committing returns the functions of ours that the committer is in while it
// begins a transaction, the innermost first; nil: it does not.
func committing() (frames []string) {
	const ours, below = "github.com/platenhq/platen/", "database/sql.(*DB).BeginTx("
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		_, callers, begins := strings.Cut(stack, below)
		if !begins || !strings.Contains(callers, "/internal/batch.") {
			continue
		}
		for line := range strings.Lines(callers) {
			if name, ok := strings.CutPrefix(line, ours); ok {
				name, _, _ = strings.Cut(name, "(0x")
				frames = append(frames, name)
			}
		}
	}
	return frames
}
