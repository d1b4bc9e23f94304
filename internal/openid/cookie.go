package openid

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// A login that is under way is in a cookie of the browser:
//
//	base64url( its end in Unix seconds, 8 bytes
//	           seed, 32 random bytes
//	           where the browser is to be at the end
//	           HMAC-SHA-256 of all that, 32 bytes )
//
// State, nonce and the secret of PKCE are derived from the seed with the key, so that
// the cookie tells none of them.
type pending struct {
	seed   [seedBytes]byte
	target string
}

const (
	// LoginTime is how long a login may take at the provider.
	LoginTime = 10 * time.Minute

	seedBytes  = 32
	fixedBytes = 8 + seedBytes
	maxTarget  = 512
	maxCookie  = 1024
)

var base64Cookie = base64.RawURLEncoding.Strict()

// newPending returns a login that begins.
func newPending(target string) pending {
	login := pending{target: Target(target)}
	_, _ = rand.Read(login.seed[:]) // never fails
	return login
}

// seal returns the cookie of a login.
func (p *Provider) seal(login pending, now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Add(LoginTime).Unix()))
	b = append(b, login.seed[:]...)
	b = append(b, login.target...)
	return base64Cookie.EncodeToString(append(b, p.mac("cookie", b)...))
}

// open returns the login of a cookie, if this key sealed it and its time is not over.
func (p *Provider) open(cookie string, now time.Time) (login pending, ok bool) {
	if len(cookie) > maxCookie || strings.ContainsAny(cookie, "\r\n") {
		return login, false
	}
	b, err := base64Cookie.DecodeString(cookie)
	if err != nil || len(b) < fixedBytes+sha256.Size {
		return login, false
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(sum, p.mac("cookie", body)) || now.Unix() >= int64(binary.BigEndian.Uint64(body)) {
		return login, false
	}
	copy(login.seed[:], body[8:])
	login.target = Target(string(body[fixedBytes:]))
	return login, true
}

// Target returns where a browser is sent at the end of a login: a view of the
// console, which is "/" with a query. Anything else becomes "/".
func Target(text string) string {
	if !strings.HasPrefix(text, "/?") || len(text) > maxTarget || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "/"
	}
	return text
}
