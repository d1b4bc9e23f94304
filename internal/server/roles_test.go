package server_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlite"
)

// A credential is what a caller sends.
type credential struct {
	name string
	role platen.Role
	with []option
}

// bearer sends a token as a Bearer token.
func bearer(token string) []option { return []option{none, header("Authorization", "Bearer "+token)} }

// authToken sends a token in the header of the dialect.
func authToken(token string) []option { return []option{header("auth_token", token)} }

// addUser adds a user of a role, and waits until it can log in.
func (s *service) addUser(name string, role platen.Role) {
	s.t.Helper()
	other := auth.CheapUser(name, password)
	other.Role = role
	if err := s.store.AddUser(s.t.Context(), other); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(auth.MaxStaleness)
}

// makeToken makes a named token and returns it.
func (s *service) makeToken(body string) string {
	s.t.Helper()
	a := s.do("POST", native+"/tokens", body)
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 || made.Token == "" {
		s.t.Fatalf("POST %s: %d %s", body, a.status, a.body)
	}
	return made.Token
}

// loginAs returns the token of a session.
func (s *service) loginAs(name string) string {
	s.t.Helper()
	a := s.do("POST", login, "", none, basic(name, password))
	if a.status != 200 {
		s.t.Fatalf("login as %s: %d %s", name, a.status, a.body)
	}
	return a.body
}

// each sends a request to each route that is not open, and to the metrics, with
// nothing that the route needs, so that nothing is changed.
func (s *service) each(test func(route olrest.Route, send func(...option) answer)) {
	metrics := olrest.Route{Method: http.MethodGet, Path: "/metrics", Action: olrest.Handshake}
	for _, route := range append([]olrest.Route{metrics}, olrest.Routes()...) {
		if route.Open() {
			continue
		}
		path := route.Path
		if name := route.Parameter(); name != "" {
			path = strings.Replace(path, "{"+name+"}", "4", 1)
		}
		test(route, func(with ...option) answer { return s.do(route.Method, path, "", with...) })
	}
}

// TestEveryRouteByRole tries each route with each role, with the token of a
// session, in a header and in the cookie of the console, a named one, and Basic.
func TestEveryRouteByRole(t *testing.T) { onSQLite(t, testEveryRouteByRole) }

func testEveryRouteByRole(t *testing.T) {
	long(t)
	s := start(t)
	var callers []credential
	for _, role := range []platen.Role{platen.Viewer, platen.Editor, platen.Admin} {
		name := role.String()
		s.addUser(name, role)
		named := s.makeToken(fmt.Sprintf(`{"name":%q,"role":%q}`, name, name)) // of an admin
		callers = append(callers,
			credential{"session of " + name, role, authToken(s.loginAs(name))},
			credential{"named token " + name, role, bearer(named)},
			credential{"named token in auth_token " + name, role, authToken(named)},
			credential{"console of " + name, role, []option{none, withCookie(s.session(basic(name, password))), header(auth.ConsoleHeader, "platen-console")}},
			credential{"Basic of " + name, role, []option{none, basic(name, password)}})
	}
	s.each(func(route olrest.Route, send func(...option) answer) {
		send(none).isError(t, 401, "credentials")
		for _, caller := range callers {
			a := send(caller.with...)
			need := route.Access().Role
			if caller.role < need {
				a.isError(t, 403, "this needs the role "+need.String()+", and ")
				a.isError(t, 403, " is "+caller.role.String())
			} else if a.status == 401 || a.status == 403 {
				t.Errorf("%s %s by %s: %d %s", route.Method, route.Path, caller.name, a.status, a.body)
			}
		}
	})
}

// TestEveryRouteWithoutAuth tries each route of a server that checks nothing.
func TestEveryRouteWithoutAuth(t *testing.T) { onSQLite(t, testEveryRouteWithoutAuth) }

