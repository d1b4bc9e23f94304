package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// A failingStore fails to read lists, in a way for each entity.
type failingStore struct{ storage.Store }

func (failingStore) Tagged(_ context.Context, ref platen.Ref, _ platen.Facet) (platen.List, []string, error) {
	switch ref.ID {
	case 1:
		return nil, nil, errors.New("the secret cause")
	case 2:
		panic("the secret panic")
	case 3:
		return nil, nil, &platen.Error{Code: platen.Unavailable, Message: "come back later", Err: errors.New("the secret reason")}
	case 4:
		panic(errors.New("the secret of an error"))
	}
	return nil, nil, platen.NotFoundError(ref)
}

// TestErrors: whatever goes wrong is answered with a JSON Error, and the log
// says why if it is not the client's fault.
func TestErrors(t *testing.T) { onEach(t, testErrors) }

func testErrors(t *testing.T) {
	s := startOn(t, failingStore{openStore(t)})
	const hidden = "the server failed to do this; its log says why"
	for _, test := range []struct {
		id                   string
		status               int
		message              string
		logged, key, because string
	}{
		{"1", 500, hidden, "request failed", "error", "the secret cause"},
		{"2", 500, hidden, "panic", "panic", "the secret panic"},
		{"3", 503, "come back later", "request failed", "error", "come back later: the secret reason"},
		{"4", 500, hidden, "panic", "panic", "the secret of an error"},
		{"5", 404, "job 5 not found", "", "", ""},
	} {
		a := s.do("GET", entities+"/jobs/"+test.id+"/properties", "", header("X-Request-Id", "error-"+test.id))
		a.isError(t, test.status, test.message)
		if got := a.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: the answer is %s", test.id, got)
		}
		if test.logged == "" {
			continue
		}
		said := 0
		for _, entry := range s.entries(test.logged) {
			if entry["request"] == "error-"+test.id && entry[test.key] == test.because {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%s: the log says %d times why", test.id, said)
		}
	}
}
