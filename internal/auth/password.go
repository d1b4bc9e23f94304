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
	"github.com/platenhq/platen/internal/storage"
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

// The least and the most that a stored hash may cost: what asks for another cost is
// damaged.
const (
	minArgonMemory  = 8         // KiB
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonTime    = 16
	maxArgonThreads = 16
	maxHashBytes    = 64
)

var base64Raw = base64.RawStdEncoding

// NewUser returns a user with a password, ready for the store, which got it now by
// the real clock. Invalid: the name or the password will not do.
func NewUser(name, password string) (storage.User, error) {
	if err := checkUserName(name); err != nil {
		return storage.User{}, err
	}
	if err := CheckPassword(password); err != nil {
		return storage.User{}, err
	}
	return newUser(name, password, newHash()), nil
}

// CheapUser is [NewUser] for a password that is no secret, of a sandbox or a test, and for
// no other: to check it costs next to nothing, and so does guessing it for whoever has
// read the hash. Name and password are not checked.
func CheapUser(name, password string) storage.User {
	return newUser(name, password, passwordHash{memory: minArgonMemory, passes: 1, threads: 1})
}

// newHash returns a hash of the cost that new ones have, without salt and sum.
func newHash() passwordHash {
	return passwordHash{memory: argonMemory, passes: argonTime, threads: argonThreads}
}

// newUser returns a user with a password whose hash has the cost of h.
func newUser(name, password string, h passwordHash) storage.User {
	h.salt = make([]byte, saltBytes)
	_, _ = rand.Read(h.salt) // never fails
	h.sum = h.of(password, hashBytes)
	return storage.User{Name: name, Password: h.String(), Epoch: NewEpoch(), Changed: time.Now()}
}

// CheckPassword returns Invalid if nobody can have the password.
func CheckPassword(password string) error {
	if len(password) < 8 || len(password) > 1024 {
		return platen.Errorf(platen.Invalid, "a password has 8 to 1024 bytes")
	}
	return nil
}

// checkUserName returns Invalid if nobody can have the name. Clients take one or two
// dots in a path for a step up, however they are written, and the mux an escaped slash
// for the end of the path.
func checkUserName(name string) error {
	if name == "" || len(name) > 64 || name == "." || name == ".." || name == "/" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == ':' || r == 0x7f || r == utf8.RuneError }) {
		return platen.Errorf(platen.Invalid, "a user name has 1 to 64 bytes, none of them a space, a colon or a control character, and is none of \".\", \"..\" and \"/\"")
	}
	return nil
}

// NewEpoch returns a random epoch for a user, see [storage.User].
func NewEpoch() int64 {
	var epoch [8]byte
	_, _ = rand.Read(epoch[:])
	return int64(binary.BigEndian.Uint64(epoch[:]) >> 1)
}

// NewPassword returns a random password: 20 letters and digits, 100 bits.
func NewPassword() string { return strings.ToLower(rand.Text()[:20]) }

var errHash = errors.New("the stored password hash is damaged")

// A passwordHash is a stored hash: argon2id in PHC form.
type passwordHash struct {
	memory, passes uint32
	threads        uint8
	salt, sum      []byte
}

// String returns the PHC form.
func (h passwordHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.memory, h.passes, h.threads, base64Raw.EncodeToString(h.salt), base64Raw.EncodeToString(h.sum))
}

// of returns the hash of a password with the salt and cost of h.
func (h passwordHash) of(password string, bytes int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(bytes))
}

// parseHash reads the PHC form, of which there is one for each hash.
func parseHash(text string) (passwordHash, error) {
	var h passwordHash
	fields := strings.Split(text, "$")
	if len(fields) != 6 {
		return h, errHash
	}
	_, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads)
	if err != nil || h.memory < minArgonMemory || h.memory > maxArgonMemory || h.passes < 1 || h.passes > maxArgonTime || h.threads < 1 || h.threads > maxArgonThreads {
		return h, errHash
	}
	var err1, err2 error
	h.salt, err1 = base64Raw.DecodeString(fields[4])
	h.sum, err2 = base64Raw.DecodeString(fields[5])
	if errors.Join(err1, err2) != nil || len(h.sum) < 4 || len(h.sum) > maxHashBytes || h.String() != text {
		return h, errHash
	}
	return h, nil
}

// checkPassword reports whether the password is that of a stored hash.
func checkPassword(stored, password string) (bool, error) {
	h, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(h.of(password, len(h.sum)), h.sum) == 1, nil
}
