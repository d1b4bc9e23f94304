package platen

import (
	"encoding/json"
	"time"
)

// An Entity is what there is to know of an entity of any kind.
type Entity struct {
	Ref
	Ancestors []Ref            // from what it is in up to its set; none for a set, and for what belongs to nothing
	Position  int64            // among its siblings, from 0; -1 if it has no place
	Facts     *Facts           // of sets and jobs; nil for others
	Lists     [FacetCount]List // by [Facet], of those facets that the kind has
	Record    ID               // of a content item: its data record
}

// Tag returns the tag of all of it.
func (e *Entity) Tag() Tag {
	all, err := json.Marshal(e)
	if err != nil {
		panic(err) // numbers, texts and times
	}
	return TagOf(all)
}

// Facts are what is kept of a set or job beside its lists.
type Facts struct {
	CreateTime time.Time // of the set; zero: it is from before such times were kept
	CreatedBy  string    // a user, or one of the machine such as "root@host"; "" if that is not known
	Token      string    // the name of the token that was used, "" for none
	How        Creation
	UpdateTime time.Time // when it or what is below it last changed; zero: not since it was made
	Counts     Counts
}

// A Creation says how a set was made.
type Creation uint8

// The ways. Databases store these numbers: none may ever change.
const (
	Unknown       Creation = 0 // it is from before such facts were kept
	ByImport      Creation = 1
	ByJobCreation Creation = 2
)

// Counts are how much is below a set or job, or how much a [Kind] of it has: what
// it does not have is 0.
type Counts struct {
	Jobs, JobSegments, DocumentSets, Documents int64
	ContentItems                               int64 // each once for each job that has it
	Pages, Sheets                              int64 // as the page details of the content items say
	DataRecords                                int64 // with those nested in others
}

// Add adds other.
func (c *Counts) Add(other *Counts) {
	c.Jobs += other.Jobs
	c.JobSegments += other.JobSegments
	c.DocumentSets += other.DocumentSets
	c.Documents += other.Documents
	c.ContentItems += other.ContentItems
	c.Pages += other.Pages
	c.Sheets += other.Sheets
	c.DataRecords += other.DataRecords
}
