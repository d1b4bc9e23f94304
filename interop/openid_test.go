package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
)

// A browser keeps cookies and follows no redirect by itself.
type browser struct {
	t *testing.T
	http.Client
	home string // of the server
}

func newBrowser(t *testing.T, home string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, home}
}

// get returns the status of an answer, where it sends the browser, and its text.
func (b *browser) get(address string) (status int, location, text string) {
	b.t.Helper()
	response, err := b.Get(address)
	text = body(b.t, response, err)
	to, err := response.Location()
	if err == nil {
		location = to.String()
	}
	return response.StatusCode, location, text
}

// begin begins a login, and returns where at the provider it is to be done.
func (b *browser) begin(query string) string {
	b.t.Helper()
	status, location, text := b.get(b.home + "/console/openid" + query)
	if status != http.StatusSeeOther {
		b.t.Fatalf("the login does not begin: %d %s", status, text)
	}
	return location
}

// atProvider fills in the form of the provider, and returns where that sends the
// browser back to.
func (b *browser) atProvider(location, user string) string {
	b.t.Helper()
	status, form, text := b.get(location)
	if status != http.StatusFound {
		b.t.Fatalf("the provider: %d %s", status, text)
	}
	at, err := url.Parse(form)
	if err != nil {
		b.t.Fatal(err)
	}
	sent := url.Values{"id": {at.Query().Get("authRequestID")}, "username": {user}, "password": {password}}
	response, err := b.PostForm(at.Scheme+"://"+at.Host+"/login/username", sent)
	body(b.t, response, err)
	for range 5 {
		to, err := response.Location()
		if err != nil {
			b.t.Fatalf("the provider's form: %s", response.Status)
		}
		if strings.HasPrefix(to.String(), b.home) {
			return to.String()
		}
		response, err = b.Get(to.String())
		body(b.t, response, err)
	}
	b.t.Fatal("the provider does not send the browser back")
	return ""
}

// logIn logs in, and returns what the server answers at the end.
func (b *browser) logIn(user string) (status int, location, text string) {
	b.t.Helper()
	return b.get(b.atProvider(b.begin(""), user))
}

// api asks the API as the console does, or with a token.
func (b *browser) api(method, path, token, sent string) (status int, text string) {
	b.t.Helper()
	request, err := http.NewRequest(method, b.home+path, strings.NewReader(sent))
	if err != nil {
		b.t.Fatal(err)
	}
	client := &b.Client
	if token != "" {
		client = http.DefaultClient
		request.Header.Set("Authorization", "Bearer "+token)
	} else {
		request.Header.Set("X-Requested-With", "platen-console")
	}
	response, err := client.Do(request)
	text = body(b.t, response, err)
	return response.StatusCode, text
}

// me returns the user and the role of the session, "" for none.
func (b *browser) me() string {
	b.t.Helper()
	status, text := b.api("GET", "/api/v1/me", "", "")
	if status != 200 {
		return ""
	}
	var me struct{ User, Role string }
	if err := json.Unmarshal([]byte(text), &me); err != nil {
		b.t.Fatal(err)
	}
	return me.User + " " + me.Role
}

func changed(location, parameter, value string) string {
	at, _ := url.Parse(location)
	query := at.Query()
	query.Set(parameter, value)
	at.RawQuery = query.Encode()
	return at.String()
}

func parameter(location, name string) string {
	at, _ := url.Parse(location)
	return at.Query().Get(name)
}