func testEveryRouteWithoutAuth(t *testing.T) {
	s := start(t, func(_ *server.Config, c *auth.Config) { c.Off = true })
	s.each(func(route olrest.Route, send func(...option) answer) {
		if a := send(none); a.status == 401 || a.status == 403 {
			t.Errorf("%s %s: %d %s", route.Method, route.Path, a.status, a.body)
		}
	})
	s.wants("GET", native+"/me", "", `{"user":"","role":"admin"}`, none)
	s.do("PATCH", native+"/me", `{"oldPassword":"x","password":"long enough"}`, none).isError(t, 409, "--no-auth")
	s.do("POST", native+"/tokens", `{"name":"a","role":"viewer"}`, none).isError(t, 400, "--no-auth")
}

// TestEveryRouteByKind tries each route with a token for each kind.
func TestEveryRouteByKind(t *testing.T) { onSQLite(t, testEveryRouteByKind) }

func testEveryRouteByKind(t *testing.T) {
	s := start(t)
	var all []platen.Kind
	for kind := platen.DataSet; kind <= platen.Document; kind++ {
		all = append(all, kind)
	}
	for _, kind := range all {
		token := s.makeToken(fmt.Sprintf(`{"name":"for-%[1]s","role":"admin","kinds":[%[1]q]}`, olrest.KindName(kind)))
		s.each(func(route olrest.Route, send func(...option) answer) {
			a := send(bearer(token)...)
			switch allowed := platen.KindsOf(kind).Contains(route.Kinds()); {
			case !allowed:
				a.isError(t, 403, "is restricted to the kinds "+olrest.KindName(kind)+", and this needs ")
			case a.status == 401 || a.status == 403:
				t.Errorf("%s %s for %s: %d %s", route.Method, route.Path, kind, a.status, a.body)
			}
		})
	}
	whole := s.makeToken(`{"name":"sets","role":"editor","kinds":["dataset","datarecord"]}`)
	made := s.do("POST", native+"/datasets", `{"records":[]}`, bearer(whole)...)
	if made.status != 201 {
		t.Errorf("an import by a token of its kinds: %d %s", made.status, made.body)
	}
	items := s.makeToken(`{"name":"items","role":"viewer","kinds":["contentitem"]}`)
	find := entities + "/find"
	property := `{"ruleType":"PROPERTY","property":"a","condition":"EQ","value":"b"}`
	field := `{"ruleType":"VALUE","fieldName":"a","condition":"EQ","value":"b"}`
	for search, status := range map[string]int{
		`{"entity":"CONTENTITEMS","search":` + property + `}`: 200,
		`{"entity":"JOBS","search":` + property + `}`:         403,
		`{"entity":"DATARECORDS","search":` + property + `}`:  403,
		`{"entity":"CONTENTITEMS","search":` + field + `}`:    403,
	} {
		if a := s.do("PUT", find, search, bearer(items)...); a.status != status {
			t.Errorf("find %s: %d %s, want %d", search, a.status, a.body, status)
		}
	}
}

// TestKindsAsked checks the routes for which it depends on the entity, or on the
// query, of what kinds a token has to be.
func TestKindsAsked(t *testing.T) { onSQLite(t, testKindsAsked) }

func testKindsAsked(t *testing.T) {
	s := start(t)
	job := jobsOf(s, 1)[0]
	set := s.do("POST", native+"/contentsets", `{"contentitems":[]}`)
	token := map[string]string{
		"job":         s.makeToken(`{"name":"jobs","role":"editor","kinds":["job"]}`),
		"contentitem": s.makeToken(`{"name":"items","role":"editor","kinds":["contentitem"]}`),
		"contentset":  s.makeToken(`{"name":"contents","role":"editor","kinds":["contentset","contentitem","datarecord"]}`),
	}
	content := strings.TrimPrefix(set.header.Get("Location"), native+"/contentsets/")
	for _, c := range []struct {
		kind, method, path string
		status             int
	}{
		{"job", "GET", fmt.Sprint("/entities/", job), 200},
		{"contentitem", "GET", fmt.Sprint("/entities/", job), 403},
		{"contentitem", "GET", fmt.Sprint("/entities/", job, "/children"), 200}, // identifiers are no secret
		{"job", "GET", fmt.Sprint("/entities/", job, "/history"), 200},
		{"contentitem", "GET", fmt.Sprint("/entities/", job, "/history"), 403},
		{"job", "GET", fmt.Sprint("/entities/", job, "/metadata"), 200},
		{"contentitem", "GET", fmt.Sprint("/entities/", job, "/metadata"), 403},
		{"job", "GET", "/entities?kind=job&filter=" + url.QueryEscape("properties.a=1"), 200},
		{"contentitem", "GET", "/entities?kind=job", 403},
		{"contentitem", "GET", "/entities?kind=contentitem", 200},
		{"contentitem", "GET", "/entities?kind=contentitem&filter=" + url.QueryEscape("fields.a=1"), 403},
		{"contentset", "GET", "/entities?kind=contentitem&filter=" + url.QueryEscape("fields.a=1"), 200},
		{"contentitem", "DELETE", "/entities/" + content, 403},
		{"contentset", "DELETE", "/entities/" + content, 204},
	} {
		if a := s.do(c.method, native+c.path, "", bearer(token[c.kind])...); a.status != c.status {
			t.Errorf("%s %s by a token for a %s: %d %s, want %d", c.method, c.path, c.kind, a.status, a.body, c.status)
		}
	}
}

