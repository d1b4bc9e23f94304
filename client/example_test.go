package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// serve starts a server with the documents of the tests in it, for an example.
func serve() (address string, stop func()) {
	address, end, err := startServer(context.Background(), time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	if err := importAll(context.Background(), open(address)); err != nil {
		log.Fatal(err)
	}
	return address, func() {
		http.DefaultClient.CloseIdleConnections()
		if err := end(); err != nil {
			log.Fatal(err)
		}
	}
}

// open returns a client of a server of an example.
func open(address string) *client.Client {
	c, err := client.New(address, user, password)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// The jobs of all job sets, and their properties.
func Example() {
	address, stop := serve()
	defer stop()
	ctx := context.Background()

	c, err := client.New(address, "ol-admin", "correct horse")
	if err != nil {
		log.Fatal(err)
	}
	sets, err := c.Entities(ctx, platen.JobSet)
	if err != nil {
		log.Fatal(err)
	}
	for _, set := range sets {
		jobs, err := c.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: set})
		if err != nil {
			log.Fatal(err)
		}
		for _, job := range jobs {
			properties, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println("job set", set, "job", job, properties)
		}
	}
	// Output:
	// job set 100 job 101 [{zip 00420}]
}

// What kind of error it is, and by which identifier the log of the server
// knows the request.
func Example_errors() {
	address, stop := serve()
	defer stop()

	_, err := open(address).List(context.Background(), platen.Ref{Kind: platen.Job, ID: 7}, platen.Properties)
	if errors.Is(err, platen.ErrNotFound) {
		fmt.Println("there is no such job")
	}
	if shown, ok := errors.AsType[*platen.Error](err); ok {
		fmt.Println(shown.Message)
	}
	if answer, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(answer.Method, answer.Path, answer.Status, answer.RequestID != "")
	}
	// Output:
	// there is no such job
	// job 7 not found
	// GET /rest/serverengine/entity/jobs/7/properties 404 true
}

// Settings of connections are those of the http.Client; here a limit of time.
func ExampleNew() {
	address, stop := serve()
	defer stop()

	c, err := client.New(address, "ol-admin", "correct horse")
	if err != nil {
		log.Fatal(err)
	}
	c.HTTP = &http.Client{Timeout: time.Minute}
	c.UserAgent = "mailroom/2.1"
	c.RetryFor = 30 * time.Second // a server that restarts is waited for
	version, err := c.Version(context.Background())
	fmt.Println(version, err)
	// Output: 2025.2.0 <nil>
}

func ExampleNewWithToken() {
	address, stop := serve()
	defer stop()
	ctx := context.Background()

	token, _, err := open(address).Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.NewWithToken(address, token) // perhaps in another program
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Entities(ctx, platen.DataSet))
	// Output: [300] <nil>
}

func ExampleClient_Replace() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	err := c.Replace(ctx, platen.Job, platen.Properties, platen.Update{
		ID: 101, Pairs: []platen.NameValue{{Name: "status", Value: "printed"}, {Name: "copies", Value: "0042"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.List(ctx, platen.Ref{Kind: platen.Job, ID: 101}, platen.Properties))
	// Output: [{status printed} {copies 0042}] <nil>
}

func ExampleClient_Merge() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	printed := []platen.NameValue{{Name: "status", Value: "printed"}}
	err := c.Merge(ctx, platen.ContentItem, []platen.Update{{ID: 9001, Pairs: printed}, {ID: 9002, Pairs: printed}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.List(ctx, platen.Ref{Kind: platen.ContentItem, ID: 9001}, platen.Properties))
	fmt.Println(c.List(ctx, platen.Ref{Kind: platen.ContentItem, ID: 9002}, platen.Properties))
	// Output:
	// [{shift night} {status printed}] <nil>
	// [{status printed}] <nil>
}

func ExampleClient_ContentsSeq() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	for content, err := range c.ContentsSeq(ctx, platen.Ref{Kind: platen.Job, ID: 101}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("content item", content.Item, "of data record", content.Record)
	}
	// Output:
	// content item 9001 of data record 5001
	// content item 9002 of data record 5002
}

func ExampleClient_Pages() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	pages, err := c.Pages(ctx, 700)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range pages {
		fmt.Println(p.Count, "pages on", p.Media.Name)
	}
	for item, err := range c.ItemPagesSeq(ctx, 700) {
		if err != nil {
			log.Fatal(err)
		}
		for _, p := range item.Pages {
			fmt.Println("content item", item.Item, "takes", p.Sheets(), "sheets")
		}
	}
	// Output:
	// 3 pages on Plain A4
	// content item 9001 takes 2 sheets
}

