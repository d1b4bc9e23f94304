package server

import (
	"net/http"
	"net/url"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

func (s *Server) addRecords(w *response, r *http.Request, _ target) error {
	lists, err := decode(s, w, r, olrest.ReadNewRecords)
	if err != nil {
		return err
	}
	if err := s.Store.AddRecords(r.Context(), lists); err != nil {
		return err
	}
	olrest.ReplyNothing(w)
	return nil
}

func (s *Server) readRecord(w *response, r *http.Request, to target) error {
	query, err := olrest.ParseRecordQuery(r.URL.Query())
	if err != nil {
		return err
	}
	query.IDs = []platen.ID{to.ref.ID}
	if query.Recursive {
		return s.streamRecords(w, r, query, false)
	}
	_, tag, err := s.Store.Tagged(r.Context(), to.ref, platen.Fields)
	if err != nil {
		return err
	}
	if done, err := olrest.BeginTagged(w, r.Header, tag); done || err != nil {
		return err
	}
	return s.streamRecords(w, r, query, false)
}

func (s *Server) readRecords(w *response, r *http.Request, _ target) error {
	// URL.Query would drop all of a query that names too many.
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return platen.Errorf(platen.Invalid, "the query can not be read: %v; many records are read with POST", err)
	}
	query, err := olrest.ParseRecordQuery(values)
	if err != nil {
		return err
	}
	return s.streamRecords(w, r, query, true)
}

// queryRecords differs from the two above in how it says that a record is
// unknown: clients look for its words.
func (s *Server) queryRecords(w *response, r *http.Request, _ target) error {
	query, err := decode(s, w, r, olrest.ReadRecordQuery)
	if err != nil {
		return err
	}
	err = s.streamRecords(w, r, query, true)
	if missing, ok := err.(*platen.Error); ok && missing.Code == platen.NotFound {
		return olrest.UnknownRecord(missing.Param)
	}
	return err
}

func (s *Server) streamRecords(w *response, r *http.Request, query olrest.RecordQuery, list bool) error {
	records := olrest.NewRecordWriter(w, query.Format, list)
	return stream(w, func(begin func()) error {
		return s.Store.Records(r.Context(), query.IDs, query.Recursive, func(record *platen.Record) error {
			begin()
			return records.Write(record)
		})
	}, records.Close)
}

func (s *Server) updateRecord(w *response, r *http.Request, to target) error {
	match, err := olrest.ReadMatch(r.Header)
	if err != nil {
		return err
	}
	update, err := decode(s, w, r, func(body []byte) (platen.Update, error) { return olrest.ReadFieldUpdate(body, to.ref) })
	if err != nil {
		return err
	}
	update.Match = match
	return s.updateFields(w, r, []platen.Update{update})
}

func (s *Server) updateRecords(w *response, r *http.Request, _ target) error {
	if err := olrest.CheckNoMatch(r.Header, olrest.MatchOne); err != nil {
		return err
	}
	updates, err := decode(s, w, r, olrest.ReadFieldUpdates)
	if err != nil {
		return err
	}
	return s.updateFields(w, r, updates)
}

func (s *Server) updateFields(w *response, r *http.Request, updates []platen.Update) error {
	if err := s.Store.UpdateFields(r.Context(), updates); err != nil {
		return err
	}
	olrest.ReplyNothing(w)
	return nil
}
