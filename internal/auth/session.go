package auth

import (
	"net"
	"net/http"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// ConsoleHeader is a header that the console puts into its requests. A page
// of another origin can not, without being allowed to.
const ConsoleHeader = "X-Requested-With"

// sameOrigin refuses changes by pages of other origins, those that may call
// the API included: they have credentials of their own.
var sameOrigin http.CrossOriginProtection

// sessionToken returns the token in the cookie of a log-in to the console, ""
// if the request goes by other credentials. Requests of the console go by the
// cookie alone, since a browser may add Basic credentials of an earlier page;
// without one they get Expired, for which no browser asks for a password by
// itself. Forbidden: another origin's page would change something.
func sessionToken(r *http.Request) (string, error) {
	console := len(r.Header[ConsoleHeader]) > 0
	if !console && (len(r.Header["Cookie"]) == 0 || len(r.Header["Authorization"]) > 0) {
		return "", nil
	}
	cookie, err := r.Cookie(sessionCookie(r))
	if err != nil || cookie.Value == "" {
		if console {
			return "", CallOf(r.Context()).refuse("", causeNone, platen.Errorf(platen.Expired, "nobody is logged in"))
		}
		return "", nil
	}
	if sameOrigin.Check(r) != nil {
		return "", platen.Errorf(platen.Forbidden, "a page of another origin may not use the session of the console")
	}
	return cookie.Value, nil
}

// sessionCookie returns the name of the cookie. Browsers send cookies to all
// ports of a host, so that each server needs a name of its own.
func sessionCookie(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		return "platen_session"
	}
	return "platen_session_" + port
}

// StartSession answers a log-in to the console: a token for Basic credentials,
// in a cookie that no script can read. Forbidden: they are wrong.
func (g *Guard) StartSession(w http.ResponseWriter, r *http.Request) error {
	if sameOrigin.Check(r) != nil {
		return platen.Errorf(platen.Forbidden, "a page of another origin may not log in to the console")
	}
	user, err := g.checkLogin(r)
	if err != nil {
		g.trail.refused(CallOf(r.Context()))
		return err
	}
	setSession(w, r, g.begin(r, user))
	return nil
}

// EndSession answers a log-out of the console: the browser forgets the token.
func (g *Guard) EndSession(w http.ResponseWriter, r *http.Request) error {
	if sameOrigin.Check(r) != nil {
		return platen.Errorf(platen.Forbidden, "a page of another origin may not log out of the console")
	}
	setSession(w, r, "")
	return nil
}

// setSession answers with the cookie, or removes it: token is "".
func setSession(w http.ResponseWriter, r *http.Request, token string) {
	cookie := &http.Cookie{
		Name: sessionCookie(r), Value: token, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// Behind a proxy only the browser knows whether it came by TLS.
		Secure: r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://"),
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
	w.WriteHeader(http.StatusNoContent)
}

// begin records a login and returns its token, which is of the user as it was
// checked: if the password has changed since, it is void.
func (g *Guard) begin(r *http.Request, user storage.User) string {
	call := CallOf(r.Context())
	call.User, call.Role = user.Name, user.Role
	g.audit(call, "login")
	g.trail.login(call)
	return g.users.Load().signer.sign(token{expires: g.now().Add(g.ttl), epoch: user.Epoch, user: user.Name})
}
