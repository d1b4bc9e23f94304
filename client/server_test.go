package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlitetest"
)

const (
	user     = "ol-admin"
	password = "correct horse"
)

// TestMain fails if a goroutine of a client or a server goes on after the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startServer starts a server on a new SQLite database, on a port of this
// machine. stop ends it and removes the database.
func startServer(ctx context.Context, tokenTTL time.Duration, options ...func(*server.Config)) (address string, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "platen-client-")
	if err != nil {
		return "", nil, err
	}
	store, err := sqlitetest.Open(ctx, dir, 1<<20)
	if err != nil {
		return "", nil, err
	}
	if err := store.Start(ctx, "gone"); err != nil {
		return "", nil, err
	}
	if err := store.AddUser(ctx, auth.CheapUser(user, password)); err != nil {
		return "", nil, err
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	guard, err := auth.NewGuard(ctx, auth.Config{Store: store, TokenTTL: tokenTTL, Log: log})
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	config := server.Config{Store: store, Guard: guard, Log: log, APIVersion: "2025.2.0", MaxBody: 1 << 20,
		Journal: journal.New(journal.Config{Requests: 100, Body: 1 << 10, Bytes: 1 << 20})}
	for _, option := range options {
		option(&config)
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- server.New(config).Serve(serving, listener) }()
	return "http://" + listener.Addr().String(), func() error {
		end()
		err := <-served
		guard.Close()
		return errors.Join(err, store.Close(), os.RemoveAll(dir))
	}, nil
}

// A recorder is a transport that keeps what was sent.
type recorder struct {
	mu   sync.Mutex
	sent []*http.Request
	base http.RoundTripper
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.sent = append(r.sent, request)
	r.mu.Unlock()
	return r.base.RoundTrip(request)
}

// requests returns what was sent so far.
func (r *recorder) requests() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*http.Request(nil), r.sent...)
}

// baseOf returns the address of the server to which something was sent.
func baseOf(sent *recorder) string {
	at := sent.requests()[0].URL
	return at.Scheme + "://" + at.Host
}

// connect starts a server for a test and returns a client of it.
func connect(t *testing.T, options ...func(*server.Config)) (*client.Client, *recorder) {
	t.Helper()
	address, stop, err := startServer(t.Context(), time.Hour, options...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(address, user, password)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	sent := &recorder{base: transport}
	c.HTTP = &http.Client{Transport: sent}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return c, sent
}

// The documents that tests begin with: a data set 300, whose records are the
// data records of a content set 700, whose items are in a job set 100.
const (
	dataSet = `{"id":300,"properties":[{"name":"run","value":"7"}],
		"schema":{"columns":{"City":"STRING","Paid":"BOOLEAN","Since":"DATETIME"},"tables":{"detail":{"columns":{"Qty":"INTEGER"}}}},
		"records":[
			{"id":5001,"fields":[{"name":"City","value":"Nice"},{"name":"Paid","value":"true"},{"name":"Since","value":"2025-11-24T16:00:00Z"}],
				"records":[{"id":5100,"table":"detail","fields":[{"name":"Qty","value":"3"}]}]},
			{"id":5002,"fields":[{"name":"City","value":"Lyon"}]}]}`
	contentSet = `{"id":700,"type":"print","contentitems":[
		{"id":9001,"datarecord":5001,"template":"letter","pages":[{"count":3,"duplex":true,"media":{"name":"Plain A4","width":"210mm","height":"297mm"}}],"properties":[{"name":"shift","value":"night"}]},
		{"id":9002,"datarecord":5002}]}`
	jobSet = `{"id":100,"jobs":[{"id":101,"properties":[{"name":"zip","value":"00420"}],"metadata":[{"name":"m","value":"x"}],"segments":[{"id":102,
		"documentsets":[{"id":103,"metadata":[{"name":"region","value":"south"}],"documents":[
			{"id":104,"metadata":[{"name":"tag","value":"a"}],"documentpages":[{"contentitem":9001,"datarecord":5001}]},
			{"id":105,"documentpages":[{"contentitem":9002,"datarecord":5002}]}]}]}]}]}`
)

// importAll imports these documents.
func importAll(ctx context.Context, c *client.Client) error {
	for _, set := range []struct {
		kind     platen.Kind
		document string
	}{{platen.DataSet, dataSet}, {platen.ContentSet, contentSet}, {platen.JobSet, jobSet}} {
		if _, err := c.Import(ctx, set.kind, strings.NewReader(set.document)); err != nil {
			return err
		}
	}
	return nil
}

func fill(t *testing.T, c *client.Client) {
	t.Helper()
	if err := importAll(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}