// TestOpenID logs people in by a provider, on two servers of a database. It is away
// at first.
func TestOpenID(t *testing.T) {
	cluster := pgtest.NewCluster(t, "fsync=off")
	pgtest.Exec(t, cluster.Address("postgres"), "CREATE DATABASE platen TEMPLATE template0 ENCODING 'UTF8'")
	port, issuer := freePort(t), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	callback := fmt.Sprintf("http://127.0.0.1:%d/console/openid/callback", port)
	t.Setenv("PLATEN_OIDC_CLIENT_SECRET", clientSecret)
	flags := []string{"--database", cluster.Address("platen"), "--journal", "1000", "--oidc-issuer", "http://" + issuer, "--oidc-client-id", clientID,
		"--oidc-redirect-url", callback, "--oidc-roles", "everybody=viewer,print=editor,print-admins=admin", "--oidc-name", "the house"}
	home, log := serve(t, append(flags, listenAt(port))...)

	b := newBrowser(t, home)
	if _, _, text := b.get(home + "/console/login"); text != `{"provider":"the house"}` {
		t.Errorf("the ways to log in: %s", text)
	}
	if status, _, text := b.get(home + "/console/openid"); status != 503 || !strings.Contains(text, "can not be reached") || !strings.Contains(text, "users with a password") {
		t.Errorf("with the provider away: %d %s", status, text)
	}
	if status := localLogIn(t, b); status != 204 || b.me() != "ol-admin admin" {
		t.Errorf("a local user, with the provider away: %d %s", status, b.me())
	}
	house := newProvider(callback, "ann", "ed", "stranger", "ol-admin")
	house.member("ann", "everybody", "print-admins", "print")
	house.member("ed", "everybody")
	house.member("stranger", "<b>canteen</b>", "garage")
	house.member("ol-admin", "print-admins")
	house.serve(t, issuer)
	waitFor(t, "the provider is asked again", func() bool { status, _, _ := b.get(home + "/console/openid"); return status == http.StatusSeeOther })

	t.Run("roles", func(t *testing.T) { testRoles(t, home, house) })
	t.Run("tampered", func(t *testing.T) { testTampered(t, home) })
	t.Run("tokens", func(t *testing.T) { testTokens(t, home, house) })
	t.Run("replicas", func(t *testing.T) {
		other, _ := serve(t, append(flags, listenAt(freePort(t)))...)
		testOtherReplica(t, home, other)
	})
	t.Run("records", func(t *testing.T) { testRecords(t, b, log) })
	t.Run("guessing", func(t *testing.T) { testGuessing(t, home) })
}

