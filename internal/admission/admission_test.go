package admission

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestBudget takes and gives from many goroutines at once: never is more out
// than there is, and in the end all is back.
func TestBudget(t *testing.T) {
	b := NewBytes(1 << 20)
	var takers sync.WaitGroup
	for range 32 {
		takers.Go(func() {
			for range 2000 {
				var held int64
				b.Grow(&held, rand.Int64N(300_000))
				b.Grow(&held, rand.Int64N(300_000))
				if used := b.Used(); used > 1<<20 || used < 0 {
					t.Errorf("%d bytes are out", used)
				}
				b.Give(held)
			}
		})
	}
	takers.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes have not come back", b.Used())
	}
}

// TestGrow checks that one that is larger than the budget can be done, that
// large ones leave room for small ones, and that growing counts the difference.
func TestGrow(t *testing.T) {
	b := NewBytes(1 << 20)
	var large, other, small int64
	if !b.Grow(&large, 1<<30) || large != 768<<10 {
		t.Errorf("alone, a large one holds %d", large)
	}
	if b.Grow(&other, 100_000) || other != 0 {
		t.Errorf("a second large one holds %d", other)
	}
	if !b.Grow(&small, 10_000) || !b.Grow(&small, 20_000) || small != 20_000 || b.Used() != large+small {
		t.Errorf("a small one holds %d, %d are out", small, b.Used())
	}
}

// TestResolve checks that limits that can not be meant are refused with what
// to change.
func TestResolve(t *testing.T) {
	if l, err := Defaults.Resolve(); err != nil || l.Connections < leastConnections || l.Connections > DefaultConnections {
		t.Errorf("the defaults: %d connections, %v", l.Connections, err)
	}
	for _, test := range []struct {
		change func(*Limits)
		want   string
	}{
		{func(l *Limits) { l.Connections = -1 }, "--max-connections -1"},
		{func(l *Limits) { l.Connections = 1 << 30 }, "ulimit -n"},
		{func(l *Limits) { l.ConnectionsPerAddress = -1 }, "--max-connections-per-address"},
		{func(l *Limits) { l.InFlightBytes = 5 }, "--max-inflight-bytes 5"},
		{func(l *Limits) { l.Imports = 0 }, "--max-imports"},
		{func(l *Limits) { l.Imports = 1 << 29 }, "lower --max-imports"},
		{func(l *Limits) { l.ImportBytes = -1 }, "--max-import-bytes"},
		{func(l *Limits) { l.Operations = 0 }, "--max-operations"},
		{func(l *Limits) { l.Searches = 0 }, "--max-searches"},
		{func(l *Limits) { l.MinBodyRate = -1 }, "--min-body-rate"},
		{func(l *Limits) { l.MinFreeDisk = -1 }, "--min-free-disk"},
	} {
		l := Defaults
		test.change(&l)
		if _, limited := openFiles(); !limited && strings.Contains(test.want, " ") {
			continue
		}
		if _, err := l.Resolve(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// A fakeConn comes from an address, and remembers its deadline.
type fakeConn struct {
	net.Conn
	from     string
	deadline time.Time
}

func (f *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(f.from), 1234))
}
func (f *fakeConn) SetReadDeadline(t time.Time) error { f.deadline = t; return nil }
func (f *fakeConn) Close() error                      { return nil }

// A fakeListener accepts what is sent to it.
type fakeListener chan *fakeConn

func (f fakeListener) Accept() (net.Conn, error) {
	conn, ok := <-f
	if !ok {
		return nil, io.EOF
	}
	return conn, nil
}
func (f fakeListener) Close() error   { return nil }
func (f fakeListener) Addr() net.Addr { return nil }

// TestListener checks what becomes of connections from one address and from
// many, within the limits and over them.
func TestListener(t *testing.T) {
	refused := make(map[Reason]int)
	inner := make(fakeListener, 1000)
	l := Listen(inner, Limits{Connections: 6, ConnectionsPerAddress: 2},
		func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.9") },
		func(r Reason) { refused[r]++ })
	var open []*Conn
	for _, test := range []struct {
		from string
		want Reason
	}{
		{"10.0.0.1", ""}, {"10.0.0.1", ""}, {"10.0.0.1", PerAddress}, {"::ffff:10.0.0.1", PerAddress},
		{"2001:db8::1", ""}, {"2001:db8::2", ""}, {"2001:db8:0:0:5::1", PerAddress}, // of one /64
		{"10.0.0.9", ""}, {"10.0.0.9", ""}, // exempt
		{"10.0.0.9", Connections}, {"10.0.0.3", Connections},
	} {
		inner <- &fakeConn{from: test.from}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.(*Conn).Over(); got != test.want {
			t.Errorf("%s: over %q, want %q", test.from, got, test.want)
		}
		open = append(open, conn.(*Conn))
	}
	if refused[PerAddress] != 3 || refused[Connections] != 2 {
		t.Errorf("refused %v", refused)
	}
	// Far beyond, they are closed at once, and Accept goes on.
	for range extraConnections {
		inner <- &fakeConn{from: "10.0.0.4"}
	}
	close(inner)
	for {
		conn, err := l.Accept()
		if errors.Is(err, io.EOF) {
			break
		}
		open = append(open, conn.(*Conn))
	}
	if l.Open() != 6+extraConnections {
		t.Errorf("%d are open", l.Open())
	}
	var closers sync.WaitGroup
	for _, conn := range open {
		for range 2 { // as the server does at times
			closers.Go(func() { _ = conn.Close() })
		}
	}
	closers.Wait()
	if l.Open() != 0 || len(l.addresses) != 0 {
		t.Errorf("%d are open after all were closed, of %v", l.Open(), l.addresses)
	}
}

// TestUnknown checks that a connection is cut soon that has sent no good
// credentials, and not after it has.
func TestUnknown(t *testing.T) {
	inner := make(fakeListener, 2)
	l := Listen(inner, Limits{Connections: 1}, nil, func(Reason) {})
	accept := func() (*Conn, *fakeConn) {
		raw := &fakeConn{from: "10.0.0.1"}
		inner <- raw
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return conn.(*Conn), raw
	}
	conn, raw := accept()
	late := time.Now().Add(time.Hour)
	for _, wanted := range []time.Time{late, {}} {
		_ = conn.SetReadDeadline(wanted)
		if raw.deadline.IsZero() || time.Until(raw.deadline) > unknownIdle {
			t.Errorf("unknown: the deadline is %v", raw.deadline)
		}
	}
	_ = conn.SetReadDeadline(late)
	conn.Known()
	if !raw.deadline.Equal(late) {
		t.Errorf("known: the deadline is %v", raw.deadline)
	}
	_ = conn.SetReadDeadline(time.Time{})
	if !raw.deadline.IsZero() {
		t.Errorf("known: the deadline is %v", raw.deadline)
	}
	over, raw := accept()
	over.Known()
	_ = over.SetReadDeadline(late)
	if time.Until(raw.deadline) > extraFor {
		t.Errorf("over the limit: the deadline is %v", raw.deadline)
	}
}

// TestFreeDisk checks that there is an answer for a directory.
func TestFreeDisk(t *testing.T) {
	if free, err := FreeDisk(t.TempDir()); err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && free <= 0 {
		t.Error(free, err)
	}
	if _, err := FreeDisk(t.TempDir() + "/nothing"); err == nil {
		t.Error("there is room in a directory that does not exist")
	}
}
