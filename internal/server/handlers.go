package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
)

// handler returns the handler of a route.
func (s *Server) handler(route olrest.Route) handler {
	switch route.Action {
	case olrest.Handshake:
		return func(w http.ResponseWriter, _ *http.Request) error {
			olrest.ReplyText(w, route.HandshakeText())
			return nil
		}
	case olrest.Version:
		return func(w http.ResponseWriter, _ *http.Request) error {
			olrest.ReplyText(w, s.APIVersion)
			return nil
		}
	case olrest.Login:
		return s.Guard.Login
	case olrest.Entities:
		return func(w http.ResponseWriter, r *http.Request) error {
			if olrest.WantsText(r.Header.Get("Accept")) {
				olrest.ReplyText(w, route.HandshakeText())
				return nil
			}
			runs, err := s.Store.Entities(r.Context(), route.Kind)
			if err != nil {
				return err
			}
			return olrest.ReplyIdentifiers(w, runs)
		}
	case olrest.Children:
		return func(w http.ResponseWriter, r *http.Request) error {
			ref, err := pathRef(r, route.Kind)
			if err != nil {
				return err
			}
			runs, err := s.Store.Children(r.Context(), ref)
			if err != nil {
				return err
			}
			return olrest.ReplyIdentifiers(w, runs)
		}
	case olrest.Contents:
		return func(w http.ResponseWriter, r *http.Request) error {
			ref, err := pathRef(r, route.Kind)
			if err != nil {
				return err
			}
			contents, err := s.Store.Contents(r.Context(), ref.ID)
			if err != nil {
				return err
			}
			return olrest.ReplyContents(w, contents)
		}
	case olrest.ReadList:
		return func(w http.ResponseWriter, r *http.Request) error {
			ref, err := pathRef(r, route.Kind)
			if err != nil {
				return err
			}
			list, err := s.Store.List(r.Context(), ref, route.Facet)
			if err != nil {
				return err
			}
			olrest.ReplyJSON(w, list)
			return nil
		}
	case olrest.ReplaceList:
		return func(w http.ResponseWriter, r *http.Request) error {
			ref, err := pathRef(r, route.Kind)
			if err != nil {
				return err
			}
			var update platen.Update
			err = s.withBody(w, r, func(body []byte) (err error) {
				update, err = olrest.ReadUpdate(body, ref)
				return err
			})
			if err != nil {
				return err
			}
			if err := s.Store.Replace(r.Context(), route.Kind, route.Facet, update); err != nil {
				return err
			}
			olrest.ReplyTrue(w)
			return nil
		}
	case olrest.MergeLists:
		return func(w http.ResponseWriter, r *http.Request) error {
			var updates []platen.Update
			err := s.withBody(w, r, func(body []byte) (err error) {
				updates, err = olrest.ReadUpdates(body, route.Kind)
				return err
			})
			if err != nil {
				return err
			}
			if err := s.Store.Merge(r.Context(), route.Kind, route.Facet, updates); err != nil {
				return err
			}
			olrest.ReplyNothing(w)
			return nil
		}
	case olrest.ImportJobSet:
		return s.importJobSet
	case olrest.ExportJobSet:
		return s.exportJobSet
	}
	panic("server: a route has no handler")
}

// pathRef returns the entity that a path names. What can be no identifier is
// not found, like one that does not exist.
func pathRef(r *http.Request, kind platen.Kind) (platen.Ref, error) {
	text := r.PathValue("id")
	id, ok := platen.ParseID(text)
	if !ok {
		const most = 64
		if len(text) > most {
			text = text[:most] + "…"
		}
		err := platen.Errorf(platen.NotFound, "%s %q not found: an id is a whole number from 1 to %d", kind, text, platen.MaxID)
		err.Param = text
		return platen.Ref{}, err
	}
	return platen.Ref{Kind: kind, ID: id}, nil
}

// bodies are buffers for bodies, those not too large.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxPooledBody = 64 << 10

