package transfer

import "github.com/platenhq/platen"

// Counts are what a part of a job set has: some documents that follow each
// other, and the document sets that they are in. The next part may begin in the
// document set in which this one ends.
type Counts struct {
	Names        []string       // of the metadata of the documents, in the order in which they first occur
	Media        []platen.Media // of the pages, in the order in which they first occur
	DocumentSets []DocumentSetCounts
}

// DocumentSetCounts are what one document set has in a part of a job set. A
// page whose content item has no page details is one page on one sheet of an
// unknown medium.
type DocumentSetCounts struct {
	ID            platen.ID
	Job           platen.ID
	Metadata      platen.List // nil for none, and if it was not asked for
	Documents     int64
	DocumentPages int64
	Sheets        int64
	Pages         int64 // of the print output
	ByMedia       []MediumCount
}

// A MediumCount is some pages on one medium.
type MediumCount struct {
	Medium int // index in Counts.Media
	Pages  int64
}
