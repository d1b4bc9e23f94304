package server_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// followed are the events of the updates of a history, as a reader got them that
// asks one server after another and only knows the last id that it has seen.
type followed struct {
	h       *history
	pages   int // that were asked for
	after   string
	last    int64
	written map[string]int  // by value: how many events wrote it
	now     map[string]pair // by subject: what the events lead to
	stop    chan struct{}
	ended   chan struct{}
}

// followEvents begins to read events, until check.
func (h *history) followEvents() *followed {
	f := &followed{h: h, after: "0", written: make(map[string]int), now: make(map[string]pair), stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		for ending := false; f.page() || !ending; {
			select {
			case <-f.stop:
				ending = true // with a page that is asked for from here on
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return f
}

// page reads a page, and reports whether there may be others.
func (f *followed) page() (more bool) {
	h := f.h
	h.asking.RLock()
	s := h.services[f.pages%len(h.services)]
	f.pages++
	request, err := http.NewRequest(http.MethodGet, s.url+native+"/events?pageSize=500&after="+f.after, nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("auth_token", s.token)
	response, err := h.http.Do(request)
	h.asking.RUnlock()
	if err != nil {
		return true
	}
	defer response.Body.Close()
	var page struct {
		Events []cloudEvent
		After  string
	}
	if response.StatusCode != 200 {
		if response.StatusCode != 503 {
			h.t.Error("events:", response.StatusCode)
		}
		return true
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return true // the answer was cut
	}
	for _, e := range page.Events {
		f.add(e)
	}
	f.after = page.After
	return len(page.Events) > 0
}

// add checks that an event goes on from those before it.
func (f *followed) add(e cloudEvent) {
	t := f.h.t
	id, err := strconv.ParseInt(e.ID, 10, 64)
	if err != nil || id <= f.last {
		t.Errorf("event %s comes after %d", e.ID, f.last)
	}
	f.last = id
	if e.Type != "platen.update" || e.Data.Facet != "properties" {
		return
	}
	now := f.now[e.Subject]
	for _, name := range e.Data.Names {
		at := &now.a
		if name.Name == "b" {
			at = &now.b
		}
		before, after := "", ""
		if name.Before != nil {
			before = *name.Before
		}
		if name.After != nil {
			after = *name.After
			f.written[after]++
		}
		if before != *at {
			t.Errorf("event %s of %s: %s was %q before, not %q", e.ID, e.Subject, name.Name, *at, before)
		}
		*at = after
	}
	f.now[e.Subject] = now
}

// check ends the reader, and compares what it saw with what was answered and with
// the lists as they are.
func (f *followed) check() {
	h := f.h
	close(f.stop)
	select {
	case <-f.ended:
	case <-time.After(time.Minute):
		h.t.Fatal("the events do not end")
	}
	for _, job := range h.jobs {
		read, err := readPair(h.client(h.services[0]), job)
		if now := f.now[fmt.Sprint("job/", job)]; err != nil || read != now {
			h.t.Errorf("job %d is %v, %v; its events lead to %v", job, read, err, now)
		}
	}
	for _, one := range h.operations {
		asked := one.Input.(step)
		if asked.kind == 'r' {
			continue
		}
		if n := f.written[asked.text]; n > 1 || n == 0 && one.Return != math.MaxInt64 {
			h.t.Errorf("%d events wrote the value %s of job %d, which was answered: %v", n, asked.text, asked.job, one.Return != math.MaxInt64)
		}
	}
	if len(f.written) == 0 {
		h.t.Error("no event was seen")
	}
}
