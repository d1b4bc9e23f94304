package journal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// secretWords are parts of the names of what may be a credential, in small
// letters without marks: query parameters, keys of JSON, and headers.
var secretWords = []string{"password", "passwd", "passphrase", "secret", "token", "credential", "authorization", "apikey"}

// secretHeaders are further parts of the names of headers.
var secretHeaders = []string{"auth", "cookie", "key", "session", "signature"}

// harmless are names that have such a word and name no credential.
var harmless = []string{"pagetoken", "nextpagetoken", "idempotencykey"}

// plain returns a name in small letters without marks.
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '-' || c == '_' || c == '.' || c == ' ':
			return -1
		}
		return c
	}, strings.ToLower(name))
}

func hasAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// isSecretName reports whether what has a name may be a credential.
func isSecretName(name string) bool {
	name = plain(name)
	return hasAny(name, secretWords) && !slices.Contains(harmless, name)
}

// isSecretHeader reports whether a header may have a credential.
func isSecretHeader(name string) bool {
	switch name { // most of those that there are
	case "Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent":
		return false
	case "Www-Authenticate", "Token-Expires-In":
		return false
	}
	name = plain(name)
	return (hasAny(name, secretWords) || hasAny(name, secretHeaders)) && !slices.Contains(harmless, name)
}

// addressUser finds the user and password of an address, also of one that is a
// part of another address.
var addressUser = regexp.MustCompile(`(?i)(://|:\\/\\/|%3a%2f%2f)[^/\s"'?#@]*(@|%40)`)

// addressCut finds an address that ends within its host, or its password.
var addressCut = regexp.MustCompile(`(?i)(://|:\\/\\/|%3a%2f%2f)[^/\s"'?#@]*$`)

// redactAddresses takes the users and passwords out of addresses.
func redactAddresses(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "%40") {
		return text
	}
	return addressUser.ReplaceAllString(text, "${1}"+olrest.HiddenText+"${2}")
}

// redactQuery takes credentials out of a query.
func redactQuery(query string) string {
	if query == "" {
		return ""
	}
	var b strings.Builder
	for len(query) > 0 {
		pair, mark := query, ""
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			pair, mark = query[:i], query[i:i+1]
		}
		query = query[len(pair)+len(mark):]
		name, _, given := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(name)
		if given && (err != nil || isSecretName(decoded)) {
			pair = name + "=" + olrest.HiddenText
		}
		b.WriteString(pair + mark)
	}
	return b.String()
}

// redactBody takes credentials out of the beginning of a body, and reports
// whether there were any. cut: it is not all of the body. Of a body that is no
// JSON and has the name of a credential somewhere, nothing is left.
func redactBody(body []byte, cut bool) (text string, hidden bool) {
	if len(body) == 0 {
		return "", false
	}
	// A key may be written with escapes.
	if !bytes.Contains(body, []byte(`\u`)) && !hasAny(plain(string(body)), secretWords) {
		return string(body), false
	}
	if !isJSON(body, cut) {
		return "", true
	}
	redacted := redactJSON(body)
	return string(redacted), !bytes.Equal(redacted, body)
}

// isJSON reports whether a body is JSON, as far as it is known.
func isJSON(body []byte, cut bool) bool {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		if _, err := d.ReadToken(); err != nil {
			return err == io.EOF || cut && errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

// redactJSON takes the values out of JSON, which may end anywhere, whose keys
// name credentials.
func redactJSON(body []byte) []byte {
	var b []byte
	for i := 0; i < len(body); {
		if body[i] != '"' {
			b = append(b, body[i])
			i++
			continue
		}
		end := afterString(body, i)
		key := body[i:end]
		b = append(b, key...)
		i = end
		colon := afterSpace(body, i)
		if colon == len(body) || body[colon] != ':' || !isSecretKey(key) {
			continue
		}
		value := afterSpace(body, colon+1)
		b = append(append(b, body[i:value]...), `"`+olrest.HiddenText+`"`...)
		i = afterValue(body, value)
	}
	return b
}

// isSecretKey reports whether a key of JSON, in its quotes, names a credential.
func isSecretKey(key []byte) bool {
	name, err := jsontext.AppendUnquote(nil, key)
	return err != nil || isSecretName(string(name))
}

func afterSpace(b []byte, i int) int {
	for i < len(b) && strings.IndexByte(" \t\r\n", b[i]) >= 0 {
		i++
	}
	return i
}

// afterString returns where the string that begins at i has ended.
func afterString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// afterValue returns where the value that begins at i has ended.
func afterValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = afterString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// secrets are the credentials of a request, which may also stand where their
// names do not give them away.
type secrets struct {
	kind  string   // of credentials, "" for none
	texts []string // in each form that they may have, the longest first
}

// shortestSecret is the shortest text that is looked for. No password is shorter.
const shortestSecret = 8

// secretsOf returns the credentials in the headers of a request.
func secretsOf(header http.Header) *secrets {
	s := new(secrets)
	for _, value := range header["Authorization"] {
		scheme, rest, _ := strings.Cut(value, " ")
		rest = strings.TrimSpace(rest)
		s.add(rest)
		if strings.EqualFold(scheme, "Basic") {
			s.kind = "Basic"
			if decoded, err := base64.StdEncoding.DecodeString(rest); err == nil {
				_, password, _ := strings.Cut(string(decoded), ":")
				s.add(password)
			}
		} else {
			s.kind = "token"
		}
	}
	for _, value := range header[http.CanonicalHeaderKey(olrest.TokenHeader)] {
		s.kind = "token"
		s.add(value)
	}
	return s
}

// add adds a text in the forms that it has in JSON and in addresses.
func (s *secrets) add(text string) {
	if len(text) < shortestSecret {
		return
	}
	quoted := string(platen.AppendString(nil, text))
	for _, form := range []string{text, quoted[1 : len(quoted)-1], url.QueryEscape(text), url.PathEscape(text)} {
		if !slices.Contains(s.texts, form) {
			s.texts = append(s.texts, form)
		}
	}
	slices.SortStableFunc(s.texts, func(a, b string) int { return len(b) - len(a) })
}

// redact takes the credentials out of a text.
func (s *secrets) redact(text string) string {
	for _, secret := range s.texts {
		text = strings.ReplaceAll(text, secret, olrest.HiddenText)
	}
	return text
}

// trim takes what may be the beginning of a credential off the end of a text that
// was cut.
func (s *secrets) trim(text string) string {
	text = addressCut.ReplaceAllString(text, "${1}")
	const least = 4 // bytes that give anything away
	for _, secret := range s.texts {
		for n := min(len(secret)-1, len(text)); n >= least; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				return text[:len(text)-n]
			}
		}
	}
	return text
}
