package platen_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSums checks that the files of others that pages use are those that were published,
// and that each of them is listed.
func TestSums(t *testing.T) {
	for dir, ours := range map[string][]string{
		"internal/apidoc/ui":   {"README.md", "SHA256SUMS"},
		"internal/console/lib": {"README.md", "SHA256SUMS", "renew"},
	} {
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		listed := ours
		for line := range strings.Lines(string(sums)) {
			sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
			if !ok {
				t.Fatalf("%s: not a sum and a name: %q", dir, line)
			}
			listed = append(listed, name)
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Error(err)
				continue
			}
			if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != sum {
				t.Errorf("%s/%s is not the file whose sum is listed", dir, name)
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !slices.Contains(listed, entry.Name()) {
				t.Errorf("%s/%s has no sum", dir, entry.Name())
			}
		}
	}
}
