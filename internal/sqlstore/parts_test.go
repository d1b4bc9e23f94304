package sqlstore_test

import (
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestSameParts ends an operation in the middle of an update that changes nothing. How
// far it came is known.
func TestSameParts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	const part = 1000
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		createJobs(t, s, part+1)
		asked := &platen.BulkUpdate{Kind: platen.Job, Rule: platen.Rule{Type: platen.All}}
		asked.Set[platen.Properties] = []platen.NameValue{{Name: "a", Value: "b"}}
		for _, name := range []string{"changes", "changes nothing"} {
			if err := s.BeginOperation(t.Context(), platen.Operation{ID: name, Type: "update", Started: time.Now()}); err != nil {
				t.Fatal(err)
			}
			_, err := s.UpdateInParts(t.Context(), asked, nil, name, func(made int) {
				if made == part {
					if err := s.EndOperation(t.Context(), name, "cancelled", 0); err != nil {
						t.Error(err)
					}
				}
			})
			if platen.ErrorCode(err) != platen.Conflict {
				t.Errorf("%s: %v; want that the operation has ended", name, err)
			}
			o, err := s.Operation(t.Context(), name)
			if err != nil || o.Outcome.Matched != part {
				t.Errorf("%s: %+v, %v; want %d entities that were matched", name, o.Outcome, err, part)
			}
		}
	})
}
