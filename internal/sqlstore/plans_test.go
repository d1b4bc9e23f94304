package sqlstore_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
)

// smallTables are those that a statement may read as a whole.
var smallTables = []string{
	"change_log", "sequence", "users_version", "migration", "last_setting", "server_user", "named_token", "user_change", "known_login",
	"retention_rule", "saved_view", "webhook", "operation", // there are bounds for their number, or for their age
	"find_stale", "find_range", "find_name", "change_part", // what is not in the index yet; names; a row for a megabyte of changes
	"json_each", "CONSTANT",
}

// readsMuch are steps of plans of SQLite that read all that has one of few values, or
// make an index for a single statement.
var readsMuch = regexp.MustCompile(`entity_kind \(kind=\?\)|(find_value|v) USING PRIMARY KEY \(name=\?\)|(detached|f) USING PRIMARY KEY \(root=\?\)|AUTOMATIC`)

// mayReadMuch are parts of statements that begin to read much and stop soon, or are meant
// to read all, with the reason.
var mayReadMuch = map[string]string{
	`FROM find_stale AS dirty`:                                              "what is not in the index yet",
	`FROM users_version AS v`:                                               "one row",
	`FROM webhook AS w`:                                                     "there is a bound for their number",
	`FROM change_block ORDER BY id LIMIT`:                                   "the first blocks",
	`SELECT coalesce((SELECT min(id) FROM change_block), 0)`:                "the first block and the last",
	`SELECT NOT EXISTS (SELECT 1 FROM find_value)`:                          "whether there is anything",
	`SELECT EXISTS (SELECT 1 FROM detached)`:                                "whether there is anything",
	`(SELECT 1 FROM find_value AS v WHERE v.name = find_name.id LIMIT 1)`:   "whether there is anything",
	`(SELECT marked FROM deleted_set WHERE state <> 2 ORDER BY marked DESC`: "the last one",
	`(SELECT first FROM detached WHERE root = $1 ORDER BY first LIMIT $2)`:  "the first ones",
	`INSERT INTO find_range (first, last, root`:                             "the index is made anew from all",
}

// TestPlans looks for statements that read more than they need, in the plans that SQLite
// has for them. These depend on nothing that is in the database, since it has no
// statistics there.
func TestPlans(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		s, err := sqlitetest.Open(context.Background(), t.TempDir(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		needed := make(map[string]bool) // of mayReadMuch
		for _, text := range s.Statements() {
			text = strings.Join(strings.Fields(text), " ")
			plan := planOf(t, s, text)
			if strings.Contains(text, " FROM find_long AS l ") && !strings.HasPrefix(plan[0], "SEARCH l ") {
				t.Errorf("there are few long values, and all are read before them: %s\n\t%s", text, strings.Join(plan, "\n\t"))
			}
			if !slices.ContainsFunc(plan, func(step string) bool { return readsAll(plan, step) || readsMuch.MatchString(step) }) {
				continue
			}
			allowed := false
			for part := range mayReadMuch {
				if strings.Contains(text, part) {
					allowed, needed[part] = true, true
				}
			}
			if !allowed {
				t.Errorf("%s\n\t%s", text, strings.Join(plan, "\n\t"))
			}
		}
		for part := range mayReadMuch {
			if !needed[part] {
				t.Errorf("no statement that reads much has %s", part)
			}
		}
	})
}

// otherKinds is the step of a plan of PostgreSQL in which it reads entities of all kinds
// and leaves out the others.
var otherKinds = regexp.MustCompile(`Filter: \(?\(kind = \$?\d`)

// TestPlansOfKinds looks for statements that PostgreSQL runs by reading entities of all
// kinds, after an import that no vacuum has seen.
func TestPlansOfKinds(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		ctx := t.Context()
		s, err := postgres.Open(context.Background(), pgtest.Few(pgtest.Database(t)))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c, err := s.Reader().Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		exec := func(text string) {
			t.Helper()
			if _, err := tx.ExecContext(ctx, text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		explain := func(text string, args ...any) (plan []string) {
			t.Helper()
			rows, err := tx.QueryContext(ctx, text, args...)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
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
		// Rows of nine kinds, each kind together. They are seen by this transaction alone, so
		// no vacuum marks their pages as visible to all.
		exec(`INSERT INTO entity (first, last, kind, parent, root) SELECT n, n, 1 + n / 2000, 1, 1 FROM generate_series(1, 17999) AS n`)
		exec(`ANALYZE entity`)
		exec(`SET LOCAL plan_cache_mode = force_generic_plan`)
		found := 0
		for i, text := range s.Statements() {
			if !strings.HasPrefix(strings.TrimSpace(text), "SELECT") || !strings.Contains(text, "FROM entity") {
				continue
			}
			found++
			name, args := "plan_"+strconv.Itoa(i), ""
			for n := 1; strings.Contains(text, "$"+strconv.Itoa(n)); n++ {
				args += ", NULL"
			}
			exec("PREPARE " + name + " AS " + text)
			if args != "" {
				args = "(" + args[2:] + ")"
			}
			plan := explain("EXPLAIN EXECUTE " + name + args)
			if slices.ContainsFunc(plan, otherKinds.MatchString) {
				t.Errorf("%s\n\t%s", text, strings.Join(plan, "\n\t"))
			}
		}
		if found < 10 {
			t.Errorf("%d statements read entities", found)
		}
	})
}

// readsAll reports whether a step of a plan reads all of a table that may be large.
func readsAll(plan []string, step string) bool {
	scanned, all := strings.CutPrefix(step, "SCAN ")
	name, _, _ := strings.Cut(scanned, " ")
	made := slices.Contains(plan, "CO-ROUTINE "+name) || slices.Contains(plan, "MATERIALIZE "+name) || strings.HasPrefix(name, "(")
	return all && !made && !slices.Contains(smallTables, name)
}

// planOf returns the steps by which SQLite runs a statement.
func planOf(t *testing.T, s *sqlstore.Store, text string) (steps []string) {
	t.Helper()
	var args []any
	for strings.Contains(text, fmt.Sprintf("$%d", len(args)+1)) {
		args = append(args, nil)
	}
	rows, err := s.Writer().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
