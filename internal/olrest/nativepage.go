package olrest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
)

// Parameters of lists that come in pages.
const (
	pageSizeParameter  = "pageSize"
	pageTokenParameter = "pageToken"
)

// How much a page has.
const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

// A Page is a part of a list that was asked for.
type Page struct {
	Size  int
	After []byte // the position that a token names; nil: from the beginning
}

// readPageSize reads the parameter pageSize.
func readPageSize(values url.Values) (int, error) {
	if !values.Has(pageSizeParameter) {
		return defaultPageSize, nil
	}
	n, err := strconv.Atoi(values.Get(pageSizeParameter))
	if err != nil || n < 1 || n > maxPageSize {
		return 0, parameterError(pageSizeParameter, "%s must be a whole number from 1 to %d", pageSizeParameter, maxPageSize)
	}
	return n, nil
}

// readPage reads the parameters of a page. query is what the list is of: a token
// is good for it alone.
func readPage(values url.Values, query string) (Page, error) {
	size, err := readPageSize(values)
	p := Page{Size: size}
	if err != nil {
		return p, err
	}
	if !values.Has(pageTokenParameter) {
		return p, nil
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(values.Get(pageTokenParameter))
	if err != nil || len(token) < tokenHead || token[0] != tokenVersion {
		return p, parameterError(pageTokenParameter, "the %s is not one that this server has given; leave it out to begin anew", pageTokenParameter)
	}
	p.After = token[tokenHead:]
	if !bytes.Equal(token, newPageToken(query, p.After)) {
		return p, parameterError(pageTokenParameter, "the %s is of another query or was changed; send it with the parameters that it came from, or leave it out to begin anew", pageTokenParameter)
	}
	return p, nil
}

// A page token is a version, some bytes of a checksum of query and position, and
// the position. It is no secret: who makes one up begins elsewhere in a list that
// the caller may read in any case.
const (
	tokenVersion = 1
	tokenHead    = 1 + 8
)

func newPageToken(query string, position []byte) []byte {
	hash := sha256.New()
	hash.Write([]byte{tokenVersion})
	hash.Write([]byte(query))
	hash.Write([]byte{0})
	hash.Write(position)
	return append(append([]byte{tokenVersion}, hash.Sum(nil)[:tokenHead-1]...), position...)
}

// pageToken writes the token of the next page as a member of an object, if there is
// one.
func (j *jsonWriter) pageToken(query string, next []byte) {
	if next != nil {
		j.text("nextPageToken", base64.RawURLEncoding.EncodeToString(newPageToken(query, next)))
	}
}
