package sqlstore_test

import (
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestReusedIdentifiers imports a job set again that was deleted and cleaned up. What
// the cache had of the first, or of its being hidden, is not that of the second.
func TestReusedIdentifiers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		const document = `{"id":5000,"jobs":[{"id":5001,"properties":[{"name":"a","value":"b"}],
			"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":9001,"datarecord":8001}]}]}]}]}]}`
		set, job, item := platen.Ref{Kind: platen.JobSet, ID: 5000}, platen.Ref{Kind: platen.Job, ID: 5001}, platen.Ref{Kind: platen.ContentItem, ID: 9001}
		put := func(of platen.Ref) error {
			return s.Replace(t.Context(), of.Kind, platen.Properties, platen.Update{ID: of.ID, Pairs: []platen.NameValue{{Name: "n", Value: "1"}}})
		}
		check := func(of platen.Ref, when, want string) { // want "": it is not found
			t.Helper()
			list, err := s.List(t.Context(), of, platen.Properties)
			if string(list) != want || err != nil && (want != "" || platen.ErrorCode(err) != platen.NotFound) {
				t.Errorf("%s %d %s: %s, %v; want %q", of.Kind, of.ID, when, list, err, want)
			}
		}
		importJobs(t, s, document)
		if err := put(item); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		check(job, "in a deleted set", "")
		check(item, "that the deleted set used", `[{"name":"n","value":"1"}]`)
		for more := true; more; {
			var err error
			if more, err = s.Clean(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		check(item, "that was removed", "")
		if err := put(item); platen.ErrorCode(err) != platen.NotFound {
			t.Errorf("a list of a content item that was removed: %v; want an error that it is not found", err)
		}
		importJobs(t, s, document)
		check(item, "of the second import", "[]")
		check(job, "of the second import", `[{"name":"a","value":"b"}]`)
		if err := put(job); err != nil {
			t.Error(err)
		}
	})
}
