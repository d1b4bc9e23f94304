package olrest

import (
	"strconv"

	"github.com/platenhq/platen"
)

// The JSON of a content, apart from its two identifiers.
const (
	contentsItem   = `{"item":`
	contentsRecord = `,"record":`
)

// A contentWriter writes contents. Of most of them both identifiers are one
// more than those before, so that their JSON hardly differs from the last one.
type contentWriter struct {
	last platen.Content
	text []byte // of last
	item int    // where the digits of its item end
}

// append appends the JSON of a content.
func (w *contentWriter) append(b []byte, content platen.Content) []byte {
	next := len(w.text) > 0 && content.Item == w.last.Item+1 && content.Record == w.last.Record+1
	w.last = content
	if next {
		item, record := &w.text[w.item-1], &w.text[len(w.text)-2] // their last digits
		if *item < '9' && *record < '9' {
			*item++
			*record++
			return append(b, w.text...)
		}
	}
	w.format()
	return append(b, w.text...)
}

// format makes the text of the last content anew.
func (w *contentWriter) format() {
	b := append(w.text[:0], contentsItem...)
	b = strconv.AppendInt(b, int64(w.last.Item), 10)
	w.item = len(b)
	b = append(b, contentsRecord...)
	b = strconv.AppendInt(b, int64(w.last.Record), 10)
	w.text = append(b, '}')
}
