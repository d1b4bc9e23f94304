package olrest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// The files client….go are the client's half of the dialect: what it sends,
// and how it reads the answers.

// RequestIDHeader is the response header with the id that the server's log
// has for the request.
const RequestIDHeader = "X-Request-Id"

// FindService returns the route at the base of a service, by its name in the
// handshake. GET answers the handshake there, if only text is accepted.
func FindService(name string) (Route, error) {
	for _, r := range routes {
		if r.Service == name && (r.Action == Handshake || r.Action == Entities) {
			r.Action, r.Kind = Handshake, 0
			return r, nil
		}
	}
	return Route{}, platen.Errorf(platen.Invalid, "the API has no service %q", name)
}

// FindVersion returns the route that says which version a service speaks.
func FindVersion(name string) (Route, error) {
	base, err := FindService(name)
	base.Path += "/version"
	base.Action = Version
	return base, err
}

// Services returns the names of all services.
func Services() []string {
	var names []string
	for _, r := range routes {
		if r.Service != "" && (r.Action == Handshake || r.Action == Entities) {
			names = append(names, r.Service)
		}
	}
	return names
}

// ServiceOf returns the name of the service of a kind, "" for none.
func ServiceOf(kind platen.Kind) string { return serviceOf(kind).name }

// With returns the route's path, with text in the place of its parameter.
func (r Route) With(text string) string {
	before, rest, found := strings.Cut(r.Path, "{")
	if !found {
		return r.Path
	}
	_, after, _ := strings.Cut(rest, "}")
	return before + url.PathEscape(text) + after
}

// Accept returns the media type of a good answer to the route, "" if it has
// no body.
func (r Route) Accept() string {
	switch r.Action {
	case Handshake, Version, Login, ReplaceList, Delete, Progress, Result, RequestAsCurl:
		return typeText
	case MergeLists, AddRecords, UpdateRecord, UpdateRecords,
		CreateStructure, CreateDefault, CreatePreset, Cancel:
		return ""
	}
	return typeJSON
}

// Reads reports whether the route changes nothing, so that a request may be
// sent again when its answer is lost.
func (r Route) Reads() bool {
	switch r.Action {
	case Login, FindEntities, QueryRecords, Result:
		return true
	}
	return r.Method == http.MethodGet
}

// CheckAnswer returns the error that an answer is: that of its status, or
// that it holds something else than the media type want, which the route answers
// with; "" is none.
func CheckAnswer(response *http.Response, want string) error {
	if response.StatusCode < 200 || 300 <= response.StatusCode {
		return ReadError(response)
	}
	contentType := response.Header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(contentType)
	if media != "" && media != want && (want != "" || media == "text/html") {
		return fmt.Errorf("the answer is %.80q, which the API never answers with here: something else than the server may have sent it", contentType)
	}
	return nil
}

// ReadError returns the error that an answer holds: a [platen.Error] with the
// code of its status. Answers of proxies, which are no JSON Errors, become
// one, too.
func ReadError(response *http.Response) *platen.Error {
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(response.Body, most)) // the status says enough
	var answer struct {
		Error struct {
			Message   string `json:"message"`
			Parameter any    `json:"parameter"`
			Offset    int64  `json:"offset"`
		} `json:"error"`
	}
	shown := &platen.Error{Code: CodeOf(response.StatusCode), RetryAfter: retryAfter(response)}
	if shown.Code == platen.Changed {
		shown.Tag = response.Header.Get(tagHeader)
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error.Message != "" {
		shown.Message, shown.Offset = answer.Error.Message, answer.Error.Offset
		if answer.Error.Parameter != nil {
			shown.Param = fmt.Sprint(answer.Error.Parameter)
		}
	} else {
		shown.Message = statusMessage(response, strings.TrimSpace(string(body)))
	}
	// The dialect says in two ways that what a body names does not exist.
	if shown.Code == platen.Invalid && strings.Contains(shown.Message, "refers to a missing resource") {
		shown.Code = platen.NotFound
	}
	return shown
}

