package platen

// RecordTable is the name of the table of records that are in no other record.
const RecordTable = "record"

// Limits of data records.
const (
	MaxFields      = MaxNames // fields of one record, which are a list
	MaxRecordDepth = 50       // levels of nested records
	MaxColumns     = 10_000   // columns of all tables of a data set
	MaxTables      = 1_000    // tables of a data set, without that at the top
)

// A Record is a data record as it is read.
type Record struct {
	ID      ID
	DataSet ID     // 0: it belongs to no data set
	Parent  ID     // the record that it is nested in, or 0
	Table   string // RecordTable unless nested
	Depth   int    // 0: it was asked for; 1: nested in that; and so on
	Fields  List
	Lists   [2]List // only where a whole data set is read
	Schema  *Table  // describes Fields; nil: all are String
}

// A SourceRecord is a data record on its way into a store.
type SourceRecord struct {
	ID         ID  // 0: the store gives one
	Depth      int // 0 at the top; each record comes after the one that it is nested in
	Table      string
	Fields     []NameValue
	Properties List // nil for none

	Offset int64 // where it ends in the document that it is read from, about, in bytes; 0: not said
}

// NewRecords are records to add to a data set, or to a record.
type NewRecords struct {
	DataSet ID // 0: Parent says where
	Parent  ID
	Table   string         // of the records at depth 0, where Parent is set
	Records []SourceRecord // what is nested comes after what it is nested in
}
