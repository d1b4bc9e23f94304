package olrest

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// The content types, bare: older clients compare them whole.
const (
	typeJSON = "application/json"
	typeText = "text/plain"
)

// typeHeaders are the values of the header, shared by all answers.
var typeHeaders = map[string][]string{typeJSON: {typeJSON}, typeText: {typeText}}

// statuses is the one map between codes and statuses. The client reads it
// backwards, where the first row of a status counts.
var statuses = []struct {
	code   platen.Code
	status int
}{
	{platen.Invalid, http.StatusBadRequest},
	{platen.Unauthenticated, http.StatusUnauthorized},
	{platen.Expired, http.StatusUnauthorized},
	{platen.Forbidden, http.StatusForbidden},
	{platen.NotFound, http.StatusNotFound},
	{platen.MethodNotAllowed, http.StatusMethodNotAllowed},
	{platen.Timeout, http.StatusRequestTimeout},
	{platen.Conflict, http.StatusConflict},
	{platen.Changed, http.StatusPreconditionFailed},
	{platen.Gone, http.StatusGone},
	{platen.TooLarge, http.StatusRequestEntityTooLarge},
	{platen.UnsupportedMedia, http.StatusUnsupportedMediaType},
	{platen.TooManyAttempts, http.StatusTooManyRequests},
	{platen.Internal, http.StatusInternalServerError},
	{platen.Mismatch, http.StatusInternalServerError}, // the word of the specification
	{platen.Failed, http.StatusInternalServerError},
	{platen.Unavailable, http.StatusServiceUnavailable},
}

