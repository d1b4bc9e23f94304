package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/sandbox"
	"github.com/platenhq/platen/platentest"
)

// TestSandbox calls each method of a sandbox at a real one.
func TestSandbox(t *testing.T) {
	server := platentest.New(t, platentest.Demo())
	c, ctx := server.Client, t.Context()
	nil2 := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
	}
	at := must[client.Clock](t)(c.Clock(ctx))
	running := true
	is(t, client.Clock{Time: at.Time.Add(90 * time.Minute)})(c.SetClock(ctx, client.ClockChange{Advance: 90 * time.Minute}))
	is(t, client.Clock{Time: at.Time.AddDate(1, 0, 0)})(c.SetClock(ctx, client.ClockChange{Time: at.Time.AddDate(1, 0, 0)}))
	if now := must[client.Clock](t)(c.SetClock(ctx, client.ClockChange{Running: &running})); !now.Running {
		t.Errorf("%+v", now)
	}
	fails(t, second(c.SetClock(ctx, client.ClockChange{})), platen.Invalid, "nothing to change")

	nil2(c.TakeSnapshot(ctx, "before"), c.DeleteEntity(ctx, 1288, ""))
	odd := platen.Fault{
		Name: "odd", Methods: []string{"GET", "PUT"}, Route: "/api/v1/entities/{id}", Path: "*/1288", User: "ol-admin", From: 2, To: 9, Every: 3,
		Probability: 0.5, Seed: -7, Status: 418, Body: `{"a":"é"}`, Headers: pairs("X-One", "1"), RetryAfter: 2 * time.Second,
		Latency: time.Millisecond, Bandwidth: 1 << 20, Cut: true, CutAfter: 0,
	}
	empty := platen.Fault{Name: "empty", Path: "*/nothing", Status: 500, EmptyBody: true}
	slow := platen.Fault{Name: "slow", Path: "*/nothing", OperationDelay: time.Second, OperationError: "out of paper"}
	faults := must[[]client.Fault](t)(c.ReplaceFaults(ctx, odd, slow, empty))
	is(t, []client.Fault{{FaultCount: platen.FaultCount{Fault: odd}}, {FaultCount: platen.FaultCount{Fault: slow}}, {FaultCount: platen.FaultCount{Fault: empty}}})(faults, nil)
	is(t, faults)(c.Faults(ctx))
	text, err := json.Marshal(faults[0])
	is(t, `{"name":"odd","methods":["GET","PUT"],"route":"/api/v1/entities/{id}","path":"*/1288","user":"ol-admin","from":2,"to":9,"every":3,"probability":0.5,"seed":-7,`+
		`"status":418,"body":"{\"a\":\"é\"}","headers":{"X-One":"1"},"retryAfter":"2s","latency":"1ms","bandwidth":1048576,"cutAfter":0,"matched":0,"hits":0}`)(string(text), err)
	added := must[client.Fault](t)(c.AddFault(ctx, platen.Fault{Path: "*/jobsets", NoAnswer: true}))
	is(t, added)(c.Fault(ctx, added.Name))
	fails(t, second(c.AddFault(ctx, slow)), platen.Conflict, "slow")
	fails(t, second(c.ReplaceFaults(ctx, platen.Fault{Status: 100})), platen.Invalid, "status")
	nil2(c.RemoveFault(ctx, added.Name), c.RemoveFaults(ctx))
	is(t, []client.Fault{})(c.Faults(ctx))
	fails(t, second(c.Fault(ctx, "odd")), platen.NotFound, "odd")
	fails(t, second(c.AddFault(ctx, platen.Fault{})), platen.Invalid, "")

	one := must[client.SandboxInstance](t)(c.AddInstance(ctx, "other", "none"))
	state := must[client.Sandbox](t)(c.ResetSandbox(ctx, client.SandboxReset{Snapshot: "before", Keep: []string{"journal"}}))
	if state.Resets != 1 || len(state.Snapshots) != 1 || len(state.Instances) != 2 || state.Instances[1] != one || state.URL != server.URL {
		t.Errorf("%+v", state)
	}
	nil2(second(c.Entity(ctx, 1288)), c.RemoveSnapshot(ctx, "before"), c.RemoveInstance(ctx, "other"))
	fails(t, second(c.ResetSandbox(ctx, client.SandboxReset{Snapshot: "before"})), platen.NotFound, "before")

	plain, _ := connect(t)
	fails(t, second(plain.Sandbox(ctx)), platen.NotFound, "no sandbox")
}

// A test has the server refuse a request, and sees that it did.
func ExampleClient_ReplaceFaults() {
	address, stop := serveSandbox()
	defer stop()
	ctx := context.Background()
	c, err := client.New(address, platentest.User, platentest.Password)
	if err != nil {
		log.Fatal(err)
	}
	c.RetryFor = 10 * time.Second

	if _, err := c.ReplaceFaults(ctx, platen.Fault{Name: "busy", Path: "*/jobsets", To: 1, Status: 503, RetryAfter: time.Second}); err != nil {
		log.Fatal(err)
	}
	sets, err := c.Entities(ctx, platen.JobSet)
	fmt.Println(len(sets), err)
	busy, err := c.Fault(ctx, "busy")
	fmt.Println("it was busy", busy.Hits, "time of", busy.Matched, "requests", err)
	// Output:
	// 1 <nil>
	// it was busy 1 time of 2 requests <nil>
}

// serveSandbox starts a sandbox for an example.
func serveSandbox() (address string, stop func()) {
	s, err := sandbox.Open(context.Background(), sandbox.Config{Data: sandbox.Demo()})
	if err != nil {
		log.Fatal(err)
	}
	return s.URL(), func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			log.Fatal(err)
		}
	}
}
