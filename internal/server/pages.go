package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/console"
	"github.com/platenhq/platen/internal/olrest"
)

// isBrowser reports whether a request is for a page to be shown.
func isBrowser(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// index answers browsers with the console, and tells others where to go.
func (s *Server) index(w *response, r *http.Request, _ target) error {
	w.Header().Add("Vary", "Accept")
	if isBrowser(r) && console.Serve(whole{w}, r) {
		return nil
	}
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
func (s *Server) health(w *response, _ *http.Request, _ target) error {
	olrest.ReplyText(w, "ok")
	return nil
}

// ready says that the store answers, too.
func (s *Server) ready(w *response, r *http.Request, _ target) error {
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
func (s *Server) metrics(w *response, r *http.Request, _ target) error {
	if r.Method == http.MethodHead {
		s.Telemetry.Handler().ServeHTTP(bodiless{w}, r)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	s.Telemetry.Handler().ServeHTTP(w, r)
	return nil
}

// bodiless takes the headers of an answer alone. A scrape whose writes fail, as
// those of other long answers to HEAD do, would be logged as one that has failed.
type bodiless struct{ http.ResponseWriter }

// Write implements [http.ResponseWriter].
func (bodiless) Write(b []byte) (int, error) { return len(b), nil }

// whole is for files that are sent as a whole: [http.ServeContent] offers ranges of
// all that it serves.
type whole struct{ http.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w whole) WriteHeader(status int) {
	w.Header().Del("Accept-Ranges")
	w.ResponseWriter.WriteHeader(status)
}

// console answers with a file of the console.
func (s *Server) console(w *response, r *http.Request, _ target) error {
	if !console.Serve(whole{w}, r) {
		return nowhere(r)
	}
	return nil
}

// logIn begins a session of the console.
func (s *Server) logIn(w *response, r *http.Request, _ target) error {
	err := s.Guard.StartSession(w, r)
	if err == nil {
		w.conn.Known()
	}
	return err
}

// renew goes on with a session of the console, and says for how long.
func (s *Server) renew(w *response, r *http.Request, _ target) error {
	left, err := s.Guard.RenewSession(w, r)
	if err != nil {
		return err
	}
	olrest.ReplySession(w, left)
	return nil
}

// logOut ends a session of the console.
func (s *Server) logOut(w *response, r *http.Request, _ target) error {
	return s.Guard.EndSession(w, r)
}

// document answers with the page of the API document, or a file of it.
func (s *Server) document(w *response, r *http.Request, _ target) error {
	if !s.apidoc().Serve(whole{w}, r) {
		return nowhere(r)
	}
	return nil
}
