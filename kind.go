package platen

// A Kind says what an entity is.
type Kind uint8

// The kinds. Databases store these numbers: none may ever change, and a new
// kind takes the next one. DocumentPage is no entity of the REST API: a page
// has an identifier only if the document that it was imported with gave it one.
const (
	DataSet      Kind = 1
	DataRecord   Kind = 2
	ContentSet   Kind = 3
	ContentItem  Kind = 4
	JobSet       Kind = 5
	Job          Kind = 6
	JobSegment   Kind = 7
	DocumentSet  Kind = 8
	Document     Kind = 9
	DocumentPage Kind = 10
)

// A Facet names one of the independent name/value lists of an entity.
type Facet uint8

// KeptFacts is the facet of [Facts] in the index that searches and listings read.
// It is stored as well, and is no list.
const KeptFacts Facet = 3

// The facets. Databases store these numbers: none may ever change. Properties
// are tags that clients set and search; metadata comes from the job preset and
// is what statistics print. Fields are the values of a data record, see
// [FieldType]; only data records have them.
const (
	Properties Facet = 0
	Metadata   Facet = 1
	Fields     Facet = 2
)

// FacetCount is the length of arrays of lists by their [Facet]: one more than the
// largest number of a facet that is a list.
const FacetCount = 3

// Facets are the facets that any entity can have, in the order of their
// values.
var Facets = [...]Facet{Properties, Metadata}

// String returns the facet's name: "properties", "metadata" or "fields".
func (f Facet) String() string {
	return [...]string{"properties", "metadata", "fields"}[f]
}

// KindInfo is what a kind of entity can do. Routes, handlers, client calls
// and tests loop over these rows: a new kind, or a facet on a kind, is one row.
type KindInfo struct {
	Name   string  // in words, for messages
	Child  Kind    // the kind that it contains, 0 for none
	Set    bool    // a set: all of its kind can be listed
	Facets []Facet // the lists that the REST API serves
	Many   bool    // the properties of many can be updated in one request
}

// kinds is the table of kinds.
var kinds = [...]KindInfo{
	DataSet:      {Name: "data set", Child: DataRecord, Set: true, Facets: []Facet{Properties}},
	DataRecord:   {Name: "data record", Facets: []Facet{Properties}, Many: true},
	ContentSet:   {Name: "content set", Child: ContentItem, Set: true, Facets: []Facet{Properties}},
	ContentItem:  {Name: "content item", Facets: []Facet{Properties}, Many: true},
	JobSet:       {Name: "job set", Child: Job, Set: true, Facets: []Facet{Properties, Metadata}},
	Job:          {Name: "job", Child: JobSegment, Facets: []Facet{Properties, Metadata}, Many: true},
	JobSegment:   {Name: "job segment", Child: DocumentSet, Facets: []Facet{Metadata}},
	DocumentSet:  {Name: "document set", Child: Document, Facets: []Facet{Metadata}},
	Document:     {Name: "document", Child: DocumentPage, Facets: []Facet{Metadata}},
	DocumentPage: {Name: "document page"},
}

// Info returns the row of k in the table of kinds.
func (k Kind) Info() KindInfo {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return KindInfo{}
}

// String returns the kind in words, such as "job segment".
func (k Kind) String() string {
	if name := k.Info().Name; name != "" {
		return name
	}
	return "entity"
}
