package auth

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// ConsoleHeader is a header that the console puts into its requests, as others do. A
// page of another origin can not, without being allowed to.
const ConsoleHeader = "X-Requested-With"

// ConsoleName is what the console alone has in it.
const ConsoleName = "platen-console"

// sameOrigin refuses changes by pages of other origins, those that may call
// the API included: they have credentials of their own.
var sameOrigin http.CrossOriginProtection

// sessionToken returns the token in the cookie of a login to the console, ""
// if the request goes by other credentials. Requests of the console go by the
// cookie alone, since a browser may add Basic credentials of an earlier page;
// without one they get Expired, for which no browser asks for a password by
// itself. Forbidden: another origin's page would change something.
func sessionToken(r *http.Request) (string, error) {
	console := r.Header.Get(ConsoleHeader) == ConsoleName // jQuery has another name there
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
func sessionCookie(r *http.Request) string { return ofPort("platen_session", r) }

// LoginCookie returns the name of the cookie of a login that is under way at a
// provider.
func LoginCookie(r *http.Request) string { return ofPort("platen_login", r) }

func ofPort(name string, r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		return name
	}
	return name + "_" + port
}

// StartSession answers a login to the console: a token for Basic credentials,
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
	setSession(w, r, g.begin(r, user, g.now()), false)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// MaxSession is how long a session of the console lasts at most, however often
// it is renewed: a shift with what comes before and after it. A token that is good
// for longer by itself is not renewed.
const MaxSession = 12 * time.Hour

// RenewSession gives a session of the console that is in use a new token, and
// returns how long that is good for: as long as that of a login, but never
// past [MaxSession]. 0: nothing ends, since nothing is checked. Errors are those
// of Check: a session that has ended is not renewed.
func (g *Guard) RenewSession(w http.ResponseWriter, r *http.Request) (time.Duration, error) {
	if g.off {
		return 0, nil
	}
	text, err := sessionToken(r)
	if err == nil {
		err = g.waitFresh(r.Context())
	}
	if err == nil && text == "" {
		err = CallOf(r.Context()).refuse("", causeNone, platen.Errorf(platen.Expired, "nobody is logged in"))
	}
	var t token
	var user storage.User
	if err == nil {
		t, user, err = g.openToken(r.Context(), text)
	}
	if err != nil {
		g.trail.refused(CallOf(r.Context()))
		return 0, err
	}
	call := CallOf(r.Context())
	call.User, call.Role = user.Name, user.Role
	now := g.now()
	if end := slices.MinFunc([]time.Time{now.Add(g.ttl), t.begun.Add(MaxSession)}, time.Time.Compare); !t.begun.IsZero() && end.After(t.expires) {
		t.expires = end
		setSession(w, r, g.users.Load().signer.sign(t), false)
	}
	return t.expires.Sub(now), nil
}

// RestartSession returns what gives the session of the console that a request belongs
// to a new token, as if it had begun at the time that the clock then shows. A request
// that moves the clock of a sandbox would end the session that it was made in.
func (g *Guard) RestartSession(r *http.Request) func(http.ResponseWriter) {
	text, err := sessionToken(r)
	if g.off || err != nil || text == "" {
		return func(http.ResponseWriter) {}
	}
	t, _, err := g.openToken(r.Context(), text)
	return func(w http.ResponseWriter) {
		if err == nil {
			t.begun = g.now()
			t.expires = t.begun.Add(g.ttl)
			setSession(w, r, g.users.Load().signer.sign(t), false)
		}
	}
}

// EndSession answers a logout of the console: the browser forgets the token.
func (g *Guard) EndSession(w http.ResponseWriter, r *http.Request) error {
	if sameOrigin.Check(r) != nil {
		return platen.Errorf(platen.Forbidden, "a page of another origin may not log out of the console")
	}
	setSession(w, r, "", false)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setSession sets the cookie, or removes it: token is "". secure: the browser came by
// TLS in any case.
func setSession(w http.ResponseWriter, r *http.Request, token string, secure bool) {
	cookie := &http.Cookie{
		Name: sessionCookie(r), Value: token, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// Behind a proxy only the browser knows whether it came by TLS.
		Secure: secure || r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://"),
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// begin records a login and returns its token, which is of the user as it was
// checked: if the password has changed since, it is void. session is when a session
// of the console began, zero for a program.
func (g *Guard) begin(r *http.Request, user storage.User, session time.Time) string {
	call := CallOf(r.Context())
	call.User, call.Role = user.Name, user.Role
	var details []any
	if user.External() {
		details = []any{"provider", user.Issuer}
	}
	g.audit(call, "login", details...)
	g.trail.login(call, user.Issuer)
	return g.users.Load().signer.sign(token{expires: g.now().Add(g.ttl), epoch: user.Epoch, begun: session, user: user.Name})
}
