package platentest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/platentest"
)

// A tester stands for the *testing.T that a test has: examples have none.
type tester struct{ cleanups []func() }

func (t *tester) Helper()                           {}
func (t *tester) Cleanup(fn func())                 { t.cleanups = append(t.cleanups, fn) }
func (t *tester) Context() context.Context          { return context.Background() }
func (t *tester) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *tester) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// end is what a test does at its end by itself.
func (t *tester) end() {
	for i := range t.cleanups {
		t.cleanups[len(t.cleanups)-1-i]()
	}
}

// oneJob is a job set with one job, whose identifier is 1001.
var oneJob = []byte(`{"jobs":[{"properties":[{"name":"status","value":"new"}]}]}`)

func Example() {
	t := new(tester) // a test has it as its parameter
	defer t.end()

	server := platentest.New(t, platentest.Document(platen.JobSet, oneJob))
	job := platen.Ref{Kind: platen.Job, ID: 1001}
	ctx := context.Background()

	err := server.Client.Replace(ctx, job.Kind, platen.Properties, platen.Update{
		ID: job.ID, Pairs: []platen.NameValue{{Name: "status", Value: "printed"}},
	})
	fmt.Println("tagged:", err)

	server.Reset()
	list, err := server.Client.List(ctx, job, platen.Properties)
	fmt.Println("after the reset:", list, err)
	// Output:
	// tagged: <nil>
	// after the reset: [{status new}] <nil>
}

func ExampleServer_Faults() {
	t := new(tester)
	defer t.end()
	server := platentest.New(t, platentest.Document(platen.JobSet, oneJob))
	server.Client.RetryFor = 10 * time.Second

	server.Faults(
		platen.Fault{Name: "busy", Route: "/rest/serverengine/entity/jobs/{id}/properties", To: 1, Status: 503, RetryAfter: time.Second},
		platen.Fault{Name: "expired", ExpireToken: true, To: 1},
	)
	list, err := server.Client.List(context.Background(), platen.Ref{Kind: platen.Job, ID: 1001}, platen.Properties)
	fmt.Println(list, err)
	fmt.Println("busy:", server.Hits("busy"), "expired:", server.Hits("expired"))
	// Output:
	// [{status new}] <nil>
	// busy: 1 expired: 1
}

func ExampleServer_Advance() {
	t := new(tester)
	defer t.end()
	server := platentest.New(t, platentest.Document(platen.JobSet, oneJob))
	ctx := context.Background()

	err := server.Client.Login(ctx)
	fmt.Println("logged in at", server.Now().Format(time.TimeOnly), err)

	server.Advance(2 * time.Hour) // the token has expired: the client logs in anew
	_, err = server.Client.Entities(ctx, platen.JobSet)
	fmt.Println(err)
	for _, r := range server.Requests() {
		fmt.Printf("%d %s %s %q\n", r.Status, r.Method, r.Path, r.Reason)
	}
	// Output:
	// logged in at 12:00:00 <nil>
	// <nil>
	// 200 POST /rest/serverengine/authentication/login ""
	// 401 GET /rest/serverengine/entity/jobsets "the token has expired: log in again"
	// 200 POST /rest/serverengine/authentication/login ""
	// 200 GET /rest/serverengine/entity/jobsets ""
}

func ExampleServer_Requests() {
	t := new(tester)
	defer t.end()
	server := platentest.New(t)

	_, err := server.Client.List(context.Background(), platen.Ref{Kind: platen.Job, ID: 1001}, platen.Properties)
	fmt.Println(platen.ErrorCode(err) == platen.NotFound)
	requests := server.Requests()
	last := requests[len(requests)-1]
	fmt.Println(last.Method, last.Path, last.Status, last.Reason)
	// Output:
	// true
	// GET /rest/serverengine/entity/jobs/1001/properties 404 job 1001 not found
}
