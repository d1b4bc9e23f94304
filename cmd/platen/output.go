package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen"
)

// formats are the forms in which commands print what a server has answered.
var formats = []string{"table", "json", "jsonl", "csv"}

// A format is the value of the flag --output.
type format string

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *format) Set(text string) error {
	if !slices.Contains(formats, text) {
		return fmt.Errorf("want one of %s", strings.Join(formats, ", "))
	}
	*f = format(text)
	return nil
}

// blockRows is how many rows a table reads ahead to find the widths of its columns.
const blockRows = 100

// widestCell is the most of a value that a table shows on a terminal.
const widestCell = 60

// An output prints rows and objects in the form that was asked for.
type output struct {
	format format
	quiet  bool
	live   bool // each row at once

	several bool // objects are printed by one, which are an array in JSON

	w        io.Writer
	remarks  io.Writer
	terminal bool
	colour   bool

	titles []string
	block  [][]string
	widths []int
	rows   int
}

func (o *output) flags(flags *pflag.FlagSet) {
	o.format = "table"
	flags.VarP(&o.format, "output", "o", "form of what is printed: "+strings.Join(formats, ", "))
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "no remarks and no progress, only what was asked for")
}

// to sets where an output writes.
func (o *output) to(env environment) {
	o.w, o.remarks, o.terminal = env.stdout, env.stderr, isTerminal(env.stdout)
	o.colour = o.terminal && env.getenv("NO_COLOR") == "" && env.getenv("TERM") != "dumb"
}

// begin begins a list with columns.
func (o *output) begin(titles ...string) {
	o.titles, o.widths, o.rows = titles, make([]int, len(titles)), 0
	for i, title := range titles {
		o.widths[i] = utf8.RuneCountInString(title)
	}
}

// row prints a row: its cells, or the whole object in JSON.
func (o *output) row(object any, cells ...string) error {
	o.rows++
	switch o.format {
	case "json", "jsonl":
		text, err := encoded(object)
		if err != nil {
			return err
		}
		before, after := "", "\n"
		if o.format == "json" {
			before, after = ",\n  ", ""
			if o.rows == 1 {
				before = "[\n  "
			}
		}
		_, err = fmt.Fprintf(o.w, "%s%s%s", before, text, after)
		return err
	case "csv":
		w := csv.NewWriter(o.w)
		if o.rows == 1 {
			_ = w.Write(o.titles) // Flush tells
		}
		_ = w.Write(cells)
		w.Flush()
		return w.Error()
	}
	for i, cell := range cells {
		cells[i] = o.clean(cell)
	}
	if o.block = append(o.block, cells); len(o.block) == blockRows || o.live {
		return o.flush()
	}
	return nil
}

// end ends a list. A table without rows prints nothing, which a remark says in words.
func (o *output) end(nothing string) error {
	switch {
	case o.format == "json" && o.rows == 0:
		_, err := io.WriteString(o.w, "[]\n")
		return err
	case o.format == "json":
		_, err := io.WriteString(o.w, "\n]\n")
		return err
	case o.format == "table" && o.rows == 0 && nothing != "":
		o.remark("%s", nothing)
	}
	return o.flush()
}

// flush prints the rows of a table that are kept, under its titles at first.
func (o *output) flush() error {
	if len(o.block) == 0 {
		return nil
	}
	for _, cells := range o.block {
		for i, cell := range cells {
			o.widths[i] = max(o.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b bytes.Buffer
	if o.rows == len(o.block) {
		o.line(&b, o.titles, true)
	}
	for _, cells := range o.block {
		o.line(&b, cells, false)
	}
	o.block = o.block[:0]
	_, err := o.w.Write(b.Bytes())
	return err
}

func (o *output) line(b *bytes.Buffer, cells []string, title bool) {
	if title && o.colour {
		b.WriteString("\x1b[1m")
		defer b.WriteString("\x1b[0m\n")
	} else {
		defer b.WriteString("\n")
	}
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", o.widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
}

// clean returns a value as a table may show it: no control characters, which could
// change the terminal, and on a terminal no more than fits.
func (o *output) clean(text string) string {
	text = strings.NewReplacer("\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return utf8.RuneError
		}
		return r
	}, text)
	if runes := []rune(text); o.terminal && len(runes) > widestCell {
		text = string(runes[:widestCell-1]) + "…"
	}
	return text
}

// one prints an object: its parts in lines, or all of it in JSON.
func (o *output) one(object any, parts ...[2]string) error {
	if o.several && o.format == "json" {
		return o.row(object)
	}
	switch o.format {
	case "json", "jsonl":
		text, err := encoded(object)
		if err != nil {
			return err
		}
		if o.format == "json" {
			var b bytes.Buffer
			if err := json.Indent(&b, text, "", "  "); err != nil {
				return err
			}
			text = b.Bytes()
		}
		_, err = fmt.Fprintf(o.w, "%s\n", text)
		return err
	case "csv":
		if o.rows == 0 { // of several objects there is one table
			o.begin("name", "value")
		}
	default:
		o.begin("", "")
	}
	width := 0
	for _, part := range parts {
		width = max(width, utf8.RuneCountInString(part[0]))
	}
	for _, part := range parts {
		if o.format == "csv" {
			if err := o.row(nil, part[0], part[1]); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(o.w, "%-*s  %s\n", width, part[0], o.clean(part[1])); err != nil {
			return err
		}
	}
	return nil
}

// encoded returns an object in JSON without escapes for HTML.
func encoded(object any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(object)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// remark tells a person what was done, unless that was asked not to be said.
func (o *output) remark(text string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(o.remarks, text+"\n", args...)
	}
}

// when returns a time as a table or a program reads it, "" for none.
func (o *output) when(t time.Time) string {
	if o.format == "csv" && !t.IsZero() {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return when(t)
}

// when returns a time for a person, "" for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// pairsText returns names and values in a line.
func pairsText(pairs []platen.NameValue) string {
	parts := make([]string, len(pairs))
	for i, pair := range pairs {
		parts[i] = pair.Name + "=" + pair.Value
	}
	return strings.Join(parts, ", ")
}

// The exit codes: docs/cli.md has them, too.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitConflict    = 5
	exitInvalid     = 6
	exitUnreachable = 7
	exitInterrupted = 130
)

// exitCodes explains them for the help.
const exitCodes = `Exit codes of the commands that talk to a server:
  0  done
  1  it failed for another reason
  2  the call was wrong: a flag, an argument
  3  not found, or no longer kept
  4  refused: no login, wrong password, not allowed
  5  in conflict: changed meanwhile, taken already
  6  the server does not accept what was sent
  7  no server answers, or it is to be tried again later
  130  interrupted`

// A serverError is the failure of a command that talks to a server.
type serverError struct{ error }

// Unwrap returns the failure.
func (e serverError) Unwrap() error { return e.error }

// exitCode returns the exit code of a failure.
func exitCode(err error) int {
	if _, ok := errors.AsType[serverError](err); !ok {
		return exitFailed
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if isInterrupt(err) {
		return exitInterrupted
	}
	switch platen.ErrorCode(err) {
	case platen.NotFound, platen.Gone:
		return exitNotFound
	case platen.Unauthenticated, platen.Expired, platen.Forbidden:
		return exitRefused
	case platen.Changed, platen.Conflict:
		return exitConflict
	case platen.Invalid, platen.Mismatch, platen.TooLarge, platen.UnsupportedMedia, platen.MethodNotAllowed:
		return exitInvalid
	case platen.Unreachable, platen.Unavailable, platen.Timeout, platen.TooManyAttempts:
		return exitUnreachable
	}
	return exitFailed
}
