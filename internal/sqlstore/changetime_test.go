package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

var errLeft = errors.New("the client left")

// TestChangeTimes changes jobs twice before the index passes on the times. Whatever
// happens then, the time of the second change is that of the job and of its set.
func TestChangeTimes(t *testing.T) {
	const large = 600_000 // bytes of a list, so that a flush takes one at a time
	type store struct {
		*sqlstore.Store
		open func(...sqlstore.Option) *sqlstore.Store
		jobs platen.Created
	}
	undelete := func(t *testing.T, s *store) {
		if err := s.Delete(t.Context(), platen.Ref{Kind: platen.JobSet, ID: s.jobs.ID}); err != nil {
			t.Fatal(err)
		}
		if err := s.FlushInSteps(t.Context(), func() {}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Undelete(t.Context(), s.jobs.ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		bytes int
		then  func(t *testing.T, s *store)
	}{
		{"nothing", 0, func(*testing.T, *store) {}},
		{"large lists", large, func(t *testing.T, s *store) {
			if err := s.FlushInSteps(t.Context(), func() {}); err != nil {
				t.Fatal(err)
			}
		}},
		{"a flush that is cut off", 0, func(t *testing.T, s *store) {
			ctx, cancel := context.WithCancelCause(t.Context())
			if err := s.FlushInSteps(ctx, func() { cancel(errLeft) }); err == nil {
				t.Fatal("the flush was not cut off")
			}
		}},
		{"a restart", 0, func(t *testing.T, s *store) {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s.Store = s.open(sqlstore.WithIndexWait(time.Minute))
		}},
		{"too many dirty entities", 0, func(_ *testing.T, s *store) { s.DropDirty() }},
		{"a deletion that is taken back", 0, undelete},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
				s := &store{Store: open(sqlstore.WithIndexWait(time.Minute)), open: open}
				defer func() { s.Close() }()
				s.jobs = createJobs(t, s.Store, 3)
				put := func(n string) {
					for _, job := range s.jobs.Children {
						pairs := []platen.NameValue{{Name: "n", Value: n}, {Name: "m", Value: n}, {Name: "large", Value: strings.Repeat("x", test.bytes)}}
						if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs}); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := s.FlushInSteps(t.Context(), func() {}); err != nil {
					t.Fatal(err)
				}
				put("1")
				time.Sleep(10 * time.Millisecond)
				second := time.Now()
				put("2")
				test.then(t, s)
				for _, id := range append(s.jobs.Children, s.jobs.ID) {
					e, err := s.Entity(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					if before := second.Sub(e.Facts.UpdateTime); before > time.Microsecond {
						t.Errorf("%s %d was changed %v before its last change", e.Kind, id, before)
					}
				}
			})
		})
	}
}

// TestDeleteIfAmidFlush deletes a set by the tag that it had before its last change,
// while the index passes the time of that change on.
func TestDeleteIfAmidFlush(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		made := createJobs(t, s, 3)
		set := platen.Ref{Kind: platen.JobSet, ID: made.ID}
		put := func(n string) {
			pairs := []platen.NameValue{{Name: "n", Value: n}, {Name: "m", Value: n}}
			if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: made.Children[0], Pairs: pairs}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.FlushInSteps(t.Context(), func() {}); err != nil {
			t.Fatal(err)
		}
		put("1")
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := s.FlushInSteps(ctx, func() { cancel(errLeft) }); err == nil {
			t.Fatal("the flush was not cut off")
		}
		release, err := s.BlockFlush(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Entity(t.Context(), set.ID)
		if err != nil {
			t.Fatal(err)
		}
		first := platen.Match{Tags: []platen.Tag{e.Tag()}}
		time.Sleep(10 * time.Millisecond)
		put("2")
		release()
		called := false
		err = s.FlushInSteps(t.Context(), func() {
			called = true
			err := s.DeleteIf(t.Context(), set, &first)
			if platen.ErrorCode(err) != platen.Changed {
				t.Errorf("a deletion by the tag before the last change: %v", err)
			}
		})
		if err != nil || !called {
			t.Fatal(err, called)
		}
	})
}

// TestTimeShown shows the time of a change before the index has it. It stays that, to the
// microsecond, since it is part of the tag of the set.
func TestTimeShown(t *testing.T) {
	for name, then := range map[string]func(s *sqlstore.Store, open func(...sqlstore.Option) *sqlstore.Store) *sqlstore.Store{
		"too many dirty entities": func(s *sqlstore.Store, _ func(...sqlstore.Option) *sqlstore.Store) *sqlstore.Store {
			s.DropDirty()
			return s
		},
		"a restart": func(s *sqlstore.Store, open func(...sqlstore.Option) *sqlstore.Store) *sqlstore.Store {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return open(sqlstore.WithIndexWait(time.Minute))
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
				s := open(sqlstore.WithIndexWait(0))
				made := createJobs(t, s, 1)
				if err := s.FlushInSteps(t.Context(), func() {}); err != nil {
					t.Fatal(err)
				}
				release, err := s.BlockFlush(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := replace(t.Context(), s, made.Children[0], "x"); err != nil {
					t.Fatal(err)
				}
				before, err := s.Entity(t.Context(), made.ID)
				if err != nil {
					t.Fatal(err)
				}
				release()
				s = then(s, open)
				defer s.Close()
				after, err := s.Entity(t.Context(), made.ID)
				if err != nil || !after.Facts.UpdateTime.Equal(before.Facts.UpdateTime) {
					t.Errorf("the time was %v and is %v, %v", before.Facts.UpdateTime, after.Facts.UpdateTime, err)
				}
				match := platen.Match{Tags: []platen.Tag{before.Tag()}}
				if err := s.DeleteIf(t.Context(), platen.Ref{Kind: platen.JobSet, ID: made.ID}, &match); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
