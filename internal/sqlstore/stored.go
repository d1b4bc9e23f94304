package sqlstore

// Invariants of stored rows: databases hold rows that were written by them, so
// a change of one needs a migration. stored_test.go pins them. Others are
// [platen.Kind] and [platen.Facet] (kind.go), search.HeadBytes, and the format
// of blocks with [block.Narrow] (internal/block). All other constants of this
// package are for tuning.
const (
	// longestItemRun is the most content items that are one row of entity. The
	// row that holds a content item, or that has a data record, is looked for so
	// far before it: if this were less than it was when a row was written,
	// searches would miss entities, and a clean-up would remove data records
	// that are in use.
	longestItemRun = 8192

	// nameBytes is the length of the longest name that find_name has whole. A
	// longer one is cut, and followed by its SHA-256. With another length the
	// names that are stored would not be found.
	nameBytes = 512

	// The states of a set in deleted_set: it is deleted, with all that is in it;
	// it is being deleted, which hides the set alone; it is being imported, and
	// hidden with all that is in it.
	stateDeleted   = 0
	stateDeleting  = 1
	stateImporting = 2

	// copyMark is the name of a secret that says that a copy into this database
	// was begun, and of what.
	copyMark = "unfinished-copy"
)

// An import collects so much before it writes it in one transaction, for which
// the writes of others may have to wait. An entity that can share its row with
// the one before costs 1, and each row of its own rowCost.
const (
	collectCost  = 8192
	collectBytes = 1 << 20 // of lists and page details
	rowCost      = 3
)

// No row of content items is longer than longestItemRun.
const _ = uint(longestItemRun - collectCost)
