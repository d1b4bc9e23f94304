package client

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A StatisticsLevel says what the statistics of a job set list.
type StatisticsLevel uint8

// The levels.
const (
	Documents             = StatisticsLevel(olrest.DocumentOnly)    // all documents
	DocumentSets          = StatisticsLevel(olrest.DocumentSetOnly) // all document sets, without their documents
	DocumentSetsDocuments = StatisticsLevel(olrest.DocumentSetAll)  // all document sets, each with its documents
)

// Statistics counts the documents, sheets of paper, pages and media of a job
// set, and of what the level lists. NotFound: there is no such job set.
// (Statistics Service, GET jobset/{id})
func (c *Client) Statistics(ctx context.Context, jobSet platen.ID, level StatisticsLevel) (*platen.Statistics, error) {
	r := entityRequest(olrest.ReadStatistics, platen.Ref{Kind: platen.JobSet, ID: jobSet}, 0)
	r.query = olrest.StatisticsLevel(level).Values()
	return decoded(ctx, c, r, olrest.ReadJobSetStatistics)
}
