// Package demo makes up a mail run: a job set document such as a mail house
// would have, the same each time.
package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
)

// The first identifiers of what the mail run refers to. The job set and what
// it contains get theirs from the server.
const (
	firstContentItem = 9001
	firstDataRecord  = 5001
)

// The shapes of the document, as POST /api/v1/jobsets takes it.
type (
	entry struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	lists struct {
		Properties []entry `json:"properties,omitempty"`
		Metadata   []entry `json:"metadata,omitempty"`
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
		ContentItem int      `json:"contentitem"`
		DataRecord  int      `json:"datarecord"`
		Details     []detail `json:"pages"`
	}
	detail struct {
		Count int   `json:"count"`
		Media media `json:"media"`
	}
	media struct {
		Name   string `json:"name"`
		Size   string `json:"size"`
		Width  string `json:"width"`
		Height string `json:"height"`
	}
)

var (
	plain      = media{"Plain A4", "A4", "210mm", "297mm"}
	letterhead = media{"Letterhead A4", "A4", "210mm", "297mm"}
)

// mailings are the jobs of the run.
var mailings = []struct {
	name, customer, priority, deadline, postage, status, costCentre string
	first                                                           media // sheet of the first page
	documents                                                       int
}{
	{"Invoices November", "Stadtwerke Köln", "high", "2026-11-27T16:00:00+01:00", "Priority", "proofed", "4711", letterhead, 140},
	{"Payment reminders", "Assurances Clément & Fils", "normal", "2026-11-30T12:00:00+01:00", "Standard", "new", "0815", letterhead, 90},
	{"Welcome letters", "Fitness Ørsted", "low", "2026-12-04T18:00:00+01:00", "Bulk mail", "new", "2300", plain, 70},
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

// MailRun writes the job set document of the mail run: three jobs, each with
// three job segments, of three document sets each, and 300 documents in all.
func MailRun(w io.Writer) error {
	g := generator{random: rand.New(rand.NewPCG(9340, 2026))}
	set := jobSet{lists: lists{
		Properties: []entry{{"name", "Mail run 2026-11-24"}, {"operator", "mailroom"}, {"status", "in production"}},
		Metadata:   []entry{{"Batch", "2026-48-0001"}, {"Site", "Hamburg"}},
	}}
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
		for r, region := range regions {
			// What does not divide by three goes to the first region.
			documents := mailing.documents / len(regions)
			if r == 0 {
				documents += mailing.documents % len(regions)
			}
			s := segment{lists: lists{Metadata: []entry{{"Region", region.name}, {"Plant", region.plant}}}}
			for pages := 1; pages < len(folds); pages++ {
				// Most letters are short.
				n := documents / (1 << pages)
				if pages == 1 {
					n = documents - documents/4 - documents/8
				}
				fold := folds[pages]
				ds := documentSet{lists: lists{Metadata: []entry{{"Envelope", fold.envelope}, {"Enclosure", fold.enclosure}}}}
				for range n {
					place := region.places[g.random.IntN(len(region.places))]
					ds.Documents = append(ds.Documents, g.document(place.zip, place.city, pages, mailing.first))
				}
				s.DocumentSets = append(s.DocumentSets, ds)
			}
			j.Segments = append(j.Segments, s)
		}
		set.Jobs = append(set.Jobs, j)
	}
	return json.NewEncoder(w).Encode(set)
}

// A generator makes documents one after the other.
type generator struct {
	random *rand.Rand
	made   int // documents
	items  int // content items
}

func (g *generator) document(zip, city string, pages int, first media) document {
	g.made++
	d := document{lists: lists{Metadata: []entry{
		{"Number", fmt.Sprintf("2026-%06d", g.made)},
		{"Recipient", g.pick(firstNames) + " " + g.pick(lastNames)},
		{"ZIP", zip},
		{"City", city},
		{"Pages", fmt.Sprint(pages)},
	}}}
	for n := range pages {
		sheet := plain
		if n == 0 {
			sheet = first
		}
		d.Pages = append(d.Pages, page{
			ContentItem: firstContentItem + g.items,
			DataRecord:  firstDataRecord + g.items,
			Details:     []detail{{1, sheet}},
		})
		g.items++
	}
	return d
}

func (g *generator) pick(from []string) string { return from[g.random.IntN(len(from))] }
