package olrest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// requests is where the journal of requests is.
const requests = NativePrefix + "/requests"

// A RecordedRequest is a request that has been answered, without credentials.
type RecordedRequest struct {
	Number    uint64 // in the order of the ends of requests, from 1
	RequestID string // of the header X-Request-Id; clients may give the same to several
	Time      time.Time
	Took      time.Duration

	Method, Path string // as they were sent, "" for what is no request that HTTP allows
	Query        string // without the question mark
	Host         string
	Protocol     string
	Route        string // the path of the route, "" for none
	Client       string // the address
	User         string // "" if nobody was let in
	Tried        string // the user of credentials that were refused
	Credentials  string // the kind of those that were sent: "Basic", "token", or ""

	Console bool // it came from the console
	Status  int  // 0: it was not answered
	Aborted bool // the answer was broken off
	Reason  string
	Hints   []string
	Fault   string // of a sandbox, that has acted; "" for none

	Request, Answer RecordedPart
}

// A RecordedPart is what was sent in one direction.
type RecordedPart struct {
	Headers []RecordedHeader // by name
	Body    string           // the first bytes
	Size    int64            // of the body, as far as it was read or sent
	Hidden  bool             // credentials were taken out of the body, or all of it
}

// A RecordedHeader is a value of a header.
type RecordedHeader struct{ Name, Value string }

// get returns the value of a header by its canonical name.
func (p *RecordedPart) get(name string) string {
	for _, header := range p.Headers {
		if header.Name == name {
			return header.Value
		}
	}
	return ""
}

// A RequestFilter says which requests of the journal are meant. The zero value
// means all.
type RequestFilter struct {
	Method, Route, User, RequestID, Fault string

	Path   string // an asterisk stands for any text
	Status string // such as 404 or 4xx
	Reason string // a part of the reason or of a hint, in small letters
	Since  time.Time

	Console *bool // nil: those of the console and others
}

// Match reports whether a request is meant.
func (f *RequestFilter) Match(r *RecordedRequest) bool {
	return (f.Method == "" || f.Method == r.Method) &&
		(f.Route == "" || f.Route == r.Route) &&
		(f.User == "" || f.User == r.User) &&
		(f.Fault == "" || f.Fault == r.Fault) &&
		(f.RequestID == "" || f.RequestID == r.RequestID) &&
		(f.Since.IsZero() || !r.Time.Before(f.Since)) &&
		(f.Status == "" || f.matchStatus(r.Status)) &&
		(f.Path == "" || FitsPattern(f.Path, r.Path)) &&
		(f.Console == nil || *f.Console == r.Console) &&
		(f.Reason == "" || f.matchReason(r))
}

func (f *RequestFilter) matchStatus(status int) bool {
	text := strconv.Itoa(status)
	if class, ok := strings.CutSuffix(f.Status, "xx"); ok {
		return len(text) == 3 && text[:1] == class
	}
	return text == f.Status
}

func (f *RequestFilter) matchReason(r *RecordedRequest) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), f.Reason) }
	return has(r.Reason) || slices.ContainsFunc(r.Hints, has)
}

// FitsPattern reports whether a text is as a pattern says, in which an asterisk
// stands for any text.
func FitsPattern(pattern, text string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, first)
	if !ok || !any {
		return ok && text == ""
	}
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, parts[last])
}

// filterParameters are the query parameters of a filter.
var filterParameters = []string{"method", "path", "route", "status", "user", "since", "requestId", "reason", "console", "fault"}

// A RequestQuery is the query of a route of the journal.
type RequestQuery struct {
	RequestFilter
	PageSize int
	Before   uint64 // the number of the last request of the page before, 0 for none

	AtLeast int           // how many are waited for
	Wait    time.Duration // how long
}

// MaxRequestWait is how long a count waits at most.
const MaxRequestWait = 25 * time.Second

