package olrest_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// TestCheckQuery refuses what a route does not know.
func TestCheckQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, says string }{
		{"", ""},
		{"a=1", ""},
		{"a=1&b=", ""},
		{"c=1", `there is no query parameter "c" here, but a, b`},
		{"a=1&a=1", `the query parameter "a" is given more than once`},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := olrest.CheckQuery(query, "a", "b"); err != nil {
			got = err.Error()
		}
		if got != c.says {
			t.Errorf("%q: %q, not %q", c.query, got, c.says)
		}
	}
}

// TestTimes compares times with their text.
func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 13, 0, 0, 120_000, time.FixedZone("", 3600))
	text := olrest.FormatTime(at)
	if text != "2026-01-31T12:00:00.000120Z" {
		t.Errorf("formatted: %s", text)
	}
	back, err := olrest.ParseTime("readTime", text)
	if err != nil || !back.Equal(at) {
		t.Errorf("parsed: %v, %v", back, err)
	}
	for _, text := range []string{
		"yesterday", "0001-01-01T00:00:00Z", "0001-01-01T02:00:00+02:00", "0001-01-01T00:00:00+02:00", "0000-12-31T00:00:00Z", "9999-12-31T23:00:00-02:00",
	} {
		if at, err := olrest.ParseTime("readTime", text); err == nil {
			t.Errorf("%s is the time %v", text, at)
		}
	}
}

// TestPositions has the positions at which a page of a listing can end be read again.
func TestPositions(t *testing.T) {
	values := url.Values{"kind": {"job"}, "orderBy": {"properties.n desc"}}
	for _, want := range []platen.Position{
		{ID: 5, Value: []byte("n"), Total: 7}, {ID: 1, Set: platen.MaxID}, {Missing: true, ID: platen.MaxID},
		{Missing: true, ID: platen.MaxID + 1}, // between the last with the name and the first without
	} {
		values.Del("pageToken")
		first, err := olrest.ReadListing(values)
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		if err := first.ReplyListing(answer, &platen.ListingPage{Next: &want}); err != nil {
			t.Fatal(err)
		}
		var page struct{ NextPageToken string }
		if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		values.Set("pageToken", page.NextPageToken)
		second, err := olrest.ReadListing(values)
		if err != nil || second.After == nil || second.After.ID != want.ID || second.After.Missing != want.Missing {
			t.Errorf("after %+v: %v", want, err)
		}
	}
}
