package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A RecordFormat is a form in which data records are sent.
type RecordFormat uint8

// The formats. Values are text in all of them, in the form that
// [platen.FieldType] says.
const (
	// PlainRecords say all of a record but the types of its fields.
	PlainRecords = RecordFormat(olrest.DefaultFormat)
	// TypedRecords have a Schema. Of a record that is nested in one that was
	// not asked for, they do not say the table and the parent.
	TypedRecords = RecordFormat(olrest.ExplicitTypes)
	// SimplifiedRecords are the smallest. They say neither types nor data sets,
	// and not the table and parent of a record that was asked for.
	SimplifiedRecords = RecordFormat(olrest.Simplified)
)

// RecordOptions say how data records are read.
type RecordOptions struct {
	Recursive bool         // with all that is nested in them
	Format    RecordFormat // PlainRecords by default
	Optimized bool         // QueryRecords: each record once, by identifier, whatever was asked for
}

func (o RecordOptions) query(ids []platen.ID) olrest.RecordQuery {
	return olrest.RecordQuery{IDs: ids, Recursive: o.Recursive, Format: olrest.RecordFormat(o.Format), Optimized: o.Optimized}
}

func (o RecordOptions) read(list bool) func(io.Reader, func(platen.Record) bool) error {
	return func(r io.Reader, yield func(platen.Record) bool) error {
		return olrest.ReadRecordValues(r, olrest.RecordFormat(o.Format), list, yield)
	}
}

// Record returns a data record, followed by what is nested in it, if that is
// asked for: each record before those that are nested in it, with its Depth.
// NotFound: there is no such data record. (Data Record Service, GET
// {id}/values)
func (c *Client) Record(ctx context.Context, id platen.ID, options RecordOptions) ([]platen.Record, error) {
	return collect(stream(ctx, c, func() *request {
		r := entityRequest(olrest.ReadRecord, platen.Ref{Kind: platen.DataRecord, ID: id}, 0)
		r.query = options.query(nil).Values()
		return r
	}, options.read(false)))
}

// RecordsSeq yields data records in the order of ids, each followed by what is
// nested in it, if that is asked for. The identifiers stand in the address, so
// it is for some hundreds at most: others are read with
// [Client.QueryRecordsSeq]. NotFound: one of them does not exist; then none is
// yielded. (Data Record Service, GET values)
func (c *Client) RecordsSeq(ctx context.Context, ids []platen.ID, options RecordOptions) iter.Seq2[platen.Record, error] {
	return stream(ctx, c, func() *request {
		r := newRequest(olrest.ReadRecords, platen.DataRecord, 0)
		r.query = options.query(ids).Values()
		return r
	}, options.read(true))
}

// QueryRecordsSeq yields data records as [Client.RecordsSeq] does, up to
// 100,000 of them. (Data Record Service, POST values)
func (c *Client) QueryRecordsSeq(ctx context.Context, ids []platen.ID, options RecordOptions) iter.Seq2[platen.Record, error] {
	return stream(ctx, c, func() *request { return queryRecords(ids, options) }, options.read(true))
}

func queryRecords(ids []platen.ID, options RecordOptions) *request {
	return newRequest(olrest.QueryRecords, platen.DataRecord, 0).json(options.query(ids).Append(nil), nil)
}

// RecordsAs yields data records as values of a type of the caller, which is
// read with encoding/json from the simplified format: an object with a member
// __recordid, one for each field and, with Recursive, one for each table, a
// list. Values have the types of their data set: dates are text as in
// 2026-11-24T08:00:00Z, amounts of money are text, and null is no value.
// Errors are those of [Client.QueryRecordsSeq], and those of encoding/json.
func RecordsAs[T any](ctx context.Context, c *Client, ids []platen.ID, options RecordOptions) iter.Seq2[T, error] {
	options.Format = SimplifiedRecords
	return stream(ctx, c, func() *request { return queryRecords(ids, options) }, func(r io.Reader, yield func(T) bool) error {
		err := olrest.ReadValues(r, func(value []byte) error {
			var record T
			if err := json.Unmarshal(value, &record); err != nil {
				return err
			}
			if !yield(record) {
				return io.EOF
			}
			return nil
		})
		if err == io.EOF {
			return nil
		}
		return err
	})
}

// AddRecords adds data records to data sets and to other data records, all or
// none. The server gives them identifiers and does not say which: read the
// data set to find out. Invalid: a record has an ID or Properties, a table
// that the data set does not have, or a value that is not of its type.
// NotFound: a data set or record does not exist. (Data Record Service, POST)
func (c *Client) AddRecords(ctx context.Context, lists []platen.NewRecords) error {
	return c.doEmpty(ctx, newRequest(olrest.AddRecords, platen.DataRecord, 0).json(olrest.AppendNewRecords(nil, lists)))
}

// UpdateRecord sets fields of a data record: names not mentioned stay. If update has
// a Match, it is done only if the fields are still as [Client.ListTagged] has read
// them; it is sent again only as a change without one is, since the tag of what it
// leads to is not known. NotFound: there is no such data record. Invalid: a value is
// not of its type, or there are too many fields. Changed: the fields have another tag
// than Match, which the error has. (Data Record Service, PUT {id}/values)
func (c *Client) UpdateRecord(ctx context.Context, update platen.Update) error {
	r := entityRequest(olrest.UpdateRecord, platen.Ref{Kind: platen.DataRecord, ID: update.ID}, 0)
	if update.Match != nil {
		r.match, r.once = olrest.MatchText(update.Match), true
	}
	return c.doEmpty(ctx, r.json(olrest.AppendFieldUpdate(nil, update), nil))
}

// UpdateRecords sets fields of many data records, all or none. Errors are
// those of UpdateRecord; NotFound names the first that does not exist, and an update
// with a Match is Invalid, as in [Client.Merge]. (Data Record Service, PUT)
func (c *Client) UpdateRecords(ctx context.Context, updates []platen.Update) error {
	return c.doEmpty(ctx, newRequest(olrest.UpdateRecords, platen.DataRecord, 0).json(olrest.AppendFieldUpdates(nil, updates), noMatch(updates)))
}