// ParseRequestQuery reads the query of a listing of the journal.
func ParseRequestQuery(query url.Values) (q RequestQuery, err error) {
	if q.RequestFilter, err = ParseRequestFilter(query, "pageSize", "pageToken"); err != nil {
		return q, err
	}
	page, err := readPage(query, q.listing())
	if err != nil {
		return q, err
	}
	q.PageSize = page.Size
	if page.After != nil {
		var n int
		if q.Before, n = binary.Uvarint(page.After); n != len(page.After) || q.Before == 0 {
			return q, parameterError(pageTokenParameter, "the %s names no request", pageTokenParameter)
		}
	}
	return q, nil
}

// listing is what the tokens of the pages of a listing are good for.
func (f *RequestFilter) listing() string {
	console := ""
	if f.Console != nil {
		console = strconv.FormatBool(*f.Console)
	}
	return fmt.Sprintf("requests %q", []string{f.Method, f.Path, f.Route, f.Status, f.User, f.RequestID, f.Reason, f.Fault, f.Since.String(), console})
}

// ParseRequestCount reads the query of a count.
func ParseRequestCount(query url.Values) (q RequestQuery, err error) {
	if q.RequestFilter, err = ParseRequestFilter(query, "wait", "atLeast"); err != nil {
		return q, err
	}
	q.AtLeast = 1
	if text := query.Get("atLeast"); query.Has("atLeast") {
		if q.AtLeast, err = strconv.Atoi(text); err != nil || q.AtLeast < 0 {
			return q, parameterError("atLeast", "atLeast %q is not a whole number from 0 up", shorten([]byte(text)))
		}
	}
	if text := query.Get("wait"); query.Has("wait") {
		if q.Wait, err = time.ParseDuration(text); err != nil || q.Wait < 0 || q.Wait > MaxRequestWait {
			return q, parameterError("wait", "wait %q is not a time from 0s to %v, such as 5s", shorten([]byte(text)), MaxRequestWait)
		}
	}
	return q, nil
}

// ParseRequestFilter reads a filter, as the query of a removal from the journal is one.
// others are the parameters that the query may have besides.
func ParseRequestFilter(query url.Values, others ...string) (f RequestFilter, err error) {
	if err := CheckQuery(query, append(others, filterParameters...)...); err != nil {
		return f, err
	}
	for _, name := range filterParameters {
		// An empty one, as of a variable without a value, would mean all requests.
		if query.Has(name) && query.Get(name) == "" {
			return f, parameterError(name, "the %s is empty: leave it out for all", name)
		}
	}
	f = RequestFilter{
		Method: strings.ToUpper(query.Get("method")), Route: query.Get("route"), User: query.Get("user"), RequestID: query.Get("requestId"),
		Path: query.Get("path"), Status: strings.ToLower(query.Get("status")), Reason: strings.ToLower(query.Get("reason")), Fault: query.Get("fault"),
	}
	if text := query.Get("since"); text != "" {
		if f.Since, err = ParseTime("since", text); err != nil {
			return f, err
		}
	}
	if text := query.Get("console"); text != "" {
		console := text == "true"
		if !console && text != "false" {
			return f, parameterError("console", "console %q is neither true nor false", shorten([]byte(text)))
		}
		f.Console = &console
	}
	if f.Status != "" && !isStatus(f.Status) {
		return f, parameterError("status", "status %q is neither a status, such as 404, nor a class, such as 4xx", shorten([]byte(f.Status)))
	}
	return f, nil
}

// isStatus reports whether a text is a status or a class of them; 0 is that of
// what was not answered.
func isStatus(text string) bool {
	if text == "0" {
		return true
	}
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return false
	}
	_, err := strconv.Atoi(text)
	return err == nil || text[1:] == "xx"
}

