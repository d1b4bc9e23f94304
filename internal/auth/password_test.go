package auth

import (
	"strings"
	"testing"
)

// TestPassword checks a hash, and that a damaged one is an error.
func TestPassword(t *testing.T) {
	user, err := NewUser("u", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horses": false, "": false} {
		if right, err := checkPassword(user.Password, password); right != want || err != nil {
			t.Errorf("%q: %v %v, want %v", password, right, err, want)
		}
	}
	for _, damaged := range []string{
		"", "x", user.Password[1:], user.Password + "!", user.Password + "$", strings.Replace(user.Password, "argon2id", "argon2i", 1),
		strings.Replace(user.Password, "v=19", "v=18", 1), strings.Replace(user.Password, "p=1", "p=0", 1),
		strings.Replace(user.Password, "m=19456", "m=4294967295", 1), strings.Replace(user.Password, "t=2", "t=4294967295", 1),
		strings.Replace(user.Password, "p=1", "p=1x", 1), strings.Replace(user.Password, "m=19456", "m=019456", 1),
	} {
		if _, err := checkPassword(damaged, "correct horse"); err != errHash {
			t.Errorf("%q: %v, want %v", damaged, err, errHash)
		}
	}
}

// unknown is what the passwords of unknown users are compared with outside these tests.
var unknown = nobody

// TestNobody checks that the password of an unknown user takes as long to check as one of
// a user.
func TestNobody(t *testing.T) {
	user, err := NewUser("u", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseHash(user.Password)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseHash(unknown)
	if err != nil {
		t.Fatal(err)
	}
	if got.memory != want.memory || got.passes != want.passes || got.threads != want.threads || len(got.salt) != len(want.salt) || len(got.sum) != len(want.sum) {
		t.Errorf("the hash for unknown users is %v, that of a user %v", got, want)
	}
}

// FuzzPasswordHash checks that a hash has one form, and a bounded cost.
func FuzzPasswordHash(f *testing.F) {
	f.Add(unknown)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAAAA")
	f.Add("$argon2id$v=19$m=-8,t=1,p=999$AAAA$AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err != nil {
			return
		}
		if h.String() != text {
			t.Errorf("%q is read as %v", text, h)
		}
		if h.memory > maxArgonMemory || h.passes > maxArgonTime || h.threads > maxArgonThreads || len(h.sum) > maxHashBytes {
			t.Errorf("%q costs too much", text)
		}
	})
}
