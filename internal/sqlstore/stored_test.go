package sqlstore

import (
	"slices"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/search"
)

// TestStoredInvariants pins what rows of older releases were written by. Who
// changes one of these writes a migration of the rows, too.
func TestStoredInvariants(t *testing.T) {
	for _, pinned := range []struct {
		name      string
		got, want int
	}{
		{"longestItemRun", longestItemRun, 8192},
		{"nameBytes", nameBytes, 512},
		{"search.HeadBytes", search.HeadBytes, 512},
		{"block.Narrow", block.Narrow, 65536},
		{"stateDeleted", stateDeleted, 0},
		{"stateDeleting", stateDeleting, 1},
		{"stateImporting", stateImporting, 2},
		{"platen.DataRecord, in an index", int(platen.DataRecord), 2},
		{"platen.ContentItem, in an index", int(platen.ContentItem), 4},
	} {
		if pinned.got != pinned.want {
			t.Errorf("%s is %d, and rows were written when it was %d", pinned.name, pinned.got, pinned.want)
		}
	}
	if copyMark != "unfinished-copy" {
		t.Errorf("copyMark is %q", copyMark)
	}
}

// TestParameters checks the order of parameters, which SQLite depends on.
func TestParameters(t *testing.T) {
	for text, good := range map[string]bool{
		"SELECT 1":                  true,
		"a = $1 AND b = $2":         true,
		"a = $1 AND b = $1, c = $2": true,
		"SET a = $2 WHERE b = $1":   false,
		"a = $1 AND b = $3":         false,
		"a = $0":                    false,
		"($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) OR $10": true,
	} {
		if err := checkParameters(text); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDeferred checks that all rows that a transaction may defer are written
// at its end.
func TestDeferred(t *testing.T) {
	for _, q := range queries {
		if (q.batch != nil) != slices.Contains(deferredOrder, q) {
			t.Errorf("query %d has a batch (%v), and must be in deferredOrder if it has", q.number, q.batch)
		}
	}
}

// TestStageAgain has the number of a stage given again, since the first transaction with
// it has failed, before that import says that it has ended.
func TestStageAgain(t *testing.T) {
	var s Store
	failed, next := &entityWriter{s: &s, root: 10, stage: 20}, &entityWriter{s: &s, root: 10, stage: 20}
	failed.enter()
	next.enter()
	failed.leave()
	for _, id := range []platen.ID{10, -20} {
		if _, here := s.importing.Load(id); !here {
			t.Errorf("%d is not under way any more", id)
		}
	}
	next.leave()
	s.importing.Range(func(id, _ any) bool { t.Error(id, "is still under way"); return true })
}
