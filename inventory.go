package platen

import "time"

// A DeletedSet is a set that is deleted, and that the clean-up has not removed yet.
type DeletedSet struct {
	Ref
	Deleted time.Time // to the second
	By      string    // the user, "" if that is not known
	Final   bool      // it can not come back
}

// An Inventory says how much a server has.
type Inventory struct {
	At          time.Time      // when it was taken
	Schema      int            // the number of the newest migration of the database
	Entities    map[Kind]int64 // those that are not deleted
	DeletedSets int64          // those that the clean-up has not removed yet
	Bytes       int64          // of the database on the disk
	FreeBytes   int64          // of these, without content; negative: not known
	LastBackup  time.Time      // the zero time: never, or not known

	Transactions int64     // in the log of changes
	LogBytes     int64     // about how many these have
	OldestChange time.Time // in the log; the zero time: there is none
}
