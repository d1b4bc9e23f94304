package sqlite_test

import (
	"testing"

	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/storetest"
)

func BenchmarkFind(b *testing.B) {
	storetest.BenchmarkFind(b, func(b *testing.B) storage.Store {
		s, err := sqlite.Open(b.Context(), b.TempDir(), 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
