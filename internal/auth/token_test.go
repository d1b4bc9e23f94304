package auth

import (
	"strconv"
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

// TestOpened opens more tokens than a signer remembers, each again and again, and
// after each one that was changed by a character: none is taken for another.
func TestOpened(t *testing.T) {
	s := newSigner([]byte("one"))
	tokens := make([]token, 2*openedTokens)
	texts := make([]string, len(tokens))
	for i := range tokens {
		tokens[i] = token{expires: time.UnixMilli(1_700_000_000_000 + int64(i)), epoch: int64(i), user: "user" + strconv.Itoa(i)}
		texts[i] = s.sign(tokens[i])
	}
	for range 2 {
		for i, text := range texts {
			for range 2 {
				if got, refused := s.open(text); got != tokens[i] || refused != "" {
					t.Fatalf("%v %q, want %v", got, refused, tokens[i])
				}
			}
			at := len(tokenPrefix) + i%(len(text)-len(tokenPrefix)-1)
			changed := text[:at] + string(text[at]^1) + text[at+1:]
			if _, refused := s.open(changed); refused == "" {
				t.Fatalf("%q is taken after %q", changed, text)
			}
		}
	}
	if got, refused := s.open(strings.Repeat("plt_", 1000)); refused != causeToken {
		t.Errorf("a long one: %v %q", got, refused)
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
	for name, open := range map[string]func(string) (token, string){"first": s.verify, "again": s.open} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				open(text)
			}
		})
	}
}