// withBody reads the body, which must be JSON and within the limit, and runs
// fn on it. The bytes are good until fn returns.
func (s *Server) withBody(w http.ResponseWriter, r *http.Request, fn func(body []byte) error) error {
	if err := checkMedia(r); err != nil {
		return err
	}
	if r.ContentLength > s.MaxBody {
		return tooLarge(w, s.MaxBody)
	}
	buffer := bodies.Get().(*bytes.Buffer)
	buffer.Reset()
	defer func() {
		if buffer.Cap() <= maxPooledBody {
			bodies.Put(buffer)
		}
	}()
	if r.ContentLength > 0 && r.ContentLength <= maxPooledBody {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, s.MaxBody)); err != nil {
		return bodyError(w, err)
	}
	return fn(buffer.Bytes())
}

// checkMedia refuses a body that says that it is not JSON.
func checkMedia(r *http.Request) error {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return platen.Errorf(platen.UnsupportedMedia, "the body must be sent plain, without the Content-Encoding %q", encoding)
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "" || contentType == "application/json" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if media != "application/json" || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return platen.Errorf(platen.UnsupportedMedia, "the body must be application/json, not %q", contentType)
	}
	return nil
}

// tooLarge refuses a body. The connection ends with it: reading the rest, to
// get to the next request, is what the limit is against.
func tooLarge(w http.ResponseWriter, limit int64) error {
	w.Header().Set("Connection", "close")
	return platen.Errorf(platen.TooLarge, "the body is over the limit of %d bytes", limit)
}

// bodyError says why a body could not be read.
func bodyError(w http.ResponseWriter, err error) error {
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

// importJobSet stores a job set document. It is taken in whole before the
// store sees any of it, so that a slow client holds up nobody.
func (s *Server) importJobSet(w http.ResponseWriter, r *http.Request) error {
	if err := checkMedia(r); err != nil {
		return err
	}
	set, err := spool.New()
	if err != nil {
		return err
	}
	defer set.Close()
	body := &patientReader{body: r.Body, control: http.NewResponseController(w), stall: s.Timeouts.Stall}
	if err := olrest.ReadJobSet(body, set); err != nil {
		// The rest of a refused document may be of any size.
		w.Header().Set("Connection", "close")
		if body.err != nil {
			return bodyError(w, body.err)
		}
		return err
	}
	made, err := s.Store.CreateJobSet(r.Context(), set)
	if err != nil {
		return err
	}
	s.Log.Info("job set imported", "jobset", made.ID, "jobs", len(made.Jobs))
	olrest.ReplyCreated(w, made)
	return nil
}

// A patientReader reads a body of any size, for as long as it goes on coming.
type patientReader struct {
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration // how long the next part may take
	moved   time.Time     // when the deadline was last moved
	err     error         // the first error that is not the end
}

// Read implements [io.Reader].
func (p *patientReader) Read(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.moved) > p.stall/6 {
		p.moved = now
		_ = p.control.SetReadDeadline(now.Add(p.stall))
	}
	n, err := p.body.Read(b)
	if err != nil && err != io.EOF && p.err == nil {
		p.err = err
	}
	return n, err
}

// exportJobSet streams a job set as a document.
func (s *Server) exportJobSet(w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, platen.JobSet)
	if err != nil {
		return err
	}
	document := olrest.NewJobSetWriter(w)
	begun := false
	err = s.Store.ReadJobSet(r.Context(), ref.ID, func(e *platen.Element) error {
		if !begun {
			begun = true
			olrest.BeginJSON(w)
		}
		return document.Write(e)
	})
	if err == nil {
		err = document.Close()
	}
	if err != nil && begun {
		return olrest.Aborted(err)
	}
	return err
}

// index tells a person with a browser where to go.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, err := io.WriteString(w, `<!doctype html>
<html lang="en"><title>platen</title>
<h1>platen</h1>
<p>This server speaks the entity side of the OL Connect Server REST API.</p>
<ul>
<li><a href="/serverengine/doc/">The API document</a>: every path, to read and to try out.</li>
<li><a href="/rest/serverengine/entity/jobsets">All job sets</a>, with your user and password.</li>
</ul>
</html>
`)
	return err
}

// health says that requests are answered.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	olrest.ReplyText(w, "ok")
	return nil
}

// ready says that the store answers, too.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		return &platen.Error{Code: platen.Unavailable, Message: "the store does not answer", Err: err}
	}
	olrest.ReplyText(w, "ok")
	return nil
}
