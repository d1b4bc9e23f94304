package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/server"
)

// unreadable is what net/http takes for no request.
var unreadable = map[string]string{
	"garbage":            "\x00\x01\x02\r\n\r\n",
	"no version":         "GET /healthz\r\n\r\n",
	"two Hosts":          "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"no Host":            "GET /healthz HTTP/1.1\r\n\r\n",
	"a malformed Host":   "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
	"a malformed name":   "GET /healthz HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n",
	"a malformed value":  "GET /healthz HTTP/1.1\r\nHost: x\r\na: \x01\r\n\r\n",
	"two lengths":        "POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	"large headers":      "GET /healthz HTTP/1.1\r\nHost: x\r\na: " + strings.Repeat("a", 80<<10) + "\r\n\r\n",
	"another encoding":   "POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
	"an expectation":     "POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nExpect: the best\r\nContent-Length: 1\r\n\r\n1",
	"an old one":         "GET /healthz HTTP/1.0\r\nExpect: the best\r\n\r\n",
	"another version":    "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n",
	"a proxy's header":   "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	"a proxy's header 2": "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
}

// TestUnreadable checks that what no handler sees is answered in the same
// shape as all else, and is in log and metrics.
func TestUnreadable(t *testing.T) { onSQLite(t, testUnreadable) }

func testUnreadable(t *testing.T) {
	s := start(t)
	for name, want := range map[string]struct {
		status  int
		message string
	}{
		"garbage":            {400, "no request"},
		"no version":         {400, "no request"},
		"two Hosts":          {400, "no request"},
		"no Host":            {400, "missing required Host header"},
		"a malformed Host":   {400, "malformed Host header"},
		"a malformed name":   {400, "no request"},
		"a malformed value":  {400, "no request"},
		"two lengths":        {400, "no request"},
		"large headers":      {431, "65536 bytes"},
		"another encoding":   {501, "chunked"},
		"an expectation":     {417, "100-continue"},
		"an old one":         {417, "100-continue"},
		"another version":    {505, "version"},
		"a proxy's header":   {400, "no request"},
		"a proxy's header 2": {400, "no request"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.raw(unreadable[name])
			a.isError(t, want.status, want.message)
			if strings.Contains(a.body, `\r`) || strings.Contains(a.body, "Date") {
				t.Errorf("the message has a header in it: %s", a.body)
			}
			if a.header.Get("Connection") != "close" && a.header.Get("Date") == "" {
				t.Errorf("%v", a.header)
			}
			line := fmt.Sprintf(`"msg":"not a request","status":%d,"reason":`, want.status)
			end := fmt.Sprintf(`"client":"127.0.0.1","request":"%s"}`, a.header.Get("X-Request-Id"))
			if log := s.log.String(); !strings.Contains(log, line) || !strings.Contains(log, end) {
				t.Errorf("not in the log: %s … %s\n%s", line, end, log)
			}
		})
	}
	for status, count := range map[int]int{400: 10, 431: 1, 501: 1, 417: 2, 505: 1} {
		want := fmt.Sprintf(`platen_http_requests_total{method="other",route="unmatched",status="%d"} %d`, status, count)
		if metrics := s.do("GET", "/metrics", "").body; !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// TestBodyLikeError stores what looks like the beginning of an error of net/http, so
// that writes to the connection begin with it: the answer has it as it is.
func TestBodyLikeError(t *testing.T) { onSQLite(t, testBodyLikeError) }

func testBodyLikeError(t *testing.T) {
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Journal = journal.New(journal.Config{Requests: 100, Body: 64 << 10, Bytes: 4 << 20})
	})
	record := s.imported(platen.DataSet, `{"records":[{"fields":[{"name":"a","value":"x"}]}]}`).Children[0]
	path := fmt.Sprint(entities, "/datarecords/", record, "/values")
	const like = "HTTP/1.1 400"
	for pad := range len(like) {
		value := strings.Repeat("x", pad) + strings.Repeat(like, 500)
		if a := s.do("PUT", path, fmt.Sprintf(`{"id":%d,"fields":[{"name":"a","value":%q}]}`, record, value)); a.status != 200 {
			t.Fatal(a)
		}
		if a := s.do("GET", path, ""); a.status != 200 || !strings.Contains(a.body, value) {
			t.Fatalf("after %d other bytes: %d, %d bytes", pad, a.status, len(a.body))
		}
	}
	// The journal gives a body back as it was sent, as a command line.
	const whole = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	for pad := range len(whole) {
		s.do("PUT", path, strings.Repeat("x", pad)+strings.Repeat(whole, 70), header("X-Request-Id", "like")).isError(t, 400, "malformed")
		if a := s.do("GET", native+"/requests/like/curl", ""); a.status != 200 {
			t.Fatalf("the line of curl, after %d other bytes: %d", pad, a.status)
		}
	}
	if log := s.log.String(); strings.Contains(log, "not a request") {
		t.Error("an answer was taken for an error of net/http")
	}
}

// TestGeneralOptions checks that OPTIONS * is a request like others.
func TestGeneralOptions(t *testing.T) { onSQLite(t, testGeneralOptions) }

func testGeneralOptions(t *testing.T) {
	s := start(t)
	s.raw("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").isError(t, 401, "credentials")
	s.raw(fmt.Sprintf("OPTIONS * HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\n\r\n", s.token)).isError(t, 404, "nothing at this path")
	if log := s.log.String(); !strings.Contains(log, `"method":"OPTIONS","path":"*","status":401`) {
		t.Errorf("not in the log:\n%s", log)
	}
}
