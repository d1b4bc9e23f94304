package listen

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// An httpConn is a connection of HTTP/1 whose server is net/http. That answers
// what it can not read as a request by itself, in plain text and without a
// word to the handler. There is no hook for it, so the connection replaces
// these answers as they are written.
type httpConn struct {
	net.Conn
	raw    net.Conn // beneath TLS and the PROXY protocol
	refuse func(client netip.Addr, status int, reason string) []byte
}

// NetConn returns the connection beneath TLS and the PROXY protocol.
func (c *httpConn) NetConn() net.Conn { return c.raw }

// A tlsConn is an httpConn whose state of TLS net/http finds for its requests.
type tlsConn struct {
	httpConn
	tls *tls.Conn
}

// ConnectionState is looked for by net/http.
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// CloseWrite is looked for by net/http, so that a client that still sends can
// read the answer.
func (c *tlsConn) CloseWrite() error { return c.tls.CloseWrite() }

// CloseWrite is looked for by net/http, as above.
func (c *httpConn) CloseWrite() error {
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write implements [net.Conn].
func (c *httpConn) Write(b []byte) (int, error) {
	status, reason, ok := bareError(b)
	if !ok {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(c.refuse(address(c.Conn), status, reason)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// What follows the status line of what net/http answers by itself. No body can
// have it there: JSON has no line break of HTTP, and behind the one at the end of
// a chunk is the length of the next.
var (
	errorHead       = []byte("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
	expectationHead = []byte("Connection: close\r\nDate: ")
)

// bareError reports whether b, which is written to a connection, is an error that
// net/http answers with by itself. The reason is the text of its body, if any. An
// answer of the handler has the id of its request in its head, between these lines.
// What is no request is answered as HTTP/1.1, an expectation in the version of its own.
func bareError(b []byte) (status int, reason string, ok bool) {
	const version, old, begin = "HTTP/1.1 ", "HTTP/1.0 ", len("HTTP/1.1 ")
	if len(b) < begin+3 || string(b[:begin]) != version && string(b[:begin]) != old || b[begin] != '4' && b[begin] != '5' {
		return 0, "", false
	}
	line, rest, _ := bytes.Cut(b, []byte("\r\n"))
	body, named := bytes.CutPrefix(rest, errorHead)
	if !named && !(string(line[begin:]) == "417 Expectation Failed" && bytes.HasPrefix(rest, expectationHead)) {
		return 0, "", false
	}
	status, err := strconv.Atoi(string(b[begin : begin+3]))
	if err != nil {
		return 0, "", false
	}
	if named { // "400 Bad Request: missing required Host header"
		_, reason, _ = strings.Cut(string(body), ": ")
	}
	return status, reason, true
}
