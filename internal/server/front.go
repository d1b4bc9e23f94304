package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/platenhq/platen/internal/listen"
	"github.com/platenhq/platen/internal/olrest"
)

// http2Config bounds what one connection of HTTP/2 can take of the server.
func (s *Server) http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          100,
		MaxReceiveBufferPerConnection: 1 << 20,
		MaxReceiveBufferPerStream:     256 << 10,
		SendPingTimeout:               s.Timeouts.Stall, // a client that is gone is noticed
		PingTimeout:                   s.Timeouts.Stall / 2,
		WriteByteTimeout:              s.Timeouts.Stall, // as for streams, but of the whole connection
	}
}

// listen returns the listener that the server takes its connections from.
func (s *Server) listen(inner net.Listener) net.Listener {
	return listen.New(inner, listen.Config{
		Certificates: s.Certificates,
		Proxies:      s.Proxies,
		Timeout:      s.Timeouts.Header,
		Log:          s.Log,
		Refuse:       s.refuseUnreadable,
	})
}

// clientAddress returns the address that a request comes from: that of the
// connection, or behind a trusted proxy the one that it names. It is the
// request's RemoteAddr from then on.
func (s *Server) clientAddress(r *http.Request) netip.Addr {
	connection, _ := netip.ParseAddrPort(r.RemoteAddr)
	peer := connection.Addr().Unmap()
	client := s.Proxies.Client(peer, r.Header)
	if client != peer {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String() // its port is not known
	}
	return client
}

// unreadable says what was wrong with what is no request, by the status that
// net/http has for it.
var unreadable = map[int]string{
	http.StatusBadRequest:                  "this is no request that HTTP allows",
	http.StatusExpectationFailed:           "the header Expect can only be 100-continue",
	http.StatusRequestHeaderFieldsTooLarge: fmt.Sprintf("the headers are over the limit of %d bytes", maxHeaderBytes),
	http.StatusNotImplemented:              "the body can only be sent with a Content-Length, or with the Transfer-Encoding chunked",
	http.StatusHTTPVersionNotSupported:     "the version of HTTP can only be 1.0, 1.1 or, by TLS, 2",
}

// refuseUnreadable returns the answer to what could not be read as a request, and puts
// it into log and metrics: no handler sees it.
func (s *Server) refuseUnreadable(client netip.Addr, status int, reason string) []byte {
	message := unreadable[status]
	if message == "" {
		message = http.StatusText(status)
	}
	if reason != "" {
		message += ": " + reason
	}
	var body bytes.Buffer
	w := headless{header: make(http.Header), body: &body}
	secure(w.header, s.Certificates != nil)
	id := s.ids.next()
	w.header["X-Request-Id"] = []string{id}
	olrest.ReplyStatus(w, status, message)
	answer := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, ContentLength: int64(body.Len()), Close: true, Body: io.NopCloser(&body),
	}
	w.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.header.Del("Content-Length") // Write sets it
	var wire bytes.Buffer
	_ = answer.Write(&wire) // a buffer takes all
	s.Telemetry.Unreadable(status)
	if s.Journal != nil {
		s.Journal.Add(&olrest.RecordedRequest{RequestID: id, Time: time.Now(), Client: client.String(), Status: status, Reason: message})
	}
	s.Log.LogAttrs(context.Background(), slog.LevelInfo, "not a request",
		slog.Int("status", status), slog.String("reason", message),
		slog.String("client", client.String()), slog.String("request", id))
	return wire.Bytes()
}

// headless collects an answer apart from any connection.
type headless struct {
	header http.Header
	body   *bytes.Buffer
}

func (h headless) Header() http.Header         { return h.header }
func (h headless) WriteHeader(int)             {}
func (h headless) Write(b []byte) (int, error) { return h.body.Write(b) }
