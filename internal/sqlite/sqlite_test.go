package sqlite_test

import (
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storetest"
)

func TestStore(t *testing.T) {
	for _, cache := range []struct {
		name  string
		bytes int
	}{{"cached", 1 << 20}, {"not cached", 0}, {"hardly cached", 64 * 300}} {
		t.Run(cache.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Open {
				dir := t.TempDir()
				return func(t *testing.T) platen.Store {
					s, err := sqlite.Open(t.Context(), dir, cache.bytes)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
			})
		})
	}
}
