package olrest

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// flushBytes is how much of a stream is collected before it is written.
const flushBytes = 64 << 10

// A jsonWriter writes JSON, and puts a comma in front of each key and element
// that is not the first. Pieces of about flushBytes go to the writer beneath
// as they are complete; a nil one takes nothing, and all stays in the buffer.
type jsonWriter struct {
	buf []byte
	w   io.Writer
}

// streamed returns a writer of a stream to w.
func streamed(w io.Writer) jsonWriter {
	return jsonWriter{w: w, buf: make([]byte, 0, flushBytes+4096)}
}

// comma begins a key or an element: it has one before it unless the bracket
// around both is the last that was written.
func (j *jsonWriter) comma() {
	if n := len(j.buf); n > 0 && j.buf[n-1] != '{' && j.buf[n-1] != '[' {
		j.buf = append(j.buf, ',')
	}
}

// object begins an object, element of a list or value of a key.
func (j *jsonWriter) object() { j.buf = append(j.buf, '{') }

// element begins an object that is an element of a list.
func (j *jsonWriter) element() {
	j.comma()
	j.object()
}

// end ends an object.
func (j *jsonWriter) end() { j.buf = append(j.buf, '}') }

// list begins a list, value of a key.
func (j *jsonWriter) list() { j.buf = append(j.buf, '[') }

// endList ends a list.
func (j *jsonWriter) endList() { j.buf = append(j.buf, ']') }

// listOf writes a list as a member of an object: of each element, which write has to
// begin and to end, what it writes.
func listOf[T any](j *jsonWriter, key string, all []T, write func(*jsonWriter, T)) {
	j.key(key)
	j.list()
	for _, one := range all {
		j.comma()
		write(j, one)
	}
	j.endList()
}

// optionalList writes a list as [listOf] does, unless it is empty.
func optionalList[T any](j *jsonWriter, key string, all []T, write func(*jsonWriter, T)) {
	if len(all) > 0 {
		listOf(j, key, all, write)
	}
}

// string writes text as an element of a list.
func (j *jsonWriter) string(text string) { j.buf = platen.AppendString(j.buf, text) }

// integer writes a number as an element of a list.
func (j *jsonWriter) integer(n int64) { j.buf = strconv.AppendInt(j.buf, n, 10) }

// identifier writes an identifier as an element of a list.
func (j *jsonWriter) identifier(id platen.ID) { j.integer(int64(id)) }

// key begins a member of an object.
func (j *jsonWriter) key(key string) {
	j.comma()
	j.buf = append(platen.AppendString(j.buf, key), ':')
}

// number writes a number as a member of an object.
func (j *jsonWriter) number(key string, n int64) {
	j.key(key)
	j.buf = strconv.AppendInt(j.buf, n, 10)
}

// id writes an identifier as a member of an object, if there is one.
func (j *jsonWriter) id(key string, id platen.ID) { j.optionalNumber(key, int64(id)) }

// text writes text as a member of an object.
func (j *jsonWriter) text(key, text string) {
	j.key(key)
	j.buf = platen.AppendString(j.buf, text)
}

// optionalText writes text as a member of an object, unless it is empty.
func (j *jsonWriter) optionalText(key, text string) {
	if text != "" {
		j.text(key, text)
	}
}

// optionalNumber writes a number as a member of an object, unless it is 0.
func (j *jsonWriter) optionalNumber(key string, n int64) {
	if n != 0 {
		j.number(key, n)
	}
}

// foreign writes what may be text as a client sent it, which need not be UTF-8, as a
// member of an object. JSON has no other text.
func (j *jsonWriter) foreign(key, text string) { j.text(key, strings.ToValidUTF8(text, "\uFFFD")) }

// time writes a time as a member of an object, unless it is the zero time.
func (j *jsonWriter) time(key string, t time.Time) {
	if !t.IsZero() {
		j.text(key, FormatTime(t))
	}
}

// flag writes true or false as a member of an object.
func (j *jsonWriter) flag(key string, value bool) {
	j.key(key)
	j.buf = strconv.AppendBool(j.buf, value)
}

// optionalFlag writes true as a member of an object, if it is.
func (j *jsonWriter) optionalFlag(key string, value bool) {
	if value {
		j.flag(key, true)
	}
}

// raw writes what is JSON already as a member of an object.
func (j *jsonWriter) raw(key string, value []byte) {
	j.key(key)
	j.buf = append(j.buf, value...)
}

// pairs writes properties or metadata as a member of an object, if there are
// any.
func (j *jsonWriter) pairs(facet platen.Facet, list platen.List) {
	if len(list) > len(platen.EmptyList) {
		j.raw(facet.String(), list)
	}
}

// flush writes what has been collected, if there is much.
func (j *jsonWriter) flush() error {
	if len(j.buf) < flushBytes {
		return nil
	}
	// The last byte stays, for comma to look at.
	last := len(j.buf) - 1
	_, err := j.w.Write(j.buf[:last])
	j.buf = append(j.buf[:0], j.buf[last])
	return err
}

// close writes what is left.
func (j *jsonWriter) close() error {
	_, err := j.w.Write(j.buf)
	return err
}