// TestRefusedBeforeBody checks that a body is not waited for.
func TestRefusedBeforeBody(t *testing.T) { onSQLite(t, testRefusedBeforeBody) }

func testRefusedBeforeBody(t *testing.T) {
	s := start(t)
	s.addUser("viewer", platen.Viewer)
	a := s.raw("POST " + native + "/jobsets HTTP/1.1\r\nHost: x\r\nauth_token: " + s.loginAs("viewer") +
		"\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n")
	a.isError(t, 403, "editor")
}

// TestNamedTokens is the life of a named token.
func TestNamedTokens(t *testing.T) { onEach(t, testNamedTokens) }

func testNamedTokens(t *testing.T) {
	s := start(t)
	s.addUser("ann", platen.Editor)
	job := jobsOf(s, 1)[0]
	put := func(token string) answer {
		return s.do("PUT", fmt.Sprintf("%s/jobs/%d/properties", entities, job), fmt.Sprintf(`{"id":%d,"properties":[]}`, job), bearer(token)...)
	}
	allowed := func(what string, a answer) {
		t.Helper()
		if a.status != 200 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	token := s.makeToken(`{"name":"nightly","role":"editor","user":"ann","expireTime":"2999-01-01T00:00:00Z"}`)
	allowed("a new token", put(token))
	s.wants("GET", native+"/me", "", `{"user":"ann","role":"editor","token":"nightly","expireTime":"2999-01-01T00:00:00.000000Z"}`, bearer(token)...)
	s.do("GET", entities+"/jobs", "", append(bearer(token), header("X-Request-Id", "named"))...)
	s.logged("named")
	for _, entry := range s.entries("request") {
		if entry["request"] == "named" && (entry["user"] != "ann" || entry["token"] != "nightly") {
			t.Errorf("the line of the request is %v", entry)
		}
	}

	at := native + "/tokens/nightly"
	change := func(body string) {
		t.Helper()
		allowed("change "+body, s.do("PATCH", at, body))
	}
	change(`{"role":"viewer"}`)
	put(token).isError(t, 403, "the token nightly is viewer")
	change(`{"role":"editor","kinds":["datarecord"]}`)
	put(token).isError(t, 403, "datarecord")
	change(`{"kinds":null,"disabled":true}`)
	put(token).isError(t, 403, "disabled")
	change(`{"disabled":false,"expireTime":null}`)
	allowed("a token that was enabled", put(token))

	// The user becomes less than the token, and then more.
	allowed("demote", s.do("PATCH", native+"/users/ann", `{"role":"viewer"}`))
	put(token).isError(t, 403, "viewer")
	if a := s.do("GET", at, ""); !strings.Contains(a.body, `"role":"editor","effectiveRole":"viewer"`) {
		t.Errorf("a token above its user: %s", a.body)
	}
	allowed("promote", s.do("PATCH", native+"/users/ann", `{"role":"admin"}`))
	allowed("a token below its user", put(token))
	s.do("GET", native+"/users", "", bearer(token)...).isError(t, 403, "admin")

	// A new password of the user leaves it; it ends when it is revoked.
	allowed("password", s.do("PATCH", native+"/users/ann", `{"password":"another one"}`))
	allowed("a token after a new password", put(token))
	if a := s.do("DELETE", at, ""); a.status != 204 || a.body != "" {
		t.Errorf("revoke: %d %s", a.status, a.body)
	}
	put(token).isError(t, 403, "revoked")
	s.do("DELETE", at, "").isError(t, 404, "nightly")

	ends := s.makeToken(`{"name":"ends","role":"viewer","user":"ann"}`)
	if a := s.do("DELETE", native+"/users/ann", ""); a.status != 204 {
		t.Errorf("remove the user: %d %s", a.status, a.body)
	}
	s.do("GET", entities+"/jobs", "", bearer(ends)...).isError(t, 403, "revoked")
	s.wants("GET", native+"/tokens", "", `{"tokens":[]}`)
	for _, text := range []string{token, ends} {
		if strings.Contains(s.log.String(), text) {
			t.Error("a token is in the log")
		}
	}
}

// TestExpiredToken checks that an expired token is told from one that is none.
func TestExpiredToken(t *testing.T) {
	long(t)
	onSQLite(t, testExpiredToken)
}

func testExpiredToken(t *testing.T) {
	s := start(t)
	soon := time.Now().Add(1500 * time.Millisecond)
	token := s.makeToken(fmt.Sprintf(`{"name":"short","role":"viewer","expireTime":%q}`, soon.Format(time.RFC3339Nano)))
	deadline := time.Now().Add(20 * time.Second)
	a := s.do("GET", entities+"/jobs", "", bearer(token)...)
	for a.status == 200 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		a = s.do("GET", entities+"/jobs", "", bearer(token)...)
	}
	a.isError(t, 401, `"short" has expired`)
	if a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("an expired token is challenged: %v", a.header)
	}
	s.do("POST", native+"/tokens", `{"name":"past","role":"viewer","expireTime":"2001-01-01T00:00:00Z"}`).isError(t, 400, "is over")
}

