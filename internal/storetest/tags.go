package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/platenhq/platen"
)

// testTags checks the tags of lists, and changes that are for a list of one tag
// alone: by replacing and by merging, of lists of all sizes.
func testTags(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	made := mustCreate(t, s, emptyJobs(2))
	job, other := made.Children[0], made.Children[1]
	tag := func(id platen.ID) platen.Tag {
		list, text, err := s.Tagged(ctx, platen.Ref{Kind: platen.Job, ID: id}, platen.Properties)
		if err != nil || len(text) != 1 || text[0] != platen.TagOf(list).String() {
			t.Fatalf("the tag of %s is %q, %v", list, text, err)
		}
		return platen.TagOf(list)
	}
	replace := func(value string, match *platen.Match) error {
		return s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Match: match, Pairs: []platen.NameValue{{Name: "n", Value: value}}})
	}
	refused := func(doing string, err error, now platen.Tag) {
		t.Helper()
		wantCode(t, doing, err, platen.Changed, now.String())
		if shown, ok := errors.AsType[*platen.Error](err); ok && shown.Tag != now.String() {
			t.Errorf("%s: the error has the tag %q, not %q", doing, shown.Tag, now)
		}
	}
	for _, size := range []int{1, 1000, 100_000, 900_000} {
		before := tag(job)
		value := strings.Repeat("v", size)
		if err := replace(value, &platen.Match{Tags: []platen.Tag{{}, before}}); err != nil {
			t.Fatal(size, err)
		}
		now := tag(job)
		refused("a replacement of an old list", replace("other", &platen.Match{Tags: []platen.Tag{before}}), now)
		refused("a replacement of no list", replace("other", new(platen.Match)), now)
		refused("the same list again", replace(value, &platen.Match{Tags: []platen.Tag{before}}), now)
		refused("a merge into an old list", s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{
			{ID: other, Pairs: []platen.NameValue{{Name: "m", Value: "1"}}},
			{ID: job, Pairs: []platen.NameValue{{Name: "m", Value: "1"}}, Match: &platen.Match{Tags: []platen.Tag{before}}},
		}), now)
		diff(t, "of a merge that is refused", list(t, s, platen.Job, other, platen.Properties), "[]")
		if tag(job) != now {
			t.Errorf("%d: what is refused changes the list", size)
		}
		if err := s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{
			{ID: job, Pairs: []platen.NameValue{{Name: "m", Value: fmt.Sprint(size)}}, Match: &platen.Match{Tags: []platen.Tag{now}}},
		}); err != nil {
			t.Error(size, err)
		}
	}
	wantCode(t, "tags twice", s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: job}, {ID: job, Match: new(platen.Match)}}), platen.Invalid, "more than once")
	missing := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 7, Match: new(platen.Match)})
	wantCode(t, "what does not exist", missing, platen.NotFound, "job 7")
	testCounter(t, func(match *platen.Match, value string) error {
		return s.Merge(ctx, platen.Job, platen.Properties, []platen.Update{{ID: other, Match: match, Pairs: []platen.NameValue{{Name: "n", Value: value}}}})
	}, func() (platen.List, platen.Tag) {
		list, _, err := s.Tagged(ctx, platen.Ref{Kind: platen.Job, ID: other}, platen.Properties)
		if err != nil {
			t.Error(err)
		}
		return list, platen.TagOf(list)
	})
}

// testCounter lets many writers count in a list, each from the value that it
// read: nothing is lost.
func testCounter(t *testing.T, write func(*platen.Match, string) error, read func() (platen.List, platen.Tag)) {
	const writers, each = 6, 20
	value := func(list platen.List) int {
		pairs, err := list.Decode()
		if err != nil || len(pairs) == 0 {
			return 0
		}
		n, err := strconv.Atoi(pairs[0].Value)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for done := 0; done < each; {
				list, tag := read()
				switch err := write(&platen.Match{Tags: []platen.Tag{tag}}, fmt.Sprint(value(list)+1)); platen.ErrorCode(err) {
				case platen.Changed:
				case platen.Internal:
					if err != nil {
						t.Error(err)
						return
					}
					done++
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if list, _ := read(); value(list) != writers*each {
		t.Errorf("%d writers count %d each, to %d", writers, each, value(list))
	}
}

// testKindOf asks for identifiers of all kinds, and of none.
func testKindOf(t *testing.T, open Open) {
	s := start(t, open)
	made := mustCreate(t, s, emptyJobs(1))
	for id, want := range map[platen.ID]platen.Kind{made.ID: platen.JobSet, made.Children[0]: platen.Job} {
		if kind, err := s.KindOf(t.Context(), id); err != nil || kind != want {
			t.Errorf("%d is %v, %v", id, kind, err)
		}
	}
	_, err := s.KindOf(t.Context(), 7)
	wantCode(t, "no entity", err, platen.NotFound, "7 not found")
	if err := s.Delete(t.Context(), platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []platen.ID{made.ID, made.Children[0]} {
		_, err := s.KindOf(t.Context(), id)
		wantCode(t, "a deleted entity", err, platen.NotFound, "not found")
	}
}
