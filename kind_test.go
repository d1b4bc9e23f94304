package platen_test

import (
	"testing"

	"github.com/platenhq/platen"
)

// TestStoredNumbers pins the numbers of kinds and facets that databases have
// stored since the first version.
func TestStoredNumbers(t *testing.T) {
	for kind, stored := range map[platen.Kind]struct {
		number uint8
		name   string
	}{
		platen.DataSet:      {1, "data set"},
		platen.DataRecord:   {2, "data record"},
		platen.ContentSet:   {3, "content set"},
		platen.ContentItem:  {4, "content item"},
		platen.JobSet:       {5, "job set"},
		platen.Job:          {6, "job"},
		platen.JobSegment:   {7, "job segment"},
		platen.DocumentSet:  {8, "document set"},
		platen.Document:     {9, "document"},
		platen.DocumentPage: {10, "document page"},
	} {
		if uint8(kind) != stored.number || kind.String() != stored.name {
			t.Errorf("kind %d is %q; databases have it as %d, %q", kind, kind, stored.number, stored.name)
		}
	}
	for facet, stored := range map[platen.Facet]struct {
		number uint8
		name   string
	}{
		platen.Properties: {0, "properties"},
		platen.Metadata:   {1, "metadata"},
		platen.Fields:     {2, "fields"},
	} {
		if uint8(facet) != stored.number || facet.String() != stored.name {
			t.Errorf("facet %d is %q; databases have it as %d, %q", facet, facet, stored.number, stored.name)
		}
	}
}