// TestTokensOfReplicas checks that what one server does to users and tokens is
// in force on another within what is promised.
func TestTokensOfReplicas(t *testing.T) { onEach(t, testTokensOfReplicas) }

func testTokensOfReplicas(t *testing.T) {
	needsPostgres(t)
	all := replicas(t, pgtest.Database(t), 2)
	a, b := all[0], all[1]
	a.addUser("ann", platen.Admin)
	token := a.makeToken(`{"name":"ci","role":"admin","user":"ann"}`)
	session := b.loginAs("ann")
	get := func(with []option) answer { return b.do("GET", native+"/users", "", with...) }
	time.Sleep(auth.MaxStaleness)
	for _, with := range [][]option{bearer(token), authToken(session)} {
		if got := get(with); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	a.do("PATCH", native+"/users/ann", `{"role":"viewer"}`)
	time.Sleep(auth.MaxStaleness)
	for _, with := range [][]option{bearer(token), authToken(session)} {
		get(with).isError(t, 403, "admin")
	}
	a.do("DELETE", native+"/tokens/ci", "")
	time.Sleep(auth.MaxStaleness)
	get(bearer(token)).isError(t, 403, "revoked")
}

// TestGuessedTokens checks that guesses at named tokens are counted, and hurt no
// good one.
func TestGuessedTokens(t *testing.T) { onSQLite(t, testGuessedTokens) }

func testGuessedTokens(t *testing.T) {
	s := start(t)
	token := s.makeToken(`{"name":"good","role":"viewer"}`)
	limited := false
	for i := range 60 {
		guess := token[:len(token)-9] + fmt.Sprintf("%09d", i)
		if a := s.do("GET", entities+"/jobs", "", bearer(guess)...); a.status == 429 {
			limited = true
			break
		} else if a.status != 403 {
			t.Fatalf("a guess: %d %s", a.status, a.body)
		}
	}
	if !limited {
		t.Error("60 guesses were let pass")
	}
	for what, with := range map[string][]option{"the token": bearer(token), "a session": nil, "a known password": {none, basic(user, password)}} {
		if a := s.do("GET", entities+"/jobs", "", with...); a.status != 200 {
			t.Errorf("%s after guesses: %d %s", what, a.status, a.body)
		}
	}
	if n := len(s.entries("unknown token")); n == 0 || n > 60 {
		t.Errorf("%d lines of guesses", n)
	}
}

// TestOnlyHashes looks for a token and a password in the files of a database.
func TestOnlyHashes(t *testing.T) { onSQLite(t, testOnlyHashes) }

func testOnlyHashes(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	s := startOn(t, store)
	token := s.makeToken(`{"name":"hidden-token","role":"viewer"}`)
	if a := s.do("POST", native+"/users", `{"name":"bob","password":"the secret of bob","role":"viewer"}`); a.status != 201 || strings.Contains(a.body, "secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	found := false
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || strings.Contains(string(content), "hidden-token")
		for _, secret := range []string{token, strings.TrimPrefix(token, "platen_")[:30], "the secret of bob"} {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s has %q", path, secret)
			}
		}
		return err
	})
	if err != nil || !found {
		t.Errorf("the name of the token was found: %v, %v", found, err)
	}
}

