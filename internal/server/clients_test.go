package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// TestTooLarge checks that a body over the limit is refused unread.
func TestTooLarge(t *testing.T) { onSQLite(t, testTooLarge) }

func testTooLarge(t *testing.T) {
	long(t)
	s := start(t)
	job := s.importSet(twoJobs).Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	t.Run("announced", func(t *testing.T) {
		a := s.raw(fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: 268435456\r\n\r\n{", path, s.token))
		a.isError(t, 413, "over the limit")
	})
	t.Run("chunked", func(t *testing.T) {
		a := s.raw(fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n%s", path, s.token, strings.Repeat(" ", 1<<20+2)))
		a.isError(t, 413, "over the limit")
	})
	t.Run("at the limit", func(t *testing.T) {
		frame := fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":""}]}`, job)
		body := strings.Replace(frame, `""`, `"`+strings.Repeat("x", 1<<20-len(frame))+`"`, 1)
		if a := s.do("PUT", path, body); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.do("PUT", path, body+" ").isError(t, 413, "over the limit")
	})
	t.Run("one value of an import", func(t *testing.T) {
		for _, document := range []string{
			`{"x":"` + strings.Repeat("y", 17<<20) + `","jobs":[]}`,
			`{"x":[` + strings.Repeat(`"yyyyyyyyyyyyyyyyyyyyyyyyyyyyy",`, 1<<20) + `1],"jobs":[]}`,
		} {
			s.do("POST", "/api/v1/jobsets", document).isError(t, 413, "MiB")
		}
	})
}

// TestRefusedBody sends bodies of some MB that are refused unread, all of them before
// anything is read of the answer.
func TestRefusedBody(t *testing.T) { onSQLite(t, testRefusedBody) }

func testRefusedBody(t *testing.T) {
	long(t)
	s := start(t)
	s.addUser("viewer", platen.Viewer)
	viewer := "auth_token: " + s.loginAs("viewer") + "\r\n"
	const size = 12 << 20 // more than the buffers of the connection
	body := `{"` + strings.Repeat("x", size-2)
	const media = "Content-Type: application/json\r\n"
	properties := entities + "/jobs/1/properties"
	for _, test := range []struct {
		name, method, path, headers string
		status                      int
	}{
		{"no credentials", "POST", native + "/jobsets", media, 401},
		{"token that is wrong", "POST", native + "/jobsets", media + "auth_token: x\r\n", 403},
		{"role", "POST", native + "/jobsets", media + viewer, 403},
		{"page of another origin", "POST", native + "/jobsets", media + "Origin: http://other.example\r\n", 403},
		{"nothing there", "POST", native + "/nothing", media + "auth_token: " + s.token + "\r\n", 404},
		{"no identifier", "PUT", entities + "/jobs/x/properties", media + "auth_token: " + s.token + "\r\n", 404},
		{"method", "PATCH", native + "/jobsets", media + "auth_token: " + s.token + "\r\n", 405},
		{"over the limit", "PUT", properties, media + "auth_token: " + s.token + "\r\n", 413},
		{"media", "PUT", properties, "Content-Type: text/xml\r\nauth_token: " + s.token + "\r\n", 415},
		{"media of an import", "POST", native + "/jobsets", "Content-Type: text/xml\r\nauth_token: " + s.token + "\r\n", 415},
		{"import that is wrong at its beginning", "POST", native + "/jobsets", media + "auth_token: " + s.token + "\r\n", 400},
	} {
		for name, sent := range map[string]string{
			"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
			"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body),
		} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				conn, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\n%s%s", test.method, test.path, test.headers, sent); err != nil {
					t.Fatal("sending:", err)
				}
				s.readAnswer(conn).isError(t, test.status, "")
			})
		}
	}
}

// TestRefusedBodyHoldsNothing has a body that is over the limit, of which more may come.
func TestRefusedBodyHoldsNothing(t *testing.T) { onSQLite(t, testRefusedBodyHoldsNothing) }

func testRefusedBodyHoldsNothing(t *testing.T) {
	s := start(t)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 1<<20 + 1
	fmt.Fprintf(conn, "PUT %s/jobs/1/properties HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", entities, s.token, size, strings.Repeat(" ", size))
	s.readAnswer(conn).isError(t, 413, "over the limit")
	s.eventually("platen_inflight_bytes", "0")
}

// TestLargeRefusedBody sends refused bodies without an end: the connection is closed
// for the time that they take, and for their size.
func TestLargeRefusedBody(t *testing.T) { onSQLite(t, testLargeRefusedBody) }

func testLargeRefusedBody(t *testing.T) {
	long(t)
	for name, test := range map[string]struct {
		stall time.Duration
		part  int
		rest  time.Duration // after each part
	}{
		"time": {time.Second, 1, 10 * time.Millisecond},
		"size": {time.Hour, 1 << 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(c *server.Config, _ *auth.Config) {
				c.Timeouts = server.Timeouts{Header: time.Minute, Stall: test.stall, Idle: time.Hour, Find: time.Minute, Stop: time.Second}
			})
			conn := s.half("POST", native+"/nothing", 1<<40, "")
			s.readAnswer(conn).isError(t, 404, "")
			part := make([]byte, test.part)
			for range 4096 {
				if _, err := conn.Write(part); err != nil {
					return
				}
				time.Sleep(test.rest) // a client that is slow
			}
			t.Error("the connection goes on")
		})
	}
}

