package postgres_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/storetest"
)

// BenchmarkReplace replaces lists for 64 callers at once, on a server that
// writes to the disk as it does by default.
func BenchmarkReplace(b *testing.B) {
	cluster := pgtest.NewCluster(b, "shared_buffers=512MB")
	s, err := postgres.Open(b.Context(), cluster.Address("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	set, err := spool.Temp.NewJobSet()
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	if err := olrest.ReadJobSet(strings.NewReader(`{"jobs":[`+strings.Repeat(`{},`, 999)+`{}]}`), set); err != nil {
		b.Fatal(err)
	}
	made, err := s.CreateJobSet(b.Context(), set, storage.JobSetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			i := n.Add(1)
			update := platen.Update{ID: made.Children[i%1000]}
			for name := range 10 {
				update.Pairs = append(update.Pairs, platen.NameValue{Name: fmt.Sprint("property", name), Value: fmt.Sprint("a value of forty bytes, or so it is: ", i)})
			}
			if err := s.Replace(b.Context(), platen.Job, platen.Properties, update); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	storetest.BenchmarkFind(b, func(b *testing.B) storage.Store {
		s, err := postgres.Open(b.Context(), pgtest.Database(b))
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