// TestRights checks that nobody gives away more than they have, and that there
// is always an admin.
func TestRights(t *testing.T) { onSQLite(t, testRights) }

func testRights(t *testing.T) {
	s := start(t)
	s.addUser("editor", platen.Editor)
	editor := authToken(s.loginAs("editor"))
	s.do("POST", native+"/tokens", `{"name":"up","role":"admin"}`, editor...).isError(t, 403, "admin")
	s.do("POST", native+"/users", `{"name":"up","password":"long enough","role":"admin"}`, editor...).isError(t, 403, "admin")
	s.do("PATCH", native+"/users/editor", `{"role":"admin"}`, editor...).isError(t, 403, "admin")
	s.do("POST", native+"/tokens", `{"name":"up","role":"admin","user":"editor"}`).isError(t, 403, "above that of the user editor")
	s.makeToken(`{"name":"low","role":"viewer","user":"editor"}`)
	s.do("PATCH", native+"/tokens/low", `{"role":"admin"}`).isError(t, 403, "above that of the user editor")
	restricted := s.makeToken(`{"name":"restricted","role":"admin","kinds":["job"]}`)
	s.do("POST", native+"/tokens", `{"name":"free","role":"admin"}`, bearer(restricted)...).isError(t, 403, "restricted")
	s.do("POST", native+"/users", `{"name":"free","password":"long enough","role":"admin"}`, bearer(restricted)...).isError(t, 403, "restricted")

	s.do("PATCH", native+"/users/"+user, `{"role":"editor"}`).isError(t, 409, "last admin")
	s.do("PATCH", native+"/users/"+user, `{"role":"editor","password":"long enough"}`).isError(t, 409, "last admin")
	s.do("DELETE", native+"/users/"+user, "").isError(t, 409, "last admin")
	if a := s.do("GET", native+"/users", "", none, basic(user, password)); a.status != 200 {
		t.Errorf("the last admin: %d %s", a.status, a.body)
	}
	s.do("DELETE", native+"/users/editor%2F", "").isError(t, 404, "") // another name
	if a := s.do("GET", native+"/users/editor", ""); a.status != 200 {
		t.Errorf("the user is gone: %d %s", a.status, a.body)
	}
}

// TestOwnPassword changes the caller's own.
func TestOwnPassword(t *testing.T) {
	long(t)
	onSQLite(t, testOwnPassword)
}

