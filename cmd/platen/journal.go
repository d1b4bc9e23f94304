package main

import "github.com/spf13/pflag"

// maxJournal bounds the requests in the journal: a search looks at all of them.
const maxJournal = 100_000

// journalFlags declares the settings of the journal of requests.
func (set *settings) journalFlags(flags *pflag.FlagSet) {
	flags.IntVar(&set.journal.Requests, "journal", 0, "requests that are kept in memory, without credentials, for GET /api/v1/requests; 0: none")
	flags.IntVar(&set.journal.Body, "journal-body", 8<<10, "bytes of each body that the journal keeps")
	flags.Int64Var(&set.journal.Bytes, "journal-bytes", 16<<20, "memory for the journal in bytes; the oldest requests go first")
}
