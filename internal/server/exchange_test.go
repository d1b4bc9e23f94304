package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
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

// A waitingStore does what it is asked for until the client has left.
type waitingStore struct{ storage.Store }

func (waitingStore) Merge(ctx context.Context, _ platen.Kind, _ platen.Facet, _ []platen.Update) error {
	<-ctx.Done()
	return ctx.Err()
}

func (waitingStore) CreateJobSet(ctx context.Context, _ transfer.JobSetSource, _ storage.JobSetOptions) (platen.Created, error) {
	<-ctx.Done()
	return platen.Created{}, ctx.Err()
}

func (w waitingStore) ReadDataSet(ctx context.Context, id platen.ID, begin func(transfer.SourceSet, *platen.Table) error, yield func(*platen.Record) error) error {
	if err := w.Store.ReadDataSet(ctx, id, begin, yield); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestHalfClose has clients that end their own side of the connection and still read:
// what was not done is never answered with 200, nor does an answer end that lacks
// something.
func TestHalfClose(t *testing.T) { onSQLite(t, testHalfClose) }

func testHalfClose(t *testing.T) {
	s := startOn(t, waitingStore{openStore(t)}, withJournal)
	send := func(id, request, body string) *net.TCPConn {
		t.Helper()
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nX-Request-Id: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", request, s.token, id, len(body), body)
		return conn.(*net.TCPConn)
	}
	halfClose := func(conn *net.TCPConn) {
		t.Helper()
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	for id, c := range map[string]struct{ request, body string }{
		"half-merge":  {"PUT " + entities + "/jobs/properties", `[{"id":1,"properties":[]}]`},
		"half-import": {"POST /api/v1/jobsets", `{"jobs":[]}`},
	} {
		conn := send(id, c.request, c.body)
		halfClose(conn)
		if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
			t.Errorf("%s was answered, %v:\n%s", id, err, got)
		}
		conn.Close()
		if line := s.lineOf(id); line["status"] != 0. {
			t.Errorf("the log: %v", line)
		}
		if got := s.recorded(id); got.Status != 0 || got.Aborted || !strings.Contains(got.Reason, "the client left") {
			t.Errorf("the journal: %+v", got)
		}
	}
	s.eventually(`platen_http_requests_total{method="PUT",route="`+entities+`/jobs/properties",status="none"}`, "1")
	s.eventually("platen_http_aborted_total", "0")

	made := s.imported(platen.DataSet, `{"records":[{"fields":[{"name":"a","value":"`+strings.Repeat("x", 500_000)+`"}]}]}`)
	conn := send("half-export", fmt.Sprint("GET /api/v1/datasets/", made.ID), "")
	defer conn.Close()
	response, err := http.ReadResponse(newReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	halfClose(conn)
	if body, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an export that lacks its end seems to be whole, %d bytes: %v", len(body), err)
	}
	if line := s.lineOf("half-export"); line["status"] != 200. {
		t.Errorf("the log: %v", line)
	}
	if got := s.recorded("half-export"); got.Status != 200 || !got.Aborted {
		t.Errorf("the journal: %+v", got)
	}
}