// Status returns the status of a code.
func Status(code platen.Code) int {
	for _, row := range statuses {
		if row.code == code {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// CodeOf returns the code of a status. Proxies also answer with such that the
// API does not have.
func CodeOf(status int) platen.Code {
	for _, row := range statuses {
		if row.status == status {
			return row.code
		}
	}
	switch {
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return platen.Unavailable
	case 300 <= status && status < 400:
		return platen.NotFound
	case 400 <= status && status < 500:
		return platen.Invalid
	}
	return platen.Internal
}

// ShownError returns what is answered to err. What is internal is not shown.
func ShownError(err error) *platen.Error {
	shown, ok := errors.AsType[*platen.Error](err)
	if !ok || shown.Code == platen.Internal {
		return platen.Errorf(platen.Internal, "the server failed to do this; its log says why")
	}
	return shown
}

// ReplyError answers with a JSON Error.
func ReplyError(w http.ResponseWriter, err error) {
	shown := ShownError(err)
	SetErrorHeaders(w.Header(), shown)
	status := Status(shown.Code)
	reply(w, status, typeJSON, errorBody(status, shown.Message, shown.Param, shown.Offset))
}

// SetErrorHeaders sets the headers that an answer to an error has, such as Retry-After.
func SetErrorHeaders(header http.Header, shown *platen.Error) {
	switch shown.Code {
	case platen.Changed:
		if shown.Tag != "" {
			header[tagHeader] = []string{shown.Tag}
		}
	case platen.Unauthenticated:
		header.Set("WWW-Authenticate", `BASIC realm="platen"`)
	case platen.Unavailable, platen.TooManyAttempts:
		wait := max(shown.RetryAfter, time.Second)
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
}

// ReplyStatus answers with a JSON Error for what is wrong with HTTP itself,
// where statuses have no [platen.Code].
func ReplyStatus(w http.ResponseWriter, status int, message string) {
	reply(w, status, typeJSON, errorBody(status, message, "", 0))
}

func errorBody(status int, message, param string, offset int64) []byte {
	b := jsonWriter{buf: make([]byte, 0, 256)}
	b.object()
	b.key("error")
	b.object()
	b.number("status", int64(status))
	b.foreign("message", message)
	b.foreign("parameter", param)
	b.optionalNumber("offset", offset)
	b.end()
	b.end()
	return b.buf
}

// ReplyJSON answers 200 with JSON.
func ReplyJSON(w http.ResponseWriter, body []byte) { reply(w, http.StatusOK, typeJSON, body) }

// ReplyText answers 200 with bare text.
func ReplyText(w http.ResponseWriter, body string) { reply(w, http.StatusOK, typeText, []byte(body)) }

// ReplyTrue answers that a list was replaced.
func ReplyTrue(w http.ResponseWriter) { ReplyText(w, "true") }

// ReplyDone answers that something was done of which there is nothing to say.
func ReplyDone(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

// ReplyNothing answers 200 with neither body nor content type.
func ReplyNothing(w http.ResponseWriter) {
	w.Header()["Content-Type"] = nil
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// ReplyToken answers a login.
func ReplyToken(w http.ResponseWriter, token string, ttl time.Duration) {
	w.Header().Set(ExpiresHeader, strconv.FormatInt(int64(ttl/time.Second), 10))
	w.Header().Set("Cache-Control", "no-store")
	ReplyText(w, token)
}

// ReplySession answers that a session of the console goes on for so long; 0: without
// an end.
func ReplySession(w http.ResponseWriter, left time.Duration) {
	var b jsonWriter
	b.object()
	if left > 0 {
		b.number("seconds", int64(left/time.Second))
	}
	b.end()
	w.Header().Set("Cache-Control", "no-store")
	ReplyJSON(w, b.buf)
}

// childKeys are the keys of what an import made in a set.
var childKeys = map[platen.Kind]string{
	platen.DataSet:    "records",
	platen.ContentSet: "contentitems",
	platen.JobSet:     "jobs",
}

// ReplyCreated answers the import of a set.
func ReplyCreated(w http.ResponseWriter, kind platen.Kind, made platen.Created) {
	var b jsonWriter
	b.object()
	b.number("id", int64(made.ID))
	listOf(&b, childKeys[kind], made.Children, (*jsonWriter).identifier)
	b.end()
	w.Header().Set("Location", NativePrefix+"/"+serviceOf(kind).segment+"/"+made.ID.String())
	reply(w, http.StatusCreated, typeJSON, b.buf)
}

// ReplyRecordOf answers with a data record identifier.
func ReplyRecordOf(w http.ResponseWriter, record platen.ID) {
	replyNumber(w, "record", int64(record))
}

// replyNumber answers with an object that has one number.
func replyNumber(w http.ResponseWriter, key string, n int64) {
	var b jsonWriter
	b.object()
	b.number(key, n)
	b.end()
	ReplyJSON(w, b.buf)
}

func reply(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	// Assigned, not Set: these keys are in canonical form already.
	header["Content-Type"] = typeHeaders[contentType]
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error is the client's leaving
}

// The parts of identifier lists.
const (
	identifiersHead = `{"identifiers":[`
	identifiersTail = `]}`
)

// identifiersLength returns the length of an identifier list of so many
// elements, which have so many bytes together.
func identifiersLength(count, bytes int64) int64 {
	return int64(len(identifiersHead)+len(identifiersTail)) + bytes + max(0, count-1) // commas
}

// ReplyIdentifiers answers with an identifier list.
func ReplyIdentifiers(w http.ResponseWriter, runs []platen.IDRange) {
	var count, digits int64
	for _, run := range runs {
		count += run.Len()
		digits += run.Digits()
	}
	length := identifiersLength(count, digits)
	BeginSized(w, length)
	b := jsonWriter{w: w, buf: append(make([]byte, 0, min(length, flushBytes+64)), identifiersHead...)}
	for _, run := range runs {
		for id := run.First; id <= run.Last; id++ {
			b.comma()
			b.buf = strconv.AppendInt(b.buf, int64(id), 10)
			if b.flush() != nil {
				return // the client has left, or wants no body
			}
		}
	}
	b.buf = append(b.buf, identifiersTail...)
	_ = b.close() // an error is the client's leaving
}

// contentsBuffers are for the pieces of one answer each, which are no longer than
// this.
var contentsBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, flushBytes+256)) }}

// ReplyContents streams a content item identifier list. Its length is known
// beforehand. When the store fails on the way, it aborts the connection, so
// that nobody takes a part for the whole.
func ReplyContents(w http.ResponseWriter, contents *transfer.Contents) error {
	each := int64(len(contentsItem) + len(contentsRecord) + len("}"))
	BeginSized(w, identifiersLength(contents.Count, contents.Digits+contents.Count*each))
	buffer := contentsBuffers.Get().(*[]byte)
	defer contentsBuffers.Put(buffer)
	b := jsonWriter{w: w, buf: append((*buffer)[:0], identifiersHead...)}
	var text contentWriter
	for block, err := range contents.Blocks {
		if err != nil {
			return Aborted(err)
		}
		for _, content := range block {
			b.comma()
			b.buf = text.append(b.buf, content)
			if b.flush() != nil {
				return nil // the client has left, or wants no body
			}
		}
	}
	b.buf = append(b.buf, identifiersTail...)
	_ = b.close() // an error is the client's leaving
	return nil
}

// An abortedError is an error that came after the answer had begun.
type abortedError struct{ err error }

func (e abortedError) Error() string { return "answer broken off: " + e.err.Error() }
func (e abortedError) Unwrap() error { return e.err }

// Aborted wraps an error that came too late to be answered.
func Aborted(err error) error { return abortedError{err} }

// IsAborted reports whether err came too late to be answered.
func IsAborted(err error) bool {
	_, ok := errors.AsType[abortedError](err)
	return ok
}

// BeginJSON begins an answer of JSON whose length is not known.
func BeginJSON(w http.ResponseWriter) { w.Header().Set("Content-Type", typeJSON) }

// BeginSized begins an answer of JSON of so many bytes.
func BeginSized(w http.ResponseWriter, bytes int64) {
	header := w.Header()
	header["Content-Type"] = []string{typeJSON}
	header["Content-Length"] = []string{strconv.FormatInt(bytes, 10)}
}
