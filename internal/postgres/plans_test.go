package postgres_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/search"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// TestPlannedOnce reads few lists at a time, as for one client. If the planner knew how
// many they are, it would plan each time.
func TestPlannedOnce(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	if err := at(address)(t).Close(); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, address,
		`INSERT INTO entity (first, last, kind, root) SELECT 10 * n, 10 * n + 3, 6, 10 FROM generate_series(1, 2000) AS n`,
		`INSERT INTO properties (id, list) SELECT 10 * n, '[]' FROM generate_series(1, 2000) AS n`,
		`ANALYZE`)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := `SELECT k.id FROM ` + postgres.Dialect{}.EachEntity("$1") + ` LEFT JOIN properties AS l ON l.id = k.id`
	for i := range 20 {
		id := int64(10 * (i + 1))
		var found int64
		if err := conn.QueryRowContext(t.Context(), text, []int64{id}).Scan(&found); err != nil || found != id {
			t.Fatal(found, err)
		}
	}
	var once, each int
	err = conn.QueryRowContext(t.Context(), `SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1`, text).Scan(&once, &each)
	if err != nil || once != 15 || each != 5 { // five are a trial
		t.Errorf("planned %d times of %d: %v", each, once+each, err)
	}
}

// TestExpandedAsRead reads a few ids of a row of many. As a function in FROM all of them
// would be made first.
func TestExpandedAsRead(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("pgx", pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	many := postgres.Dialect{}.Expand(`SELECT 1::bigint AS first, 1000000::bigint AS last, 5::bigint AS root`)
	for _, step := range planOf(t, db, `SELECT id, root FROM (`+many+`) AS c LIMIT 10`) {
		if strings.Contains(step, "Function Scan") {
			t.Error(step)
		}
	}
}

// TestProbeOfSet counts some members of a set after other sets, whose rows need not be
// read for that.
func TestProbeOfSet(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	if err := at(address)(t).Close(); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, address,
		`INSERT INTO entity (first, last, kind, root) SELECT 10 * n, 10 * n + 3, 6, n / 2000 FROM generate_series(2000, 21999) AS n`,
		`ANALYZE entity`)
	asked := platen.Search{Kind: platen.Job, Sets: []platen.ID{10}, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "a"}}
	plan, err := search.Compile(&asked, nil, postgres.Dialect{}, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	probe, err := plan.Probe(plan.Drivers[1], 100)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, step := range planOf(t, db, probe.Text, probe.Args...) {
		if strings.Contains(step, "Filter") { // rows are read and left out
			t.Error(step)
		}
	}
}

// planOf returns the lines of the plan of a statement.
func planOf(t *testing.T, db *sql.DB, text string, args ...any) (plan []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestAnalyzedAfterFew is about an index that grows by few rows at a time, of which the
// planner is told as well.
func TestAnalyzedAfterFew(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	s := at(address, sqlstore.WithIndexWait(time.Minute))(t)
	defer s.Close()
	pgtest.Exec(t, address, `ALTER TABLE find_value SET (autovacuum_enabled = false)`)
	set, err := spool.Temp.NewJobSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := olrest.ReadJobSet(strings.NewReader(`{"jobs":[`+strings.Repeat(`{},`, 99)+`{}]}`), set); err != nil {
		t.Fatal(err)
	}
	made, err := s.CreateJobSet(t.Context(), set, storage.JobSetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := make([]platen.NameValue, 100)
	for i := range names {
		names[i] = platen.NameValue{Name: fmt.Sprint("name", i), Value: "value"}
	}
	for i, job := range made.Children {
		if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: names}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			asked := platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "name1", Value: "value"}}
			if err := s.Find(t.Context(), &asked, func(int, *platen.Found) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var columns int
		if err := pgtest.Query(address, `SELECT count(*) FROM pg_stats WHERE tablename = 'find_value'`, &columns); err != nil {
			t.Fatal(err)
		}
		if columns > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the planner knows nothing of find_value")
		}
	}
}
