package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/platenhq/platen"
)

// The cost of a password: argon2id as OWASP's cheat sheet for password
// storage has it. Stored hashes carry their own.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	saltBytes    = 16
	hashBytes    = 32
)

var base64Raw = base64.RawStdEncoding

// NewUser returns a user with a password, ready for the store. Invalid: the
// name or the password will not do.
func NewUser(name, password string) (platen.User, error) {
	switch {
	case name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == ':' || r == 0x7f || r == utf8.RuneError }):
		return platen.User{}, platen.Errorf(platen.Invalid, "a user name has 1 to 64 bytes, none of them a space, a colon or a control character")
	case len(password) < 8 || len(password) > 1024:
		return platen.User{}, platen.Errorf(platen.Invalid, "a password has 8 to 1024 bytes")
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	hash := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, hashBytes)
	var epoch [8]byte
	_, _ = rand.Read(epoch[:])
	return platen.User{
		Name: name,
		Password: fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
			argonMemory, argonTime, argonThreads, base64Raw.EncodeToString(salt), base64Raw.EncodeToString(hash)),
		Epoch:   int64(binary.BigEndian.Uint64(epoch[:]) >> 1),
		Changed: time.Now(),
	}, nil
}

// NewPassword returns a random password: 20 letters and digits, 100 bits.
func NewPassword() string { return strings.ToLower(rand.Text()[:20]) }

var errHash = errors.New("stored password hash is damaged")

// checkPassword reports whether the password is that of the hash.
func checkPassword(hash, password string) (bool, error) {
	var version, memory, passes, threads int
	fields := strings.Split(hash, "$")
	if len(fields) != 6 || fields[1] != "argon2id" {
		return false, errHash
	}
	if _, err := fmt.Sscanf(fields[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errHash
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		return false, errHash
	}
	salt, err1 := base64Raw.DecodeString(fields[4])
	want, err2 := base64Raw.DecodeString(fields[5])
	if err := errors.Join(err1, err2); err != nil || len(want) == 0 || passes < 1 || threads < 1 || threads > 255 {
		return false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
