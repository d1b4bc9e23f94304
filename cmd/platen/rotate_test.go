package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRotatedFile writes more than a log may have: the last lines are in it, and those
// before in the file with ".1".
func TestRotatedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "platen.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openRotated(path, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := func(name, text string) {
		t.Helper()
		if got, err := os.ReadFile(name); string(got) != text {
			t.Errorf("%s has %q (%v), want %q", filepath.Base(name), got, err, text)
		}
	}
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		if _, err := f.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	want(path+".1", "before\none\ntwo\n")
	want(path, "three\n")
	if _, err := f.Write([]byte("a line that is longer than all\n")); err != nil {
		t.Fatal(err)
	}
	want(path+".1", "three\n")
	want(path, "a line that is longer than all\n")
	if _, err := f.Write([]byte("next\n")); err != nil {
		t.Fatal(err)
	}
	want(path, "next\n")
}