// localLogIn logs in with a password.
func localLogIn(t *testing.T, b *browser) int {
	t.Helper()
	request, err := http.NewRequest("POST", b.home+"/console/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("ol-admin", password)
	response, err := b.Do(request)
	body(t, response, err)
	return response.StatusCode
}

// testRoles checks who may log in, as what, and where they are then.
func testRoles(t *testing.T, home string, house *provider) {
	b := newBrowser(t, home)
	if status, location, text := b.logIn("ann"); status != http.StatusSeeOther || location != home+"/" || b.me() != "ann admin" {
		t.Errorf("ann: %d to %s as %q: %s", status, location, b.me(), text)
	}
	house.set(func() { house.inIDToken = true })
	house.set(func() { house.key = newSigningKey(t, "the next") })
	for asked, want := range map[string]string{"/?view=changes": "/?view=changes", "//evil.example/": "/", "https://evil.example/": "/", `/\evil.example`: "/"} {
		status, location, text := b.get(b.atProvider(b.begin("?return="+url.QueryEscape(asked)), "ed"))
		if status != http.StatusSeeOther || location != home+want || b.me() != "ed viewer" {
			t.Errorf("ed, back to %s: %d to %s as %q: %s", asked, status, location, b.me(), text)
		}
	}
	if status, _ := b.api("DELETE", "/console/session", "", ""); status != 204 || b.me() != "" {
		t.Errorf("after the logout: %d %q", status, b.me())
	}
	if status, _, text := b.logIn("stranger"); status != 403 || !strings.Contains(text, "the groups &lt;b&gt;canteen&lt;/b&gt;, garage") || b.me() != "" {
		t.Errorf("who is in no group with a role: %d %s", status, text)
	}
	if status, _, text := b.logIn("ol-admin"); status != 409 || !strings.Contains(text, "not taken over") || b.me() != "" {
		t.Errorf("the name of a local user: %d %s", status, text)
	}
}

// testTampered checks that an answer of the provider counts for one login of one
// browser, once.
func testTampered(t *testing.T, home string) {
	refused := func(what string, b *browser, at, message string) {
		t.Helper()
		if status, _, text := b.get(at); status != 403 || !strings.Contains(strings.ToLower(text), message) || b.me() != "" {
			t.Errorf("%s: %d as %q: %s", what, status, b.me(), text)
		}
	}
	b := newBrowser(t, home)
	refused("another state", b, changed(b.atProvider(b.begin(""), "ed"), "state", "x"), "another login")
	refused("another nonce", b, b.atProvider(changed(b.begin(""), "nonce", "x"), "ed"), "another login")
	refused("another challenge of PKCE", b, b.atProvider(changed(b.begin(""), "code_challenge", strings.Repeat("x", 43)), "ed"), "does not take its own code")
	refused("another browser", newBrowser(t, home), b.atProvider(b.begin(""), "ed"), "no login is under way")
	stolen := parameter(b.atProvider(b.begin(""), "ann"), "code")
	refused("the code of another login", b, changed(b.atProvider(b.begin(""), "ed"), "code", stolen), "does not take its own code")
	refused("an error", b, home+"/console/openid/callback?error=access_denied&state="+parameter(b.begin(""), "state"), "the provider refused: access_denied")

	back := b.atProvider(b.begin(""), "ed")
	at, _ := url.Parse(back)
	kept := b.Jar.Cookies(at)
	if status, _, _ := b.get(back); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	again := newBrowser(t, home)
	refused("a callback that was used", again, back, "no login is under way")
	again.Jar.SetCookies(at, kept)
	refused("a callback that was used, with its cookie", again, back, "does not take its own code")
	for _, cookie := range kept {
		cookie.Value = cookie.Value[:20] + "AAAA" + cookie.Value[24:]
	}
	again.Jar.SetCookies(at, kept)
	refused("a forged cookie", again, back, "no login is under way")
}

// testTokens checks that named tokens of a user follow what the groups give.
func testTokens(t *testing.T, home string, house *provider) {
	b := newBrowser(t, home)
	if b.logIn("ann"); b.me() != "ann admin" {
		t.Fatal(b.me())
	}
	status, text := b.api("POST", "/api/v1/tokens", "", `{"name":"ann-ci","role":"editor"}`)
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(text), &made); status != 201 || err != nil {
		t.Fatalf("%d %s", status, text)
	}
	wants := func(what string, want int, contains string) {
		t.Helper()
		if status, text := b.api("GET", "/api/v1/me", made.Token, ""); status != want || !strings.Contains(text, contains) {
			t.Errorf("the token, %s: %d %s", what, status, text)
		}
	}
	wants("new", 200, `"role":"editor"`)
	house.member("ann", "everybody")
	if b.logIn("ann"); b.me() != "ann viewer" {
		t.Errorf("with fewer groups: %s", b.me())
	}
	wants("with fewer groups", 200, `"role":"viewer"`)
	if status, text := b.api("POST", "/api/v1/tokens", "", `{"name":"ann-own","role":"viewer"}`); status != 201 {
		t.Errorf("a viewer's own token: %d %s", status, text)
	}
	if status, text := b.api("POST", "/api/v1/tokens", "", `{"name":"ann-up","role":"editor"}`); status != 403 {
		t.Errorf("a viewer's token of an editor: %d %s", status, text)
	}
	house.member("ann")
	if status, _, text := b.logIn("ann"); status != 403 || !strings.Contains(text, "no groups") {
		t.Errorf("without a group: %d %s", status, text)
	}
	if b.me() != "" {
		t.Errorf("without a group the session goes on: %s", b.me())
	}
	wants("without a group", 403, "disabled")
	house.member("ann", "print")
	if b.logIn("ann"); b.me() != "ann editor" {
		t.Errorf("with a group again: %s", b.me())
	}
	wants("with a group again", 200, `"role":"editor"`)

	admin := newBrowser(t, home)
	localLogIn(t, admin)
	if status, text := admin.api("GET", "/api/v1/users/ann", "", ""); status != 200 || !strings.Contains(text, `"issuer":"`) {
		t.Errorf("ann, as admins see her: %d %s", status, text)
	}
	if status, text := admin.api("PATCH", "/api/v1/users/ann", "", `{"role":"admin"}`); status != 409 || !strings.Contains(text, "the provider") {
		t.Errorf("a role by an admin: %d %s", status, text)
	}
	if status, text := admin.api("DELETE", "/api/v1/users/ann", "", ""); status != 204 {
		t.Errorf("%d %s", status, text)
	}
	wants("of a user who is removed", 403, "no such token")
	if b.me() != "" {
		t.Errorf("the session of a user who is removed: %s", b.me())
	}
}

