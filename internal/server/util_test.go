package server_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/storage"
)

// A syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// discard is a log that nobody reads.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// cheapUser returns a user whose password costs next to nothing to check: the
// stored hash says what it costs.
func cheapUser(name, password string) storage.User {
	salt := []byte("only for tests..")
	sum := argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)
	base64 := base64.RawStdEncoding.EncodeToString
	return storage.User{Name: name, Password: "$argon2id$v=19$m=8,t=1,p=1$" + base64(salt) + "$" + base64(sum), Epoch: auth.NewEpoch(), Changed: time.Now()}
}
