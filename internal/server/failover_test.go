package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

// recovery is how long after a promotion, or a restart, replicas may take to
// go on by themselves.
const recovery = 10 * time.Second

// onward waits until a write through each replica is answered.
func (h *history) onward(what string) {
	h.t.Helper()
	for i, s := range h.services {
		c := h.client(s)
		for end := time.Now().Add(recovery); ; time.Sleep(50 * time.Millisecond) {
			err := c.Replace(h.t.Context(), platen.Job, platen.Metadata, platen.Update{ID: h.jobs[0]}) // the history is about properties
			if err == nil {
				break
			}
			if time.Now().After(end) {
				h.t.Fatalf("replica %d does not go on after %s: %v", i, what, err)
			}
		}
	}
}

// ready waits until a replica says that it is ready, with 200, or is not.
func (h *history) ready(s *service, want int) {
	h.t.Helper()
	for end := time.Now().Add(recovery); ; time.Sleep(20 * time.Millisecond) {
		status, text := h.get(s, "/readyz")
		if status == want {
			return
		}
		if time.Now().After(end) {
			h.t.Errorf("/readyz says %d %s, want %d", status, text, want)
			return
		}
	}
}

// TestFailover kills the primary in the middle of writes, and promotes its
// synchronous standby.
func TestFailover(t *testing.T) { onEach(t, testFailover) }

func testFailover(t *testing.T) {
	needsPostgres(t)
	primary := pgtest.NewCluster(t)
	standby := primary.NewStandby(t)
	if err := primary.Restart("synchronous_standby_names=standby"); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, primary.Address("postgres"), "CREATE DATABASE platen")
	all := replicas(t, pgtest.Both(primary, standby, "platen"), 3)
	h := newHistory(t, all, jobsOf(all[0], 8))
	events := h.followEvents()
	stop := make(chan struct{})
	wait := h.run(12, stop)
	h.progress(200)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		h.ready(s, 503)
		if status, text := h.get(s, "/healthz"); status != 200 {
			t.Errorf("without a database /healthz says %d %s", status, text)
		}
	}
	standby.Promote(t)
	h.onward("the promotion")
	for _, s := range all {
		h.ready(s, 200)
	}
	h.progress(200)
	close(stop)
	wait()
	if h.refused.Load() == 0 {
		t.Error("nobody noticed that the primary was killed")
	}
	// Each list is read once more, so that a write that was lost shows.
	for client, job := range h.jobs {
		h.read(client, job)
	}
	h.check()
	events.check()
}

// TestDatabaseTrouble is what a database can do to a server that runs.
func TestDatabaseTrouble(t *testing.T) { onEach(t, testDatabaseTrouble) }

func testDatabaseTrouble(t *testing.T) {
	needsPostgres(t)
	cluster := pgtest.NewCluster(t, "fsync=off")
	admin := cluster.Address("postgres")
	// A user that no limit of connections exempts, as operators have it.
	pgtest.Exec(t, admin, "CREATE ROLE app LOGIN PASSWORD 'only-for-tests'", "CREATE DATABASE platen OWNER app")
	all := replicas(t, strings.Replace(cluster.Address("platen"), "//platen:", "//app:", 1)+"?statement_timeout=700", 2)
	h := newHistory(t, all, jobsOf(all[0], 8))
	events := h.followEvents()

	for _, trouble := range []struct {
		name  string
		cause func(t *testing.T)
	}{
		{"connections that are cut", func(t *testing.T) {
			for range 5 {
				pgtest.Exec(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'platen'")
				h.progress(10)
			}
		}},
		{"a restart", func(t *testing.T) {
			if err := cluster.Restart("fsync=off"); err != nil {
				t.Fatal(err)
			}
		}},
		{"a crash", func(t *testing.T) {
			if err := cluster.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := cluster.Start(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a table that is locked", func(t *testing.T) {
			pgtest.Exec(t, cluster.Address("platen"), "BEGIN; LOCK TABLE properties; SELECT pg_sleep(2); COMMIT")
		}},
		{"no connection left", func(t *testing.T) {
			pgtest.Exec(t, admin, "ALTER DATABASE platen CONNECTION LIMIT 0",
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'platen'")
			h.refusals(8)
			pgtest.Exec(t, admin, "ALTER DATABASE platen CONNECTION LIMIT -1")
		}},
		{"a database that only reads", func(t *testing.T) {
			pgtest.Exec(t, admin, "ALTER DATABASE platen SET default_transaction_read_only = on",
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'platen'")
			h.ready(all[0], 503)
			h.refusals(8)
			pgtest.Exec(t, admin, "ALTER DATABASE platen SET default_transaction_read_only = off",
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'platen'")
		}},
		{"a server that hangs", func(t *testing.T) {
			if err := cluster.Signal(pgtest.Pause); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // nothing says that a server hangs, but time
			if err := cluster.Signal(pgtest.Resume); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			stop := make(chan struct{})
			wait := h.run(8, stop)
			h.progress(50)
			trouble.cause(t)
			h.onward(trouble.name)
			h.progress(50)
			close(stop)
			wait()
		})
	}
	for client, job := range h.jobs {
		h.read(client, job)
	}
	h.check()
	events.check()
	for _, s := range all {
		if log := s.log.String(); strings.Contains(log, "only-for-tests") {
			t.Error("the password of the database is in the log")
		}
	}
}

// TestRollingRestart starts and ends one server after another while clients
// work, whom a load balancer sends to it and away again.
func TestRollingRestart(t *testing.T) { onEach(t, testRollingRestart) }

func testRollingRestart(t *testing.T) {
	needsPostgres(t)
	address := pgtest.Database(t)
	all := replicas(t, address, 3)
	h := newHistory(t, all, jobsOf(all[0], 8))
	events := h.followEvents()
	stop := make(chan struct{})
	wait := h.run(8, stop)
	for i := range all {
		t.Run(fmt.Sprint("server ", i), func(t *testing.T) {
			fresh := replicas(t, address, 1)[0] // it ends with this test
			old := h.swap(i, fresh)
			h.progress(50)
			h.swap(i, old)
		})
	}
	close(stop)
	wait()
	if h.refused.Load() > 0 {
		t.Error(h.refused.Load(), "requests were refused")
	}
	h.check()
	events.check()
	// Clean-up and lost operations are for one of them at a time.
	ctx := context.WithoutCancel(t.Context())
	if err := all[0].store.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: h.jobs[0] - 1}); err != nil {
		t.Fatal(err)
	}
	more := 0
	for _, s := range all {
		left, err := s.store.Clean(ctx, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if left {
			more++
		}
	}
	if more != 1 {
		t.Errorf("%d of 3 servers clean up at a time, want 1", more)
	}
}
