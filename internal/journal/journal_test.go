package journal

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/platenhq/platen/internal/olrest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newJournal(requests, body int, bytes int64) *Journal {
	return New(Config{Requests: requests, Body: body, Bytes: bytes})
}

func entry(i int) *olrest.RecordedRequest {
	return &olrest.RecordedRequest{RequestID: fmt.Sprint(i), Method: "GET", Path: fmt.Sprintf("/p/%d", i), Status: 200 + i%2*204}
}

var all = new(olrest.RequestFilter)

// TestBounds: a journal has the last requests, and keeps to its bounds.
func TestBounds(t *testing.T) {
	t.Parallel()
	j := newJournal(10, 0, 1<<20)
	for i := 1; i <= 1000; i++ {
		j.Add(entry(i))
		if got := j.Count(all); got != min(i, 10) {
			t.Fatalf("after %d there are %d", i, got)
		}
	}
	found := j.Find(all, 0, 100)
	for i, r := range found {
		if r.RequestID != fmt.Sprint(1000-i) {
			t.Errorf("number %d is %s", i, r.RequestID)
		}
	}
	if next := j.Find(all, found[3].Number, 2); len(next) != 2 || next[0] != found[4] {
		t.Error("a page does not follow the one before")
	}
	if len(j.entries) > 32 {
		t.Errorf("ten requests take %d places", len(j.entries))
	}

	j = newJournal(1000, 0, 64<<10)
	for i := 1; i <= 500; i++ {
		big := entry(i)
		big.Request.Body = strings.Repeat("x", i*20)
		j.Add(big)
		var sum int64
		for _, r := range j.Find(all, 0, 1000) {
			sum += sizeOf(r)
		}
		if sum != j.bytes || sum > 64<<10 {
			t.Fatalf("%d bytes, counted as %d", sum, j.bytes)
		}
	}
	huge := entry(0)
	huge.Answer.Body = strings.Repeat("x", 65<<10)
	j.Add(huge)
	if got := j.Find(all, 0, 1)[0]; got != huge || got.Answer.Body != "" || !got.Answer.Hidden {
		t.Error("a request that is larger than the journal is not kept without its body")
	}
}

// TestFilters removes and finds requests by each filter.
func TestFilters(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for _, c := range []struct {
		filter olrest.RequestFilter
		want   int
	}{
		{olrest.RequestFilter{}, 1000},
		{olrest.RequestFilter{Method: "PUT"}, 0},
		{olrest.RequestFilter{Path: "/p/7"}, 1},
		{olrest.RequestFilter{Path: "/p/7*"}, 111},
		{olrest.RequestFilter{Path: "*9*"}, 271},
		{olrest.RequestFilter{Path: "*/p*99"}, 10},
		{olrest.RequestFilter{Path: "/p"}, 0},
		{olrest.RequestFilter{Status: "404"}, 500},
		{olrest.RequestFilter{Status: "2xx"}, 500},
		{olrest.RequestFilter{Status: "5xx"}, 0},
		{olrest.RequestFilter{RequestID: "12"}, 1},
		{olrest.RequestFilter{Reason: "because"}, 100},
		{olrest.RequestFilter{Reason: "hint"}, 10},
		{olrest.RequestFilter{Since: at.Add(900 * time.Second)}, 100},
		{olrest.RequestFilter{User: "u1"}, 334},
		{olrest.RequestFilter{Route: "/p/{id}", Status: "404", Method: "GET"}, 500},
	} {
		j := newJournal(1000, 0, 1<<20)
		for i := range 1000 {
			r := entry(i)
			r.Time, r.User, r.Route = at.Add(time.Duration(i)*time.Second), fmt.Sprintf("u%d", (i+1)%3), "/p/{id}"
			if i%10 == 0 {
				r.Reason = "Because of it"
			}
			if i%100 == 0 {
				r.Hints = []string{"a", "a Hint"}
			}
			j.Add(r)
		}
		if got := j.Count(&c.filter); got != c.want {
			t.Errorf("%+v: counted %d, want %d", c.filter, got, c.want)
		}
		if got := j.Delete(&c.filter); got != c.want {
			t.Errorf("%+v: deleted %d, want %d", c.filter, got, c.want)
		}
		if got := j.Count(all); got != 1000-c.want {
			t.Errorf("%+v: %d are left", c.filter, got)
		}
		if got := j.Count(&c.filter); got != 0 {
			t.Errorf("%+v: %d are left of those that were deleted", c.filter, got)
		}
		j.Add(entry(1))
		if got := j.Find(all, 0, 1); len(got) != 1 || got[0].Number != 1001 {
			t.Errorf("after a deletion: %v", got)
		}
	}
}

