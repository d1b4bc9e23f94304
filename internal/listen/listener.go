// Package listen takes connections for the HTTP server: it does the TLS
// handshake, reads the PROXY protocol of trusted proxies, and gives the errors
// that net/http writes by itself the shape of all others.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// Config says how a [Listener] takes connections.
type Config struct {
	Certificates Source        // nil: plain HTTP
	Proxies      Proxies       // may begin a connection with the PROXY protocol
	Timeout      time.Duration // the longest for the PROXY header, and for the TLS handshake
	Log          *slog.Logger

	// Refuse returns the whole answer, head and body, to what is no request,
	// and logs it. It replaces what net/http would write by itself.
	Refuse func(client netip.Addr, status int, reason string) []byte
}

// A Listener returns connections that are ready for an HTTP server. What
// comes before the first request is waited for beside Accept, which therefore
// waits for no client.
type Listener struct {
	net.Listener
	config Config
	ready  chan net.Conn
	failed chan error
	ctx    context.Context // ends when the listener is closed
	close  context.CancelFunc
}

// New returns a listener on the connections of inner, which it closes.
func New(inner net.Listener, config Config) *Listener {
	l := &Listener{Listener: inner, config: config, ready: make(chan net.Conn), failed: make(chan error)}
	l.ctx, l.close = context.WithCancel(context.Background())
	go l.run()
	return l
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case err := <-l.failed:
		return nil, err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. Connections that Accept has not returned
// are closed, too. To close it again is no error: a server that stops closes
// the listener before net/http does.
func (l *Listener) Close() error {
	l.close()
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// run prepares connections until the listener is closed.
func (l *Listener) run() {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			go l.prepare(conn)
			continue
		}
		// The server decides whether an error is one to wait for; the next
		// Accept is not before that.
		select {
		case l.failed <- err:
		case <-l.ctx.Done():
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// prepare makes a connection ready and hands it over.
func (l *Listener) prepare(conn net.Conn) {
	keep := context.AfterFunc(l.ctx, func() { conn.Close() })
	ready, err := l.open(conn)
	if err != nil {
		conn.Close()
		return
	}
	if !keep() {
		return // closed, with the listener
	}
	select {
	case l.ready <- ready:
	case <-l.ctx.Done():
		conn.Close()
	}
}

// open reads what precedes the first request.
func (l *Listener) open(raw net.Conn) (net.Conn, error) {
	conn := raw
	if l.config.Proxies.Contains(address(raw)) {
		proxied, err := l.readProxyHeader(raw)
		if err != nil {
			return nil, err
		}
		conn = proxied
	}
	c := httpConn{Conn: conn, raw: raw, refuse: l.config.Refuse}
	if l.config.Certificates == nil {
		return &c, nil
	}
	secured := tls.Server(conn, l.config.Certificates.Config())
	ctx, cancel := context.WithTimeout(l.ctx, l.config.Timeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		l.handshakeFailed(conn, err)
		return nil, err
	}
	if secured.ConnectionState().NegotiatedProtocol == "h2" {
		return secured, nil // net/http knows HTTP/2 by this type alone
	}
	c.Conn = secured
	return &tlsConn{c, secured}, nil
}

// readProxyHeader returns a connection from a trusted proxy whose address is
// that of the client, if the proxy begins with a header that names it.
func (l *Listener) readProxyHeader(raw net.Conn) (net.Conn, error) {
	conn := proxyproto.NewConn(raw,
		proxyproto.WithPolicy(proxyproto.USE),
		proxyproto.SetReadHeaderTimeout(l.config.Timeout),
		proxyproto.ValidateHeader(func(header *proxyproto.Header) error {
			_, _, isTCP := header.TCPAddrs()
			if !isTCP && header.Command.IsProxy() && !header.TransportProtocol.IsUnspec() {
				return errors.New("the client's address is none of TCP")
			}
			return nil
		}))
	if _, err := conn.Read(nil); err != nil { // reads the header, and no more
		answer := l.config.Refuse(address(raw), http.StatusBadRequest, "malformed header of the PROXY protocol: "+err.Error())
		if l.config.Certificates == nil {
			_ = raw.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = raw.Write(answer)
		}
		return nil, err
	}
	return conn, nil
}

// handshakeFailed logs why there is no TLS. Who speaks plain HTTP is told so,
// in plain HTTP.
func (l *Listener) handshakeFailed(conn net.Conn, err error) {
	client := address(conn)
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && header.Conn != nil && looksLikeHTTP(header.RecordHeader) {
		_ = header.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = header.Conn.Write(l.config.Refuse(client, http.StatusBadRequest, "plain HTTP was sent to an address that speaks HTTPS: begin the address with https://"))
		return
	}
	level := slog.LevelInfo
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		level = slog.LevelDebug // a port that was only looked at, or the end of the server
	}
	l.config.Log.Log(context.Background(), level, "TLS handshake failed", "client", client.String(), "error", fmt.Sprint(err))
}

// looksLikeHTTP reports whether what should begin a TLS record is a method.
func looksLikeHTTP(header [5]byte) bool {
	for _, b := range header {
		if (b < 'A' || b > 'Z') && b != ' ' && b != '/' {
			return false
		}
	}
	return true
}

// address returns the address of the other side, invalid if it has none.
func address(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
