package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/platenhq/platen"
)

// A document is one that can be imported.
type document interface {
	path() string // where it is sent to
	write(w *bufio.Writer) error
}

// importDocument imports a document that is generated while it is sent, and
// returns the set that it made.
func (s *server) importDocument(ctx context.Context, d document) (set platen.ID, children []platen.ID, err error) {
	reader, writer := io.Pipe()
	go func() {
		buffer := bufio.NewWriterSize(writer, 64<<10)
		err := d.write(buffer)
		if err == nil {
			err = buffer.Flush()
		}
		_ = writer.CloseWithError(err) // always nil
	}()
	answer, err := s.send(ctx, http.MethodPost, d.path(), reader, http.StatusCreated)
	if err := errors.Join(err, reader.Close()); err != nil {
		return 0, nil, err
	}
	var created struct {
		ID   platen.ID   `json:"id"`
		Jobs []platen.ID `json:"jobs"`
	}
	if err := json.Unmarshal(answer, &created); err != nil {
		return 0, nil, fmt.Errorf("answer to an import: %w", err)
	}
	if set, ok := d.(jobSet); ok && len(created.Jobs) != set.jobs {
		return 0, nil, fmt.Errorf("an import of %d jobs made %d", set.jobs, len(created.Jobs))
	}
	return created.ID, created.Jobs, nil
}

// A jobSet describes a job set to import.
type jobSet struct {
	jobs       int
	pages      int // of each job, in documents of two pages
	properties bool
	base       uint64 // of the values of the first job; those of the next ones count on
	// first is the identifier of the first content item. Those of the other
	// content items and then those of the data records follow it.
	first int64
}

func (jobSet) path() string { return "/api/v1/jobsets" }

// write writes the job set document.
func (set jobSet) write(w *bufio.Writer) error {
	item := set.first
	record := set.first + int64(set.jobs)*int64(set.pages)
	separator := ""
	// The writer keeps its first error, which the last line returns.
	print := func(parts ...string) {
		for _, part := range parts {
			_, _ = w.WriteString(part)
		}
	}
	print(`{"jobs":[`)
	for job := range set.jobs {
		print(separator, `{`)
		separator = ","
		if set.properties {
			_, _ = w.Write(appendProperties(w.AvailableBuffer(), set.base+uint64(job)))
			print(`,`)
		}
		print(`"segments":[{"documentsets":[{"documents":[`)
		for page := range set.pages {
			switch {
			case page == 0:
				print(`{"documentpages":[`)
			case page%2 == 0:
				print(`]},{"documentpages":[`)
			default:
				print(`,`)
			}
			b := append(w.AvailableBuffer(), `{"contentitem":`...)
			b = strconv.AppendInt(b, item, 10)
			b = append(b, `,"datarecord":`...)
			b = strconv.AppendInt(b, record, 10)
			_, _ = w.Write(append(b, '}'))
			item++
			record++
		}
		print(`]}]}]}]}`)
	}
	print(`]}`)
	return w.Flush()
}

// properties is how many properties each job has.
const properties = 10

// appendProperties appends `"properties":[…]` with values that are as long
// for every n, and differ.
func appendProperties(b []byte, n uint64) []byte {
	b = append(b, `"properties":[`...)
	for i := range properties {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"name":"property-%02d","value":"%s"}`, i, propertyValue(n))
	}
	return append(b, ']')
}

// propertyValue is the value that all properties of a list have.
func propertyValue(n uint64) string { return fmt.Sprintf("a value of this property %016d", n) }

// A dataSet is so many data records of fields.
type dataSet int

// fields is how many fields each of its data records has.
const fields = 8

func (dataSet) path() string { return "/api/v1/datasets" }

func (records dataSet) write(w *bufio.Writer) error {
	_, _ = w.WriteString(`{"records":[`) // the writer keeps its first error
	for n := range int(records) {
		if n > 0 {
			_ = w.WriteByte(',')
		}
		b := append(w.AvailableBuffer(), `{"fields":`...)
		_, _ = w.Write(append(appendFields(b, n), '}'))
	}
	_, err := w.WriteString(`]}`)
	return err
}

// appendFields appends the list of the fields of a data record.
func appendFields(b []byte, n int) []byte {
	b = append(b, '[')
	for i := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"name":"field-%d","value":"value %d of %09d"}`, i, i, n)
	}
	return append(b, ']')
}

// A contentSet is so many content items, each of a data record of its own.
type contentSet struct {
	items int
	first int64 // identifier; those of the data records follow the last one
}

func (contentSet) path() string { return "/api/v1/contentsets" }

func (set contentSet) write(w *bufio.Writer) error {
	_, _ = w.WriteString(`{"type":"print","contentitems":[`) // the writer keeps its first error
	for n := range int64(set.items) {
		if n > 0 {
			_ = w.WriteByte(',')
		}
		b := append(w.AvailableBuffer(), `{"id":`...)
		b = strconv.AppendInt(b, set.first+n, 10)
		b = append(b, `,"datarecord":`...)
		b = strconv.AppendInt(b, set.first+int64(set.items)+n, 10)
		_, _ = w.Write(append(b, '}'))
	}
	_, err := w.WriteString(`]}`)
	return err
}
