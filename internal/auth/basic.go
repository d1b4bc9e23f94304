package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
)

// verifiedFor is how long Basic credentials need not be hashed again.
const verifiedFor = 5 * time.Minute

// maxVerified bounds the credentials that are remembered.
const maxVerified = 10_000

// A verifiedKey is a keyed hash of credentials and what counts as their
// address ([prefixOf], as in the limiter): that credentials were found right
// is of use only to the address that sent them.
type verifiedKey [sha256.Size]byte

type verified struct {
	user  string
	epoch int64
	until time.Time
	pair  *pair
}

// An attempt is a password that is being checked. Requests with the same
// credentials from the same address wait for the same attempt.
type attempt struct {
	done  chan struct{} // closed at its end
	err   error         // nil: the password is right
	cause string        // of a refusal, for the log; "" if err is another error
}

func (a *attempt) refuse(cause string, err *platen.Error) { a.err, a.cause = err, cause }

type attemptKey struct {
	verifiedKey
	epoch int64 // of the user: what is checked is the password of now
}

// What else than Basic credentials can be sent, for those who send none.
const (
	orToken = "or a token, in the header " + olrest.TokenHeader + " or as Authorization: Bearer"
	noToken = "with user and password; a token does not log in, but is what a login answers"
)

// basic returns the Basic credentials of a request. Unauthenticated: there
// are none, and besides says what else to send. Forbidden: they can not be decoded.
func basic(r *http.Request, besides string) (name, password string, err error) {
	call := CallOf(r.Context())
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", call.refuse("", causeNone,
			platen.Errorf(platen.Unauthenticated, "credentials are required: Basic, %s", besides))
	}
	// Not r.BasicAuth, which takes one space alone before them (RFC 9110, 11.4).
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimLeft(text, " "))
	name, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return "", "", call.refuse("", causeMalformed,
			platen.Errorf(platen.Forbidden, "the Basic credentials can not be decoded"))
	}
	return name, password, nil
}

// checkPassword checks Basic credentials and returns their user. Forbidden:
// they are wrong. TooManyAttempts: they may not be tried now.
func (g *Guard) checkPassword(ctx context.Context, name, password string) (storage.User, error) {
	call := CallOf(ctx)
	from := prefixOf(call.Client)
	key := verifiedKey(keyed(g.key, from.String(), name, password))
	user := g.users.Load().byName[name]
	if g.isVerified(key, user) {
		return user, g.enabled(call, user)
	}
	a := g.attempt(attemptKey{key, user.Epoch}, user, password, g.hashes.of(name, from))
	select {
	case <-a.done:
	case <-ctx.Done():
		return storage.User{}, ctx.Err()
	}
	if refused, ok := a.err.(*platen.Error); ok && a.cause != "" {
		err := call.refuse(name, a.cause, refused)
		if err.Code == platen.Forbidden {
			g.audit(call, "wrong user or password")
		}
		return storage.User{}, err
	}
	if a.err != nil {
		return user, a.err
	}
	return user, g.enabled(call, user)
}

// enabled returns Forbidden if a user, whose password was right, is disabled.
func (g *Guard) enabled(call *Call, user storage.User) error {
	if user.Disabled == storage.NotDisabled {
		return nil
	}
	return call.refuse(user.Name, causeNoUser, disabledError(user))
}

// disabledError says that a user is disabled to somebody who is, or has a token of,
// that user.
func disabledError(user storage.User) *platen.Error {
	if user.Disabled == storage.DisabledByProvider {
		return platen.Errorf(platen.Forbidden, "the user %s is disabled: at the last login the provider sent no group that gives a role here", user.Name)
	}
	return platen.Errorf(platen.Forbidden, "the user %s is disabled: ask an admin", user.Name)
}

// attempt returns the attempt at the credentials that is under way, or begins
// one. It goes on when the client leaves, so that its password is counted.
func (g *Guard) attempt(key attemptKey, user storage.User, password string, try storage.LoginFailure) *attempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.attempts[key]; a != nil {
		return a
	}
	a := &attempt{done: make(chan struct{})}
	if !g.allow(a, try) {
		close(a.done)
		return a
	}
	known, tries := g.limiter.standing(try)
	place := &place{key: try.Address, group: try.Address, known: known}
	if known {
		place.key, place.group = try.Address+try.User, try.User
	}
	if !g.queue.join(place, tries) {
		g.turnAway(a, try)
		close(a.done)
		return a
	}
	g.attempts[key] = a
	go func() {
		if <-place.turn {
			g.verify(a, key.verifiedKey, user, password, try)
			g.queue.leave(place)
		} else {
			g.turnAway(a, try)
		}
		g.mu.Lock()
		delete(g.attempts, key)
		g.mu.Unlock()
		close(a.done)
	}()
	return a
}

var errBusy = &platen.Error{
	Code:       platen.TooManyAttempts,
	Message:    "too many passwords are being checked: try again later",
	RetryAfter: time.Second,
}

