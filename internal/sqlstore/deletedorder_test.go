package sqlstore_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
	"github.com/platenhq/platen/internal/sqlstore"
)

// used imports a content set, and a job set that uses it.
func used(t *testing.T, s *sqlstore.Store) (content, jobs platen.Ref) {
	t.Helper()
	content, jobs = importContents(t, s), platen.Ref{Kind: platen.JobSet, ID: 30}
	importJobs(t, s, pagesWith(jobs.ID, 21, 0))
	return content, jobs
}

// TestDeletedAfterClock deletes a job set by a clock that is ahead, and then what it
// uses by one that is not. The job set does not come back without that.
func TestDeletedAfterClock(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open()
		defer s.Close()
		content, jobs := used(t, s)
		if err := s.Delete(ctx, jobs); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Writer().ExecContext(ctx, `UPDATE deleted_set SET marked = marked + 3600`); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(ctx, content); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Undelete(ctx, jobs.ID); platen.ErrorCode(err) != platen.Conflict {
			t.Errorf("the job set comes back before what it uses: %v", err)
		}
		for _, set := range []platen.Ref{content, jobs} {
			if _, err := s.Undelete(ctx, set.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestCleanSameSecond cleans up a job set and what it uses, which were deleted in the
// same second. While the job set is there, so is that.
func TestCleanSameSecond(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open()
		defer s.Close()
		content, jobs := used(t, s)
		for _, set := range []platen.Ref{jobs, content} {
			if err := s.Delete(ctx, set); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Writer().ExecContext(ctx, `UPDATE deleted_set SET marked = 1`); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Clean(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
		left, err := s.Deleted(ctx, platen.DeletedSet{}, 10)
		if err != nil || len(left) != 1 || left[0].ID != content.ID {
			t.Errorf("after the first step of the clean-up there is %+v, %v; want the content set, since the job set used it", left, err)
		}
	})
}

// TestLargeDeleted checks that a deletion does not look at all sets that are deleted
// already, by what an update costs.
func TestLargeDeleted(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open()
		defer s.Close()
		const rounds, each = 6, 25 // costtest has so many rounds at most
		var sets []platen.Ref
		for range rounds * each {
			sets = append(sets, platen.Ref{Kind: platen.JobSet, ID: createJobs(t, s, 1).ID})
		}
		job := createJobs(t, s, 1).Children[0]
		for _, text := range []string{
			`WITH RECURSIVE n (i) AS (SELECT 9000001 UNION ALL SELECT i + 1 FROM n WHERE i < 9100000)
				INSERT INTO deleted_set (id, kind, marked, begun) SELECT i, 5, 1000000000, 0 FROM n`,
			`ANALYZE deleted_set`, // PostgreSQL does that by itself, later
		} {
			if _, err := s.Writer().ExecContext(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		updates := 0
		costtest.AtMost(t, "deletions beside many deleted sets, and updates", 5, each, func() {
			updates++
			if err := replace(ctx, s, job, strconv.Itoa(updates)); err != nil {
				t.Fatal(err)
			}
		}, func() {
			for _, set := range sets[:each] {
				if err := s.Delete(ctx, set); err != nil {
					t.Fatal(err)
				}
			}
			sets = sets[each:]
		})
	})
}

// TestLargeDeletedBeside checks that neither the clean-up, nor an import, nor a list of
// children looks at all sets that are deleted.
func TestLargeDeletedBeside(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open()
		defer s.Close()
		exec := func(text string) {
			t.Helper()
			if _, err := s.Writer().ExecContext(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		add := func() { // by a clock that is ahead, so that the clean-up leaves them
			exec(`WITH RECURSIVE n (i) AS (SELECT 9000001 UNION ALL SELECT i + 1 FROM n WHERE i < 9100000)
				INSERT INTO deleted_set (id, kind, marked, begun) SELECT i, 5, 4000000000, 0 FROM n`)
		}
		remove := func() { exec(`DELETE FROM deleted_set WHERE id > 9000000`) }
		beside := func(what string, times int, work func()) {
			many := func() {
				for range times {
					work()
				}
			}
			costtest.Beside(t, what+" beside many deleted sets", 3, add, remove, many)
		}
		set := createJobs(t, s, 10)
		beside("lists of children", 200, func() {
			if _, err := s.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: set.ID}); err != nil {
				t.Fatal(err)
			}
		})
		beside("clean-ups and imports", 50, func() {
			createJobs(t, s, 1)
			if _, err := s.Clean(ctx, time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := s.FinishUndone(ctx); err != nil {
				t.Fatal(err)
			}
		})
	})
}
