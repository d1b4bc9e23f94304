package server

import (
	"errors"
	"net/http"
	"unsafe"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
)

func (s *Server) handshake(w *response, _ *http.Request, to target) error {
	olrest.ReplyText(w, to.HandshakeText())
	return nil
}

func (s *Server) version(w *response, _ *http.Request, _ target) error {
	olrest.ReplyText(w, s.APIVersion)
	return nil
}

func (s *Server) login(w *response, r *http.Request, _ target) error {
	err := s.Guard.Login(w, r)
	if err == nil {
		w.conn.Known()
	}
	return err
}

func (s *Server) entities(w *response, r *http.Request, to target) error {
	if olrest.WantsText(r.Header["Accept"]) {
		return s.handshake(w, r, to)
	}
	contentType := ""
	if to.Kind == platen.ContentSet {
		var err error
		if contentType, err = olrest.ParseContentType(r.URL.Query()); err != nil {
			return err
		}
	}
	runs, err := s.Store.Entities(r.Context(), to.Kind, contentType)
	if err != nil {
		return err
	}
	return s.replyIdentifiers(w, runs)
}

func (s *Server) children(w *response, r *http.Request, to target) error {
	runs, err := s.Store.Children(r.Context(), to.ref)
	if err != nil {
		return err
	}
	return s.replyIdentifiers(w, runs)
}

func (s *Server) contents(w *response, r *http.Request, to target) error {
	contents, err := s.Store.Contents(r.Context(), to.ref)
	if err != nil {
		return err
	}
	return olrest.ReplyContents(w, contents)
}

func (s *Server) readList(w *response, r *http.Request, to target) error {
	list, tag, err := s.Store.Tagged(r.Context(), to.ref, to.Facet)
	if err != nil {
		return err
	}
	return s.replyList(w, r, list, tag)
}

// replyList answers with a list, which is in memory until the client has taken it.
func (s *Server) replyList(w *response, r *http.Request, list platen.List, tag []string) error {
	if len(list) > admission.SmallBytes {
		if err := s.hold(w, int64(len(list))); err != nil {
			return err
		}
	}
	return olrest.ReplyTagged(w, r.Header, list, tag)
}

// replyIdentifiers answers with runs, which are in memory until the client
// has taken them.
func (s *Server) replyIdentifiers(w *response, runs []platen.IDRange) error {
	if err := s.hold(w, int64(len(runs))*int64(unsafe.Sizeof(platen.IDRange{}))); err != nil {
		return err
	}
	olrest.ReplyIdentifiers(w, runs)
	return nil
}

func (s *Server) replaceList(w *response, r *http.Request, to target) error {
	match, err := olrest.ReadMatch(r.Header)
	if err != nil {
		return err
	}
	update, err := decode(s, w, r, func(body []byte) (platen.Update, error) { return olrest.ReadUpdate(body, to.ref) })
	if err != nil {
		return err
	}
	update.Match = match
	if err := s.Store.Replace(r.Context(), to.Kind, to.Facet, update); err != nil {
		return err
	}
	olrest.ReplyTrue(w)
	return nil
}

func (s *Server) mergeLists(w *response, r *http.Request, to target) error {
	if err := olrest.CheckNoMatch(r.Header, olrest.MatchOne); err != nil {
		return err
	}
	updates, err := decode(s, w, r, func(body []byte) ([]platen.Update, error) { return olrest.ReadUpdates(body, to.Kind) })
	if err != nil {
		return err
	}
	if err := s.Store.Merge(r.Context(), to.Kind, to.Facet, updates); err != nil {
		return err
	}
	olrest.ReplyNothing(w)
	return nil
}

func (s *Server) delete(w *response, r *http.Request, to target) error {
	if err := s.deleteSet(r, to.ref); err != nil {
		return err
	}
	olrest.ReplyTrue(w)
	return nil
}

func (s *Server) pageDetails(w *response, r *http.Request, to target) error {
	each, err := olrest.ParseFlag(r.URL.Query(), "detail")
	if err != nil {
		return err
	}
	pages := olrest.NewPagesWriter(w, each)
	return stream(w, func(begin func()) error {
		return s.Store.PageDetails(r.Context(), to.ref.ID, func(items platen.IDRange, details []byte) error {
			begin()
			return pages.Write(items, details)
		})
	}, pages.Close)
}

func (s *Server) recordOfItem(w *response, r *http.Request, to target) error {
	record, err := s.Store.Record(r.Context(), to.ref.ID)
	if err != nil {
		return err
	}
	olrest.ReplyRecordOf(w, record)
	return nil
}

// done answers that something is done, unless there is an error.
func done(w *response, err error) error {
	if err == nil {
		olrest.ReplyDone(w)
	}
	return err
}

// stream answers with JSON that read writes piece by piece; it calls begin
// before each. An error before the first is answered, a later one cuts the
// answer off.
func stream(w *response, read func(begin func()) error, end func() error) error {
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
