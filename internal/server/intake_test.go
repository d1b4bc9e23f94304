package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/olrest"
)

type shownIntake struct {
	From, To time.Time
	Parts    []struct {
		StartTime                                         time.Time
		JobSets, Jobs, Documents, Pages, Sheets, DataSets int
	}
}

// TestIntake: what came in is told by the hour or day, at once, and right after a
// deletion and after it is taken back.
func TestIntake(t *testing.T) { onEach(t, testIntake) }

func testIntake(t *testing.T) {
	s := start(t)
	read := func(query string) (in shownIntake) {
		t.Helper()
		s.do("GET", native+"/intake?"+query, "").decoded(t, 200, &in)
		return in
	}
	if in := read(""); len(in.Parts) != 0 || in.To.Sub(in.From) != 24*time.Hour || !in.To.After(time.Now()) {
		t.Errorf("of an empty server: %+v", in)
	}
	var sets []int64
	for range 3 {
		sets = append(sets, int64(s.importSet(twoJobs).ID))
	}
	for _, unit := range []string{"hour", "day"} {
		in := read("unit=" + unit)
		if len(in.Parts) != 1 || in.Parts[0].JobSets != 3 || in.Parts[0].Jobs != 6 || time.Since(in.Parts[0].StartTime) > 25*time.Hour {
			t.Errorf("by the %s: %+v", unit, in)
		}
	}
	// Parts begin where they are asked to.
	from := time.Now().Add(-90 * time.Minute)
	if in := read("from=" + olrest.FormatTime(from)); len(in.Parts) != 1 || in.Parts[0].StartTime.Sub(from).Round(time.Second) != time.Hour {
		t.Errorf("from %v: %+v", from, in)
	}
	if in := read("to=" + olrest.FormatTime(from)); len(in.Parts) != 0 {
		t.Errorf("before: %+v", in)
	}
	s.do("DELETE", fmt.Sprintf("%s/entities/%d", native, sets[0]), "")
	if in := read(""); len(in.Parts) != 1 || in.Parts[0].JobSets != 2 || in.Parts[0].Jobs != 4 {
		t.Errorf("after a deletion: %+v", in)
	}
	s.do("POST", fmt.Sprintf("%s/entities/%d/undelete", native, sets[0]), "")
	if in := read(""); len(in.Parts) != 1 || in.Parts[0].JobSets != 3 {
		t.Errorf("taken back: %+v", in)
	}
	for query, says := range map[string]string{
		"unit=week":                  "hour or day",
		"from=yesterday":             "not a time",
		"from=2020-01-01T00:00:00Z":  "2500 parts",
		"from=9020-01-01T00:00:00Z":  "is not before",
		"from=0001-01-01T00:00:01Z":  "years 1970 to 9999",
		"until=9020-01-01T00:00:00Z": "no query parameter",
	} {
		s.do("GET", native+"/intake?"+query, "").isError(t, 400, says)
	}
}

// TestLastEvents reads the log from its end, through blocks of many entries and with
// a filter that admits little.
func TestLastEvents(t *testing.T) { onEach(t, testLastEvents) }

func testLastEvents(t *testing.T) {
	s := start(t)
	jobs := jobsOf(s, 2)
	for i := range 40 {
		s.put(jobs[i%2], fmt.Sprintf(`[{"name":"a","value":"%d"}]`, i))
	}
	type page struct {
		Events        []cloudEvent
		After, Before string
	}
	var all, last page
	s.do("GET", native+"/events?pageSize=1000&"+noAudit, "").decoded(t, 200, &all)
	s.do("GET", native+"/events?last=5&"+noAudit, "").decoded(t, 200, &last)
	if n := len(all.Events); len(last.Events) != 5 || last.Events[0].ID != all.Events[n-5].ID || last.Events[4].ID != all.Events[n-1].ID || last.Before == "" {
		t.Fatalf("the last 5: %+v", last)
	}
	var on page
	s.do("GET", native+"/events?after="+last.After+"&"+noAudit, "").decoded(t, 200, &on) // the login of the test may come later
	if len(on.Events) != 0 {
		t.Errorf("after the last: %+v", on)
	}
	for _, filter := range []string{noAudit, "type=import", "type=update&name=a"} {
		s.do("GET", native+"/events?pageSize=1000&"+filter, "").decoded(t, 200, &all)
		var found []cloudEvent
		at, pages := page{Before: "9000000000000000000"}, 0
		for ; at.Before != ""; pages++ {
			before := at.Before
			at = page{}
			s.do("GET", native+"/events?last=7&"+filter+"&before="+before, "").decoded(t, 200, &at)
			if len(at.Events) > 7 || pages > 20 {
				t.Fatalf("%s: page %d: %+v", filter, pages, at)
			}
			found = append(at.Events, found...)
		}
		same := len(found) == len(all.Events)
		for i := range found {
			same = same && found[i].ID == all.Events[i].ID
		}
		if !same {
			t.Errorf("%s: backwards %d events, forwards %d", filter, len(found), len(all.Events))
		}
	}
	for query, says := range map[string]string{
		"last=0":           "from 1 to 1000",
		"before=7":         "goes with last",
		"last=1&after=0":   "neither after nor pageSize",
		"last=1&before=x":  "id of an event",
		"last=1&before=-1": "id of an event",
	} {
		s.do("GET", native+"/events?"+query, "").isError(t, 400, says)
	}
}

// TestConsoleInJournal: what the console reads is not in the journal, what it changes
// and what is refused is, and can be left out.
func TestConsoleInJournal(t *testing.T) { onSQLite(t, testConsoleInJournal) }

func testConsoleInJournal(t *testing.T) {
	s := start(t, withJournal)
	console, ours := header("X-Requested-With", "platen-console"), header("Sec-Fetch-Site", "same-origin")
	s.do("DELETE", native+"/requests", "") // the login of the test itself
	cookie := s.session(console, ours)
	s.do("GET", native+"/me", "", none, withCookie(cookie), console)
	s.do("PUT", "/console/session", "", none, withCookie(cookie), console, ours)
	s.do("GET", "/?view=requests", "", none, header("Accept", "text/html"))
	s.do("GET", native+"/entities/999", "", none, withCookie(cookie), console)
	s.do("GET", native+"/me", "")
	for query, want := range map[string]int{"": 3, "console=true": 2, "console=false": 1, "console=true&status=4xx": 1} {
		got := fromJSON[struct{ Requests []struct{ Console bool } }](t, s.do("GET", native+"/requests?"+query, ""))
		if len(got.Requests) != want {
			t.Errorf("%q: %+v, want %d", query, got, want)
		}
	}
	s.do("GET", native+"/requests?console=1", "").isError(t, 400, "neither true nor false")
}