func ExampleClient_Find() {
	address, stop := serve()
	defer stop()

	found, err := open(address).Find(context.Background(), &platen.Search{
		Kind: platen.ContentItem,
		Rule: platen.Rule{Type: platen.All, Rules: []platen.Rule{
			{Type: platen.Text, Facet: platen.Properties, Name: "shift", Condition: platen.Equal, Value: "night"},
			{Type: platen.Text, Facet: platen.Fields, Name: "City", Condition: platen.StartsWith, Value: "Ni"},
		}},
		Sort: []platen.SearchKey{{Facet: platen.Fields, Name: "City"}},
	})
	fmt.Println(found, err)
	// Output: [[{9001 Nice}]] <nil>
}

func ExampleClient_Record() {
	address, stop := serve()
	defer stop()

	records, err := open(address).Record(context.Background(), 5001, client.RecordOptions{Recursive: true, Format: client.TypedRecords})
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range records {
		fields, err := record.Fields.Decode()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("data record", record.ID, "of table", record.Table)
		for _, field := range fields {
			fmt.Println(" ", field.Name, record.Schema.Type(field.Name), field.Value)
		}
	}
	// Output:
	// data record 5001 of table record
	//   City STRING Nice
	//   Paid BOOLEAN true
	//   Since DATETIME 2025-11-24T16:00:00Z
	// data record 5100 of table detail
	//   Qty INTEGER 3
}

func ExampleRecordsAs() {
	address, stop := serve()
	defer stop()

	type recipient struct {
		ID     platen.ID `json:"__recordid"`
		City   string
		Since  time.Time
		Detail []struct{ Qty int } `json:"detail"` // the table of that name
	}
	ids := []platen.ID{5001, 5002}
	for r, err := range client.RecordsAs[recipient](context.Background(), open(address), ids, client.RecordOptions{Recursive: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.ID, r.City, r.Since.Year(), r.Detail)
	}
	// Output:
	// 5001 Nice 2025 [{3}]
	// 5002 Lyon 1 []
}

func ExampleClient_AddRecords() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	err := c.AddRecords(ctx, []platen.NewRecords{{DataSet: 300, Records: []platen.SourceRecord{
		{Fields: []platen.NameValue{{Name: "City", Value: "Pau"}}},
		{Depth: 1, Table: "detail", Fields: []platen.NameValue{{Name: "Qty", Value: "12"}}}, // nested in the one before
	}}})
	if err != nil {
		log.Fatal(err)
	}
	records, err := c.Children(ctx, platen.Ref{Kind: platen.DataSet, ID: 300})
	fmt.Println(len(records), err)
	// Output: 3 <nil>
}

func ExampleClient_Statistics() {
	address, stop := serve()
	defer stop()

	s, err := open(address).Statistics(context.Background(), 100, client.Documents)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Documents, "documents,", s.Pages, "pages on", s.Sheets, "sheets")
	for _, document := range s.ByDocument {
		fmt.Print("document ", document.Document, ": ", document.Pages)
		for medium, pages := range document.ByMedia {
			fmt.Print(", ", pages, " on ", s.Media[medium].Name)
		}
		fmt.Println()
	}
	// Output:
	// 2 documents, 4 pages on 3 sheets
	// document 104: 3, 3 on Plain A4
	// document 105: 1
}

func ExampleClient_CreateJobSet() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	// One job of one job segment of one document set, with two documents: the
	// first of two pages.
	operation, err := c.CreateJobSet(ctx, client.Structure{{{{{9001, 9002}, {9001}}}}})
	if err != nil {
		log.Fatal(err)
	}
	made, err := operation.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	jobs, err := c.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: made})
	fmt.Println(len(jobs), err)
	// Output: 1 <nil>
}

// To show how far an operation is, ask for it; Wait does not.
func ExampleOperation_Progress() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	operation, err := c.CreateJobSetOf(ctx, 700)
	if err != nil {
		log.Fatal(err)
	}
	for {
		percent, done, err := operation.Progress(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if done {
			fmt.Println(percent, "%")
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	jobSet, err := operation.Result(ctx)
	fmt.Println(jobSet != 0, err)
	// Output:
	// 100 %
	// true <nil>
}

func ExampleClient_Export() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	if err := c.Export(ctx, platen.Ref{Kind: platen.ContentSet, ID: 700}, os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"id":700,"type":"print","contentitems":[{"id":9001,"datarecord":5001,"properties":[{"name":"shift","value":"night"}],"pages":[{"count":3,"duplex":true,"media":{"name":"Plain A4","width":"210mm","height":"297mm"}}],"template":"letter"},{"id":9002,"datarecord":5002}]}
}

func ExampleClient_Import() {
	address, stop := serve()
	defer stop()
	ctx, c := context.Background(), open(address)

	made, err := c.Import(ctx, platen.JobSet, strings.NewReader(`{"jobs": [
		{"properties": [{"name": "customer", "value": "Ada"}]},
		{"properties": [{"name": "customer", "value": "Bo"}]}
	]}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(made.Children), "jobs")
	if err := c.Delete(ctx, platen.Ref{Kind: platen.JobSet, ID: made.ID}); err != nil {
		log.Fatal(err)
	}
	// Output: 2 jobs
}
