package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A token is signed, not stored, so that checking one costs no look-up and it
// is good on every replica that shares the key:
//
//	base64url( version, 1 byte
//	           id of the key, 4 bytes
//	           expiry in Unix milliseconds, 8 bytes
//	           epoch of the user, 8 bytes
//	           in version 2, that of sessions of the console: when the session
//	             began, in Unix milliseconds, 8 bytes
//	           user name
//	           HMAC-SHA-256 of all that, 32 bytes )
//
// The signature covers the expiry, so that an expired token can be told from
// an invalid one for ever. The epoch changes with the password and when the
// user's sessions are ended. There is one key at a time: its id only tells a
// token of a key that was replaced from a forged one.
type token struct {
	expires time.Time
	epoch   int64
	begun   time.Time // of the session; zero: the token is of none
	user    string
}

// MaxTokenTTL is the longest life of a token.
const MaxTokenTTL = 30 * 24 * time.Hour

const (
	tokenPrefix    = "plt_"
	tokenVersion   = 1
	sessionVersion = 2
	keyIDBytes     = 4
	tokenHead      = 1 + keyIDBytes // what is the same in all tokens of a key, but for the version
	tokenFixed     = tokenHead + 16 // before the user name
	sessionFixed   = tokenFixed + 8 // before that of a session
	macBytes       = sha256.Size
	maxToken       = 256
)

// base64Token is strict, so that a token has one spelling.
var base64Token = base64.RawURLEncoding.Strict()

// A signer signs and checks tokens with one key.
type signer struct {
	head [tokenHead]byte
	macs sync.Pool // of hash.Hash, which are costly to make

	// What was opened last, by a hash of the text, so that a token that comes with
	// each request is decoded and signed once. It needs no protection that the key
	// itself has not.
	seed   maphash.Seed
	opened [openedTokens]atomic.Pointer[opened]
}

// openedTokens bounds the tokens that a signer remembers: 4 MiB at most.
const openedTokens = 4096

// opened is a good token.
type opened struct {
	text  []byte
	token token
}

func newSigner(key []byte) *signer {
	s := &signer{seed: maphash.MakeSeed(), macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
	s.head[0] = tokenVersion
	copy(s.head[1:], keyed(key, "key id"))
	return s
}

func (s *signer) mac(dst, message []byte) []byte {
	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	h.Write(message)
	return h.Sum(dst)
}

func (s *signer) sign(t token) string {
	b := make([]byte, 0, sessionFixed+len(t.user)+macBytes)
	b = append(b, s.head[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.expires.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(t.epoch))
	if !t.begun.IsZero() {
		b[0] = sessionVersion
		b = binary.BigEndian.AppendUint64(b, uint64(t.begun.UnixMilli()))
	}
	b = append(b, t.user...)
	return tokenPrefix + base64Token.EncodeToString(s.mac(b, b))
}

// open returns what a token says if this signer signed it. Otherwise refused
// says why not.
func (s *signer) open(text string) (t token, refused string) {
	var copied [len(tokenPrefix) + maxToken]byte
	if len(text) > len(copied) {
		return token{}, causeToken
	}
	same := copied[:copy(copied[:], text)]
	last := &s.opened[maphash.String(s.seed, text)%openedTokens]
	if known := last.Load(); known != nil && subtle.ConstantTimeCompare(known.text, same) == 1 {
		return known.token, ""
	}
	if t, refused = s.verify(text); refused == "" {
		last.Store(&opened{bytes.Clone(same), t})
	}
	return t, refused
}

// verify is open without what was opened before.
func (s *signer) verify(text string) (t token, refused string) {
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(body) > maxToken || strings.ContainsAny(body, "\r\n") { // which base64 skips
		return token{}, causeToken
	}
	var raw, sum [maxToken]byte
	n, err := base64Token.Decode(raw[:], []byte(body))
	fixed := tokenFixed
	if raw[0] == sessionVersion {
		fixed = sessionFixed
	}
	if err != nil || n < fixed+macBytes || raw[0] != tokenVersion && raw[0] != sessionVersion {
		return token{}, causeToken
	}
	if !bytes.Equal(raw[1:tokenHead], s.head[1:]) {
		return token{}, causeKey
	}
	message, mac := raw[:n-macBytes], raw[n-macBytes:n]
	if !hmac.Equal(mac, s.mac(sum[:0], message)) {
		return token{}, causeSignature
	}
	t = token{
		expires: time.UnixMilli(int64(binary.BigEndian.Uint64(message[tokenHead:]))),
		epoch:   int64(binary.BigEndian.Uint64(message[tokenHead+8:])),
		user:    string(message[fixed:]),
	}
	if fixed == sessionFixed {
		t.begun = time.UnixMilli(int64(binary.BigEndian.Uint64(message[tokenFixed:])))
	}
	return t, ""
}
