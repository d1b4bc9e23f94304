package storetest

import (
	"fmt"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// manyJobs is a job set of so many jobs, each with an order number of its own.
type manyJobs int

func (n manyJobs) Nodes() []transfer.Node {
	nodes := make([]transfer.Node, n+1)
	nodes[0] = transfer.Node{Kind: platen.JobSet, Parent: -1}
	for i := range nodes[1:] {
		nodes[i+1] = transfer.Node{Kind: platen.Job}
	}
	return nodes
}

func (n manyJobs) ExplicitIDs() platen.IDRange { return platen.IDRange{} }

func (n manyJobs) Read(v transfer.JobSetVisitor) error {
	for i := range int(n) {
		list := platen.EncodeList([]platen.NameValue{{Name: "order", Value: fmt.Sprint(i)}, {Name: "shift", Value: "night"}})
		if err := v.NodeList(i+1, platen.Properties, list); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkFind finds one job by its property, among few and among many. open
// opens an empty store.
func BenchmarkFind(b *testing.B, open func(b *testing.B) storage.Store) {
	for _, jobs := range []manyJobs{1_000, 1_000_000} {
		s := open(b)
		defer s.Close()
		if _, err := s.CreateJobSet(b.Context(), jobs, storage.JobSetOptions{}); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint("among ", int(jobs)), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				search := platen.Search{Kind: platen.Job, Rule: platen.Rule{Rules: []platen.Rule{
					{Type: platen.Text, Name: "shift", Value: "night"},
					{Type: platen.Text, Name: "order", Value: fmt.Sprint(i * 7919 % int(jobs))},
				}}}
				found, err := find(b.Context(), s, &search)
				if err != nil || len(found) != 1 || len(found[0]) != 1 {
					b.Fatal(found, err)
				}
			}
		})
	}
}
