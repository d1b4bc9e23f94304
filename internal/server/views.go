package server

import (
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

func (s *Server) views(w *response, r *http.Request, _ target) error {
	views, err := s.Store.Views(r.Context(), w.call.User)
	if err != nil {
		return err
	}
	olrest.ReplyViews(w, views)
	return nil
}

// readView reads a view to be saved. All see a shared one, so it needs an editor.
func (s *Server) readView(w *response, r *http.Request) (platen.View, error) {
	view, err := decode(s, w, r, olrest.ReadView)
	if err == nil && view.Shared {
		err = s.permit(w, r, platen.Editor, 0)
	}
	return view, err
}

func (s *Server) addView(w *response, r *http.Request, _ target) error {
	asked, err := s.readView(w, r)
	if err != nil {
		return err
	}
	asked.Owner = w.call.User
	view, err := s.Store.AddView(r.Context(), asked)
	if err != nil {
		return err
	}
	olrest.ReplyViewSaved(w, view, true)
	return nil
}

func (s *Server) view(w *response, r *http.Request, to target) error {
	id, err := olrest.ParseViewID(to.name)
	if err != nil {
		return err
	}
	view, err := s.Store.View(r.Context(), id, w.call.User)
	if err != nil {
		return err
	}
	return olrest.ReplyView(w, r.Header, view)
}

// viewToChange returns the id of the view that the path names, and what tells
// whether the caller may change it as it is now.
func (s *Server) viewToChange(w *response, r *http.Request, to target) (id int64, check func(*platen.View) error, err error) {
	if id, err = olrest.ParseViewID(to.name); err != nil {
		return 0, nil, err
	}
	match, err := olrest.ReadMatch(r.Header)
	call := &w.call
	return id, func(view *platen.View) error {
		if view.Owner != call.User && call.Role < platen.Admin {
			return platen.Errorf(platen.Forbidden, "the view is that of %s: only its owner and admins change it; save one of your own", view.Owner)
		}
		return olrest.MatchView(view, match)
	}, err
}

func (s *Server) replaceView(w *response, r *http.Request, to target) error {
	id, check, err := s.viewToChange(w, r, to)
	if err == nil {
		err = olrest.CheckQuery(r.URL.Query())
	}
	if err != nil {
		return err
	}
	asked, err := s.readView(w, r)
	if err != nil {
		return err
	}
	view, err := s.Store.ChangeView(r.Context(), id, w.call.User, func(view *platen.View) error {
		if err := check(view); err != nil {
			return err
		}
		view.Shared, view.Name, view.Kind = asked.Shared, asked.Name, asked.Kind
		view.Filter, view.OrderBy, view.Fields = asked.Filter, asked.OrderBy, asked.Fields
		return nil
	})
	if err != nil {
		return err
	}
	olrest.ReplyViewSaved(w, view, false)
	return nil
}

func (s *Server) removeView(w *response, r *http.Request, to target) error {
	id, check, err := s.viewToChange(w, r, to)
	if err == nil {
		err = s.Store.RemoveView(r.Context(), id, w.call.User, check)
	}
	return done(w, err)
}
