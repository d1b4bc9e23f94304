// Package demo makes up a mail run such as a mail house would have, the same
// each time: a data set of recipients, a content set of their letters, and a
// job set of jobs that print them.
package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
)

// The identifiers of what the sets refer to in each other. All else gets its
// own from the server.
const (
	firstContentItem = 9001
	firstDataRecord  = 5001
)

// The shapes of the documents, as POST /api/v1/datasets, /contentsets and
// /jobsets take them.
type (
	entry struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	lists struct {
		Properties []entry `json:"properties,omitempty"`
		Metadata   []entry `json:"metadata,omitempty"`
	}
	dataSet struct {
		lists
		Schema  table    `json:"schema"`
		Records []record `json:"records"`
	}
	table struct {
		Columns map[string]string `json:"columns"`
		Tables  map[string]table  `json:"tables,omitempty"`
	}
	record struct {
		ID      int      `json:"id,omitempty"`
		Table   string   `json:"table,omitempty"`
		Fields  []entry  `json:"fields"`
		Records []record `json:"records,omitempty"`
	}
	contentSet struct {
		lists
		Type  string        `json:"type"`
		Items []contentItem `json:"contentitems"`
	}
	contentItem struct {
		lists
		ID         int      `json:"id"`
		DataRecord int      `json:"datarecord"`
		Template   string   `json:"template"`
		Pages      []detail `json:"pages"`
	}
	jobSet struct {
		lists
		Jobs []job `json:"jobs"`
	}
	job struct {
		lists
		Segments []segment `json:"segments"`
	}
	segment struct {
		lists
		DocumentSets []documentSet `json:"documentsets"`
	}
	documentSet struct {
		lists
		Documents []document `json:"documents"`
	}
	document struct {
		lists
		Pages []page `json:"documentpages"`
	}
	page struct {
		ContentItem int `json:"contentitem"`
		DataRecord  int `json:"datarecord"`
	}
	detail struct {
		Count  int   `json:"count"`
		Duplex bool  `json:"duplex,omitempty"`
		Media  media `json:"media"`
	}
	media struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Size   string `json:"size"`
		Width  string `json:"width"`
		Height string `json:"height"`
		Weight string `json:"weight"`
	}
)

var (
	plain      = media{"Plain A4", "plain", "A4", "210mm", "297mm", "80gsm"}
	letterhead = media{"Letterhead A4", "preprinted", "A4", "210mm", "297mm", "100gsm"}
)

// mailings are the jobs of the run.
var mailings = []struct {
	name, customer, priority, deadline, postage, status, costCentre string
	template                                                        string
	first                                                           media // sheet of the first page
	duplex                                                          bool  // the pages after it
	documents                                                       int
}{
	{"Invoices November", "Stadtwerke Köln", "high", "2026-11-27T16:00:00+01:00", "Priority", "proofed", "4711", "Invoice", letterhead, true, 140},
	{"Payment reminders", "Assurances Clément & Fils", "normal", "2026-11-30T12:00:00+01:00", "Standard", "new", "0815", "Reminder", letterhead, false, 90},
	{"Welcome letters", "Fitness Ørsted", "low", "2026-12-04T18:00:00+01:00", "Bulk mail", "new", "2300", "Welcome", plain, false, 70},
}

var articles = []struct{ name, price string }{
	{"Electricity", "84.20"}, {"Gas", "61.75"}, {"Water", "23.10"}, {"Waste disposal", "12.00"}, {"Meter rent", "4.90"},
}

// regions are the job segments of each job: where its letters are printed and
// posted, and who lives there.
var regions = []struct {
	name, plant string
	places      []struct{ zip, city string }
}{
	{"North", "Hamburg", []struct{ zip, city string }{{"20095", "Hamburg"}, {"28195", "Bremen"}, {"24103", "Kiel"}}},
	{"East", "Leipzig", []struct{ zip, city string }{{"04109", "Leipzig"}, {"01067", "Dresden"}, {"00420", "Żary"}}},
	{"West", "Lyon", []struct{ zip, city string }{{"69001", "Lyon"}, {"01000", "Bourg-en-Bresse"}, {"1204", "Genève"}}},
}

// folds are the document sets of each job segment, by their number of pages.
var folds = []struct{ envelope, enclosure string }{
	1: {"DL window", "none"},
	2: {"C6/5 window", "return envelope"},
	3: {"C4 window", "terms and conditions"},
}

var (
	firstNames = []string{"Anna", "Björn", "Chloé", "Dörte", "Émile", "Franka", "Giørgos", "Hélène", "Ivo", "Jürgen", "Katarzyna", "Luís", "Mária", "Noël", "Olga", "Søren"}
	lastNames  = []string{"Müller", "Lefèvre", "O'Brien", "Nowak", "García", "Jensen", "Rossi", "Novák", "Öztürk", "de Vries", "Schmidt", "Dubois", "Weiß", "Andersson"}
)

// A Run is the mail run, ready to be written.
type Run struct {
	data    dataSet
	content contentSet
	jobs    jobSet
}

// DataSet writes the data set document: 300 recipients, and what those of
// invoices are to pay for.
func (r *Run) DataSet(w io.Writer) error { return json.NewEncoder(w).Encode(r.data) }

// ContentSet writes the content set document: a letter for each recipient. It
// refers to the data set's records.
func (r *Run) ContentSet(w io.Writer) error { return json.NewEncoder(w).Encode(r.content) }

