package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes of the buffers into which answers are read.
const (
	smallBuffer = 8 << 10
	largeBuffer = 256 << 10
)

// patience is how long an answer may take.
const patience = time.Minute

// A caller is one keep-alive connection. It understands as little of HTTP/1.1
// as it can, since it shares the processor with the server.
type caller struct {
	conn   net.Conn
	buffer []byte
	cancel func() bool
}

// dial connects. The end of ctx breaks the connection off.
func dial(ctx context.Context, address string, buffer int) (*caller, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, buffer: make([]byte, buffer)}
	c.cancel = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return c, nil
}

// close ends the connection.
func (c *caller) close() error {
	if !c.cancel() {
		return nil // the context has closed it
	}
	return c.conn.Close()
}

var (
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// do sends a request and reads the answer, whose body goes to sink unless
// that is nil. It returns the status and the length of the body.
func (c *caller) do(request []byte, sink io.Writer) (status int, length int64, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, 0, err
	}
	n, end := 0, -1
	for end < 0 {
		if n == len(c.buffer) {
			return 0, 0, errors.New("the head of an answer is too long")
		}
		read, err := c.conn.Read(c.buffer[n:])
		n += read
		end = bytes.Index(c.buffer[:n], endOfHead)
		if err != nil && end < 0 {
			return 0, 0, fmt.Errorf("after %d bytes of the head of an answer: %w", n, err)
		}
	}
	status, length, err = parseHead(c.buffer[:end+2])
	if err != nil {
		return 0, 0, err
	}
	part := c.buffer[end+len(endOfHead) : n]
	left := length
	for {
		left -= int64(len(part))
		if left < 0 {
			return 0, 0, fmt.Errorf("an answer is longer than its Content-Length of %d", length)
		}
		if sink != nil {
			if _, err := sink.Write(part); err != nil {
				return 0, 0, err
			}
		}
		if left == 0 {
			return status, length, nil
		}
		n, err := c.conn.Read(c.buffer)
		if err != nil && int64(n) < left {
			return 0, 0, fmt.Errorf("an answer ends %d bytes before its Content-Length: %w", left-int64(n), err)
		}
		part = c.buffer[:n]
	}
}

// parseHead finds the status and the length of the body in a head of an
// answer: "HTTP/1.1 200 OK\r\n" and lines of headers.
func parseHead(head []byte) (status int, length int64, err error) {
	wrong := func(what string) (int, int64, error) {
		return 0, 0, fmt.Errorf("an answer has no %s:\n%s", what, head)
	}
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return wrong("status")
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return wrong("status")
	}
	at := bytes.Index(head, contentLength)
	if at < 0 {
		return wrong("Content-Length")
	}
	text, _, _ := bytes.Cut(head[at+len(contentLength):], []byte("\r"))
	if length, err = strconv.ParseInt(string(text), 10, 64); err != nil {
		return wrong("Content-Length")
	}
	return status, length, nil
}

// A load is requests sent on several connections at once, each of which sends
// the next request when the last one is answered.
type load struct {
	address     string
	connections int
	buffer      int
	// request appends the next request.
	request func(b []byte, random *rand.Rand) []byte
	length  int64 // of the body of each answer
}

// A rate is what a load got done.
type rate struct {
	answers int64
	bytes   int64 // of bodies
	elapsed time.Duration
}

func (r rate) perSecond() float64 { return float64(r.answers) / r.elapsed.Seconds() }

func (r rate) mebibytesPerSecond() float64 {
	return float64(r.bytes) / (1 << 20) / r.elapsed.Seconds()
}

// run sends requests for as long as duration says, and waits for the last
// answers. Every answer must have status 200 and the expected length.
func (l load) run(ctx context.Context, duration time.Duration) (rate, error) {
	callers := make([]*caller, 0, l.connections)
	var err error
	for range l.connections {
		c, dialErr := dial(ctx, l.address, l.buffer)
		if dialErr != nil {
			err = dialErr
			break
		}
		callers = append(callers, c)
	}
	var total rate
	if err == nil {
		total, err = l.drive(callers, duration)
	}
	for _, c := range callers {
		err = errors.Join(err, c.close())
	}
	return total, err
}

// drive runs all callers for as long as duration says.
func (l load) drive(callers []*caller, duration time.Duration) (rate, error) {
	var (
		group   sync.WaitGroup
		stop    atomic.Bool
		answers atomic.Int64
		errs    = make([]error, len(callers))
	)
	start := time.Now()
	timer := time.AfterFunc(duration, func() { stop.Store(true) })
	defer timer.Stop()
	for i, c := range callers {
		group.Go(func() {
			n, err := l.repeat(c, start.Add(duration+patience), &stop)
			answers.Add(n)
			if err != nil {
				errs[i] = err
				stop.Store(true)
			}
		})
	}
	group.Wait()
	elapsed := time.Since(start)
	for _, err := range errs {
		if err != nil {
			return rate{}, err // one tells enough
		}
	}
	return rate{answers.Load(), answers.Load() * l.length, elapsed}, nil
}

// repeat sends requests on one connection until stop, and at least one.
func (l load) repeat(c *caller, deadline time.Time, stop *atomic.Bool) (int64, error) {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return 0, err
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	var request []byte
	for n := int64(1); ; n++ {
		request = l.request(request[:0], random)
		status, length, err := c.do(request, nil)
		if err != nil {
			return n, err
		}
		if status != 200 || length != l.length {
			return n, fmt.Errorf("answered with status %d and %d bytes, not with 200 and %d bytes:\n%.200s", status, length, l.length, request)
		}
		if stop.Load() {
			return n, nil
		}
	}
}
