package openid

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// A fakeProvider answers as it is told to. A real one is tested in the module interop.
type fakeProvider struct {
	*httptest.Server
	key      *rsa.PrivateKey
	about    map[string]any // what it says of itself besides
	claims   map[string]any // of the ID token
	userInfo map[string]any
	status   int // of the token endpoint, 0: 200
}

func newFakeProvider(t *testing.T) *fakeProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeProvider{key: key}
	answer := func(w http.ResponseWriter, body any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		about := map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys",
			"userinfo_endpoint": f.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"RS256"},
		}
		maps.Copy(about, f.about)
		answer(w, about)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		text := base64.RawURLEncoding.EncodeToString
		answer(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		if f.status != 0 {
			w.WriteHeader(f.status)
			return
		}
		answer(w, map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": f.sign(t)})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { answer(w, f.userInfo) })
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// sign returns the ID token.
func (f *fakeProvider) sign(t *testing.T) string {
	body, err := json.Marshal(f.claims)
	if err != nil {
		t.Error(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, f.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestFinish checks what is taken of the answers of a provider.
func TestFinish(t *testing.T) {
	for _, test := range []struct {
		name     string
		about    map[string]any
		claims   map[string]any
		userInfo map[string]any
		status   int
		without  string // a parameter of the answer
		want     string // in the error; "": the user is an editor
		code     platen.Code
		guessed  bool
	}{
		{name: "good"},
		{name: "no issuer, and none announced", without: "iss"},
		{name: "no issuer, although announced", about: map[string]any{"authorization_response_iss_parameter_supported": true}, without: "iss", want: "does not say of which provider"},
		{name: "an issuer, as announced", about: map[string]any{"authorization_response_iss_parameter_supported": true}},
		{name: "several audiences", claims: map[string]any{"aud": []string{"platen", "other"}, "azp": "other"}, want: "was not asked for by this one"},
		{name: "several audiences, nobody asked", claims: map[string]any{"aud": []string{"platen", "other"}}, want: "was not asked for by this one"},
		{name: "several audiences, of which this one asked", claims: map[string]any{"aud": []string{"platen", "other"}, "azp": "platen"}},
		{name: "groups elsewhere", claims: map[string]any{"groups": nil}, userInfo: map[string]any{"sub": "1", "groups": []string{"print"}}},
		{name: "too many requests", status: http.StatusTooManyRequests, want: "too many requests", code: platen.Unavailable},
		{name: "a bad code", status: http.StatusBadRequest, want: "does not take its own code", guessed: true},
		{name: "another nonce", claims: map[string]any{"nonce": "x"}, want: "of another login", guessed: true},
		{name: "no code", without: "code", want: "sent no code"},
		{name: "no state", without: "state", want: "for another login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeProvider(t)
			f.about, f.userInfo, f.status = test.about, test.userInfo, test.status
			config := good()
			config.Issuer = f.URL
			p := New(config)
			location, cookie, err := p.Begin(t.Context(), "/")
			if err != nil {
				t.Fatal(err)
			}
			at, err := url.Parse(location)
			if err != nil {
				t.Fatal(err)
			}
			f.claims = map[string]any{
				"iss": f.URL, "aud": "platen", "sub": "1", "exp": time.Now().Add(time.Hour).Unix(), "nonce": at.Query().Get("nonce"),
				"preferred_username": "ann", "groups": []string{"print"},
			}
			maps.Copy(f.claims, test.claims)
			query := url.Values{"state": {at.Query().Get("state")}, "code": {"code"}, "iss": {f.URL}}
			query.Del(test.without)
			who, _, err := p.Finish(t.Context(), query, cookie)
			switch {
			case test.want == "" && (err != nil || who.Role != platen.Editor):
				t.Errorf("%+v, %v", who, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v; want %q", err, test.want)
			case test.code != 0 && platen.ErrorCode(err) != test.code:
				t.Errorf("%v has the code %v", err, platen.ErrorCode(err))
			}
			if refused, ok := errors.AsType[*Refusal](err); test.guessed != (ok && refused.Guessed) {
				t.Errorf("%v counts as a guess: %v", err, !test.guessed)
			}
		})
	}
}
