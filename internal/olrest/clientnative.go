package olrest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// The client's types of platen's own API have the names of its JSON in their tags;
// how kinds, facets and roles are written is here.
var (
	nativeDecoding = json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, to *platen.Kind) error { return readWord(d, to, parseAnyKind) }),
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, to *platen.Facet) error { return readWord(d, to, parseFacet) }),
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, to *platen.Role) error { return readWord(d, to, platen.ParseRole) }),
	))
	nativeEncoding = json.JoinOptions(json.Deterministic(true), json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(func(e *jsontext.Encoder, kind platen.Kind) error {
			return e.WriteToken(jsontext.String(KindName(kind)))
		}),
		json.MarshalToFunc(func(e *jsontext.Encoder, facet platen.Facet) error {
			return e.WriteToken(jsontext.String(facet.String()))
		}),
		json.MarshalToFunc(func(e *jsontext.Encoder, role platen.Role) error { return e.WriteToken(jsontext.String(role.String())) }),
	)))
)

// parseAnyKind reads the name of a kind, of which an answer may have one that no
// request can ask for.
func parseAnyKind(name string) (platen.Kind, error) {
	if name == KindName(platen.DocumentPage) {
		return platen.DocumentPage, nil
	}
	return ParseKind("kind", name)
}

// parseFacet reads the name of a list.
func parseFacet(name string) (platen.Facet, error) {
	for _, facet := range listFacets {
		if facet.String() == name {
			return facet, nil
		}
	}
	return 0, fmt.Errorf("%q is no list", name)
}

func readWord[T any](d *jsontext.Decoder, to *T, parse func(string) (T, error)) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	*to, err = parse(token.String())
	return err
}

// EncodeNative returns a value as platen's own API has it.
func EncodeNative(value any) ([]byte, error) { return json.Marshal(value, nativeEncoding) }

// DecodeNative reads a value as platen's own API has it. Members that are not known
// are passed over. Errors are no [platen.Error], as in readAnswer.
func DecodeNative[T any](text []byte) (value T, err error) {
	if err := json.Unmarshal(text, &value, nativeDecoding); err != nil {
		return value, fmt.Errorf("the answer is not what the API says: %v", err)
	}
	return value, nil
}

// ReadNative reads an answer of platen's own API.
func ReadNative[T any](r io.Reader) (value T, err error) {
	source := &answerReader{Reader: r}
	err = json.UnmarshalRead(source, &value, nativeDecoding)
	switch {
	case err == nil:
		return value, nil
	case source.err != nil:
		return value, cutOff(source.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return value, cutOff(io.ErrUnexpectedEOF)
	}
	return value, fmt.Errorf("the answer is not what the API says: %v", err)
}

// A NativePage is a part of a list of platen's own API.
type NativePage[T any] struct {
	Elements []T
	Next     string // with which the next page is asked for, "": this is the last one
	Before   string // with which the page before it is asked for, "": there is none
}

// ReadNativePage reads a page: an object with one list, whatever its name is.
func ReadNativePage[T any](r io.Reader) (page NativePage[T], err error) {
	members, err := ReadNative[map[string]jsontext.Value](r)
	if err != nil {
		return page, err
	}
	for name, value := range members {
		switch {
		case name == "nextPageToken" || name == "after":
			page.Next, err = DecodeNative[string](value)
		case name == "before":
			page.Before, err = DecodeNative[string](value)
		case value.Kind() == '[':
			page.Elements, err = DecodeNative[[]T](value)
		}
		if err != nil {
			return page, err
		}
	}
	return page, nil
}

// NameText returns the name of a value in a list as filters and updates have it, such
// as properties.shift. It is quoted if need be.
func NameText(facet platen.Facet, name string) string {
	plain := name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	if !plain || name == "AND" || name == "OR" || name == "NOT" {
		name = QuoteText(name)
	}
	return facet.String() + "." + name
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\*`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// QuoteText returns a text in quotes, as a filter compares with it.
func QuoteText(text string) string { return `"` + quoter.Replace(text) + `"` }

// AnswerTag returns the tag of an answer.
func AnswerTag(response *http.Response) (platen.Tag, bool) {
	return platen.ParseTag(response.Header.Get(tagHeader))
}

// Waits reports whether an update of many was begun as an operation, not done.
func Waits(response *http.Response) bool { return response.StatusCode == http.StatusAccepted }

// TypeEvents is the media type of a stream of events.
const TypeEvents = typeEvents

// A Streamed is an event of a stream.
type Streamed struct {
	ID   string // of it or the last one before it that had one
	Type string // "" if it has none
	Data []byte
}

// maxEventLine bounds a line of a stream.
const maxEventLine = 64 << 20

// ReadStream reads a stream of events until yield returns false. A stream that ends
// was cut off. What only says where the stream begins has no data and is yielded, too.
func ReadStream(r io.Reader, yield func(Streamed) bool) error {
	source := &answerReader{Reader: r}
	lines := bufio.NewScanner(source)
	lines.Buffer(make([]byte, 0, 64<<10), maxEventLine)
	var event Streamed
	begun := false
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if begun && !yield(event) {
				return nil
			}
			event, begun = Streamed{ID: event.ID}, false
			continue
		}
		key, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(key) {
		case "id":
			event.ID, begun = string(value), true
		case "event":
			event.Type, begun = string(value), true
		case "data":
			event.Data, begun = append(event.Data, value...), true
		}
	}
	if err := lines.Err(); err != nil && source.err == nil {
		return fmt.Errorf("the answer is not what the API says: %w", err)
	}
	if source.err == nil {
		source.err = io.ErrUnexpectedEOF
	}
	return cutOff(source.err)
}

// ReadDropped reads why a server has ended a stream.
func ReadDropped(data []byte) *platen.Error {
	answer, err := DecodeNative[struct {
		Error struct {
			Status  int    `json:"status"`
			Message string `json:"message"`
		} `json:"error"`
	}](data)
	if err != nil || answer.Error.Message == "" {
		return platen.Errorf(platen.Unavailable, "the server has ended the stream")
	}
	return platen.Errorf(CodeOf(answer.Error.Status), "%s", answer.Error.Message)
}
