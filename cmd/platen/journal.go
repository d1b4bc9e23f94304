package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/journal"
)

// maxJournal bounds the requests in the journal: a search looks at all of them.
const maxJournal = 100_000

// journalFlags declares the settings of the journal of requests.
func (set *settings) journalFlags(flags *pflag.FlagSet) {
	flags.IntVar(&set.journal.Requests, "journal", 0, "requests that are kept in memory, without credentials, for GET /api/v1/requests; 0: none")
	flags.IntVar(&set.journal.Body, "journal-body", 8<<10, "bytes of each body that the journal keeps")
	flags.Int64Var(&set.journal.Bytes, "journal-bytes", 16<<20, "memory for the journal in bytes; the oldest requests go first")
}

// checkJournal returns an error for bounds of a journal that can not be meant.
func checkJournal(c journal.Config) error {
	switch {
	case c.Bytes < 1<<20:
		return fmt.Errorf("--journal-bytes %d is too small: the least is %d", c.Bytes, 1<<20)
	case c.Body < 0 || int64(c.Body) > c.Bytes/4:
		return fmt.Errorf("--journal-body %d is not a number from 0 to a fourth of --journal-bytes", c.Body)
	}
	return nil
}
