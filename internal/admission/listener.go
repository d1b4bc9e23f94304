package admission

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// How connections are treated that are over a limit, or not known yet.
const (
	// extraConnections are let in over the limits, to be told so, or to ask
	// for the server's health. What comes beyond them is closed at once.
	extraConnections = 32
	// extraFor is how long one of these may last.
	extraFor = 3 * time.Second
	// unknownIdle is how long a connection may send nothing that has not yet
	// sent good credentials.
	unknownIdle = 10 * time.Second
)

// A Listener bounds the connections of another one.
type Listener struct {
	net.Listener
	limits  Limits
	exempt  func(netip.Addr) bool
	refused func(Reason)

	mu        sync.Mutex
	open      int // of those within the limits
	extra     int // of those over them
	addresses map[netip.Prefix]int
}

// Listen returns a listener that lets in connections within limits, and a few
// more that are marked as refused: see [Conn.Over]. The limit for one address
// does not hold for those that exempt reports, such as proxies; nil: for all.
// refused is called for each connection that is over a limit.
func Listen(listener net.Listener, limits Limits, exempt func(netip.Addr) bool, refused func(Reason)) *Listener {
	if exempt == nil {
		exempt = func(netip.Addr) bool { return false }
	}
	return &Listener{Listener: listener, limits: limits, exempt: exempt, refused: refused, addresses: make(map[netip.Prefix]int)}
}

// Open returns how many connections there are, those over the limits too.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open + l.extra
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn := l.admit(inner); conn != nil {
			return conn, nil
		}
		_ = inner.Close()
	}
}

// admit counts a connection. It returns nil for one to close at once.
func (l *Listener) admit(inner net.Conn) *Conn {
	conn := &Conn{Conn: inner, listener: l}
	port, _ := netip.ParseAddrPort(inner.RemoteAddr().String())
	address := port.Addr().Unmap()
	if address.IsValid() && l.limits.ConnectionsPerAddress > 0 && !l.exempt(address) {
		conn.network = networkOf(address)
	}
	if !l.count(conn) {
		return nil
	}
	if conn.over != "" {
		conn.until = time.Now().Add(extraFor)
	}
	return conn
}

func (l *Listener) count(conn *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.limits.Connections > 0 && l.open >= l.limits.Connections:
		conn.over = Connections
	case conn.network.IsValid() && l.addresses[conn.network] >= l.limits.ConnectionsPerAddress:
		conn.over = PerAddress
	}
	if conn.over != "" {
		l.refused(conn.over)
		if l.extra >= extraConnections {
			return false
		}
		l.extra++
		return true
	}
	l.open++
	if conn.network.IsValid() {
		l.addresses[conn.network]++
	}
	return true
}

// networkOf returns what counts as one address: an IPv6 network of 64 bits
// has one owner.
func networkOf(address netip.Addr) netip.Prefix {
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

func (l *Listener) forget(conn *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn.over != "" {
		l.extra--
		return
	}
	l.open--
	if conn.network.IsValid() {
		if l.addresses[conn.network]--; l.addresses[conn.network] == 0 {
			delete(l.addresses, conn.network)
		}
	}
}

// A Conn is a connection that a [Listener] has let in.
type Conn struct {
	net.Conn
	listener *Listener
	network  netip.Prefix // that it counts for; none: exempt
	over     Reason
	until    time.Time // over: when it ends at the latest
	closed   atomic.Bool

	known  atomic.Bool
	mu     sync.Mutex
	wanted time.Time // not known: the deadline for reading that was asked for
}

// Over returns the limit that the connection is over, "" for none. Of a nil
// connection it is none.
func (c *Conn) Over() Reason {
	if c == nil {
		return ""
	}
	return c.over
}

// Known says that good credentials have come: the connection may be idle for
// as long as the server lets it. Of a nil connection it does nothing.
func (c *Conn) Known() {
	if c == nil || c.over != "" || c.known.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Store(true)
	_ = c.Conn.SetReadDeadline(c.wanted)
}

// SetReadDeadline implements [net.Conn].
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.known.Load() {
		return c.Conn.SetReadDeadline(t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.Load() {
		return c.Conn.SetReadDeadline(t)
	}
	c.wanted = t
	return c.Conn.SetReadDeadline(c.sooner(t))
}

// sooner returns the deadline that holds for a connection that is not known.
func (c *Conn) sooner(t time.Time) time.Time {
	most := c.until
	if c.over == "" {
		most = time.Now().Add(unknownIdle)
	}
	if t.IsZero() || t.After(most) {
		return most
	}
	return t
}

// SetDeadline implements [net.Conn].
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.listener.forget(c)
	}
	return c.Conn.Close()
}

// CloseWrite ends the writing half, so that a client that still sends can read
// the answer.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn returns the connection that c wraps.
func (c *Conn) NetConn() net.Conn { return c.Conn }

type connKey struct{}

// ConnContext is for [http.Server]: it lets handlers find the connection that
// a [Listener] has let in, whatever wraps it.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	for conn != nil {
		if found, ok := conn.(*Conn); ok {
			return context.WithValue(ctx, connKey{}, found)
		}
		switch wrapper := conn.(type) {
		case interface{ NetConn() net.Conn }: // tls.Conn
			conn = wrapper.NetConn()
		case interface{ Raw() net.Conn }: // of the PROXY protocol
			conn = wrapper.Raw()
		default:
			return ctx
		}
	}
	return ctx
}

// ConnOf returns the connection of a request's context, nil if no [Listener]
// has let it in.
func ConnOf(ctx context.Context) *Conn {
	conn, _ := ctx.Value(connKey{}).(*Conn)
	return conn
}