// testOtherReplica ends at one server a login that began at another.
func testOtherReplica(t *testing.T, home, other string) {
	b := newBrowser(t, home)
	back := b.atProvider(b.begin(""), "ed")
	at, _ := url.Parse(back)
	there, _ := url.Parse(other)
	request, err := http.NewRequest("GET", strings.Replace(back, at.Host, there.Host, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range b.Jar.Cookies(at) {
		request.AddCookie(&http.Cookie{Name: strings.Replace(cookie.Name, at.Port(), there.Port(), 1), Value: cookie.Value})
	}
	response, err := b.Do(request)
	if text := body(t, response, err); response.StatusCode != http.StatusSeeOther {
		t.Errorf("%s %s", response.Status, text)
	}
}

// testRecords checks what is recorded of logins, and that no secret is.
func testRecords(t *testing.T, admin *browser, log *logBuffer) {
	b := newBrowser(t, admin.home)
	at := b.begin("")
	back := b.atProvider(at, "ed")
	b.get(back)
	_, requests := admin.api("GET", "/api/v1/requests?pageSize=500", "", "")
	for name, record := range map[string]string{"the log": log.String(), "the journal": requests} {
		for what, secret := range map[string]string{"the code": parameter(back, "code"), "the state": parameter(back, "state"), "the nonce": parameter(at, "nonce"), "the secret": clientSecret} {
			if secret == "" || strings.Contains(record, secret) || strings.Contains(record, url.QueryEscape(secret)) {
				t.Errorf("%s has %s", name, what)
			}
		}
	}
	for _, want := range []string{"msg=login", "provider=http://", "user=ed", "login by the provider refused", "no group that gives a role", "another user has the name"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	waitFor(t, "the audit trail", func() bool {
		_, events := admin.api("GET", "/api/v1/events?last=500&type=audit", "", "")
		return strings.Contains(events, "no group that gives a role") && strings.Contains(events, `"provider":"http://`)
	})
	_, server := admin.api("GET", "/api/v1/server", "", "")
	if strings.Contains(server, clientSecret) || !strings.Contains(server, `"oidc-client-secret","value":"(hidden)"`) {
		t.Errorf("the settings: %s", server)
	}
}

// testGuessing checks that made-up codes of the provider count as guesses, and that
// answers of no login, which any page can have a browser send, count as nothing.
func testGuessing(t *testing.T, home string) {
	b := newBrowser(t, home)
	for range 60 {
		if status, _, text := b.get(home + "/console/openid/callback?code=x&state=y"); status != 403 {
			t.Fatalf("an answer of no login: %d %s", status, text)
		}
	}
	if b.logIn("ed"); b.me() != "ed viewer" {
		t.Errorf("after answers of no login: %q", b.me())
	}
	for n := range 60 {
		status, location, text := b.get(home + "/console/openid")
		if status == http.StatusSeeOther {
			status, _, text = b.get(home + "/console/openid/callback?code=x&state=" + parameter(location, "state"))
		}
		if status == 429 {
			return
		} else if status != 403 {
			t.Fatalf("guess %d: %d %s", n, status, text)
		}
	}
	t.Error("sixty guesses were answered")
}