// Unexplained is what the message of an answer without a JSON Error begins with: it does
// not say what was done, and may be that of a proxy.
const Unexplained = "the server answered "

// statusMessage says what an answer without a JSON Error says.
func statusMessage(response *http.Response, body string) string {
	message := Unexplained + response.Status
	if to := response.Header.Get("Location"); to != "" && response.StatusCode < 400 {
		return message + fmt.Sprintf(", with %.200q: the API never redirects; if the server is there now, use that address", to)
	}
	switch media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); {
	case media == typeText && body != "":
		message += ": " + strings.ToValidUTF8(shorten([]byte(body)), "\uFFFD")
	case media != "" && media != typeJSON && media != typeText:
		message += ", with " + shorten([]byte(media)) + ": a proxy before the server may have sent it"
	}
	return message
}

// retryAfter reads the header Retry-After: seconds, or a date. 0: there is
// none, or it has passed.
func retryAfter(response *http.Response) time.Duration {
	text := response.Header.Get("Retry-After")
	const most = 1 << 30 // seconds, so that it can not overflow
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(min(seconds, most)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// maxText bounds an answer of text: a token is the longest.
const maxText = 64 << 10

// ReadText reads an answer of text.
func ReadText(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return "", cutOff(err)
	}
	if len(b) > maxText {
		return "", fmt.Errorf("the answer is over %d bytes, which no text of the API is", maxText)
	}
	return string(b), nil
}

// ReadToken reads the answer to a login: the token, and how long it is good
// for.
func ReadToken(response *http.Response) (token string, lasts time.Duration, err error) {
	lasts = time.Hour // what clients assume where servers do not say
	if seconds, err := strconv.ParseUint(response.Header.Get(ExpiresHeader), 10, 31); err == nil {
		lasts = time.Duration(seconds) * time.Second
	}
	token, err = ReadText(response.Body)
	if err == nil && (token == "" || strings.ContainsAny(token, "\r\n")) {
		err = fmt.Errorf("the answer to the login is no token")
	}
	return token, lasts, err
}

// ReadTrue reads the answer of what replaces or deletes: true, or nothing.
// Failed: it is another, such as false.
func ReadTrue(r io.Reader) error {
	text, err := ReadText(r)
	if err == nil && text != "true" && text != "" {
		err = platen.Errorf(platen.Failed, "the server answered %q, not that it is done", shorten([]byte(text)))
	}
	return err
}

// ReadHandshake reads the answer to a handshake.
func ReadHandshake(r io.Reader) error {
	text, err := ReadText(r)
	if err == nil && !strings.HasPrefix(text, Route{}.HandshakeText()) {
		err = fmt.Errorf("the answer %q is no handshake", shorten([]byte(text)))
	}
	return err
}

// AppendUpdate appends an update as a single PUT has it.
func AppendUpdate(b []byte, update platen.Update) []byte {
	return appendPairs(b, update, propertiesKey.name)
}

// AppendUpdates appends updates as a multi PUT has them.
func AppendUpdates(b []byte, updates []platen.Update) []byte {
	return appendList(b, updates, AppendUpdate)
}

func appendPairs(b []byte, update platen.Update, key string) []byte {
	b = strconv.AppendInt(append(b, `{"id":`...), int64(update.ID), 10)
	b = append(append(append(b, `,"`...), key...), `":`...)
	return append(append(b, platen.EncodeList(update.Pairs)...), '}')
}

// appendList appends a list of elements.
func appendList[T any](b []byte, elements []T, appendTo func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, element := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTo(b, element)
	}
	return append(b, ']')
}

func appendID(b []byte, id platen.ID) []byte { return strconv.AppendInt(b, int64(id), 10) }

// nameOf returns the name of a number. One that has none is for the server to
// refuse.
func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return strconv.Itoa(i)
}