// ReplyRequests answers with a page of the journal. more: there are others.
func ReplyRequests(w http.ResponseWriter, filter *RequestFilter, list []*RecordedRequest, more bool) {
	var b jsonWriter
	b.object()
	listOf(&b, "requests", list, func(j *jsonWriter, r *RecordedRequest) {
		j.object()
		j.request(r)
		j.end()
	})
	if more {
		b.pageToken(filter.listing(), binary.AppendUvarint(nil, list[len(list)-1].Number))
	}
	b.end()
	ReplyJSON(w, b.buf)
}

// ReplyRequest answers with a request, its headers and bodies.
func ReplyRequest(w http.ResponseWriter, r *RecordedRequest) {
	var b jsonWriter
	b.object()
	b.request(r)
	b.part("request", &r.Request)
	b.part("answer", &r.Answer)
	b.end()
	ReplyJSON(w, b.buf)
}

// ReplyRequestCount answers how many requests matched.
func ReplyRequestCount(w http.ResponseWriter, count int) { replyNumber(w, "count", int64(count)) }

// ReplyRequestsDeleted answers how many requests were removed.
func ReplyRequestsDeleted(w http.ResponseWriter, count int) {
	replyNumber(w, "deleted", int64(count))
}

// request writes a request without its headers and bodies.
func (j *jsonWriter) request(r *RecordedRequest) {
	j.text("requestId", r.RequestID)
	j.text("time", FormatTime(r.Time))
	j.number("tookMicros", r.Took.Microseconds())
	j.text("method", r.Method)
	j.foreign("path", r.Path)
	for _, given := range []struct{ key, text string }{
		{"query", r.Query}, {"route", r.Route}, {"host", r.Host}, {"protocol", r.Protocol}, {"client", r.Client},
		{"user", r.User}, {"tried", r.Tried}, {"credentials", r.Credentials},
	} {
		if given.text != "" {
			j.foreign(given.key, given.text)
		}
	}
	j.number("status", int64(r.Status))
	j.optionalFlag("console", r.Console)
	j.optionalFlag("aborted", r.Aborted)
	j.optionalText("fault", r.Fault)
	if r.Reason != "" {
		j.foreign("reason", r.Reason)
	}
	optionalList(j, "hints", r.Hints, (*jsonWriter).string)
}

// part writes what was sent in one direction.
func (j *jsonWriter) part(key string, p *RecordedPart) {
	j.key(key)
	j.object()
	listOf(j, "headers", p.Headers, func(j *jsonWriter, header RecordedHeader) {
		j.object()
		j.text("name", header.Name)
		j.foreign("value", header.Value)
		j.end()
	})
	if utf8.ValidString(p.Body) {
		j.text("body", p.Body)
	} else {
		j.text("bodyBase64", base64.StdEncoding.EncodeToString([]byte(p.Body)))
	}
	j.number("bodySize", p.Size)
	j.flag("whole", p.whole())
	j.flag("hidden", p.Hidden)
	j.end()
}

// whole reports whether the body is all of it, as it was sent.
func (p *RecordedPart) whole() bool { return !p.Hidden && int64(len(p.Body)) == p.Size }

// The content type of a stream of events, and the header with which a client
// goes on after one.
const (
	typeEvents        = "text/event-stream"
	LastEventIDHeader = "Last-Event-Id"
)

// WantsEvents reports whether the lines of an Accept header ask for a stream of events:
// it is named, and JSON is not wanted more, nor as much and named before it.
func WantsEvents(accept []string) bool {
	events, pages := wantedOf(accept, typeEvents), wantedOf(accept, typeJSON)
	if !events.named || events.quality == 0 || events.quality < pages.quality {
		return false
	}
	return events.quality > pages.quality || !pages.named || events.place < pages.place
}

// WriteRequestEvent writes a request to a stream of events.
func WriteRequestEvent(w io.Writer, r *RecordedRequest) error {
	b := jsonWriter{buf: fmt.Appendf(nil, "id: %d\nevent: request\ndata: ", r.Number)}
	b.object()
	b.request(r)
	b.end()
	_, err := w.Write(append(b.buf, "\n\n"...))
	return err
}

