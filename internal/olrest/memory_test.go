package olrest_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// TestLargeBodyMemory decodes many short lists: what that allocates is in
// proportion to the body, by less than the server reckons with.
func TestLargeBodyMemory(t *testing.T) {
	const entries, most = 100_000, 6 // the server reckons with 6
	entry := `{"id":1001,"properties":[{"name":"n1","value":"1"}]}`
	body := []byte("[" + strings.Repeat(entry+",", entries-1) + entry + "]")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	updates, err := olrest.ReadUpdates(body, platen.Job)
	runtime.ReadMemStats(&after)
	if err != nil || len(updates) != entries {
		t.Fatal(len(updates), err)
	}
	if factor := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(body)); factor > most {
		t.Errorf("decoding allocated %.1f times the body; want %d at most", factor, most)
	}
}
