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

// answerTimeout is how long an answer may take.
const answerTimeout = time.Minute

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
// the next request when the last one is answered, and the requests in turn.
type load struct {
	address     string
	connections int
	buffer      int
	requests    []request
}

// A request is one that a load sends again and again.
type request struct {
	// append appends the bytes of the next one.
	append func(b []byte, c *connection) []byte
	length int64 // of the body of each answer
	// answered is called after each answer; nil: nobody wants to know.
	answered func(c *connection)
}

// A connection is what requests know of the connection that they go out on.
type connection struct {
	number int // from 0
	random *rand.Rand
	job    int    // of the last request: which it was about
	value  uint64 // and what it wrote
}

// A rate is what a load got done.
type rate struct {
	waits   []waits // of each request
	bytes   int64   // of bodies
	elapsed time.Duration
}

func (r rate) perSecond() float64 {
	answers := int64(0)
	for i := range r.waits {
		answers += r.waits[i].count
	}
	return float64(answers) / r.elapsed.Seconds()
}

func (r rate) mebibytesPerSecond() float64 {
	return float64(r.bytes) / (1 << 20) / r.elapsed.Seconds()
}

// run sends requests for as long as duration says, and waits for the last
// answers. Every answer must have status 200 and the expected length.
func (l load) run(ctx context.Context, duration time.Duration) (rate, error) {
	return l.during(ctx, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-time.After(duration):
		}
		return nil
	})
}

// during is run for as long as work takes. The context of work ends early if
// an answer is not as expected.
func (l load) during(ctx context.Context, work func(context.Context) error) (rate, error) {
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
		total, err = l.drive(ctx, callers, work)
	}
	for _, c := range callers {
		err = errors.Join(err, c.close())
	}
	return total, err
}

// drive runs all callers for as long as work takes.
func (l load) drive(ctx context.Context, callers []*caller, work func(context.Context) error) (rate, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		group sync.WaitGroup
		stop  atomic.Bool
		parts = make([]rate, len(callers))
	)
	start := time.Now()
	for i, c := range callers {
		group.Go(func() {
			if err := l.repeat(c, i, &parts[i], &stop); err != nil {
				cancel(err) // one tells enough
			}
		})
	}
	err := work(ctx)
	stop.Store(true)
	group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	total := rate{waits: make([]waits, len(l.requests)), elapsed: time.Since(start)}
	for i := range parts {
		total.bytes += parts[i].bytes
		for j := range parts[i].waits {
			total.waits[j].merge(&parts[i].waits[j])
		}
	}
	return total, err
}

// repeat sends requests on one connection until stop, and each at least once.
func (l load) repeat(c *caller, number int, done *rate, stop *atomic.Bool) error {
	at := &connection{number: number, random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	done.waits = make([]waits, len(l.requests))
	var (
		bytes    []byte
		deadline time.Time
	)
	for n := 0; n < len(l.requests) || !stop.Load(); n++ {
		which := n % len(l.requests)
		request := &l.requests[which]
		bytes = request.append(bytes[:0], at)
		start := time.Now()
		// Each answer has answerTimeout/2 at least; a deadline for each would cost.
		if deadline.Sub(start) < answerTimeout/2 {
			deadline = start.Add(answerTimeout)
			if err := c.conn.SetDeadline(deadline); err != nil {
				return err
			}
		}
		status, length, err := c.do(bytes, nil)
		if err != nil {
			return err
		}
		if status != 200 || length != request.length {
			return fmt.Errorf("answered with status %d and %d bytes, not with 200 and %d bytes:\n%.200s", status, length, request.length, bytes)
		}
		done.waits[which].add(time.Since(start))
		done.bytes += length
		if request.answered != nil {
			request.answered(at)
		}
	}
	return nil
}
