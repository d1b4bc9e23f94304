package spool_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/transfer"
)

// TestDir checks that a directory is made for its owner alone, that what
// others have left in it goes and what is not a spool stays, and that two who
// share it are not in each other's way.
func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a [b]*", "spool")
	dir, err := spool.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v %v", info, err)
	}
	left, other := filepath.Join(path, "platen-spool-123"), filepath.Join(path, "notes.txt")
	for _, name := range []string{left, other} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := dir.NewContentSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for id := range platen.ID(50_000) { // more than is buffered
		if err := set.Item(&transfer.SourceItem{ID: 2*id + 1, Record: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := spool.Open(path); err != nil { // a second server
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Error("what a process has left is there still")
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("what is not ours is gone:", err)
	}
	n := 0
	if err := set.Read(func(*transfer.SourceItem) error { n++; return nil }); err != nil || n != 50_000 {
		t.Errorf("the spool of the first server has %d items: %v", n, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if files, err := os.ReadDir(path); err != nil || len(files) != 1 {
		t.Errorf("a spool has a name: %v %v", files, err)
	}
}

// TestBadDir checks directories that can not be used.
func TestBadDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, err := spool.Open(path); err == nil {
			t.Errorf("%s is a directory for spools", path)
		}
	}
	if _, err := spool.Dir(filepath.Join(t.TempDir(), "gone")).NewJobSet(); platen.ErrorCode(err) != platen.Unavailable {
		t.Errorf("a spool in a directory that is gone: %v, want Unavailable", err)
	}
}
