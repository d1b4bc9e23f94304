package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/platenhq/platen/internal/olrest"
)

// shown is all that anybody is shown of a request.
func shown(r *olrest.RecordedRequest) string {
	var b strings.Builder
	for _, reply := range []func(http.ResponseWriter){
		func(w http.ResponseWriter) { olrest.ReplyRequest(w, r) },
		func(w http.ResponseWriter) { olrest.ReplyCurl(w, httptest.NewRequest(http.MethodGet, "/", nil), r) },
		func(w http.ResponseWriter) {
			olrest.ReplyRequests(w, &olrest.RequestFilter{}, []*olrest.RecordedRequest{r}, false)
		},
	} {
		w := httptest.NewRecorder()
		reply(w)
		b.Write(w.Body.Bytes())
	}
	_ = olrest.WriteRequestEvent(&b, r)
	fmt.Fprintf(&b, "%+v", r)
	return b.String()
}

// TestNoSecret puts secrets wherever clients put them, right or wrong, and looks
// for them in all that is shown and kept.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	letters := func(from string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(from[random.IntN(len(from))])
		}
		return b.String()
	}
	for range 5000 {
		secret := letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_.~-", 8+random.IntN(40))
		j := newJournal(10, random.IntN(400), 1<<20)
		quoted, _ := json.Marshal(secret)
		escaped := url.QueryEscape(secret)
		filler := letters("abc", random.IntN(300))
		text := func(from ...string) string { return from[random.IntN(len(from))] }

		body := text("",
			`{"filler":"`+filler+`","password":`+string(quoted)+`,"role":"admin"}`,
			`{"Old_Password" : `+string(quoted)+`,"filler":"`+filler+`"}`,
			`{"pass\u0077ord":`+string(quoted)+`}`,
			`[{"a":[{"token":{"filler":"`+filler+`","value":`+string(quoted)+`}}]}]`,
			`{"filler":"`+filler+`","secrets":["x",`+string(quoted)+`]}`,
			`{'filler':'`+filler+`','password':'`+secret+`'}`,
			`filler=`+filler+`&password=`+escaped,
			`{"filler":"`+filler+`","client_secret":`+string(quoted),
			`{"url":"https://me:`+escaped+`@example.org/hook"}`,
			`{"filler":"`+filler+`", token: `+secret+`}`,
		)
		query := text("", "password="+escaped, "a=1&Auth_Token="+escaped+"&b=2", "access-token="+escaped, "%74oken="+escaped, "to=https://a:"+escaped+"@b", "to="+url.QueryEscape("https://a:"+escaped+"@b"), "a=1;token="+escaped)
		r, err := http.NewRequest("POST", "http://h/p", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		switch text("none", "basic", "auth_token", "bearer", "auth-token", "cookie", "proxy", "api key", "digest", "referer") {
		case "basic":
			r.SetBasicAuth("me", secret)
		case "auth_token":
			r.Header.Set("auth_token", secret)
		case "bearer":
			r.Header.Set("Authorization", "Bearer "+secret)
		case "auth-token":
			r.Header.Set("auth-token", secret)
		case "cookie":
			r.Header.Set("Cookie", "session="+secret)
		case "proxy":
			r.Header.Set("Proxy-Authorization", secret)
		case "api key":
			r.Header.Set("X-Api-Key", secret)
		case "digest":
			r.Header.Set("Authorisation", secret)
		case "referer":
			r.Header.Set("Referer", "https://me:"+escaped+"@example.org/")
		}
		recording := j.Begin(r)
		_, _ = io.Copy(io.Discard, r.Body)
		answer := http.Header{}
		login := false
		switch text("none", "login", "token", "cookie", "unlike") {
		case "login":
			login = true
			recording.Answered([]byte(secret))
		case "token":
			recording.Answered([]byte(`{"filler":"` + filler + `","token":` + string(quoted) + `}`))
		case "cookie":
			answer.Set("Set-Cookie", "session="+secret)
		case "unlike":
			recording.Answered([]byte(`<p>Your token is ` + secret))
		}
		entry := &olrest.RecordedRequest{Method: "POST", Path: "/p", Query: query, Status: 200}
		j.End(recording, Exchange{Request: r, Answer: answer, Login: login}, entry)
		everything := shown(entry)
		for _, form := range []string{secret, string(quoted[1 : len(quoted)-1]), escaped, base64.StdEncoding.EncodeToString([]byte("me:" + secret)), secret[:8]} {
			if strings.Contains(everything, form) {
				t.Fatalf("%q is in %s", form, everything)
			}
		}
	}
}

