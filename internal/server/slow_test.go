package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// items is a content set of items at every step-th identifier.
type items struct {
	set     platen.ID
	n, step platen.ID
}

func (c items) ContentSet() transfer.SourceSet { return transfer.SourceSet{ID: c.set} }
func (c items) ExplicitIDs() platen.IDRange {
	return platen.IDRange{First: c.set, Last: 3_000_000_000 + c.n}
}
func (c items) Read(yield func(*transfer.SourceItem) error) error {
	for i := range c.n {
		if err := yield(&transfer.SourceItem{ID: 1_000_000_000 + i*c.step, Record: 3_000_000_000 + i}); err != nil {
			return err
		}
	}
	return nil
}

// heap returns the memory in use.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// drip begins a search of everything, and reads no more than its headers.
func (s *service) drip(body string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT %s/find HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", entities, s.token, len(body), body)
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil || !strings.Contains(line, "200") {
		s.t.Fatal(line, err)
	}
	return conn
}

// TestLargeFindSlowReaders has ten clients that do not read what they searched for:
// others can search, and the server keeps nothing of it in memory.
func TestLargeFindSlowReaders(t *testing.T) { oneByOne(t, testFindSlowReaders) }

func testFindSlowReaders(t *testing.T) {
	long(t)
	s := start(t)
	const n = 200_000
	if _, err := s.store.CreateContentSet(t.Context(), items{set: 700, n: n, step: 1}); err != nil {
		t.Fatal(err)
	}
	before := heap()
	const everything = `{"entity":"CONTENTITEMS","search":{"condition":"ALL","rules":[]}}`
	const readers, answerBytes = 10, n * int64(len(`{"identifier":1000000000,"sortkey":""},`))
	for range readers {
		defer s.drip(everything).Close()
	}
	if more := heap() - before; more > readers*answerBytes/8 {
		t.Errorf("%d answers of %d bytes keep %d bytes of memory", readers, answerBytes, more)
	}
	began := time.Now()
	whole := s.do("PUT", entities+"/find", everything)
	if int64(len(whole.body)) != answerBytes+int64(len("[[]]"))-1 || whole.header.Get("Content-Length") != fmt.Sprint(len(whole.body)) {
		t.Errorf("%d bytes, Content-Length %s", len(whole.body), whole.header.Get("Content-Length"))
	}
	t.Log("a search beside ten slow readers:", time.Since(began))
}

// TestHead asks for the headers of long answers, which are not made for it.
func TestHead(t *testing.T) { onEach(t, testHead) }

func testHead(t *testing.T) {
	long(t)
	s := start(t)
	const n = 20_000
	if _, err := s.store.CreateContentSet(t.Context(), items{set: 700, n: n, step: 2}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		entities + "/contentsets/700", entities + "/contentsets", entities + "/contentsets/700/pagedetails?detail=true", "/api/v1/contentsets/700",
		entities + "/contentsets/700/pagedetails",
	} {
		get, head := s.do("GET", path, ""), s.do("HEAD", path, "")
		if head.status != get.status || head.body != "" || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("%s: HEAD: %d %v, GET: %d %v", path, head.status, head.header, get.status, get.header)
		}
		if length := get.header.Get("Content-Length"); length != "" && head.header.Get("Content-Length") != length {
			t.Errorf("%s: HEAD has Content-Length %q, GET %q", path, head.header.Get("Content-Length"), length)
		}
	}
	if missing := s.do("HEAD", entities+"/contentsets/701", ""); missing.status != http.StatusNotFound {
		t.Error(missing)
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"HEAD"`) && strings.Contains(line, "/700") {
			var bytes int
			_, after, _ := strings.Cut(line, `"bytes":`)
			if _, err := fmt.Sscan(strings.TrimRight(strings.SplitN(after, ",", 2)[0], "}\n"), &bytes); err != nil || bytes > 100_000 {
				t.Errorf("for HEAD %d bytes were made, %v: %s", bytes, err, line)
			}
		}
	}
}

// TestLargeFindClientLeaves has clients that search long values for what is not in
// them, and leave: another's search does not wait for theirs.
func TestLargeFindClientLeaves(t *testing.T) { oneByOne(t, testFindClientLeaves) }

func testFindClientLeaves(t *testing.T) {
	long(t)
	s := start(t)
	s.chain()
	const everything = `{"entity":"JOBS","search":{"condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"long","condition":"LIKE","value":"%s"}]}}`
	value := strings.Repeat("a", 1<<20-100)
	s.setProperties(platen.Job, 4101, platen.NameValue{Name: "long", Value: value})
	pattern := "%" + strings.Repeat("a", 1000) + "_b%"
	for range 6 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(everything, pattern)
		fmt.Fprintf(conn, "PUT %s/find HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: %d\r\n\r\n%s", entities, s.token, len(body), body)
		time.Sleep(5 * time.Millisecond)
		conn.Close()
	}
	began := time.Now()
	s.wants("PUT", entities+"/find", fmt.Sprintf(everything, "%b%"), `[]`)
	if took := time.Since(began); took > 5*time.Second {
		t.Error("a search beside those of clients that have left took", took)
	}
}
