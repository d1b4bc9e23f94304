package sqlstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/costtest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/transfer"
)

// TestLargeExport reads many jobs with a document each without a query for each of them,
// by which they would take some hundred times as long as a job
// with as many documents.
func TestLargeExport(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		const documents, document = 6000, `{"documentpages":[{"contentitem":5000,"datarecord":5001}]}`
		set := func(parts ...string) string {
			return `{"jobs":[{"segments":[{"documentsets":[{"documents":[` + strings.Join(parts, `]}]}]},{"segments":[{"documentsets":[{"documents":[`) + `]}]}]}]}`
		}
		export := func(document string) func() {
			id := importJobs(t, s, document).ID
			return func() {
				found := 0
				err := s.ReadJobSet(t.Context(), id, func(*transfer.Element) error { found++; return nil })
				if err != nil || found < 2*documents {
					t.Fatalf("%d elements, %v", found, err)
				}
			}
		}
		one := export(set(document + strings.Repeat(","+document, documents-1)))
		many := export(set(strings.Split(strings.Repeat(" "+document, documents)[1:], " ")...))
		costtest.AtMost(t, "an export of many jobs", 100, 3, one, many)

		const each = `{"id":%d,"segments":[{"id":%d,"documentsets":[{"id":%d,"documents":[{"id":%d,"documentpages":[{"contentitem":5000,"datarecord":5001}]}]}]}]}`
		var jobs []string
		for id := 1_000_000; len(jobs) < documents; id += 4 {
			jobs = append(jobs, fmt.Sprintf(each, id, id+1, id+2, id+3))
		}
		given := export(`{"jobs":[` + strings.Join(jobs, ",") + `]}`)
		costtest.AtMost(t, "an export of many jobs that have what they contain between them", 100, 3, one, given)
	})
}