// TestEchoes: a credential of a request is hidden wherever else it stands.
func TestEchoes(t *testing.T) {
	t.Parallel()
	const secret = `correct "horse" battery`
	j := newJournal(10, 60, 1<<20)
	for _, credentials := range []func(*http.Request){
		func(r *http.Request) { r.SetBasicAuth("me", secret) },
		func(r *http.Request) { r.Header.Set("auth_token", secret) },
	} {
		r, err := http.NewRequest("PUT", "http://h/"+url.PathEscape(secret), strings.NewReader(`{"id":1,"properties":[{"name":"x","value":"`+"correct \\\"horse\\\" battery"+`"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		credentials(r)
		r.Header.Set("X-Other", "it is "+secret)
		recording := j.Begin(r)
		_, _ = io.Copy(io.Discard, r.Body)
		recording.Answered([]byte("the first 40 bytes of what is answered: " + secret))
		entry := &olrest.RecordedRequest{Method: "PUT", Path: r.URL.EscapedPath(), Query: "x=" + url.QueryEscape(secret), Status: 400, Reason: "not " + secret, Hints: []string{secret}, Host: secret}
		j.End(recording, Exchange{Request: r, Answer: http.Header{}}, entry)
		if everything := shown(entry); strings.Contains(everything, "horse") || strings.Contains(everything, "correct") {
			t.Errorf("a credential is in %s", everything)
		}
	}
}

// TestHarmless: what is no credential stays as it was.
func TestHarmless(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "true", "{}", `{"id":1,"properties":[{"name":"password","value":"x"}]}`, `{"nextPageToken":"5"}`, "\xff\x00\x01",
		`{"error":{"status":403,"message":"the token is invalid: log in again","parameter":""}}`, `{"a":`, `{'a':1}`, `{"a":"secret`,
	} {
		cut := strings.HasSuffix(body, "secret")
		if text, hidden := redactBody([]byte(body), cut); text != body || hidden {
			t.Errorf("%q became %q", body, text)
		}
	}
	for query, want := range map[string]string{
		"": "", "a=b&c": "a=b&c", "pageToken=5": "pageToken=5", "token": "token", "token=": "token=(hidden)", "a=1&token=x;b=2": "a=1&token=(hidden);b=2",
		"at=a@b": "at=a@b",
	} {
		if got := redactAddresses(redactQuery(query)); got != want {
			t.Errorf("%q became %q", query, got)
		}
	}
	for body, want := range map[string]string{
		`{"password":"x","a":1}`:         `{"password":"(hidden)","a":1}`,
		`{"password" : 12 ,"a":1}`:       `{"password" : "(hidden)" ,"a":1}`,
		`{"token":{"a":"}"},"b":["c"]}`:  `{"token":"(hidden)","b":["c"]}`,
		`[{"secret":[1,[2]]},{"b":"c"}]`: `[{"secret":"(hidden)"},{"b":"c"}]`,
	} {
		if got, hidden := redactBody([]byte(body), false); got != want || !hidden {
			t.Errorf("%s became %s", body, got)
		}
	}
}

// FuzzRedact: nothing of what is after the key of a password is left, and JSON
// stays JSON.
func FuzzRedact(f *testing.F) {
	f.Add([]byte(`{"a":[{"password":"0123456789"}],"b":"\u0041"}`), 30)
	f.Add([]byte(`{"token":"\\","b":"0123456789"`), 300)
	f.Fuzz(func(t *testing.T, body []byte, limit int) {
		cut := limit >= 0 && limit < len(body)
		if cut {
			body = body[:limit]
		}
		text, hidden := redactBody(body, cut)
		if !hidden && text != string(body) {
			t.Errorf("%q became %q, and nothing was hidden", body, text)
		}
		if !cut && utf8.Valid(body) && json.Valid(body) && !json.Valid([]byte(text)) {
			t.Errorf("%q became %q, which is no JSON", body, text)
		}
		var object map[string]json.RawMessage
		if !cut && json.Unmarshal(body, &object) == nil {
			var after map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &after); err != nil {
				t.Fatal(err)
			}
			for key := range object {
				if isSecretName(key) && !bytes.Equal(after[key], []byte(`"(hidden)"`)) {
					t.Errorf("%q became %q", body, text)
				}
			}
		}
	})
}