// turnAway refuses a, for which the queue has no place.
func (g *Guard) turnAway(a *attempt, try storage.LoginFailure) {
	g.limiter.foundFull(try)
	a.refuse(causeBusy, errBusy)
}

// allow reports whether a try may be made now, and otherwise refuses a.
func (g *Guard) allow(a *attempt, try storage.LoginFailure) bool {
	wait := g.limiter.wait(try)
	if wait == 0 {
		return true
	}
	g.limiter.refused(try)
	limited := platen.Errorf(platen.TooManyAttempts, "too many failed logins: try again later")
	limited.RetryAfter = wait
	a.refuse(causeLimited, limited)
	return false
}

// verify checks the password when it is the attempt's turn. user is zero if
// there is none of that name.
func (g *Guard) verify(a *attempt, key verifiedKey, user storage.User, password string, try storage.LoginFailure) {
	// Once more: others that were ahead in the queue have been counted since.
	if !g.allow(a, try) {
		return
	}
	stored, cause := user.Password, causeWrong
	nobodys := user.Name == "" || user.External()
	if nobodys {
		stored, cause = nobody, causeUnknown // takes as long
	}
	right, err := checkPassword(stored, password)
	switch {
	case err != nil:
		a.err = fmt.Errorf("user %q: %w: set the password anew with \"platen user passwd\"", user.Name, err)
	case !right || nobodys:
		g.failed(try)
		a.refuse(cause, platen.Errorf(platen.Forbidden, "the user or password is wrong"))
	default:
		g.succeeded(key, user, try)
	}
}

// failed counts a failed login.
func (g *Guard) failed(try storage.LoginFailure) {
	g.limiter.failed(try)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.failures) < maxTracked {
		g.failures = append(g.failures, try)
	}
}

// succeeded remembers credentials that were found right.
func (g *Guard) succeeded(key verifiedKey, user storage.User, try storage.LoginFailure) {
	pair := g.learn(try)
	g.mu.Lock()
	defer g.mu.Unlock()
	for old := range g.verified { // in random order
		if len(g.verified) < maxVerified {
			break
		}
		delete(g.verified, old)
	}
	g.verified[key] = verified{user.Name, user.Epoch, g.now().Add(verifiedFor), pair}
}

// learn remembers where a user has logged in from, and has it recorded.
func (g *Guard) learn(try storage.LoginFailure) *pair {
	pair, record := g.limiter.succeeded(try)
	g.mu.Lock()
	defer g.mu.Unlock()
	if record && len(g.logins) < maxTracked {
		g.logins = append(g.logins, storage.KnownLogin{Address: try.Address, User: try.User, Seen: g.now()})
	}
	return pair
}

// isVerified reports whether the credentials were found right a short time
// ago, and the user's password is the same still.
func (g *Guard) isVerified(key verifiedKey, user storage.User) bool {
	g.mu.Lock()
	seen, ok := g.verified[key]
	g.mu.Unlock()
	return ok && user.Name != "" && seen.user == user.Name && seen.epoch == user.Epoch && g.now().Before(seen.until) && g.limiter.mayReuse(seen.pair)
}

// nobody is a hash that no password has, of the cost of those that users have.
var nobody = func() string {
	h := newHash()
	h.salt, h.sum = make([]byte, saltBytes), make([]byte, hashBytes)
	_, _ = rand.Read(h.salt) // never fails
	_, _ = rand.Read(h.sum)
	return h.String()
}()

// keyed returns a hash of parts that tells nothing without the key.
func keyed(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}

// hashes makes the hashes by which addresses and users are recorded. The
// hash of "" is "".
type hashes struct{ key []byte }

func (h hashes) hash(what, text string) string {
	if text == "" {
		return ""
	}
	return string(keyed(h.key, what, text))
}

func (h hashes) user(name string) string { return h.hash("user", name) }

func (h hashes) of(name string, from netip.Prefix) storage.LoginFailure {
	return storage.LoginFailure{Address: h.hash("address", from.String()), User: h.user(name)}
}

// ofText is of for an address as a person writes it, "" for all.
func (h hashes) ofText(name, address string) (storage.LoginFailure, error) {
	if address == "" {
		return storage.LoginFailure{User: h.user(name)}, nil
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return storage.LoginFailure{}, platen.Errorf(platen.Invalid, "%q is no IP address: want one like 192.0.2.7 or 2001:db8::7, of which the /64 counts", address)
	}
	return h.of(name, prefixOf(addr)), nil
}

// Unlock tells all servers on store to forget the failed logins of a user, ""
// for all, from an IP address, "" for all. With both given, the user may log
// in from there even while others guess. Invalid: the address is none.
// NotFound: there is no such user.
func Unlock(ctx context.Context, store storage.Users, name, address string) error {
	key, err := store.Secret(ctx, failureKey, newKey())
	if err != nil {
		return err
	}
	try, err := hashes{key}.ofText(name, address)
	if err != nil {
		return err
	}
	return store.Unlock(ctx, name, address, try)
}