// TestConcurrent adds, reads, follows, waits and deletes at once.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 500
	j := newJournal(100, 16, 1<<20)
	var group sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	followed := make(chan int)
	go func() { // one that is fast enough or is told that it is not
		var last uint64
		seen, missing, told := 0, 0, false
		for last < writers*each {
			list, lost, more := j.After(last)
			told = told || lost
			for _, r := range list {
				if r.Number <= last {
					t.Errorf("%d follows %d", r.Number, last)
				} else if !told {
					missing += int(r.Number - last - 1)
				}
				last = r.Number
				seen++
			}
			if len(list) == 0 {
				select {
				case <-more:
				case <-ctx.Done():
					t.Error("the last request never came")
					last = writers * each
				}
			}
		}
		if missing > writers { // one of each is deleted
			t.Errorf("%d are missing, and it was not told", missing)
		}
		followed <- seen
	}()
	waiting := make(chan int)
	go func() { waiting <- j.Wait(ctx, &olrest.RequestFilter{Path: "/p/never"}, 1) }()
	for w := range writers {
		group.Go(func() {
			for i := range each {
				j.Add(entry(i))
				switch {
				case i%50 == w:
					j.Find(all, 0, 20)
				case i == 10:
					j.Delete(&olrest.RequestFilter{Path: "/p/9"})
				}
			}
		})
	}
	group.Wait()
	if seen := <-followed; seen == 0 || seen > writers*each {
		t.Errorf("%d were followed", seen)
	}
	j.Add(&olrest.RecordedRequest{Path: "/p/never"})
	if got := <-waiting; got != 1 {
		t.Errorf("waited for one, got %d", got)
	}
}

// TestWait: a count waits for requests, its time or the end.
func TestWait(t *testing.T) {
	t.Parallel()
	j := newJournal(10, 0, 1<<20)
	if got := j.Wait(t.Context(), all, 0); got != 0 {
		t.Errorf("nothing to wait for: %d", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := j.Wait(ctx, all, 1); got != 0 {
		t.Errorf("over: %d", got)
	}
	counts := make(chan int)
	go func() { counts <- j.Wait(t.Context(), all, 3) }()
	for i := range 3 {
		j.Add(entry(i))
	}
	if got := <-counts; got != 3 {
		t.Errorf("three: %d", got)
	}
	go func() { counts <- j.Wait(t.Context(), all, 11) }() // more than there can be
	j.Close()
	if got := <-counts; got != 3 {
		t.Errorf("closed: %d", got)
	}
}

// TestBodies keeps the beginning of bodies and their size.
func TestBodies(t *testing.T) {
	t.Parallel()
	j := newJournal(10, 100, 1<<20)
	body := strings.Repeat("0123456789", 1000)
	r, err := http.NewRequest(http.MethodPut, "/x", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	recording := j.Begin(r)
	buffer := make([]byte, 64)
	for {
		if _, err := r.Body.Read(buffer); err != nil {
			break
		}
	}
	for range 1000 {
		recording.Answered([]byte(body))
	}
	j.End(recording, Exchange{Request: r, Answer: http.Header{}}, &olrest.RecordedRequest{})
	got := j.Find(all, 0, 1)[0]
	if got.Request.Body != body[:100] || got.Request.Size != 10_000 || got.Answer.Body != body[:100] || got.Answer.Size != 10_000_000 {
		t.Errorf("kept %+v", got)
	}
}
