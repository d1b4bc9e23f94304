package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// TestLargeManyReaders has 64 clients that read a large set over and over. A list
// that is cached, one that is not, and a change of another list are answered
// all the while, and so is the readiness.
func TestLargeManyReaders(t *testing.T) { oneByOne(t, testManyReaders) }

func testManyReaders(t *testing.T) {
	long(t)
	count, readFor := 300_000, 5*time.Second
	if onPostgres(t) {
		count, readFor = 50_000, 3*time.Second
	}
	s := start(t)
	made := s.importSet(twoJobs)
	if _, err := s.store.CreateContentSet(t.Context(), items{set: 800, n: platen.ID(count), step: 2}); err != nil {
		t.Fatal(err)
	}

	reading, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	begun := make(chan struct{}) // the first has an answer; the others read, too, or wait for their turn
	begin := sync.OnceFunc(func() { close(begun) })
	const clients = 64
	for range clients {
		readers.Go(func() {
			defer begin()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for reading.Err() == nil {
				r, err := http.NewRequestWithContext(reading, "GET", s.url+entities+"/contentsets/800", nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("auth_token", s.token)
				response, err := client.Do(r)
				if err != nil {
					if reading.Err() == nil {
						t.Error(err)
					}
					return
				}
				begin()
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != 200 && response.StatusCode != 503 {
					t.Errorf("a reader of the set: %s", response.Status)
				}
			}
		})
	}
	<-begun

	job, other := made.Children[0], made.Children[1]
	longest, n := time.Duration(0), 0
	for start := time.Now(); time.Since(start) < readFor; n++ {
		item := platen.ID(1_000_000_000 + 2*(n%count)) // each once
		for _, ask := range []func(){
			func() { s.properties(platen.Job, job) },
			func() { s.properties(platen.ContentItem, item) },
			func() {
				if _, err := s.client().RecordOf(t.Context(), item); err != nil {
					t.Errorf("the data record of content item %d: %v", item, err)
				}
			},
			func() { s.setProperties(platen.Job, other, platen.NameValue{Name: "n", Value: fmt.Sprint(n)}) },
			func() {
				if a := s.do("GET", "/readyz", ""); a.status != 200 {
					t.Errorf("/readyz: %d %s", a.status, a.body)
				}
			},
		} {
			began := time.Now()
			ask()
			longest = max(longest, time.Since(began))
		}
	}
	stop()
	readers.Wait()
	t.Logf("%d rounds, the longest request took %v", n, longest)
	if longest > 2500*time.Millisecond { // the guard gives up after 5s
		t.Errorf("a request beside the readers took %v", longest)
	}
}
