package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/clock"
)

// TestMemoryReset changes a database in memory through its connections, resets it,
// and changes it anew: no connection keeps a page of what was, however the numbers
// of changes fall together, and SQLite finds nothing wrong with it.
func TestMemoryReset(t *testing.T) {
	ctx := t.Context()
	m, err := NewMemory(ctx, clock.New(time.Unix(1e9, 0)), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	writer, reader := m.pools[0], m.pools[1]
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := writer.Exec(text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE probe (id INTEGER PRIMARY KEY, text TEXT)`)
	exec(`INSERT INTO probe VALUES (1, 'start')`)
	start := m.Snapshot()
	look := func(want string) {
		t.Helper()
		for _, db := range m.pools {
			var got string
			if err := db.QueryRow(`SELECT group_concat(substr(text, 1, 9), ',') FROM (SELECT text FROM probe ORDER BY id)`).Scan(&got); err != nil || got != want {
				t.Fatal(got, want, err)
			}
		}
	}
	for i := range 20 {
		look("start")
		for n := range i%4 + 1 {
			exec(`INSERT INTO probe VALUES (?, ?)`, n+2, strings.Repeat(fmt.Sprintf("round %02d ", i), 1+3000*(i%3)))
		}
		look("start" + strings.Repeat(fmt.Sprintf(",round %02d ", i), i%4+1))
		later := m.Snapshot()
		for _, to := range []Snapshot{start, later, start} {
			if err := m.Reset(to); err != nil {
				t.Fatal(err)
			}
		}
		var check string
		if err := reader.QueryRow(`PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
			t.Fatal(check, err)
		}
	}
	look("start")
}