func testOwnPassword(t *testing.T) {
	s := start(t)
	s.addUser("viewer", platen.Viewer)
	session := authToken(s.loginAs("viewer"))
	named := s.makeToken(`{"name":"of-viewer","role":"viewer","user":"viewer"}`)
	me := native + "/me"
	if a := s.do("GET", me, "", session...); a.status != 200 || !strings.Contains(a.body, `"expireTime":"20`) {
		t.Errorf("the session: %d %s", a.status, a.body)
	}
	s.do("PATCH", me, `{"oldPassword":"wrong","password":"battery staple"}`, session...).isError(t, 403, "old password")
	s.do("PATCH", me, `{"oldPassword":"`+password+`","password":"short"}`, session...).isError(t, 400, "8 to 1024")
	s.do("PATCH", me, `{"password":"battery staple"}`, session...).isError(t, 400, "oldPassword")
	if a := s.do("PATCH", me, `{"oldPassword":"`+password+`","password":"battery staple"}`, session...); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.do("GET", me, "", session...).isError(t, 403, "token is invalid")
	s.do("GET", me, "", none, basic("viewer", password)).isError(t, 403, "wrong")
	s.wants("GET", me, "", `{"user":"viewer","role":"viewer"}`, none, basic("viewer", "battery staple"))
	s.wants("GET", me, "", `{"user":"viewer","role":"viewer","token":"of-viewer"}`, bearer(named)...)
}

// TestBadAccounts sends what can not be.
func TestBadAccounts(t *testing.T) { onSQLite(t, testBadAccounts) }

func testBadAccounts(t *testing.T) {
	s := start(t)
	s.makeToken(`{"name":"taken","role":"viewer"}`)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/me?x=1", "", 400, `"x"`},
		{"GET", "/users?x=1", "", 400, `"x"`},
		{"DELETE", "/tokens/taken?x=1", "", 400, `"x"`},
		{"POST", "/tokens", "", 400, "empty"},
		{"POST", "/tokens", `[]`, 400, "the token must be an object"},
		{"POST", "/tokens", `{"nmae":"x","role":"viewer"}`, 400, `there is no key "nmae" here, but expireTime, kinds, name, role, user`},
		{"POST", "/tokens", `{"role":"viewer"}`, 400, "the name is missing"},
		{"POST", "/tokens", `{"name":"x"}`, 400, "the role is missing"},
		{"POST", "/tokens", `{"name":"x","role":"owner"}`, 400, "viewer, editor, admin"},
		{"POST", "/tokens", `{"name":"x","role":3}`, 400, "must be text"},
		{"POST", "/tokens", `{"name":"x y","role":"viewer"}`, 400, "letters"},
		{"POST", "/tokens", `{"name":"../x","role":"viewer"}`, 400, "letters"},
		{"POST", "/tokens", `{"name":"` + strings.Repeat("x", 65) + `","role":"viewer"}`, 400, "64"},
		{"POST", "/tokens", `{"name":"x","role":"viewer","kinds":[]}`, 400, "empty"},
		{"POST", "/tokens", `{"name":"x","role":"viewer","kinds":["page"]}`, 400, "documentset"},
		{"POST", "/tokens", `{"name":"x","role":"viewer","expireTime":"tomorrow"}`, 400, "2026-01-31T12:00:00Z"},
		{"POST", "/tokens", `{"name":"x","role":"viewer","expireTime":"0001-01-01T00:00:00Z"}`, 400, "0001-01-01"},
		{"PATCH", "/tokens/taken", `{"expireTime":"0001-01-01T00:00:00Z"}`, 400, "0001-01-01"},
		{"POST", "/tokens", `{"name":"x","role":"viewer","user":"nobody"}`, 404, `"nobody"`},
		{"POST", "/tokens", `{"name":"taken","role":"viewer"}`, 409, `"taken"`},
		{"PATCH", "/tokens/taken", `{}`, 400, "nothing to change"},
		{"PATCH", "/tokens/taken", `{"disabled":null}`, 400, "a boolean, not null"},
		{"PATCH", "/tokens/taken", `{"name":"other"}`, 400, `"name"`},
		{"PATCH", "/tokens/other", `{"disabled":true}`, 404, `"other"`},
		{"GET", "/tokens/other", "", 404, `"other"`},
		{"POST", "/users", `{"name":"x","password":"long enough"}`, 400, "the role is missing"},
		{"POST", "/users", `{"name":"x","password":"short","role":"viewer"}`, 400, "8 to 1024"},
		{"POST", "/users", `{"name":"x:y","password":"long enough","role":"viewer"}`, 400, "colon"},
		{"POST", "/users", `{"name":".","password":"long enough","role":"viewer"}`, 400, `none of ".", ".." and "/"`},
		{"POST", "/users", `{"name":"..","password":"long enough","role":"viewer"}`, 400, `none of ".", ".." and "/"`},
		{"POST", "/users", `{"name":"/","password":"long enough","role":"viewer"}`, 400, `none of ".", ".." and "/"`},
		{"POST", "/users", `{"name":"` + user + `","password":"long enough","role":"viewer"}`, 409, user},
		{"PATCH", "/users/" + user, `{}`, 400, "nothing to change"},
		{"PATCH", "/users/" + user, `{"epoch":1}`, 400, `"epoch"`},
		{"PATCH", "/users/nobody", `{"role":"viewer"}`, 404, `"nobody"`},
		{"PATCH", "/users/nobody", `{"password":"long enough"}`, 404, `"nobody"`},
		{"GET", "/users/nobody", "", 404, `"nobody"`},
		{"DELETE", "/users/nobody", "", 404, `"nobody"`},
		{"PUT", "/users", `{}`, 405, "GET"},
	} {
		a := s.do(c.method, native+c.path, c.body)
		a.isError(t, c.status, c.says)
	}
	schema := described().document.Components.Schemas["NewUser"].Value
	for _, c := range []struct {
		name, password string
		good           bool
	}{
		{"x", "long enough", true}, {"a/bü", strings.Repeat("x", 1024), true}, {strings.Repeat("x", 64), "long enough", true},
		{"", "long enough", false}, {strings.Repeat("x", 65), "long enough", false}, {"a b", "long enough", false}, {"a:b", "long enough", false},
		{"a\x7f", "long enough", false}, {"a\n", "long enough", false}, {"x", "short", false}, {"x", strings.Repeat("x", 1025), false},
	} {
		sent := map[string]any{"name": c.name, "password": c.password, "role": "viewer"}
		if err := schema.VisitJSON(sent); (err == nil) != c.good {
			t.Errorf("the document of a user %.80v: %v", sent, err)
		}
		body, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		if a := s.do("POST", native+"/users", string(body)); (a.status == 201) != c.good || !c.good && a.status != 400 {
			t.Errorf("%.80v: %d %s", sent, a.status, a.body)
		}
	}
	if a := s.do("GET", native+"/tokens", ""); strings.Count(a.body, `"name"`) != 1 {
		t.Errorf("tokens: %s", a.body)
	}
}

