package server

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/console"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/openid"
)

// waysIn says by what people can log in to the console, besides a password.
func (s *Server) waysIn(w *response, _ *http.Request, _ target) error {
	label := ""
	if s.OpenID != nil {
		label = s.OpenID.Label
	}
	w.Header().Set("Cache-Control", "no-store")
	olrest.ReplyWaysIn(w, label)
	return nil
}

// errNoProvider says that there is no provider to log in by.
var errNoProvider = platen.Errorf(platen.NotFound, "this server knows no provider of identities to log in by (--oidc-issuer): log in with a password")

// toProvider sends a browser to the provider, to log in.
func (s *Server) toProvider(w *response, r *http.Request, _ target) error {
	if s.OpenID == nil {
		return errNoProvider
	}
	if err := s.Guard.MayTry(r, s.OpenID.Issuer); err != nil {
		return err
	}
	location, cookie, err := s.OpenID.Begin(r.Context(), r.URL.Query().Get("return"))
	if err != nil {
		return err
	}
	s.setLogin(w, r, cookie)
	redirect(w, location)
	return nil
}

// fromProvider takes a browser back that has been at the provider, and begins a
// session of the console. Whatever comes of it, the login has ended.
func (s *Server) fromProvider(w *response, r *http.Request, _ target) error {
	if s.OpenID == nil {
		return errNoProvider
	}
	kept := ""
	if cookie, err := r.Cookie(auth.LoginCookie(r)); err == nil {
		kept = cookie.Value
	}
	s.setLogin(w, r, "")
	if err := s.Guard.MayTry(r, s.OpenID.Issuer); err != nil {
		return err
	}
	who, target, err := s.OpenID.Finish(r.Context(), r.URL.Query(), kept)
	if refused, ok := errors.AsType[*openid.Refusal](err); ok {
		if refused.Guessed {
			s.Guard.CountExternal(r, s.OpenID.Issuer)
		}
		return s.Guard.RefuseExternal(r, who.Name, refused.Cause, refused.Err)
	}
	if err == nil {
		err = s.Guard.StartExternal(w, r, auth.External{Issuer: s.OpenID.Issuer, Subject: who.Subject, Name: who.Name, Role: who.Role, Sent: who.Sent}, s.OpenID.Secure())
	}
	if err != nil {
		return err
	}
	w.conn.Known()
	redirect(w, target)
	return nil
}

// redirect sends a browser elsewhere. Nothing may keep the answer, and where it comes
// from is told nobody.
func redirect(w *response, location string) {
	header := w.Header()
	header.Set("Location", location)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// setLogin keeps a login that is under way in the browser, or removes it: value is "".
// The cookie is Lax, since the provider's page sends the browser back.
func (s *Server) setLogin(w *response, r *http.Request, value string) {
	cookie := &http.Cookie{
		Name: auth.LoginCookie(r), Value: value, Path: console.OpenID, MaxAge: int(openid.LoginTime / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.OpenID.Secure(),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// showProblem answers an error to a person whose browser shows no JSON.
func (s *Server) showProblem(w *response, shown *platen.Error) {
	olrest.SetErrorHeaders(w.Header(), shown)
	message := cmp.Or(shown.Message, shown.Error())
	console.ServeProblem(w, olrest.Status(shown.Code), strings.ToUpper(message[:1])+message[1:]+".")
}