// TestShortRefusedBody sends bodies that are shorter than they say, and are refused unread:
// net/http waits for the rest, and the answer comes when the time for that is over.
func TestShortRefusedBody(t *testing.T) { onSQLite(t, testShortRefusedBody) }

func testShortRefusedBody(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: time.Minute, Stall: 2 * time.Second, Idle: time.Minute, Find: time.Minute, Stop: time.Second}
	})
	var conns []net.Conn
	for range 8 {
		conns = append(conns, s.half("PUT", native+"/nothing", 100, "{}"))
	}
	for _, conn := range conns {
		s.readAnswer(conn).isError(t, 404, "")
	}
}

// raw sends bytes as they are, and reads one answer.
func (s *service) raw(text string) answer {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, text) // it may be refused before its end
	return s.readAnswer(conn)
}

func (s *service) readAnswer(conn net.Conn) answer {
	s.t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(newReader(conn), nil)
	if err != nil {
		s.t.Fatal("no answer:", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// TestSlowClients has clients that begin and do not end.
func TestSlowClients(t *testing.T) { onSQLite(t, testSlowClients) }

func testSlowClients(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: time.Second, Stall: 2 * time.Second, Idle: time.Minute, Stop: 5 * time.Second}
		c.Limits = admission.Defaults
		c.Limits.Imports = 100
	})
	made := s.importSet(twoJobs)
	job := made.Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	before := s.properties(platen.Job, job)
	var slow []net.Conn
	for range 50 {
		for _, text := range []string{
			"GET " + path + " HTTP/1.1\r\nHost: x\r\n",
			fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: 100\r\n\r\n{\"id\":", path, s.token),
			fmt.Sprintf("POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: 100\r\n\r\n{\"jobs\":[", s.token),
		} {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, conn)
		}
	}
	// Others are served meanwhile, writes too.
	for range 20 {
		s.setProperties(platen.Job, job+1, platen.NameValue{Name: "a", Value: "b"})
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) { // what was not read resets it
			t.Fatal("the connection is open still:", err)
		}
		if len(answer) > 0 && !bytes.Contains(answer, []byte(" 408 ")) {
			t.Errorf("got %s", answer)
		}
	}
	if after := s.properties(platen.Job, job); !slices.Equal(after, before) {
		t.Errorf("half a request changed something: %v", after)
	}
	s.hasJobSets(made.ID)
}

// TestCutOffImport breaks off an import at many places.
func TestCutOffImport(t *testing.T) { onEach(t, testCutOffImport) }

func testCutOffImport(t *testing.T) {
	long(t)
	s := start(t)
	var document strings.Builder
	document.WriteString(`{"jobs":[{"segments":[{"documentsets":[{"documents":[`)
	for i := range 20_000 {
		if i > 0 {
			document.WriteByte(',')
		}
		fmt.Fprintf(&document, `{"documentpages":[{"contentitem":%d}]}`, 100_000+i)
	}
	document.WriteString(`]}]}]}]}`)
	whole := document.String()
	for _, part := range []float64{0.001, 0.3, 0.7, 0.9999} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: %d\r\n\r\n%s",
			s.token, len(whole), whole[:int(part*float64(len(whole)))])
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.readAnswer(conn).isError(t, 400, "could not be read to its end")
		conn.Close()
	}
	s.hasJobSets()
	made := s.importSet(whole)
	contents, err := s.client().Contents(t.Context(), platen.Ref{Kind: platen.Job, ID: made.Children[0]})
	if err != nil || len(contents) != 20_000 {
		t.Errorf("the whole import has %d items: %v", len(contents), err)
	}
}

// A slowStore takes longer to store a data set than a body may stand still.
type slowStore struct{ storage.Store }

func (s slowStore) CreateDataSet(ctx context.Context, source transfer.DataSetSource) (platen.Created, error) {
	select {
	case <-ctx.Done():
		return platen.Created{}, ctx.Err()
	case <-time.After(2 * pausing.Stall): // any deadline of the body is over by then
	}
	return s.Store.CreateDataSet(ctx, source)
}

var pausing = server.Timeouts{Header: 10 * time.Second, Stall: time.Second, Idle: time.Minute, Find: 10 * time.Second, Stop: 5 * time.Second}

// TestPauseInImport has an import that pauses before its end: no deadline of the body
// is left while it is stored.
func TestPauseInImport(t *testing.T) { onSQLite(t, testPauseInImport) }

func testPauseInImport(t *testing.T) {
	long(t)
	s := startOn(t, slowStore{openStore(t)}, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = pausing
		c.Limits = admission.Defaults
		c.Limits.MinBodyRate = 0
	})
	const document = `{"records":[]}`
	conn := s.half("POST", "/api/v1/datasets", len(document), document[:5])
	defer conn.Close()
	time.Sleep(pausing.Stall / 4) // so that the deadline would be moved when the rest arrives
	_, _ = io.WriteString(conn, document[5:])
	if a := s.readAnswer(conn); a.status != 201 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
