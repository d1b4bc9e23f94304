// Package authtest has a user for tests, whose logins cost next to nothing.
package authtest

import (
	"encoding/base64"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/storage"
)

// User returns a user whose password costs next to nothing to check: the
// stored hash says what it costs.
func User(name, password string) storage.User {
	salt := []byte("only for tests..")
	sum := argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)
	base64 := base64.RawStdEncoding.EncodeToString
	return storage.User{Name: name, Password: "$argon2id$v=19$m=8,t=1,p=1$" + base64(salt) + "$" + base64(sum), Epoch: auth.NewEpoch(), Changed: time.Now()}
}
