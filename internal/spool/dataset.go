package spool

import (
	"encoding/binary"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A DataSet is a data set on its way in. It is filled by Record and then End;
// then it is read.
type DataSet struct {
	file
	set    transfer.SourceSet
	schema *platen.Table
	fields []byte // of the record that is added
}

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
	// The text of a record is in one piece, which a reader keeps as one string.
	text := appendString(s.fields[:0], record.Table)
	for _, field := range record.Fields {
		text = appendString(appendString(text, field.Name), field.Value)
	}
	s.fields = text
	b := binary.AppendUvarint(s.entry(entryRecord), uint64(record.Depth))
	b = binary.AppendUvarint(b, uint64(len(record.Fields)))
	b = appendBytes(b, text)
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
	var fields []platen.NameValue
	var record platen.SourceRecord // not in the loop, where each would be allocated
	return s.read(func(r *reader, _ byte) error {
		record = platen.SourceRecord{Depth: int(r.uvarint())}
		count := r.uvarint()
		text := texts{raw: r.bytes(textBuffer, r.uvarint())}
		var lists [2]platen.List
		record.ID, lists = r.identity()
		record.Properties = lists[platen.Properties]
		if r.err != nil {
			return nil
		}
		text.all = string(text.raw)
		record.Table = text.next()
		fields = fields[:0]
		for range count {
			fields = append(fields, platen.NameValue{Name: text.next(), Value: text.next()})
		}
		if text.broken {
			return errors.New("read temporary file: a record is broken")
		}
		if count > 0 {
			record.Fields = fields
		}
		return yield(&record)
	})
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
