package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A history is what many clients asked of many servers on one database, and
// what they were told, to be checked for one order that explains it all.
type history struct {
	t        *testing.T
	services []*service
	jobs     []platen.ID
	begun    time.Time
	http     *http.Client

	asking     sync.RWMutex // held while a server of services is asked
	mu         sync.Mutex
	operations []porcupine.Operation
	count      atomic.Int64 // of values written, so that each is another
	done       atomic.Int64 // requests that were answered 200
	refused    atomic.Int64 // and 503
}

// A step is what was asked. The list of a job has the names a and b.
type step struct {
	job  platen.ID
	kind byte // 'r'ead, 'w': replace by a, 'm': merge b
	text string
}

// pair is the list of a job, or what was read of it.
type pair struct{ a, b string }

// listModel says what one list does.
var listModel = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		byJob := make(map[platen.ID][]porcupine.Operation)
		for _, one := range all {
			job := one.Input.(step).job
			byJob[job] = append(byJob[job], one)
		}
		var parts [][]porcupine.Operation
		for part := range maps.Values(byJob) {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return pair{} },
	Step: func(state, input, output any) (bool, any) {
		now, asked := state.(pair), input.(step)
		switch asked.kind {
		case 'w':
			return true, pair{a: asked.text}
		case 'm':
			return true, pair{a: now.a, b: asked.text}
		}
		return output.(pair) == now, now
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, output) },
}

func newHistory(t *testing.T, services []*service, jobs []platen.ID) *history {
	return &history{t: t, services: slices.Clone(services), jobs: jobs, begun: time.Now(), http: &http.Client{Timeout: 20 * time.Second}}
}

// swap sends clients to another server instead of one, as a load balancer
// does, and returns that when all that it was asked is answered.
func (h *history) swap(i int, s *service) *service {
	h.asking.Lock()
	defer h.asking.Unlock()
	old := h.services[i]
	h.services[i] = s
	return old
}

// run lets clients work until stop is closed.
func (h *history) run(clients int, stop <-chan struct{}) (wait func()) {
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			for {
				select {
				case <-stop:
					return
				default:
					h.one(client, random)
				}
			}
		})
	}
	return group.Wait
}

// client returns a client of a server that gives up earlier than most.
func (h *history) client(s *service) *client.Client {
	c := s.client()
	c.HTTP = h.http
	return c
}

// read reads a list when all is over.
func (h *history) read(client int, job platen.ID) {
	h.t.Helper()
	call := time.Since(h.begun).Nanoseconds()
	read, err := readPair(h.client(h.services[client%len(h.services)]), job)
	if err != nil {
		h.t.Errorf("read of job %d: %v", job, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: step{job: job, kind: 'r'},
		Call: call, Output: read, Return: time.Since(h.begun).Nanoseconds()})
}

// one sends a request of a client to some server and records it. A write that
// was not answered may take effect at any time after.
func (h *history) one(client int, random *rand.Rand) {
	asked := step{job: h.jobs[random.IntN(len(h.jobs))], kind: "rrwm"[random.IntN(4)]}
	if asked.kind != 'r' {
		asked.text = fmt.Sprint(h.count.Add(1))
	}
	h.asking.RLock()
	c := h.client(h.services[random.IntN(len(h.services))])
	call := time.Since(h.begun).Nanoseconds()
	read, err := asked.ask(c)
	h.asking.RUnlock()
	record := porcupine.Operation{ClientId: client, Input: asked, Output: read, Call: call, Return: time.Since(h.begun).Nanoseconds()}
	switch {
	case err == nil:
		h.done.Add(1)
	case h.unanswered(err):
		h.refused.Add(1)
		if asked.kind == 'r' {
			return
		}
		record.Return = math.MaxInt64
		time.Sleep(20 * time.Millisecond)
	default:
		h.t.Errorf("%c of job %d: %v", asked.kind, asked.job, err)
		return
	}
	h.mu.Lock()
	h.operations = append(h.operations, record)
	h.mu.Unlock()
}

// ask does a step, and returns what it read.
func (s step) ask(c *client.Client) (read pair, err error) {
	update := func(name string) platen.Update {
		return platen.Update{ID: s.job, Pairs: []platen.NameValue{{Name: name, Value: s.text}}}
	}
	switch s.kind {
	case 'w':
		return pair{}, c.Replace(context.Background(), platen.Job, platen.Properties, update("a"))
	case 'm':
		return pair{}, c.Merge(context.Background(), platen.Job, []platen.Update{update("b")})
	}
	return readPair(c, s.job)
}

func readPair(c *client.Client, job platen.ID) (read pair, err error) {
	pairs, err := c.List(context.Background(), platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
	for _, p := range pairs {
		if p.Name == "a" {
			read.a = p.Value
		} else {
			read.b = p.Value
		}
	}
	return read, err
}

// unanswered reports whether a request was refused with 503, or not answered
// whole.
func (h *history) unanswered(err error) bool {
	answer, ok := errors.AsType[*platen.Error](err)
	if ok && answer.Code == platen.Unavailable && answer.RetryAfter == 0 {
		h.t.Errorf("503 without Retry-After: %v", err)
	}
	return !ok || answer.Code == platen.Unavailable
}

// get returns status 0 if there was no answer.
func (h *history) get(s *service, path string) (int, string) {
	response, err := h.http.Get(s.url + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	if response.StatusCode == 503 && response.Header.Get("Retry-After") == "" {
		h.t.Errorf("GET %s: 503 without Retry-After: %s", path, text)
	}
	return response.StatusCode, string(text)
}

// progress waits until so many more requests are answered.
func (h *history) progress(more int64) {
	h.t.Helper()
	h.counted(&h.done, more, "answered")
}

// refusals waits until so many more are refused.
func (h *history) refusals(more int64) {
	h.t.Helper()
	h.counted(&h.refused, more, "refused")
}

func (h *history) counted(count *atomic.Int64, more int64, what string) {
	h.t.Helper()
	enough := count.Load() + more
	for end := time.Now().Add(time.Minute); count.Load() < enough; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%d requests were not %s in a minute", more, what)
		}
	}
}

// simplified returns a history that has an order if, and only if, the given one
// has, and in which no write is open until the end, which takes very long to
// check: a write that was not answered took effect before a read that saw it
// returned, and one that no read saw can be left out, since its value is its
// own.
func simplified(all []porcupine.Operation) []porcupine.Operation {
	seen := make(map[string]int64) // by value: the end of the first read that saw it
	for _, one := range all {
		if read, ok := one.Output.(pair); ok && one.Input.(step).kind == 'r' {
			for _, text := range []string{read.a, read.b} {
				if before, ok := seen[text]; !ok || one.Return < before {
					seen[text] = one.Return
				}
			}
		}
	}
	var kept []porcupine.Operation
	for _, one := range all {
		if one.Return == math.MaxInt64 {
			first, ok := seen[one.Input.(step).text]
			if !ok {
				continue
			}
			one.Return = max(first, one.Call)
		}
		kept = append(kept, one)
	}
	return kept
}

// check looks for an order that explains all answers.
func (h *history) check() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	result := porcupine.CheckOperationsTimeout(listModel, simplified(h.operations), time.Minute)
	if result != porcupine.Ok {
		h.t.Errorf("%d operations are not linearizable: %s", len(h.operations), result)
	}
	h.t.Logf("%d requests were answered, %d refused", h.done.Load(), h.refused.Load())
}
