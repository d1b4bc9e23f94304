package olrest

import (
	"encoding/json"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A StatisticsLevel is what the statistics of a job set list.
type StatisticsLevel uint8

// The levels.
const (
	DocumentOnly StatisticsLevel = iota
	DocumentSetOnly
	DocumentSetAll
)

var statisticsLevels = []string{"documentOnly", "documentSetOnly", "documentSetAll"}

// ParseStatisticsLevel reads the query parameter levelMode.
func ParseStatisticsLevel(query url.Values) (StatisticsLevel, error) {
	given := query.Get("levelMode")
	if given == "" {
		return DocumentOnly, nil
	}
	for level, name := range statisticsLevels {
		if strings.EqualFold(name, given) {
			return StatisticsLevel(level), nil
		}
	}
	return 0, wrongParameter("levelMode", strings.Join(statisticsLevels, ", "), given)
}

// A tally counts what a document, a document set or a job set has. Page
// details are those of a content item; one without any counts as one page on
// one sheet of an unknown medium.
type tally struct {
	sheets, pages int64
	media         []int64 // pages, by medium
}

func (t *tally) add(medium int, sheets, pages int64) {
	t.sheets += sheets
	t.pages += pages
	if medium >= 0 {
		t.addMedium(medium, pages)
	}
}

func (t *tally) addMedium(medium int, pages int64) {
	for len(t.media) <= medium {
		t.media = append(t.media, 0)
	}
	t.media[medium] += pages
}

func (t *tally) reset() { *t = tally{media: t.media[:0]} }

// write writes the counts of something within a job set.
func (t *tally) write(w *jsonWriter) {
	w.key("counts")
	w.object()
	w.number("sheets", t.sheets)
	w.number("pages", t.pages)
	w.end()
	w.key("media")
	w.object()
	for medium, pages := range t.media {
		if pages != 0 {
			w.number(strconv.Itoa(medium), pages)
		}
	}
	w.end()
}

// Statistics count a job set: first all of it through Count, then again
// through the writer of the answer, since the sums come first in it.
type Statistics struct {
	total     tally
	documents int64
	media     []platen.Media
	place     map[platen.Media]int
	names     []string // of the metadata of documents
	named     map[string]bool

	body  string // the details last decoded
	parts []part
}

// A part is an entry of page details, with its medium's place.
type part struct {
	medium        int
	sheets, pages int64
}

// NewStatistics returns statistics of nothing.
func NewStatistics() *Statistics {
	return &Statistics{place: make(map[platen.Media]int), named: make(map[string]bool)}
}

// Count adds a part of the job set.
func (s *Statistics) Count(c *transfer.Counts) error {
	for _, name := range c.Names {
		if !s.named[name] {
			s.named[name] = true
			s.names = append(s.names, name)
		}
	}
	places := s.places(c.Media)
	for i := range c.DocumentSets {
		s.documents += c.DocumentSets[i].Documents
		s.total.addSet(&c.DocumentSets[i], places)
	}
	return nil
}

// addSet adds what a document set has. places are the media of its counts.
func (t *tally) addSet(set *transfer.DocumentSetCounts, places []int) {
	t.sheets += set.Sheets
	t.pages += set.Pages
	for _, count := range set.ByMedia {
		t.addMedium(places[count.Medium], count.Pages)
	}
}

// places returns the places of media among those of the job set, to which it
// adds new ones.
func (s *Statistics) places(media []platen.Media) []int {
	places := make([]int, len(media))
	for i, medium := range media {
		places[i] = s.placeOf(medium)
	}
	return places
}

func (s *Statistics) placeOf(medium platen.Media) int {
	place, ok := s.place[medium]
	if !ok {
		place = len(s.media)
		s.place[medium] = place
		s.media = append(s.media, medium)
	}
	return place
}

// page adds a page to what it belongs to.
func (s *Statistics) page(details []byte, to ...*tally) error {
	if s.body != string(details) || s.parts == nil {
		decoded, err := platen.DecodeDetails(details)
		if err != nil {
			return err
		}
		s.body, s.parts = string(details), s.parts[:0]
		for _, entry := range decoded.Pages {
			s.parts = append(s.parts, part{s.placeOf(entry.Media), entry.Sheets(), entry.Count})
		}
		if len(s.parts) == 0 {
			s.parts = append(s.parts, part{-1, 1, 1})
		}
	}
	for _, t := range to {
		for _, p := range s.parts {
			t.add(p.medium, p.sheets, p.pages)
		}
	}
	return nil
}

// A StatisticsWriter writes the statistics of a job set that was counted.
type StatisticsWriter struct {
	jsonWriter
	s     *Statistics
	level StatisticsLevel

	set, document tally
	setID         platen.ID        // of the document set that is open; 0: none
	head          transfer.Element // the document that is open; ID 0: none
	item, record  platen.ID        // of its first page
}

// Writer returns the writer of the answer for job set id.
func (s *Statistics) Writer(w io.Writer, id platen.ID, level StatisticsLevel) (*StatisticsWriter, error) {
	media := make([]countedMedia, len(s.media))
	for i, m := range s.media {
		media[i] = countedMedia{
			Name: m.Name, Type: orNull(m.Type), Color: orNull(m.Color), Weight: orNull(m.Weight),
			Size: mediaSize{orNull(m.Width), orNull(m.Height)}, Count: s.total.media[i],
		}
	}
	encoded, err := json.Marshal(media)
	if err != nil {
		return nil, err
	}
	writer := &StatisticsWriter{jsonWriter: jsonWriter{w: w}, s: s, level: level}
	writer.object()
	writer.number("jobSetId", int64(id))
	writer.key("properties")
	writer.list()
	for _, name := range s.names {
		writer.comma()
		writer.buf = platen.AppendString(writer.buf, name)
	}
	writer.endList()
	writer.key("counts")
	writer.object()
	writer.number("documents", s.documents)
	writer.number("sheets", s.total.sheets)
	writer.number("pages", s.total.pages)
	writer.end()
	writer.raw("media", encoded)
	if level == DocumentOnly {
		writer.key("documents")
	} else {
		writer.key("documentSets")
	}
	writer.list()
	return writer, nil
}

type countedMedia struct {
	Name   string    `json:"name"`
	Type   *string   `json:"type"`
	Size   mediaSize `json:"size"`
	Color  *string   `json:"color"`
	Weight *string   `json:"weight"`
	Count  int64     `json:"count"`
}

type mediaSize struct {
	Width  *string `json:"width"`
	Height *string `json:"height"`
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Write adds an element of the job set, in the order in which it was counted.
// It is for the levels that list documents, the other one has
// [StatisticsWriter.WriteCounts].
func (w *StatisticsWriter) Write(e *transfer.Element) error {
	switch e.Kind {
	case platen.DocumentPage:
		if w.item == 0 {
			w.item, w.record = e.Item, e.Record
		}
		return w.s.page(e.Details, &w.document, &w.set)
	case platen.Document:
		if err := w.endDocument(); err != nil {
			return err
		}
		w.head, w.item, w.record = *e, 0, 0
		w.document.reset()
	case platen.DocumentSet:
		return w.beginSet(e.ID, e.Lists[platen.Metadata])
	}
	return nil
}

// WriteCounts adds a part of the job set, in the order in which it was counted.
// It is for the level [DocumentSetOnly].
func (w *StatisticsWriter) WriteCounts(c *transfer.Counts) error {
	places := w.s.places(c.Media)
	for i := range c.DocumentSets {
		set := &c.DocumentSets[i]
		if set.ID != w.setID {
			if err := w.beginSet(set.ID, set.Metadata); err != nil {
				return err
			}
		}
		w.set.addSet(set, places)
		if err := w.flush(); err != nil {
			return err
		}
	}
	return nil
}

// beginSet begins the next document set.
func (w *StatisticsWriter) beginSet(id platen.ID, metadata platen.List) error {
	if err := w.endSet(); err != nil {
		return err
	}
	w.setID = id
	w.set.reset()
	if w.level == DocumentOnly {
		return nil
	}
	w.element()
	w.number("documentSetId", int64(id))
	if err := w.properties(metadata); err != nil {
		return err
	}
	if w.level == DocumentSetAll {
		w.key("documents")
		w.list()
	}
	return nil
}

// properties writes what the statistics call so: the metadata of an entity,
// as an object of text.
func (w *StatisticsWriter) properties(metadata platen.List) error {
	pairs, err := metadata.Decode()
	w.key("properties")
	w.object()
	for _, pair := range pairs {
		w.text(pair.Name, pair.Value)
	}
	w.end()
	return err
}

func (w *StatisticsWriter) endDocument() error {
	if w.head.ID == 0 {
		return nil
	}
	w.element()
	w.number("documentId", int64(w.head.ID))
	if w.item != 0 {
		w.number("contentItemId", int64(w.item))
		w.number("dataRecordId", int64(w.record))
	}
	if err := w.properties(w.head.Lists[platen.Metadata]); err != nil {
		return err
	}
	w.document.write(&w.jsonWriter)
	w.end()
	w.head.ID = 0
	return w.flush()
}

func (w *StatisticsWriter) endSet() error {
	if err := w.endDocument(); err != nil {
		return err
	}
	if w.setID == 0 || w.level == DocumentOnly {
		return nil
	}
	if w.level == DocumentSetAll {
		w.endList()
	}
	w.set.write(&w.jsonWriter)
	w.end()
	w.setID = 0
	return nil
}

// Close writes what is left.
func (w *StatisticsWriter) Close() error {
	if err := w.endSet(); err != nil {
		return err
	}
	w.endList()
	w.end()
	return w.close()
}
