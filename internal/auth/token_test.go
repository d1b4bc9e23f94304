package auth

import (
	"strings"
	"testing"
	"time"
)

// TestToken checks what is refused, and why.
func TestToken(t *testing.T) {
	s := newSigner([]byte("one"))
	want := token{expires: time.UnixMilli(1_700_000_000_123), epoch: 42, user: "ol-admin"}
	text := s.sign(want)
	if got, refused := s.open(text); got != want || refused != "" {
		t.Fatalf("%v %q, want %v", got, refused, want)
	}
	if _, refused := newSigner([]byte("two")).open(text); refused != causeKey {
		t.Errorf("a token of another key: %q", refused)
	}
	// The form of platen's first tokens: no version, no id of the key.
	old := newSigner([]byte("one"))
	body := []byte("\x00\x00\x01\x8b\xcf\xe5\x68\x7b\x00\x00\x00\x00\x00\x00\x00\x2aol-admin")
	if _, refused := s.open(tokenPrefix + base64Token.EncodeToString(old.mac(body, body))); refused != causeToken {
		t.Errorf("a token without a version: %q", refused)
	}
	for _, changed := range []string{"", "x", tokenPrefix, text[1:], text[:len(text)-1], text + "A", text + "=", text + "\n", "plt_\r" + text[4:],
		strings.Repeat(text, 10), text[:30] + "\xff" + text[31:]} {
		if _, refused := s.open(changed); refused == "" {
			t.Errorf("%q is taken", changed)
		}
	}
}

// FuzzToken checks that each token that is taken is one that was given.
func FuzzToken(f *testing.F) {
	s := newSigner([]byte("one"))
	text := s.sign(token{expires: time.UnixMilli(1_700_000_000_123), epoch: 42, user: "ol-admin"})
	f.Add(text)
	f.Add(s.sign(token{}))
	// Every change of one character.
	for i := range text {
		for _, c := range []byte("ABghwx89-_") {
			f.Add(text[:i] + string(c) + text[i+1:])
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, refused := s.open(text)
		if refused == "" && s.sign(got) != text {
			t.Errorf("%q is taken for %v", text, got)
		}
	})
}

func BenchmarkOpenToken(b *testing.B) {
	s := newSigner([]byte("one"))
	text := s.sign(token{expires: time.Now(), epoch: 42, user: "ol-admin"})
	b.ReportAllocs()
	for b.Loop() {
		s.open(text)
	}
}
