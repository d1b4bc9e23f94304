package sqlstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestManyRanges brings the index up to date with very many small ranges, as many
// small imports leave them, some of which overlap. That takes few transactions.
func TestManyRanges(t *testing.T) {
	const count, most = 1000, 100
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		jobs := createJobs(t, s, count).Children
		updates := make([]platen.Update, count)
		for i, job := range jobs {
			updates[i] = platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "n", Value: "v"}}}
		}
		if err := s.Merge(ctx, platen.Job, platen.Properties, updates); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FlushSteps(ctx); err != nil {
			t.Fatal(err)
		}

		rows := make([]string, count)
		for i, job := range jobs {
			last := min(job+platen.ID(i%3), jobs[count-1])
			rows[i] = fmt.Sprintf("(%d, %d, 0, 0), (%d, %d, 0, 2)", job, last, job, last)
		}
		for _, text := range []string{
			`DELETE FROM find_value`, `INSERT INTO find_range (first, last, root, late) VALUES ` + strings.Join(rows, ", "),
		} {
			if _, err := s.Writer().ExecContext(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		steps, err := s.FlushSteps(ctx)
		if err != nil || steps > most {
			t.Errorf("%d transactions for %d ranges, %v; want %d at most", steps, 2*count, err, most)
		}
		found := 0
		err = s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "v"}},
			func(int, *platen.Found) error { found++; return nil })
		if err != nil || found != count {
			t.Errorf("%d found, %v; want %d", found, err, count)
		}
		if left, err := s.LastRange(ctx); err != nil || left != 0 {
			t.Errorf("range %d is left, %v", left, err)
		}
		var facts int
		err = s.Reader().QueryRowContext(ctx, `SELECT count(DISTINCT entity) FROM find_value WHERE name IN (SELECT id FROM find_name WHERE facet = $1 AND name = $2)`,
			int64(platen.KeptFacts), []byte("counts.documents")).Scan(&facts)
		if err != nil || facts != count {
			t.Errorf("%d jobs have facts in the index, %v; want %d", facts, err, count)
		}
	})
}
