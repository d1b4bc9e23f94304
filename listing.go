package platen

import "encoding/binary"

// A Listing asks for a page of the entities of one kind.
type Listing struct {
	Kind  Kind
	Rule  Rule
	Order ListingOrder
	Parts EntityParts
	Size  int       // of the page, at most
	After *Position // nil: from the beginning
}

// A ListingOrder is what a listing is ordered by: the identifier, or the value of
// a name and then the identifier, both in the same direction. Values are ordered by
// their first 512 bytes, byte by byte. Entities without the name come last, in
// either direction.
type ListingOrder struct {
	Name       string // "": only the identifier
	Facet      Facet
	OfSet      Kind // the value is that of the set, of this kind, that the entity belongs to; then the set comes before the identifier. 0: its own
	Descending bool
}

// EntityParts are what is read of each entity besides its kind and identifier.
type EntityParts struct {
	Places bool // ancestors, position, and data record
	Facts  bool
	Lists  [FacetCount]bool // by [Facet]
}

// A Position is a place in a listing: that of one entity.
type Position struct {
	Missing bool   // it does not have the name
	Value   []byte // the first bytes of the value
	Set     ID     // OfSet: the set
	ID      ID
	Total   int64 // the estimate of the first page
}

// A ListName is a name in lists of a facet.
type ListName struct {
	Facet Facet
	Name  string
}

// A ListingPage is a part of a listing.
type ListingPage struct {
	Entities []*Entity
	Next     *Position // where the next page begins; nil: this is the last one
	// Total is about how many entities the listing has on all pages. It is exact
	// if a selective rule finds few, or all are on one page.
	Total int64
}

// IndexedFacts returns the facts of a set or job as the index has them. Those that a
// job has in common with its set are the set's. Databases store these names.
func IndexedFacts(kind Kind, f *Facts) []NameValue {
	var pairs []NameValue
	add := func(name, value string) { pairs = append(pairs, NameValue{Name: name, Value: value}) }
	number := func(name string, n int64) { add(name, SortableNumber(n)) }
	c := &f.Counts
	updated := f.UpdateTime
	if updated.IsZero() {
		updated = f.CreateTime
	}
	if !updated.IsZero() {
		number(UpdateTimeFact, updated.UnixMicro())
	}
	if kind.Info().Set {
		if !f.CreateTime.IsZero() {
			number("createTime", f.CreateTime.UnixMicro())
		}
		for _, text := range []NameValue{{"createdBy", f.CreatedBy}, {"createdToken", f.Token}, {"createdHow", creations[f.How]}} {
			if text.Value != "" {
				pairs = append(pairs, text)
			}
		}
	}
	switch kind {
	case DataSet:
		number("counts.datarecords", c.DataRecords)
	case ContentSet:
		number("counts.contentitems", c.ContentItems)
	case JobSet, Job:
		if kind == JobSet {
			number("counts.jobs", c.Jobs)
		}
		number("counts.jobsegments", c.JobSegments)
		number("counts.documentsets", c.DocumentSets)
		number("counts.documents", c.Documents)
		number("counts.contentitems", c.ContentItems)
		number("counts.pages", c.Pages)
		number("counts.sheets", c.Sheets)
	}
	return pairs
}

// UpdateTimeFact is the name of the fact that changes after a set is made.
const UpdateTimeFact = "updateTime"

// creations are the values of the fact createdHow.
var creations = map[Creation]string{ByImport: "import", ByJobCreation: "jobcreation"}

// SortableNumber returns a number as the index of facts has it: eight bytes, in the
// order of the numbers.
func SortableNumber(n int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63))
}
