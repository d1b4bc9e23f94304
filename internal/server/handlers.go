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
	"unsafe"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
)

// An action answers a request to a route.
type action func(s *Server, route olrest.Route, w http.ResponseWriter, r *http.Request) error

// actions is what each action of olrest does.
var actions = map[olrest.Action]action{
	olrest.Handshake:       (*Server).handshake,
	olrest.Version:         (*Server).version,
	olrest.Login:           (*Server).login,
	olrest.Entities:        (*Server).entities,
	olrest.Children:        (*Server).children,
	olrest.Contents:        (*Server).contents,
	olrest.ReadList:        (*Server).readList,
	olrest.ReplaceList:     (*Server).replaceList,
	olrest.MergeLists:      (*Server).mergeLists,
	olrest.Delete:          (*Server).delete,
	olrest.PageDetails:     (*Server).pageDetails,
	olrest.RecordOfItem:    (*Server).recordOfItem,
	olrest.AddRecords:      (*Server).addRecords,
	olrest.ReadRecord:      (*Server).readRecord,
	olrest.ReadRecords:     (*Server).readRecords,
	olrest.QueryRecords:    (*Server).queryRecords,
	olrest.UpdateRecord:    (*Server).updateRecord,
	olrest.UpdateRecords:   (*Server).updateRecords,
	olrest.FindEntities:    (*Server).find,
	olrest.ReadStatistics:  (*Server).statistics,
	olrest.CreateStructure: (*Server).createStructure,
	olrest.CreateDefault:   (*Server).createDefault,
	olrest.CreatePreset:    (*Server).createPreset,
	olrest.Operations:      (*Server).operations,
	olrest.Progress:        (*Server).progress,
	olrest.Result:          (*Server).result,
	olrest.Cancel:          (*Server).cancel,
	olrest.Import:          (*Server).importSet,
	olrest.Export:          (*Server).exportSet,
}

// handler returns the handler of a route.
func (s *Server) handler(route olrest.Route) handler {
	do := actions[route.Action]
	if do == nil {
		panic("server: a route has no handler")
	}
	return s.admitted(route.Action, func(w http.ResponseWriter, r *http.Request) error { return do(s, route, w, r) })
}

func (s *Server) handshake(route olrest.Route, w http.ResponseWriter, _ *http.Request) error {
	olrest.ReplyText(w, route.HandshakeText())
	return nil
}

func (s *Server) version(_ olrest.Route, w http.ResponseWriter, _ *http.Request) error {
	olrest.ReplyText(w, s.APIVersion)
	return nil
}

func (s *Server) login(_ olrest.Route, w http.ResponseWriter, r *http.Request) error {
	err := s.Guard.Login(w, r)
	if err == nil {
		responseOf(w).conn.Known()
	}
	return err
}

func (s *Server) entities(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	if olrest.WantsText(r.Header.Get("Accept")) {
		return s.handshake(route, w, r)
	}
	contentType := ""
	if route.Kind == platen.ContentSet {
		var err error
		if contentType, err = olrest.ParseContentType(r.URL.Query()); err != nil {
			return err
		}
	}
	runs, err := s.Store.Entities(r.Context(), route.Kind, contentType)
	if err != nil {
		return err
	}
	return s.replyIdentifiers(w, runs)
}

func (s *Server) children(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	runs, err := s.Store.Children(r.Context(), ref)
	if err != nil {
		return err
	}
	return s.replyIdentifiers(w, runs)
}

func (s *Server) contents(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	contents, err := s.Store.Contents(r.Context(), ref)
	if err != nil {
		return err
	}
	return olrest.ReplyContents(w, contents)
}

func (s *Server) readList(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	list, err := s.Store.List(r.Context(), ref, route.Facet)
	if err != nil {
		return err
	}
	if len(list) > admission.SmallBytes {
		if err := s.hold(w, int64(len(list))); err != nil {
			return err
		}
	}
	olrest.ReplyJSON(w, list)
	return nil
}

// replyIdentifiers answers with runs, which are in memory until the client
// has taken them.
func (s *Server) replyIdentifiers(w http.ResponseWriter, runs []platen.Run) error {
	if err := s.hold(w, int64(len(runs))*int64(unsafe.Sizeof(platen.Run{}))); err != nil {
		return err
	}
	olrest.ReplyIdentifiers(w, runs)
	return nil
}

