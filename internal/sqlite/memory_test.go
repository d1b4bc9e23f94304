package sqlite

import (
	"testing"
	"time"

	"github.com/platenhq/platen/internal/clock"
)

func BenchmarkMem(b *testing.B) {
	at := clock.New(time.Unix(1e9, 0))
	m, err := NewMemory(b.Context(), at, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	snap := m.Snapshot()
	for b.Loop() {
		o, err := m.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := o.Start(b.Context(), "x"); err != nil {
			b.Fatal(err)
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
		if err := m.Reset(snap); err != nil {
			b.Fatal(err)
		}
	}
	m.Close()
}