// JobSet writes the job set document: three jobs, each with three job
// segments, of three document sets each. It refers to the content items.
func (r *Run) JobSet(w io.Writer) error { return json.NewEncoder(w).Encode(r.jobs) }

// MailRun makes up the mail run.
func MailRun() *Run {
	run := &Run{
		data: dataSet{
			lists: lists{Properties: []entry{{"name", "Recipients 2026-11-24"}, {"source", "billing"}}},
			Schema: table{
				Columns: map[string]string{"Due": "DATETIME", "Amount": "CURRENCY", "Paperless": "BOOLEAN"},
				Tables:  map[string]table{"items": {Columns: map[string]string{"Quantity": "INTEGER", "Price": "CURRENCY"}}},
			},
		},
		content: contentSet{
			lists: lists{Properties: []entry{{"name", "Letters 2026-11-24"}}},
			Type:  "print",
		},
		jobs: jobSet{lists: lists{
			Properties: []entry{{"name", "Mail run 2026-11-24"}, {"operator", "mailroom"}, {"status", "in production"}},
			Metadata:   []entry{{"Batch", "2026-48-0001"}, {"Site", "Hamburg"}},
		}},
	}
	g := generator{run: run, random: rand.New(rand.NewPCG(9340, 2026))}
	for number, mailing := range mailings {
		j := job{lists: lists{
			Properties: []entry{
				{"name", mailing.name},
				{"customer", mailing.customer},
				{"priority", mailing.priority},
				{"deadline", mailing.deadline},
				{"status", mailing.status},
				{"costcentre", mailing.costCentre},
			},
			Metadata: []entry{
				{"Postage class", mailing.postage},
				{"Documents", fmt.Sprint(mailing.documents)},
				{"Order", fmt.Sprintf("%08d", 20260000+number)},
			},
		}}
		for r := range regions {
			// What does not divide by three goes to the first region.
			documents := mailing.documents / len(regions)
			if r == 0 {
				documents += mailing.documents % len(regions)
			}
			j.Segments = append(j.Segments, g.segment(r, documents, number))
		}
		run.jobs.Jobs = append(run.jobs.Jobs, j)
	}
	return run
}

// A generator makes documents one after the other.
type generator struct {
	run    *Run
	random *rand.Rand
	made   int // documents
}

// segment makes the job segment of a region, with so many documents of a
// mailing.
func (g *generator) segment(region, documents, mailing int) segment {
	to := regions[region]
	s := segment{lists: lists{Metadata: []entry{{"Region", to.name}, {"Plant", to.plant}}}}
	for pages := 1; pages < len(folds); pages++ {
		// Most letters are short.
		n := documents / (1 << pages)
		if pages == 1 {
			n = documents - documents/4 - documents/8
		}
		fold := folds[pages]
		ds := documentSet{lists: lists{Metadata: []entry{{"Envelope", fold.envelope}, {"Enclosure", fold.enclosure}}}}
		for range n {
			place := to.places[g.random.IntN(len(to.places))]
			ds.Documents = append(ds.Documents, g.document(place.zip, place.city, pages, mailing))
		}
		s.DocumentSets = append(s.DocumentSets, ds)
	}
	return s
}

// document makes a document of a mailing, with its data record and its content
// item.
func (g *generator) document(zip, city string, pages, number int) document {
	mailing := mailings[number]
	item, id := firstContentItem+g.made, firstDataRecord+g.made
	g.made++
	recipient := g.pick(firstNames) + " " + g.pick(lastNames)
	data := record{ID: id, Fields: []entry{
		{"Recipient", recipient}, {"ZIP", zip}, {"City", city}, {"Paperless", fmt.Sprint(g.random.IntN(4) == 0)},
	}}
	if mailing.template != "Welcome" {
		data.Fields = append(data.Fields, entry{"Amount", fmt.Sprintf("%d.%02d", 20+g.random.IntN(400), g.random.IntN(100))},
			entry{"Due", fmt.Sprintf("2026-12-%02dT00:00:00Z", 10+g.random.IntN(15))})
	}
	if mailing.template == "Invoice" {
		for range 1 + g.random.IntN(3) {
			article := articles[g.random.IntN(len(articles))]
			data.Records = append(data.Records, record{Table: "items", Fields: []entry{
				{"Article", article.name}, {"Quantity", fmt.Sprint(1 + g.random.IntN(9))}, {"Price", article.price},
			}})
		}
	}
	g.run.data.Records = append(g.run.data.Records, data)

	sheets := []detail{{Count: 1, Media: mailing.first}}
	if pages > 1 {
		sheets = append(sheets, detail{Count: pages - 1, Duplex: mailing.duplex, Media: plain})
	}
	g.run.content.Items = append(g.run.content.Items, contentItem{
		ID: item, DataRecord: id, Template: mailing.template, Pages: sheets,
	})
	return document{
		lists: lists{Metadata: []entry{
			{"Number", fmt.Sprintf("2026-%06d", g.made)},
			{"Recipient", recipient},
			{"ZIP", zip},
			{"City", city},
			{"Pages", fmt.Sprint(pages)},
		}},
		Pages: []page{{item, id}},
	}
}

func (g *generator) pick(from []string) string { return from[g.random.IntN(len(from))] }
