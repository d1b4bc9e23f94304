package server_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A describedTransport checks each answer to a client as [service.do] does.
type describedTransport struct{ s *service }

// RoundTrip implements [http.RoundTripper].
func (d describedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.s.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	checkDescribed(d.s.t, r, answer{response.StatusCode, response.Header, string(body)})
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// client returns a Go client of the service, with its token.
func (s *service) client() *client.Client {
	s.t.Helper()
	c, err := client.NewWithToken(s.url, s.token)
	if err != nil {
		s.t.Fatal(err)
	}
	c.HTTP = &http.Client{Transport: describedTransport{s}, Timeout: time.Minute}
	return c
}

// importSet imports a job set.
func (s *service) importSet(document string) platen.Created {
	s.t.Helper()
	return s.imported(platen.JobSet, document)
}

// imported imports a set and returns what was made.
func (s *service) imported(kind platen.Kind, document string) platen.Created {
	s.t.Helper()
	made, err := s.client().Import(s.t.Context(), kind, strings.NewReader(document))
	if err != nil {
		s.t.Fatal("import:", err)
	}
	return made
}

// exported returns the document of a set.
func (s *service) exported(kind platen.Kind, id platen.ID) string {
	s.t.Helper()
	var document strings.Builder
	if err := s.client().Export(s.t.Context(), platen.Ref{Kind: kind, ID: id}, &document); err != nil {
		s.t.Fatal("export:", err)
	}
	return document.String()
}

// all returns the sets of a kind.
func (s *service) all(kind platen.Kind) []platen.ID {
	s.t.Helper()
	sets, err := s.client().Entities(s.t.Context(), kind)
	if err != nil {
		s.t.Fatalf("all %ss: %v", kind, err)
	}
	return sets
}

// children returns what an entity consists of.
func (s *service) children(kind platen.Kind, id platen.ID) []platen.ID {
	s.t.Helper()
	children, err := s.client().Children(s.t.Context(), platen.Ref{Kind: kind, ID: id})
	if err != nil {
		s.t.Fatalf("children of %s %d: %v", kind, id, err)
	}
	return children
}

// properties returns the properties of an entity.
func (s *service) properties(kind platen.Kind, id platen.ID) []platen.NameValue {
	s.t.Helper()
	list, err := s.client().List(s.t.Context(), platen.Ref{Kind: kind, ID: id}, platen.Properties)
	if err != nil {
		s.t.Errorf("properties of %s %d: %v", kind, id, err)
	}
	return list
}

// setProperties replaces the properties of an entity.
func (s *service) setProperties(kind platen.Kind, id platen.ID, list ...platen.NameValue) {
	s.t.Helper()
	if err := s.client().Replace(s.t.Context(), kind, platen.Properties, platen.Update{ID: id, Pairs: list}); err != nil {
		s.t.Errorf("properties of %s %d: %v", kind, id, err)
	}
}

// hasJobSets checks which job sets there are.
func (s *service) hasJobSets(want ...platen.ID) {
	s.t.Helper()
	if sets := s.all(platen.JobSet); !slices.Equal(sets, want) {
		s.t.Errorf("the job sets are %v, want %v", sets, want)
	}
}

// created waits for a job set that is being created.
func (s *service) created(operation *client.Operation, err error) platen.ID {
	s.t.Helper()
	if err != nil {
		s.t.Fatal("begin:", err)
	}
	set, err := operation.Wait(s.t.Context())
	if err != nil {
		s.t.Fatal("create:", err)
	}
	return set
}

// failsWith checks what a client was told.
func failsWith(t *testing.T, err error, code platen.Code, inMessage string) {
	t.Helper()
	said, ok := errors.AsType[*platen.Error](err)
	if !ok || said.Code != code || !strings.Contains(said.Message, inMessage) {
		t.Errorf("got %v, want code %v with %q", err, code, inMessage)
	}
	if (code == platen.Unavailable || code == platen.TooManyAttempts) && ok && said.RetryAfter == 0 {
		t.Errorf("%v does not say when to try again", err)
	}
}