// WriteLostEvent says in a stream of events that requests are missing before the
// next one: the journal has dropped them.
func WriteLostEvent(w io.Writer) error {
	_, err := io.WriteString(w, "event: lost\ndata: {}\n\n")
	return err
}

// ReplyCurl answers a request, asked, with a recorded one as a command line for a shell.
func ReplyCurl(w http.ResponseWriter, asked *http.Request, r *RecordedRequest) {
	scheme := "http"
	if asked.TLS != nil || asked.Header.Get("X-Forwarded-Proto") == "https" { // a proxy before the server may say so
		scheme = "https"
	}
	ReplyText(w, curlLine(r, scheme, asked.Host))
}

// PasswordVariable is the variable in which a command line has the password.
const PasswordVariable = "PLATEN_PASSWORD"

// ownHeaders are those that curl sets, or that are of the way that the request
// has taken.
var ownHeaders = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "User-Agent": true, "Forwarded": true, "X-Forwarded-For": true, "X-Request-Id": true,
	"Authorization": true, http.CanonicalHeaderKey(TokenHeader): true,
}

// curlLine returns a request as a command line for a shell, which sends it to host.
// The password is that of the variable [PasswordVariable], so it must not go to the
// host that the request named: anybody can have sent that. What is not known any
// more is said behind it, as a comment.
func curlLine(r *RecordedRequest, scheme, host string) string {
	var b bytes.Buffer
	part := &r.Request
	input := ""
	if body := part.Body; body != "" && r.Method != http.MethodHead {
		if utf8.ValidString(body) && !strings.ContainsAny(body, "\x00\r") { // terminals change a pasted \r
			input = " --data-raw " + quote(body)
		} else {
			b.WriteString("printf " + quote(octal(body)) + " | ")
			input = " --data-binary @-"
		}
	}
	b.WriteString("curl -sS")
	switch r.Method {
	case http.MethodHead:
		b.WriteString(" --head")
	case http.MethodGet:
		if input != "" {
			b.WriteString(" -X GET")
		}
	default:
		b.WriteString(" -X " + quote(r.Method))
	}
	if user := r.User + r.Tried; r.Credentials != "" {
		b.WriteString(" -u " + quote(user+":") + `"$` + PasswordVariable + `"`)
	}
	if r.Host != "" && r.Host != host {
		b.WriteString(" -H " + quote("Host: "+r.Host))
	}
	var missing []string
	for _, header := range part.Headers {
		switch {
		case ownHeaders[header.Name]:
		case header.Value == HiddenText:
			missing = append(missing, "the header "+header.Name)
		case header.Value == "":
			b.WriteString(" -H " + quote(header.Name+";"))
		default:
			b.WriteString(" -H " + quote(header.Name+": "+header.Value))
		}
	}
	if input != "" && part.get("Content-Type") == "" {
		b.WriteString(" -H 'Content-Type:'")
	}
	if part.get("Accept") == "" {
		b.WriteString(" -H 'Accept:'")
	}
	b.WriteString(input + address(r, scheme+"://"+host))
	if !part.whole() {
		missing = append(missing, fmt.Sprintf("a part of the body, which had %d bytes", part.Size))
	}
	if strings.Contains(r.Path+r.Query, HiddenText) {
		missing = append(missing, "a part of the address")
	}
	if len(missing) > 0 {
		b.WriteString(" # not known any more: " + strings.Join(missing, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

// HiddenText stands where a credential was.
const HiddenText = "(hidden)"

// address returns the address of a request to a server as arguments of curl.
func address(r *RecordedRequest, server string) string {
	options := " --path-as-is --globoff "
	if !strings.HasPrefix(r.Path, "/") {
		return options + "--request-target " + quote(r.Path) + " " + quote(server)
	}
	path := r.Path
	if r.Query != "" {
		path += "?" + r.Query
	}
	return options + quote(server+path)
}

// quote returns a text as a word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// octal returns bytes as a format of printf.
func octal(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String()
}
