package platen

// A Content is a content item and its data record.
type Content struct {
	Item, Record ID
}

// Created is the set that an import has made.
type Created struct {
	ID       ID   // the set
	Children []ID // its jobs, content items, or data records at the top, in order
}
