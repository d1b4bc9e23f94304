package transfer

import (
	"iter"

	"github.com/platenhq/platen"
)

// Contents are the content items of a job or of a content set.
type Contents struct {
	Count  int64 // how many
	Digits int64 // decimal digits of all their IDs together
	// Blocks yields them in order, some thousand at a time. The slice is good
	// until the next one is asked for. An error ends it.
	Blocks iter.Seq2[[]platen.Content, error]
}
