package spool

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A DataSet is a data set on its way in. It is filled by Record and Rest, and
// then End; then it is read.
type DataSet struct {
	file
	set     transfer.SourceSet
	schema  *platen.Table
	fields  []byte                       // of the record that is added
	entries [platen.MaxRecordDepth]int64 // the offset of the last record of each depth
}

// The entry of a record begins with the offset of the entry that has its rest, or
// 0. So a reader finds the rest before what is nested in the record, though it was
// written after that.
const offsetSize = 8

var _ transfer.DataSetSource = (*DataSet)(nil)

// NewDataSet returns an empty spool of a data set. The caller closes it.
func (d Dir) NewDataSet() (*DataSet, error) {
	file, err := d.newFile()
	if err != nil {
		return nil, err
	}
	return &DataSet{file: file}, nil
}

// Record adds a data record, which comes before those that are nested in it.
func (s *DataSet) Record(record *platen.SourceRecord) error {
	s.entries[record.Depth] = s.size
	return s.add(entryRecord, record)
}

// Rest adds to the last record of a depth what Record did not have.
func (s *DataSet) Rest(record *platen.SourceRecord) error {
	rest := s.size
	if err := s.add(entryRest, record); err != nil {
		return err
	}
	return s.overwrite(binary.BigEndian.AppendUint64(nil, uint64(rest)), s.entries[record.Depth]+1)
}

func (s *DataSet) add(kind byte, record *platen.SourceRecord) error {
	// The text of a record is in one piece, which a reader keeps as one string.
	text := appendText(s.fields[:0], record.Table)
	for _, field := range record.Fields {
		text = appendText(appendText(text, field.Name), field.Value)
	}
	s.fields = text
	b := append(s.entry(kind), make([]byte, offsetSize)...)
	b = binary.AppendUvarint(b, uint64(record.Depth))
	b = binary.AppendUvarint(b, uint64(record.Offset))
	b = binary.AppendUvarint(b, uint64(len(record.Fields)))
	b = appendText(b, text)
	return s.write(appendIdentity(b, s.given(record.ID), [2]platen.List{platen.Properties: record.Properties}))
}

// End says what there is besides the records.
func (s *DataSet) End(set transfer.SourceSet, schema *platen.Table) error {
	s.given(set.ID)
	s.set, s.schema = set, schema
	return nil
}

// DataSet implements [transfer.DataSetSource].
func (s *DataSet) DataSet() transfer.SourceSet { return s.set }

// Schema implements [transfer.DataSetSource].
func (s *DataSet) Schema() *platen.Table { return s.schema }

// Read implements [transfer.DataSetSource].
func (s *DataSet) Read(yield func(*platen.SourceRecord) error) error {
	var record, rest platen.SourceRecord // not in the loop, where each would be allocated
	ahead := &reader{Reader: bufio.NewReader(nil)}
	return s.read(func(r *reader, kind byte) error {
		offset, err := r.record(&record)
		if err != nil || kind == entryRest {
			return err
		}
		if offset > 0 {
			ahead.Reset(io.NewSectionReader(s.temporary, offset+1, s.size-offset-1))
			if _, err := ahead.record(&rest); err != nil {
				return err
			}
			record.ID, record.Table = cmp.Or(record.ID, rest.ID), cmp.Or(record.Table, rest.Table)
			if rest.Fields != nil {
				record.Fields = rest.Fields
			}
			if rest.Properties != nil {
				record.Properties = rest.Properties
			}
		}
		return yield(&record)
	})
}

// record reads a data record or the rest of one. rest is the offset of the
// entry with the rest of what it reads, or 0.
func (r *reader) record(record *platen.SourceRecord) (rest int64, err error) {
	rest = int64(binary.BigEndian.Uint64(r.bytes(textBuffer, offsetSize)))
	*record = platen.SourceRecord{Depth: int(r.uvarint()), Offset: int64(r.uvarint())}
	count := r.uvarint()
	text := texts{raw: r.bytes(textBuffer, r.uvarint())}
	var lists [2]platen.List
	record.ID, lists = r.identity()
	record.Properties = lists[platen.Properties]
	if r.err != nil {
		return 0, r.err
	}
	text.all = string(text.raw)
	record.Table = text.next()
	r.fields = r.fields[:0]
	for range count {
		r.fields = append(r.fields, platen.NameValue{Name: text.next(), Value: text.next()})
	}
	if text.broken {
		return 0, errors.New("read temporary file: a record is broken")
	}
	if count > 0 {
		record.Fields = r.fields
	}
	return rest, nil
}

// texts are strings with their lengths, one after the other.
type texts struct {
	raw    []byte // what is left
	all    string // of which the strings are parts
	broken bool
}

func (t *texts) next() string {
	length, n := binary.Uvarint(t.raw)
	if n <= 0 || length > uint64(len(t.raw)-n) {
		t.broken = true
		return ""
	}
	begin := len(t.all) - len(t.raw) + n
	t.raw = t.raw[n+int(length):]
	return t.all[begin : begin+int(length)]
}
