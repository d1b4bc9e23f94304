package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
)

// repeated is n elements, of which %d is the number, from first up.
func repeated(n, first int, element string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, element, first+i)
	}
	return b.String()
}

func TestLargeListLimits(t *testing.T) { oneByOne(t, testListLimits) }

func testListLimits(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) { c.MaxBody = 16 << 20 })
	job := s.importSet(`{"jobs":[{}]}`).Children[0]
	properties := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	names := func(n int) string { return "[" + repeated(n, 0, `{"name":"n%d","value":""}`) + "]" }
	put := func(list string) answer {
		return s.do("PUT", properties, fmt.Sprintf(`{"id":%d,"properties":%s}`, job, list))
	}
	merge := func(updates string) answer { return s.do("PUT", entities+"/jobs/properties", "["+updates+"]") }
	long := func(bytes int) string {
		return fmt.Sprintf(`[{"name":"n","value":%q}]`, strings.Repeat("v", bytes-len(`[{"name":"n","value":""}]`)))
	}

	put(names(platen.MaxNames+1)).isError(t, 400, "more than 10000 names")
	put(long(platen.MaxListBytes+1)).isError(t, 400, "1048576 are the most")
	if a := put(long(platen.MaxListBytes)); a.body != "true" {
		t.Error(a)
	}
	if a := put(names(platen.MaxNames)); a.body != "true" {
		t.Error(a)
	}
	merge(fmt.Sprintf(`{"id":%d,"properties":[{"name":"n0","value":"x"},{"name":"more","value":""}]}`, job)).isError(t, 400, fmt.Sprintf("job %d: a list would have 10001 names", job))
	for i, pair := range s.properties(platen.Job, job) {
		if want := (platen.NameValue{Name: fmt.Sprint("n", i)}); pair != want {
			t.Fatalf("a refused merge changed something: %v, want %v", pair, want)
		}
	}
	merge(repeated(platen.MaxUpdateIDs+1, 1, `{"id":%d,"properties":[]}`)).isError(t, 413, "split it")

	for kind, document := range map[string]string{
		"jobsets":     `{"properties":%s,"jobs":[]}`,
		"datasets":    `{"records":[{"properties":%s,"fields":[]}]}`,
		"contentsets": `{"metadata":%s,"contentitems":[]}`,
	} {
		s.do("POST", native+"/"+kind, fmt.Sprintf(document, names(platen.MaxNames+1))).isError(t, 400, "more than 10000 names")
		s.do("POST", native+"/"+kind, fmt.Sprintf(document, long(platen.MaxListBytes+1))).isError(t, 400, "1048576 are the most")
		if a := s.do("POST", native+"/"+kind, fmt.Sprintf(document, names(platen.MaxNames))); a.status != 201 {
			t.Error(kind, a)
		}
	}
	s.do("POST", native+"/datasets", `{"records":[{"fields":`+long(platen.MaxListBytes+1)+`}]}`).isError(t, 400, "1048576 are the most")
	s.imported(platen.DataSet, `{"id":300,"records":[]}`)
	s.do("POST", entities+"/datarecords", `[`+repeated(2, 0, `{"datasetid":300,"unknown":%d,"records":[{}`+strings.Repeat(`,{}`, 50_000)+`]}`)+`]`).
		isError(t, 400, "more than 100000 records in the body")
}

func TestJobCreationLimits(t *testing.T) { onEach(t, testJobCreationLimits) }

func testJobCreationLimits(t *testing.T) {
	s := start(t, func(c *server.Config, _ *auth.Config) { c.MaxPages = 3 })
	s.chain() // content set 700 has two items
	s.imported(platen.ContentSet, `{"id":710,"contentitems":[{"datarecord":1},{"datarecord":2}]}`)
	s.do("POST", jobCreation+"/default", `{"identifiers":[700,710,700]}`).isError(t, 400, "content set 700 is named twice")
	s.do("POST", jobCreation+"/default", `{"identifiers":[`+repeated(platen.MaxOperationSets+1, 1, "%d")+`]}`).isError(t, 400, "more than 1000 content sets")
	s.do("POST", jobCreation+"/default", `{"identifiers":[700,710]}`).isError(t, 413, "more than 3 pages")
	structure := func(documents string) string {
		return `{"jobs":[{"segments":[{"documentsets":[{"documents":[` + documents + `]}]}]}]}`
	}
	pages := func(n int) string {
		return `{"documentpages":[` + repeated(n, 9001, `{"contentitem":%d}`) + `]}`
	}
	s.do("POST", jobCreation, structure(pages(2)+","+pages(2))).isError(t, 413, "more than 3 pages")
	s.do("POST", jobCreation, structure(repeated(4, 0, `{"documentpages":[],"unknown":%d}`))).isError(t, 413, "more than 3 pages")
	s.do("POST", jobCreation, `{"jobs":[{},{},{}]}`).isError(t, 413, "more than 3 pages")
	s.hasJobSets(4100)
	s.created(s.client().CreateJobSetOf(t.Context(), 700))
}
