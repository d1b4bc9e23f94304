package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// A named token is random, and only its hash is stored:
//
//	"platen_", 52 letters and digits with 260 random bits,
//	7 letters and digits with the CRC-32 of those
//
// The prefix and the checksum are for programs that look for leaked tokens;
// (platen_[A-Z2-7]{59}) finds them.
const (
	namedPrefix  = "platen_"
	namedRandom  = 52
	namedLength  = len(namedPrefix) + namedRandom + 7
	hashKeyBytes = 8
)

// maxNamedTokens bounds the tokens of all users: each server has them in memory.
const maxNamedTokens = 1000

// useEvery is how often a use of a named token is recorded.
const useEvery = time.Minute

// A namedToken is a named token with what this server knows of its use.
type namedToken struct {
	storage.NamedToken
	user     storage.User // its owner
	lastUse  atomic.Int64 // in Unix nanoseconds, to within useEvery
	recorded int64        // the last use that is recorded; shareLoop's
}

// hashKey is the part of a hash by which a token is found; the rest of it is
// compared in constant time.
type hashKey [hashKeyBytes]byte

func keyOfHash(hash []byte) (key hashKey) {
	copy(key[:], hash)
	return key
}

// newNamedToken returns a token and its hash.
func newNamedToken() (text string, hash []byte) {
	random := rand.Text() + rand.Text() // 26 letters and digits each
	text = namedPrefix + random + checksum(random)
	sum := sha256.Sum256([]byte(text))
	return text, sum[:]
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

func checksum(text string) string {
	return base32Text.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// named returns the named token of a text, nil if there is none.
func (u *users) named(text string) *namedToken {
	if len(text) != namedLength {
		return nil
	}
	sum := sha256.Sum256([]byte(text))
	token := u.byHash[keyOfHash(sum[:])]
	if token == nil || subtle.ConstantTimeCompare(token.Hash, sum[:]) != 1 {
		return nil
	}
	return token
}

// checkNamed returns the caller whose named token text is. One that is good
// passes however many others are guessed from its address.
func (g *Guard) checkNamed(ctx context.Context, text string) (caller, error) {
	call := CallOf(ctx)
	token := g.users.Load().named(text)
	if token == nil {
		return caller{}, g.refuseGuess(call)
	}
	now := g.now()
	switch {
	case token.user.Disabled != storage.NotDisabled:
		return caller{}, call.refuse(token.Owner, causeNoUser, disabledError(token.user))
	case token.Disabled:
		return caller{}, call.refuse(token.Owner, causeDisabled, platen.Errorf(platen.Forbidden, "the token %q is disabled", token.Name))
	case !token.Expires.IsZero() && !now.Before(token.Expires):
		return caller{}, call.refuse(token.Owner, causeExpired, platen.Errorf(platen.Expired, "the token %q has expired", token.Name))
	}
	if nanos := now.UnixNano(); nanos-token.lastUse.Load() > int64(useEvery) {
		token.lastUse.Store(nanos)
	}
	return caller{
		user: token.Owner, role: min(token.Role, token.user.Role), token: token.Name, kinds: token.Kinds, expires: token.Expires,
	}, nil
}

// refuseGuess counts a named token that there is not, as a wrong password of its
// address.
func (g *Guard) refuseGuess(call *Call) error {
	try := g.hashes.of("", prefixOf(call.Client))
	var limited attempt
	if !g.allow(&limited, try) {
		return call.refuse("", limited.cause, limited.err.(*platen.Error))
	}
	g.failed(try)
	err := call.refuse("", causeNamed, platen.Errorf(platen.Forbidden, "there is no such token: it was revoked, or it never was"))
	g.audit(call, "unknown token")
	return err
}

// withTokens adds the named tokens to u. What old knows of their use stays.
func (u *users) withTokens(tokens []storage.NamedToken, old *users) {
	u.byHash = make(map[hashKey]*namedToken, len(tokens))
	for _, token := range tokens {
		owner, ok := u.byName[token.Owner]
		if !ok {
			continue // removed between the two reads
		}
		key := keyOfHash(token.Hash)
		now := &namedToken{NamedToken: token, user: owner}
		if !token.Used.IsZero() {
			now.lastUse.Store(token.Used.UnixNano())
		}
		now.recorded = now.lastUse.Load()
		if was := old.byHash[key]; was != nil {
			now.lastUse.Store(max(now.lastUse.Load(), was.lastUse.Load()))
		}
		u.byHash[key] = now
	}
}

// recordUses records when named tokens were last used, all together.
func (g *Guard) recordUses(ctx context.Context) error {
	var fresh []*namedToken
	used := make(map[string]time.Time)
	for _, token := range g.users.Load().byHash {
		if last := token.lastUse.Load(); last > token.recorded {
			fresh = append(fresh, token)
			used[token.Name] = time.Unix(0, last)
		}
	}
	err := g.store.RecordTokenUses(ctx, used)
	if err == nil {
		for _, token := range fresh {
			token.recorded = used[token.Name].UnixNano()
		}
	}
	return err
}
