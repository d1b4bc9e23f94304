package server

import (
	"net/http"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
)

// permit returns Forbidden unless the caller has a role, and may see all of some
// kinds of entities.
func (s *Server) permit(w *response, r *http.Request, role platen.Role, kinds platen.KindSet) error {
	err := w.call.Permit(role, kinds)
	if err != nil {
		s.Guard.Forbidden(&w.call, r.Method, w.path)
	}
	return err
}

func (s *Server) me(w *response, _ *http.Request, _ target) error {
	call := &w.call
	olrest.ReplyMe(w, olrest.Me{
		User: call.User, Issuer: s.Guard.IssuerOf(call.User), Role: call.Role, Token: call.Token, Kinds: call.Kinds, Expires: call.Expires,
		Sandbox: s.Sandbox != nil,
	})
	return nil
}

func (s *Server) changePassword(w *response, r *http.Request, _ target) error {
	type change struct{ old, fresh string }
	asked, err := decode(s, w, r, func(body []byte) (c change, err error) {
		c.old, c.fresh, err = olrest.ReadOwnPassword(body)
		return c, err
	})
	if err == nil {
		err = s.Guard.ChangePassword(r.Context(), asked.old, asked.fresh)
	}
	return done(w, err)
}

// disabledBy are the words for who has disabled a user.
var disabledBy = map[storage.DisabledBy]string{storage.DisabledByAdmin: "admin", storage.DisabledByProvider: "provider"}

func shownUser(user storage.User) olrest.User {
	shown := olrest.User{Name: user.Name, Role: user.Role, Changed: user.Changed, DisabledBy: disabledBy[user.Disabled], Issuer: user.Issuer}
	if user.External() {
		shown.Changed = time.Time{}
	}
	return shown
}

func (s *Server) users(w *response, r *http.Request, _ target) error {
	users, err := s.Store.Users(r.Context())
	if err != nil {
		return err
	}
	shown := make([]olrest.User, len(users))
	for i, user := range users {
		shown[i] = shownUser(user)
	}
	olrest.ReplyUsers(w, shown)
	return nil
}

func (s *Server) addUser(w *response, r *http.Request, _ target) error {
	asked, err := decode(s, w, r, olrest.ReadNewUser)
	if err != nil {
		return err
	}
	user, err := s.Guard.AddUser(r.Context(), asked.Name, asked.Password, asked.Role)
	if err != nil {
		return err
	}
	olrest.ReplyUser(w, shownUser(user), true)
	return nil
}

func (s *Server) user(w *response, r *http.Request, to target) error {
	user, err := s.Store.User(r.Context(), to.name)
	if err != nil {
		return err
	}
	olrest.ReplyUser(w, shownUser(user), false)
	return nil
}

func (s *Server) changeUser(w *response, r *http.Request, to target) error {
	asked, err := decode(s, w, r, olrest.ReadUserUpdate)
	switch {
	case err != nil:
	case asked.Disabled != nil:
		err = s.Guard.SetDisabled(r.Context(), to.name, *asked.Disabled)
	default:
		err = s.Guard.ChangeUser(r.Context(), to.name, asked.Password, asked.Role)
	}
	if err != nil {
		return err
	}
	return s.user(w, r, to)
}

func (s *Server) removeUser(w *response, r *http.Request, to target) error {
	return done(w, s.Guard.RemoveUser(r.Context(), to.name))
}

func shownToken(token storage.NamedToken, effective platen.Role) olrest.Token {
	return olrest.Token{
		Name: token.Name, User: token.Owner, Role: token.Role, Effective: effective, Kinds: token.Kinds, Disabled: token.Disabled,
		Created: token.Created, CreatedBy: token.CreatedBy, Expires: token.Expires, Used: token.Used,
	}
}

func (s *Server) tokens(w *response, r *http.Request, _ target) error {
	tokens, roles, err := s.Guard.NamedTokens(r.Context())
	if err != nil {
		return err
	}
	shown := make([]olrest.Token, len(tokens))
	for i, token := range tokens {
		shown[i] = shownToken(token, roles[i])
	}
	olrest.ReplyTokens(w, shown)
	return nil
}

func (s *Server) makeToken(w *response, r *http.Request, _ target) error {
	asked, err := decode(s, w, r, olrest.ReadNewToken)
	if err != nil {
		return err
	}
	token, text, err := s.Guard.NewToken(r.Context(), asked)
	if err != nil {
		return err
	}
	shown := shownToken(token, token.Role)
	shown.Secret = text
	olrest.ReplyNamedToken(w, shown, true)
	return nil
}

func (s *Server) token(w *response, r *http.Request, to target) error {
	token, effective, err := s.Guard.NamedToken(r.Context(), to.name)
	if err != nil {
		return err
	}
	olrest.ReplyNamedToken(w, shownToken(token, effective), false)
	return nil
}

func (s *Server) changeToken(w *response, r *http.Request, to target) error {
	asked, err := decode(s, w, r, olrest.ReadTokenUpdate)
	if err == nil {
		err = s.Guard.ChangeToken(r.Context(), to.name, storage.TokenUpdate(asked))
	}
	if err != nil {
		return err
	}
	return s.token(w, r, to)
}

func (s *Server) revokeToken(w *response, r *http.Request, to target) error {
	return done(w, s.Guard.RevokeToken(r.Context(), to.name))
}