func (s *Server) replaceList(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	update, err := body(s, w, r, func(body []byte) (platen.Update, error) { return olrest.ReadUpdate(body, ref) })
	if err != nil {
		return err
	}
	if err := s.Store.Replace(r.Context(), route.Kind, route.Facet, update); err != nil {
		return err
	}
	olrest.ReplyTrue(w)
	return nil
}

func (s *Server) mergeLists(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	updates, err := body(s, w, r, func(body []byte) ([]platen.Update, error) { return olrest.ReadUpdates(body, route.Kind) })
	if err != nil {
		return err
	}
	if err := s.Store.Merge(r.Context(), route.Kind, route.Facet, updates); err != nil {
		return err
	}
	olrest.ReplyNothing(w)
	return nil
}

func (s *Server) delete(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	if err := s.Store.Delete(r.Context(), ref); err != nil {
		return err
	}
	s.logChange(r.Context(), "set deleted", "kind", ref.Kind.String(), "id", ref.ID)
	olrest.ReplyTrue(w)
	return nil
}

func (s *Server) pageDetails(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	each, err := olrest.ParseFlag(r.URL.Query(), "detail")
	if err != nil {
		return err
	}
	pages := olrest.NewPagesWriter(w, each)
	return stream(w, func(begin func()) error {
		return s.Store.PageDetails(r.Context(), ref.ID, func(items platen.Run, details []byte) error {
			begin()
			return pages.Write(items, details)
		})
	}, pages.Close)
}

func (s *Server) recordOfItem(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	ref, err := pathRef(r, route.Kind)
	if err != nil {
		return err
	}
	record, err := s.Store.Record(r.Context(), ref.ID)
	if err != nil {
		return err
	}
	olrest.ReplyRecordOf(w, record)
	return nil
}

// stream answers with JSON that read writes piece by piece; it calls begin
// before each. An error before the first is answered, a later one cuts the
// answer off.
func stream(w http.ResponseWriter, read func(begin func()) error, end func() error) error {
	begun := false
	begin := func() {
		if !begun {
			begun = true
			olrest.BeginJSON(w)
		}
	}
	err := read(begin)
	if err == nil {
		begin()
		err = end()
	}
	if begun && errors.Is(err, http.ErrBodyNotAllowed) {
		return nil // HEAD has all that it wants
	}
	if err != nil && begun {
		return olrest.Aborted(err)
	}
	return err
}

// body reads the body of a request with read.
func body[T any](s *Server, w http.ResponseWriter, r *http.Request, read func(body []byte) (T, error)) (T, error) {
	var value T
	err := s.withBody(w, r, func(body []byte) (err error) {
		value, err = read(body)
		return err
	})
	return value, err
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
	body, err := s.heldBody(w, r)
	if err != nil {
		return err
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
	if r.ContentLength > maxPooledBody {
		// Room for all of it is made once its first bytes have come.
		if _, err := io.CopyN(buffer, body, maxPooledBody/2); err != nil {
			return bodyError(w, err)
		}
		buffer.Grow(int(r.ContentLength) + bytes.MinRead - buffer.Len())
		body = yieldingReader{body}
	}
	if _, err := buffer.ReadFrom(body); err != nil {
		return bodyError(w, err)
	}
	return s.inTurn(r.Context(), buffer.Len(), func() error { return fn(buffer.Bytes()) })
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
	return platen.Errorf(platen.TooLarge, "the body is over the limit of %d bytes (--max-body)", limit)
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

// index tells a person with a browser where to go.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
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
	if s.stopping.Load() {
		return errStopping
	}
	if err := s.Ready(r.Context()); err != nil {
		return err
	}
	olrest.ReplyText(w, "ok")
	return nil
}

// Ready returns an error if the server can not do its work now.
func (s *Server) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		message := "the store does not answer"
		if known, ok := errors.AsType[*platen.Error](err); ok && known.Code == platen.Unavailable {
			message = known.Message
		}
		return &platen.Error{Code: platen.Unavailable, Message: message, Err: err}
	}
	return nil
}

// metrics answers a scrape.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		return nil
	}
	s.Telemetry.Handler().ServeHTTP(w, r)
	return nil
}
