package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// A row is one figure of the result.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"` // "ratio", "ms", "s", "MiB", "bytes", "1/s"
	// Goal is what platen aims at: at least as much, or at most where AtMost
	// says so. 0 if the row is only there to be read.
	Goal   float64  `json:"goal,omitempty"`
	AtMost bool     `json:"atMost,omitempty"`
	Waits  *summary `json:"waits,omitempty"`
	Note   string   `json:"note,omitempty"`
}

// A summary says how long the answers of a row took, in milliseconds.
type summary struct {
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Longest float64 `json:"longest"`
	// Goals; 0 for none.
	P99Goal     float64 `json:"p99Goal,omitempty"`
	LongestGoal float64 `json:"longestGoal,omitempty"`
}

// summary returns what is shown of waits.
func (w *waits) summary() *summary {
	return &summary{P50: milliseconds(w.quantile(0.5)), P99: milliseconds(w.quantile(0.99)), Longest: milliseconds(w.longest)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// hasGoal says whether the row has a goal.
func (r row) hasGoal() bool {
	return !math.IsNaN(r.Value) && (r.Goal != 0 || r.Waits != nil && r.Waits.P99Goal+r.Waits.LongestGoal != 0)
}

// met says whether a row reaches all its goals.
func (r row) met() bool {
	within := func(value, goal float64) bool { return goal == 0 || value <= goal }
	if s := r.Waits; s != nil && !(within(s.P99, s.P99Goal) && within(s.Longest, s.LongestGoal)) {
		return false
	}
	if r.AtMost {
		return within(r.Value, r.Goal)
	}
	return r.Value >= r.Goal
}

// goals says what the row aims at, briefly.
func (r row) goals() string {
	var parts []string
	switch {
	case r.Goal == 0:
	case r.AtMost:
		parts = append(parts, fmt.Sprintf("≤%g", r.Goal))
	default:
		parts = append(parts, fmt.Sprintf("≥%g", r.Goal))
	}
	if s := r.Waits; s != nil {
		if s.P99Goal != 0 {
			parts = append(parts, fmt.Sprintf("p99≤%g", s.P99Goal))
		}
		if s.LongestGoal != 0 {
			parts = append(parts, fmt.Sprintf("≤%g", s.LongestGoal))
		}
	}
	return strings.Join(parts, ",")
}

// printJSON prints rows for a program.
func printJSON(w io.Writer, rows []row) error {
	for i, r := range rows {
		if math.IsNaN(r.Value) {
			rows[i].Value, rows[i].Note = -1, "not measured: "+cmp.Or(r.Note, "this system does not tell")
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(rows)
}

// notesFrom is how many columns a terminal has to have for the notes.
const notesFrom = 120

// terminalWidth returns how many columns there are to print in.
func terminalWidth() int {
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		return width
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		return width
	}
	return notesFrom
}

// printTable prints rows for people, in so many columns: p50, p99 and the
// longest wait are in milliseconds.
func printTable(w io.Writer, title string, rows []row, width int) error {
	fmt.Fprintf(w, "%s, %s/%s, %d processors, %s; waits in ms\n", title, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 1, ' ', 0)
	line := func(cells ...string) {
		if width < notesFrom {
			cells = cells[:len(cells)-1]
		}
		fmt.Fprintln(t, strings.Join(cells, "\t")+"\t")
	}
	line("what", "measured", "goal", "", "p50", "p99", "longest", "")
	for _, r := range rows {
		value := strings.TrimSuffix(figure(r.Value)+" "+r.Unit, " ratio")
		if math.IsNaN(r.Value) {
			value = "-"
		}
		met := ""
		if r.hasGoal() {
			met = "no"
			if r.met() {
				met = "yes"
			}
		}
		var p50, p99, longest string
		if s := r.Waits; s != nil {
			p50, p99, longest = figure(s.P50), figure(s.P99), figure(s.Longest)
		}
		line(r.Name, value, r.goals(), met, p50, p99, longest, r.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	if width < notesFrom {
		fmt.Fprintf(w, "The rates are shown in %d columns and more, and by -json.\n", notesFrom)
	}
	return nil
}

// figure writes a number with three digits that count.
func figure(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
