package sqlstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlite"
)

// TestNoIndexAwaited reads entities of an import that the index does not have yet,
// which must not wait for it. A listing by a property does.
func TestNoIndexAwaited(t *testing.T) {
	s, err := sqlite.Open(context.Background(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release, err := s.BlockFlush(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	made := createJobs(t, s, 8)
	all := platen.Listing{Kind: platen.Job, Size: 10, Parts: platen.EntityParts{Places: true, Facts: true, Lists: [3]bool{true, true}}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if e, err := s.Entity(ctx, made.Children[3]); err != nil || e.Facts.CreateTime.IsZero() {
		t.Errorf("an entity: %+v (%v)", e, err)
	}
	if page, err := s.ListPage(ctx, &all); err != nil || len(page.Entities) != 8 || page.Entities[0].Facts.CreateTime.IsZero() {
		t.Errorf("a listing by id: %+v (%v)", page, err)
	}
	if err := s.DeleteIf(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID}, &platen.Match{}); platen.ErrorCode(err) != platen.Changed {
		t.Errorf("a deletion: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	all.Order = platen.ListingOrder{Name: platen.UpdateTimeFact, Facet: platen.KeptFacts}
	if _, err := s.ListPage(ctx, &all); !errors.Is(ctx.Err(), context.DeadlineExceeded) || err == nil {
		t.Errorf("a listing by a fact did not wait for the index: %v", err)
	}
}
