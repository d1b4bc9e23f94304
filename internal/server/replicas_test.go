package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/storage"
)

// replicas starts servers on one database of PostgreSQL. They all begin at
// once on an empty one.
func replicas(t *testing.T, address string, n int) []*service {
	t.Helper()
	stores := make([]storage.Store, n)
	var group sync.WaitGroup
	for i := range stores {
		group.Go(func() { stores[i] = openAt(t, address) })
	}
	group.Wait()
	all := make([]*service, n)
	for i, store := range stores {
		all[i] = startOn(t, store)
	}
	return all
}

// jobsOf imports a job set with n jobs.
func jobsOf(s *service, n int) []platen.ID {
	return s.importSet(`{"jobs":[` + strings.Repeat(`{"segments":[]},`, n-1) + `{"segments":[]}]}`).Children
}

// TestReplicas is what holds over all servers of one database.
func TestReplicas(t *testing.T) { onEach(t, testReplicas) }

func testReplicas(t *testing.T) {
	needsPostgres(t)
	all := replicas(t, pgtest.Database(t), 3)
	a, b, c := all[0], all[1], all[2]
	job := jobsOf(a, 1)[0]

	t.Run("tokens", func(t *testing.T) {
		sharing := *b
		sharing.token = a.token
		if list := sharing.properties(platen.Job, job); len(list) != 0 {
			t.Fatal("the token of another replica:", list)
		}
		if err := c.store.SetPassword(t.Context(), auth.CheapUser(user, "another one")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(auth.MaxStaleness) // what is promised
		for _, s := range all {
			_, err := s.client().List(t.Context(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
			failsWith(t, err, platen.Forbidden, "token is invalid")
			got := s.do("POST", login, "", none, basic(user, "another one"))
			if got.status != 200 {
				t.Fatal("login with the new password:", got.status, got.body)
			}
			s.token = got.body
		}
	})
	t.Run("values", func(t *testing.T) {
		for i := range 50 {
			want := platen.NameValue{Name: "n", Value: fmt.Sprint(i)}
			all[i%3].setProperties(platen.Job, job, want)
			if got := all[(i+1)%3].properties(platen.Job, job); len(got) != 1 || got[0] != want {
				t.Fatalf("after %d was written: %v", i, got)
			}
		}
	})
	t.Run("operations", func(t *testing.T) {
		begin := func(id string) {
			t.Helper()
			if err := a.store.BeginOperation(t.Context(), platen.Operation{ID: id, Type: "JobCreationRestService", Started: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		begin("first")
		elsewhere := b.client().Operation("first")
		if err := a.store.ReportOperation(t.Context(), "first", 42); err != nil {
			t.Fatal(err)
		}
		if percent, done, err := elsewhere.Progress(t.Context()); percent != 42 || done || err != nil {
			t.Error("progress elsewhere:", percent, done, err)
		}
		if err := b.store.FailOperations(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
		if percent, done, err := elsewhere.Progress(t.Context()); percent != 42 || done || err != nil {
			t.Error("an operation of a server that lives was failed:", percent, done, err)
		}
		if err := elsewhere.Cancel(t.Context()); err != nil {
			t.Error("cancel elsewhere:", err)
		}
		if err := a.store.ReportOperation(t.Context(), "first", 43); platen.ErrorCode(err) != platen.NotFound {
			t.Error("its server does not hear that it was cancelled:", err)
		}
	})
	t.Run("failed logins", func(t *testing.T) {
		for i := 0; ; i++ {
			got := all[i%2].do("POST", login, "", none, basic(user, "wrong"))
			if got.status == 429 {
				break
			}
			if i > 60 {
				t.Fatal("nobody stops the guesser")
			}
		}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			// One wrong guess lets the address be known here too.
			got := c.do("POST", login, "", none, basic(user, "wrong"))
			if got.status == 429 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("a server that others told of the guesser lets it go on:", got.status, got.body)
			}
		}
	})
}

// TestLostReplica is a server that ends without a word, with an operation
// under way.
func TestLostReplica(t *testing.T) { onEach(t, testLostReplica) }

func testLostReplica(t *testing.T) {
	needsPostgres(t)
	address := pgtest.Database(t)
	a, b := openAt(t, address), openAt(t, address)
	defer b.Close()
	ctx := context.WithoutCancel(t.Context())
	if err := a.BeginOperation(ctx, platen.Operation{ID: "lost", Type: "x", Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil { // without ending what it began
		t.Fatal(err)
	}
	if err := b.FailOperations(ctx, "its server is gone"); err != nil {
		t.Fatal(err)
	}
	got, err := b.Operation(ctx, "lost")
	if err != nil || got.Ended.IsZero() || got.Message != "its server is gone" {
		t.Errorf("%+v %v", got, err)
	}
}

// TestLinearizable lets clients read and write through several servers, and
// looks for one order that explains what they saw.
func TestLinearizable(t *testing.T) { onEach(t, testLinearizable) }

func testLinearizable(t *testing.T) {
	long(t)
	n := 1
	address := ""
	if onPostgres(t) {
		n, address = 3, pgtest.Database(t)
	}
	var all []*service
	if n == 1 {
		all = []*service{start(t)}
	} else {
		all = replicas(t, address, n)
	}
	h := newHistory(t, all, jobsOf(all[0], 4))
	stop := make(chan struct{})
	wait := h.run(12, stop)
	h.progress(2_000)
	close(stop)
	wait()
	if h.refused.Load() > 0 {
		t.Error(h.refused.Load(), "requests were refused")
	}
	h.check()
}
