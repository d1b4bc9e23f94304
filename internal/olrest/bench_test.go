package olrest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/transfer"
)

// A discarded answer is one that nobody reads.
type discarded http.Header

func (d discarded) Header() http.Header         { return http.Header(d) }
func (d discarded) WriteHeader(int)             {}
func (d discarded) Write(b []byte) (int, error) { return len(b), nil }

var benchPairs = func() (pairs []platen.NameValue) {
	for i := range 10 {
		pairs = append(pairs, platen.NameValue{Name: fmt.Sprintf("name%d", i), Value: fmt.Sprintf("the value of %d", i)})
	}
	return pairs
}()

func BenchmarkReadUpdate(b *testing.B) {
	body := fmt.Appendf(nil, `{"id":1001,"properties":%s}`, platen.EncodeList(benchPairs))
	ref := platen.Ref{Kind: platen.Job, ID: 1001}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := olrest.ReadUpdate(body, ref); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadSearch(b *testing.B) {
	body := []byte(searchOf(`{"ruleType":"RULESET","condition":"ALL","rules":[` + commas(20, `{"ruleType":"PROPERTY","property":"status","condition":"EQ","value":"printed"}`) + `]}`))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := olrest.ReadSearch(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReplyContents(b *testing.B) {
	block := make([]platen.Content, 4096)
	for i := range block {
		block[i] = platen.Content{Item: platen.ID(100_000 + i), Record: platen.ID(200_000 + i)}
	}
	contents := &transfer.Contents{Count: 16 * 4096, Digits: 16 * 4096 * 12, Blocks: func(yield func([]platen.Content, error) bool) {
		for range 16 {
			if !yield(block, nil) {
				return
			}
		}
	}}
	b.ReportAllocs()
	for b.Loop() {
		if err := olrest.ReplyContents(discarded{}, contents); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJobSet(b *testing.B) {
	var document bytes.Buffer
	w := olrest.NewJobSetWriter(&document)
	if err := elements(1000, w.Write); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("Write", func(b *testing.B) {
		b.ReportAllocs()
		var all []transfer.Element
		_ = elements(1000, func(e *transfer.Element) error { all = append(all, *e); return nil })
		for b.Loop() {
			w := olrest.NewJobSetWriter(io.Discard)
			for i := range all {
				_ = w.Write(&all[i])
			}
			_ = w.Close()
		}
	})
	b.Run("Read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := olrest.ReadJobSet(bytes.NewReader(document.Bytes()), nothing{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// nothing is a sink of nothing.
type nothing struct{}

func (nothing) Begin(platen.Kind)                        {}
func (nothing) End(platen.ID, [2]platen.List) error      { return nil }
func (nothing) Page(*transfer.Page) error                { return nil }
func (nothing) Document(platen.ID, [2]platen.List) error { return nil }
