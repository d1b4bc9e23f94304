package olrest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/platenhq/platen"
)

// This file is the client's half of the dialect: what it sends, and how it
// reads the answers.

// AppendUpdate appends an update as a single PUT has it.
func AppendUpdate(b []byte, update platen.Update) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, int64(update.ID), 10)
	b = append(b, `,"properties":`...)
	b = append(b, platen.EncodeList(update.Pairs)...)
	return append(b, '}')
}

// AppendUpdates appends updates as a multi PUT has them.
func AppendUpdates(b []byte, updates []platen.Update) []byte {
	b = append(b, '[')
	for i, update := range updates {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendUpdate(b, update)
	}
	return append(b, ']')
}

// ReadError returns the error that an answer holds: a [platen.Error] with the
// code of its status.
func ReadError(response *http.Response) error {
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return err
	}
	var answer struct {
		Error struct {
			Message   string `json:"message"`
			Parameter string `json:"parameter"`
		} `json:"error"`
	}
	shown := &platen.Error{Code: CodeOf(response.StatusCode)}
	if json.Unmarshal(body, &answer) == nil {
		shown.Message, shown.Param = answer.Error.Message, answer.Error.Parameter
	}
	if shown.Message == "" {
		shown.Message = "the server answered " + response.Status
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		shown.RetryAfter = time.Duration(seconds) * time.Second
	}
	return shown
}

// ReadIdentifiers reads an identifier list.
func ReadIdentifiers(r io.Reader) ([]platen.ID, error) {
	var answer struct {
		Identifiers []platen.ID `json:"identifiers"`
	}
	return answer.Identifiers, read(r, &answer)
}

// ReadContents reads a content item identifier list.
func ReadContents(r io.Reader) ([]platen.Content, error) {
	var answer struct {
		Identifiers []struct {
			Item   platen.ID `json:"item"`
			Record platen.ID `json:"record"`
		} `json:"identifiers"`
	}
	if err := read(r, &answer); err != nil {
		return nil, err
	}
	contents := make([]platen.Content, len(answer.Identifiers))
	for i, pair := range answer.Identifiers {
		contents[i] = platen.Content{Item: pair.Item, Record: pair.Record}
	}
	return contents, nil
}

// ReadPairs reads a name/value list.
func ReadPairs(r io.Reader) ([]platen.NameValue, error) {
	var pairs []platen.NameValue
	return pairs, read(r, &pairs)
}

// ReadCreated reads the answer to an import.
func ReadCreated(r io.Reader) (platen.Created, error) {
	var answer struct {
		ID           platen.ID   `json:"id"`
		Jobs         []platen.ID `json:"jobs"`
		ContentItems []platen.ID `json:"contentitems"`
		Records      []platen.ID `json:"records"`
	}
	err := read(r, &answer)
	return platen.Created{ID: answer.ID, Children: slices.Concat(answer.Jobs, answer.ContentItems, answer.Records)}, err
}

func read(r io.Reader, answer any) error {
	if err := json.NewDecoder(r).Decode(answer); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	return nil
}
