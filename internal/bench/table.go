package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"text/tabwriter"
)

// A row is one figure of the result.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"` // "ratio", "MiB", "s"
	// Goal is what platen aims at: at least as much, or at most where AtMost
	// says so. 0 if the row is only there to be read.
	Goal   float64 `json:"goal,omitempty"`
	AtMost bool    `json:"atMost,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// met says whether a row reaches its goal.
func (r row) met() bool {
	if r.AtMost {
		return r.Value <= r.Goal
	}
	return r.Value >= r.Goal
}

// rows returns the figures in the order in which they are shown.
func (r *results) rows() []row {
	constant, put := median(r.constant), median(r.put)
	rate := func(values []float64) string { return fmt.Sprintf("%.0f a second", median(values)) }
	return []row{
		{Name: "net/http, constant answer", Value: 1, Unit: "ratio", Note: rate(r.constant)},
		{Name: "GET properties / constant answer", Value: median(r.get) / constant, Unit: "ratio", Goal: 0.80, Note: rate(r.get)},
		{Name: "PUT properties / constant answer", Value: put / constant, Unit: "ratio", Goal: 0.36, Note: rate(r.put)},
		{Name: "PUT properties / one caller alone", Value: put / median(r.putAlone), Unit: "ratio", Goal: 5, Note: rate(r.putAlone)},
		{Name: "PUT properties / syncs of the disk", Value: put / median(r.sync), Unit: "ratio", Goal: 3, Note: rate(r.sync)},
		{Name: "contents / the same bytes by sendfile", Value: median(r.contents) / median(r.sendfile), Unit: "ratio", Goal: 0.35,
			Note: fmt.Sprintf("%d bytes", r.contentsLength)},
		{Name: "contents, growth of memory, one caller", Value: r.growthOne, Unit: "MiB", Goal: 32, AtMost: true},
		{Name: fmt.Sprintf("contents, growth of memory, %d callers", contentsAtOnce), Value: r.growthMany, Unit: "MiB", Goal: 32, AtMost: true},
		{Name: "import, memory at its peak", Value: r.importPeak, Unit: "MiB", Goal: 200, AtMost: true,
			Note: fmt.Sprintf("%d document pages", r.options.pages)},
		{Name: "import / bare inserts of as many rows", Value: r.importTime.Seconds() / r.insertTime.Seconds(), Unit: "ratio", Goal: 3, AtMost: true},
		{Name: "GET before / GET after that import", Value: median(r.getBefore) / median(r.getAfter), Unit: "ratio", Goal: 1.3, AtMost: true,
			Note: "each as a share of the constant answer"},
		{Name: "start until the first answer", Value: median(r.start).Seconds(), Unit: "s", Goal: 0.3, AtMost: true},
		{Name: "stop", Value: median(r.stop).Seconds(), Unit: "s", Goal: 10, AtMost: true},
	}
}

// printJSON prints rows for a program.
func printJSON(w io.Writer, rows []row) error {
	for i, r := range rows {
		if math.IsNaN(r.Value) {
			rows[i].Value, rows[i].Note = -1, "not measured on this system"
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(rows)
}

// printTable prints rows for people.
func printTable(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\n", describeMachine())
	fmt.Fprintln(t, "what\tmeasured\tgoal\t\t")
	for _, r := range rows {
		value := fmt.Sprintf("%.2f", r.Value)
		if r.Unit != "ratio" {
			value += " " + r.Unit
		}
		if math.IsNaN(r.Value) {
			value = "not measured"
		}
		goal, met := "", ""
		if r.Goal != 0 && !math.IsNaN(r.Value) {
			goal, met = fmt.Sprintf("≥ %g", r.Goal), "reached"
			if r.AtMost {
				goal = fmt.Sprintf("≤ %g", r.Goal)
			}
			if !r.met() {
				met = "not reached"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Name, value, goal, met, r.Note)
	}
	return t.Flush()
}

// describeMachine says on what the figures came to be.
func describeMachine() string {
	return fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
