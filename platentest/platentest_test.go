package platentest_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/platentest"
)

// TestMain checks that servers leave nothing running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestParallel runs servers beside each other, each with data, a clock and faults
// of its own.
func TestParallel(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			at := time.Date(2030+i, time.May, 1, 0, 0, 0, 0, time.UTC)
			server := platentest.New(t, platentest.Document(platen.JobSet, oneJob), platentest.Clock(at), platentest.Journal(10, 100))
			value := fmt.Sprint("suite ", i)
			job := platen.Ref{Kind: platen.Job, ID: 1001}
			tag := func() error {
				return server.Client.Replace(t.Context(), job.Kind, platen.Properties, platen.Update{ID: job.ID, Pairs: []platen.NameValue{{Name: "status", Value: value}}})
			}
			if err := tag(); err != nil {
				t.Fatal(err)
			}
			server.Snapshot("tagged")
			server.Faults(platen.Fault{Name: "mine", Status: 520 + i})
			if err := tag(); err == nil || server.Hits("mine") != 1 {
				t.Error(err, server.Hits("mine"))
			}
			server.ResetTo("tagged")
			list, err := server.Client.List(t.Context(), job, platen.Properties)
			if err != nil || list[0].Value != value {
				t.Error(list, err)
			}
			if len(server.Requests()) != 1 || !server.Now().Equal(at) {
				t.Error(server.Requests(), server.Now())
			}
		})
	}
}

// TestAdvanceAtOnce checks that each of many calls moves the clock on.
func TestAdvanceAtOnce(t *testing.T) {
	server := platentest.New(t)
	const callers, each = 8, 20
	began := server.Now()
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			for range each {
				server.Advance(time.Minute)
			}
		})
	}
	calls.Wait()
	if moved := server.Now().Sub(began); moved != callers*each*time.Minute {
		t.Errorf("the clock was moved by %v, not by %v", moved, callers*each*time.Minute)
	}
}

// TestData checks that options for data add to those before them, in any order.
func TestData(t *testing.T) {
	document := platentest.Document(platen.JobSet, []byte(`{"id":100,"jobs":[]}`))
	for _, options := range [][]platentest.Option{{document, platentest.Demo()}, {platentest.Demo(), document}} {
		sets, err := platentest.New(t, options...).Client.Entities(t.Context(), platen.JobSet)
		if err != nil || len(sets) != 2 || sets[0] != 100 {
			t.Error(sets, err)
		}
	}
}

// failing is a test that records how it fails.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Fatalf(format string, args ...any) { f.text = fmt.Sprintf(format, args...); panic(f) }

// TestRefusals checks that what can not be meant ends the test with a reason.
func TestRefusals(t *testing.T) {
	f := &failing{TB: t}
	server := platentest.New(f)
	for want, do := range map[string]func(){
		"does nothing":          func() { server.Faults(platen.Fault{}) },
		"there is no snapshot":  func() { server.ResetTo("none") },
		"there is no fault":     func() { server.Hits("none") },
		"the name of a snapsho": func() { server.Snapshot("") },
		"the data of":           func() { platentest.New(f, platentest.Document(platen.JobSet, []byte("{"))) },
	} {
		func() {
			defer func() {
				if p := recover(); p != f || !strings.Contains(f.text, want) {
					t.Errorf("%s: %v %s", want, p, f.text)
				}
			}()
			do()
		}()
	}
}

// TestClock checks that a token is good for as long as it was told to be, by a clock
// that is set, and that the server logs to the logger that it was given.
func TestClock(t *testing.T) {
	var log bytes.Buffer
	t.Run("server", func(t *testing.T) {
		server := platentest.New(t, platentest.TokenTTL(time.Minute), platentest.Log(slog.New(slog.NewTextHandler(&log, nil))))
		token, _, err := server.Client.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.NewWithToken(server.URL, token)
		if err != nil {
			t.Fatal(err)
		}
		c.HTTP = server.Client.HTTP
		at := server.Now().Add(59 * time.Second)
		server.SetClock(at)
		if _, err := c.Entities(t.Context(), platen.JobSet); err != nil || !server.Now().Equal(at) {
			t.Errorf("at %v: %v", server.Now(), err)
		}
		server.SetClock(at.Add(2 * time.Second))
		if _, err := c.Entities(t.Context(), platen.JobSet); !errors.Is(err, platen.ErrUnauthenticated) {
			t.Errorf("at %v: %v", server.Now(), err)
		}
	})
	if !strings.Contains(log.String(), "msg=request ") {
		t.Errorf("the log is %s", &log)
	}
}
