package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"runtime"
	"sync"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
)

// bodies are buffers for bodies, those not too large.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxPooledBody = 64 << 10

// decode reads the body of a request, which must be JSON and within the limit,
// and then reads what it says with read.
func decode[T any](s *Server, w *response, r *http.Request, read func(body []byte) (T, error)) (value T, err error) {
	buffer, err := s.readBody(w, r)
	if err != nil {
		return value, err
	}
	defer func() {
		if buffer.Cap() <= maxPooledBody {
			bodies.Put(buffer)
		}
	}()
	err = s.inTurn(r.Context(), buffer.Len(), func() (err error) {
		value, err = read(buffer.Bytes())
		return err
	})
	return value, err
}

// readBody returns the body of a request in a buffer of bodies.
func (s *Server) readBody(w *response, r *http.Request) (*bytes.Buffer, error) {
	if err := checkMedia(r); err != nil {
		return nil, err
	}
	if r.ContentLength > s.MaxBody {
		return nil, tooLarge(w, s.MaxBody)
	}
	body, err := s.heldBody(w, r)
	if err != nil {
		return nil, err
	}
	buffer := bodies.Get().(*bytes.Buffer)
	buffer.Reset()
	if err := fill(buffer, body, r.ContentLength); err != nil {
		return nil, bodyError(w, err)
	}
	return buffer, nil
}

// fill reads a body of a length, -1 for an unknown one, into a buffer.
func fill(buffer *bytes.Buffer, body io.Reader, length int64) error {
	if length > 0 && length <= maxPooledBody {
		buffer.Grow(int(length) + bytes.MinRead)
	}
	if length > maxPooledBody {
		// Room for all of it is made once its first bytes have come.
		if _, err := io.CopyN(buffer, body, maxPooledBody/2); err != nil {
			return err
		}
		buffer.Grow(int(length) + bytes.MinRead - buffer.Len())
		body = yieldingReader{body}
	}
	_, err := buffer.ReadFrom(body)
	return err
}

// checkMedia refuses a body that says that it is not JSON. Some clients send a type
// with no body, too, also in chunks.
func checkMedia(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	err := mediaError(r.Header)
	if err != nil && r.ContentLength < 0 {
		if _, none := io.ReadFull(r.Body, make([]byte, 1)); none == io.EOF {
			return nil
		}
	}
	return err
}

// mediaError returns the error for a body whose headers say that it is not JSON.
func mediaError(header http.Header) error {
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return platen.Errorf(platen.UnsupportedMedia, "the body must be sent plain, without the Content-Encoding %q", shorten(encoding))
	}
	contentType := header.Get("Content-Type")
	if contentType == "" || contentType == "application/json" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if media != "application/json" || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return platen.Errorf(platen.UnsupportedMedia, "the body must be application/json, not %q", shorten(contentType))
	}
	return nil
}

// tooLarge refuses a body. The connection ends with it: what is left of it may be long.
func tooLarge(w *response, limit int64) error {
	w.Header().Set("Connection", "close")
	return platen.Errorf(platen.TooLarge, "the body is over the limit of %d bytes (--max-body)", limit)
}

// bodyError says why a body could not be read.
func bodyError(w *response, err error) error {
	if over, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(w, over.Limit)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return platen.Errorf(platen.Timeout, "the body did not arrive in time")
	}
	if _, ok := errors.AsType[*platen.Error](err); ok {
		return err
	}
	return platen.Errorf(platen.Invalid, "the body could not be read to its end: %v", err)
}

// heldBody returns the reader of a body that is read into memory. What it
// takes there is counted beforehand, or as it comes if its length is not known.
func (s *Server) heldBody(w *response, r *http.Request) (io.Reader, error) {
	body := http.MaxBytesReader(w, r.Body, s.MaxBody)
	if r.ContentLength < 0 {
		return &heldReader{server: s, w: w, body: body}, nil
	}
	if err := s.hold(w, r.ContentLength*decodedFactor); err != nil {
		turnAway(w)
		return nil, err
	}
	return body, nil
}

// inTurn runs fn, which decodes a body of so many bytes. Large ones wait for
// their turn.
func (s *Server) inTurn(ctx context.Context, bytes int, fn func() error) error {
	if bytes > admission.SmallBytes {
		select {
		case s.decoding <- struct{}{}:
			defer func() { <-s.decoding }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fn()
}

// A heldReader counts the memory of a body of unknown length.
type heldReader struct {
	server *Server
	w      *response
	body   io.Reader
	read   int64
}

// Read implements [io.Reader].
func (h *heldReader) Read(b []byte) (int, error) {
	n, err := h.body.Read(b)
	h.read += int64(n)
	if held := h.server.hold(h.w, h.read*decodedFactor); held != nil {
		turnAway(h.w)
		return n, held
	}
	return n, err
}

// A yieldingReader reads a large body. One that arrives as fast as it is read
// never waits, and would keep its processor for a whole time slice; so other
// requests run after each read.
type yieldingReader struct{ body io.Reader }

// Read implements [io.Reader].
func (y yieldingReader) Read(b []byte) (int, error) {
	n, err := y.body.Read(b[:min(len(b), admission.SmallBytes)])
	runtime.Gosched()
	return n, err
}
