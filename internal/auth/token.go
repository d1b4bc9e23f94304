package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
	"time"
)

// A token is signed, not stored, so that checking one costs no look-up and it
// is good on every replica that shares the key:
//
//	base64url( expiry in Unix milliseconds, 8 bytes
//	           epoch of the user's password, 8 bytes
//	           user name
//	           HMAC-SHA-256 of all that, 32 bytes )
//
// The signature covers the expiry, so that an expired token can be told from
// an invalid one for ever. The epoch changes with the password, and so ends
// all tokens from before.
type token struct {
	expires time.Time
	epoch   int64
	user    string
}

const (
	tokenPrefix = "plt_"
	tokenHead   = 16
	macBytes    = sha256.Size
	maxToken    = 256
)

var base64Token = base64.RawURLEncoding

// A signer signs and checks tokens with one key.
type signer struct {
	macs sync.Pool // of hash.Hash, which are costly to make
}

func newSigner(key []byte) *signer {
	return &signer{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (s *signer) mac(dst, message []byte) []byte {
	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	h.Write(message)
	return h.Sum(dst)
}

func (s *signer) sign(t token) string {
	b := make([]byte, 0, tokenHead+len(t.user)+macBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(t.expires.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(t.epoch))
	b = append(b, t.user...)
	return tokenPrefix + base64Token.EncodeToString(s.mac(b, b))
}

// open returns what a token says, if its signature is ours.
func (s *signer) open(text string) (token, bool) {
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(body) > maxToken {
		return token{}, false
	}
	var raw, sum [maxToken]byte
	n, err := base64Token.Decode(raw[:], []byte(body))
	if err != nil || n < tokenHead+macBytes {
		return token{}, false
	}
	message, mac := raw[:n-macBytes], raw[n-macBytes:n]
	if !hmac.Equal(mac, s.mac(sum[:0], message)) {
		return token{}, false
	}
	return token{
		expires: time.UnixMilli(int64(binary.BigEndian.Uint64(message))),
		epoch:   int64(binary.BigEndian.Uint64(message[8:])),
		user:    string(message[tokenHead:]),
	}, true
}
