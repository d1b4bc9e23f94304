package platen

// Statistics count what a job set has. Page details of the
// content items say how many pages and sheets of paper there are; an item
// without any counts as one page on one sheet.
type Statistics struct {
	JobSet    ID
	Names     []string // of the metadata that the documents have
	Documents int64    // how many
	Sheets    int64
	Pages     int64
	Media     []MediaCount // in the order in which they first occur

	ByDocument    []DocumentStatistics    // of all documents, if these were asked for
	ByDocumentSet []DocumentSetStatistics // of all document sets, if these were asked for
}

// A MediaCount says how many pages of a job set are on a medium. Its Size is
// not said.
type MediaCount struct {
	Media
	Pages int64
}

// DocumentStatistics count a document.
type DocumentStatistics struct {
	Document ID
	Item     ID // its first content item; 0: it has none
	Record   ID // the data record of that
	Metadata []NameValue
	Sheets   int64
	Pages    int64
	ByMedia  map[int]int64 // pages, by the index of the medium in Statistics.Media
}

// DocumentSetStatistics count a document set.
type DocumentSetStatistics struct {
	DocumentSet ID
	Metadata    []NameValue
	Sheets      int64
	Pages       int64
	ByMedia     map[int]int64        // as in DocumentStatistics
	ByDocument  []DocumentStatistics // if these were asked for
}
