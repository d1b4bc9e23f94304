package sqlstore

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// selectIntake reads an index alone, but for the sets that are deleted, of which
// there are few.
var selectIntake = onReader.queryFor(func(Dialect) string {
	sum := func(column string) string { return ", CAST(sum(f." + column + ") AS BIGINT)" }
	return `SELECT (f.created - $1) / $2, f.kind, count(*)` +
		sum("jobs") + sum("documents") + sum("items") + sum("pages") + sum("sheets") + sum("records") + `
		FROM set_fact AS f WHERE f.created >= $1 AND f.created < $3 AND NOT EXISTS (SELECT 1 FROM deleted_set AS d WHERE d.id = f.id)
		GROUP BY 1, 2 ORDER BY 1, 2`
})

// Intake implements [storage.Intake].
func (s *Store) Intake(ctx context.Context, query platen.IntakeQuery) (parts []platen.IntakePart, err error) {
	ctx, done := s.observe(ctx, "intake")
	defer func() { done(err) }()
	type group struct {
		part, kind, sets int64
		platen.Counts
	}
	rows, err := s.on(selectIntake).QueryContext(ctx, query.From.UnixMicro(), query.Unit.Microseconds(), query.To.UnixMicro())
	groups, err := collect(rows, err, func(from scanner) (g group, err error) {
		return g, from.Scan(&g.part, &g.kind, &g.sets, &g.Jobs, &g.Documents, &g.ContentItems, &g.Pages, &g.Sheets, &g.DataRecords)
	})
	if err != nil {
		return nil, s.error("read what came in", err)
	}
	for _, g := range groups {
		start := query.From.Add(time.Duration(g.part) * query.Unit)
		if len(parts) == 0 || !parts[len(parts)-1].Start.Equal(start) {
			parts = append(parts, platen.IntakePart{Start: start})
		}
		part := &parts[len(parts)-1]
		switch platen.Kind(g.kind) {
		case platen.DataSet:
			part.DataSets, part.DataRecords = g.sets, g.DataRecords
		case platen.ContentSet:
			part.ContentSets, part.ContentItems = g.sets, g.ContentItems
		case platen.JobSet:
			part.JobSets, part.Jobs, part.Documents, part.Pages, part.Sheets = g.sets, g.Jobs, g.Documents, g.Pages, g.Sheets
		}
	}
	return parts, nil
}