// TestNamesWithSlashes: whoever can be added can be shown, changed and removed.
func TestNamesWithSlashes(t *testing.T) { onSQLite(t, testNamesWithSlashes) }

func testNamesWithSlashes(t *testing.T) {
	s := start(t)
	for _, name := range []string{"a//b", "/a", "a/", "a/./b", "a/../b", "//", "...", "%2F", "ä?#"} {
		made := s.do("POST", native+"/users", fmt.Sprintf(`{"name":%q,"password":%q,"role":"viewer"}`, name, password))
		if made.status != 201 {
			t.Errorf("%q: %d %s", name, made.status, made.body)
			continue
		}
		path := native + "/users/" + url.PathEscape(name)
		if at := made.header.Get("Location"); at != path {
			t.Errorf("%q is at %s, not at %s", name, at, path)
		}
		for _, slash := range []string{"", "/"} {
			if a := s.do("GET", path+slash, ""); a.status != 200 || !strings.Contains(a.body, fmt.Sprintf(`"name":%q`, name)) {
				t.Errorf("GET %s: %d %s", path+slash, a.status, a.body)
			}
		}
		if a := s.do("PATCH", path, `{"role":"editor"}`); a.status != 200 {
			t.Errorf("PATCH %s: %d %s", path, a.status, a.body)
		}
		if a := s.do("DELETE", path, ""); a.status != 204 {
			t.Errorf("DELETE %s: %d %s", path, a.status, a.body)
		}
	}
	for _, id := range []string{".", ".."} {
		if a := s.do("GET", "/healthz", "", header("X-Request-Id", id)); a.header.Get("X-Request-Id") == id {
			t.Errorf("a request is called %q", id)
		}
	}
}
