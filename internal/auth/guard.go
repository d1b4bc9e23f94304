// Package auth knows who is calling. A [Guard] checks credentials, Basic or a
// token, before anything else looks at a request; it gives tokens for
// passwords, and slows down those who guess.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// refreshEvery is how often a guard looks for users changed by another
// process.
const refreshEvery = 250 * time.Millisecond

// TrustFor is how long a guard goes by what it saw last. Who changes users
// and waits as long may tell that it holds everywhere.
const TrustFor = time.Second

// patience is how long a request waits for a look at the users that is
// overdue.
const patience = 5 * time.Second

// verifiedFor is how long Basic credentials need not be hashed again.
const verifiedFor = 5 * time.Minute

// maxVerified bounds the credentials that are remembered.
const maxVerified = 10_000

// A Guard checks credentials.
type Guard struct {
	store   platen.UserStore
	ttl     time.Duration
	off     bool
	log     *slog.Logger
	now     func() time.Time
	signer  *signer
	limiter *limiter

	users atomic.Pointer[users]
	look  atomic.Pointer[look]
	stop  context.CancelFunc
	done  chan struct{}

	mu       sync.Mutex
	verified map[verifiedKey]verified
	failures []platen.LoginFailure // not yet shared
	key      []byte                // for verifiedKey: credentials are not kept readable
	shareKey []byte                // for what is told of failed logins
}

// users are all users at one version.
type users struct {
	version int64
	byName  map[string]platen.User
}

// A look at the users: when the last one that succeeded began, and what the
// next one closes.
type look struct {
	began time.Time
	next  chan struct{}
}

// Basic credentials count as verified for the address that sent them: an
// address that guesses must not find out by a shortcut that a guess is right.
type verifiedKey [sha256.Size]byte

type verified struct {
	user  string
	epoch int64
	until time.Time
}

// Config says how a [Guard] works.
type Config struct {
	Store    platen.UserStore
	TokenTTL time.Duration // how long a token is good for
	Off      bool          // check nothing
	Log      *slog.Logger
}

// NewGuard returns a guard, which the caller closes.
func NewGuard(ctx context.Context, config Config) (*Guard, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh)
	key, err := config.Store.Secret(ctx, "token-key", fresh)
	if err != nil {
		return nil, err
	}
	g := &Guard{
		store:    config.Store,
		ttl:      config.TokenTTL,
		off:      config.Off,
		log:      config.Log,
		now:      time.Now,
		signer:   newSigner(key),
		done:     make(chan struct{}),
		verified: make(map[verifiedKey]verified),
		key:      make([]byte, 32),
		shareKey: keyed(key, "failed logins"),
	}
	_, _ = rand.Read(g.key)
	g.look.Store(&look{next: make(chan struct{})})
	g.limiter = newLimiter(func() time.Time { return g.now() })
	g.users.Store(&users{})
	if err := g.refresh(ctx); err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	go g.follow(following)
	return g, nil
}

// Close stops the guard's look-out for changed users.
func (g *Guard) Close() {
	g.stop()
	<-g.done
}

// follow keeps the users up to date, and shares failed logins.
func (g *Guard) follow(following context.Context) {
	defer close(g.done)
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-following.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(following, patience)
		err := errors.Join(g.refresh(ctx), g.share(ctx))
		cancel()
		if following.Err() != nil {
			return
		}
		if err != nil && !failing {
			g.log.Error("can not look for changed users; requests are refused until it can", "error", err)
		}
		if err == nil && failing {
			g.log.Info("users can be looked up again")
		}
		failing = err != nil
	}
}

// share tells other processes of failed logins, and hears of theirs.
func (g *Guard) share(ctx context.Context) error {
	g.mu.Lock()
	mine := g.failures
	g.failures = nil
	g.mu.Unlock()
	others, err := g.store.ShareFailures(ctx, mine)
	for _, failure := range others {
		g.limiter.failed(failure.Address, failure.User)
	}
	return err
}

// failed counts a failed login.
func (g *Guard) failed(failure platen.LoginFailure) {
	g.limiter.failed(failure.Address, failure.User)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.failures) < maxTracked {
		g.failures = append(g.failures, failure)
	}
}

// fresh waits until what is known of the users is not too old to go by: seen
// a short time ago, or since the request came. Unavailable: it stays so.
func (g *Guard) fresh(ctx context.Context) error {
	last := g.look.Load()
	came := time.Now()
	if came.Sub(last.began) < TrustFor {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-last.next:
			last = g.look.Load()
			if last.began.After(came) || time.Since(last.began) < TrustFor {
				return nil
			}
		case <-timer.C:
			return platen.Errorf(platen.Unavailable, "the users can not be looked up: the database does not answer")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *Guard) refresh(ctx context.Context) error {
	last := g.look.Load()
	now := &look{began: time.Now(), next: make(chan struct{})}
	err := g.readUsers(ctx)
	if err != nil {
		now.began = last.began
	}
	g.look.Store(now)
	close(last.next)
	return err
}

func (g *Guard) readUsers(ctx context.Context) error {
	version, err := g.store.UsersVersion(ctx)
	if err != nil || version == g.users.Load().version {
		return err
	}
	list, err := g.store.Users(ctx)
	if err != nil {
		return err
	}
	// Read before the users: if they change in between, the next look sees it.
	now := &users{version: version, byName: make(map[string]platen.User, len(list))}
	for _, user := range list {
		now.byName[user.Name] = user
	}
	g.users.Store(now)
	return nil
}

// A Call is what a request is known by: for the log, and for those who want
// to know who made it. The server makes one for each request.
type Call struct {
	RequestID string
	User      string     // "" until the guard has let it pass, or if it is off
	Client    netip.Addr // where it came from, behind trusted proxies the address that they name
	Tried     string     // the user of credentials that were refused, if they name one
	Refused   string     // why the guard refused the request, for the log; "" if it did not
}

type callKey struct{}

// WithCall returns a context that carries call.
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallOf returns the call of a request's context, never nil.
func CallOf(ctx context.Context) *Call {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		return call
	}
	return &Call{}
}

// Require returns a handler that passes on to next what has good credentials,
// and refuses the rest in the words of the dialect.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.off {
			user, err := g.checkFresh(r)
			if err != nil {
				olrest.ReplyError(w, err)
				return
			}
			CallOf(r.Context()).User = user
		}
		next.ServeHTTP(w, r)
	})
}

// checkFresh is check by users that are not out of date.
func (g *Guard) checkFresh(r *http.Request) (string, error) {
	if err := g.fresh(r.Context()); err != nil {
		return "", err
	}
	return g.check(r)
}

// check returns the user whose credentials a request carries. If there is a
// token it counts, whatever else is sent.
func (g *Guard) check(r *http.Request) (string, error) {
	if text := r.Header.Get(olrest.TokenHeader); text != "" {
		return g.checkToken(text)
	}
	name, password, err := basic(r)
	if err != nil {
		return "", err
	}
	return g.checkPassword(r, name, password)
}

func (g *Guard) checkToken(text string) (string, error) {
	t, ok := g.signer.open(text)
	if ok {
		user, known := g.users.Load().byName[t.user]
		ok = known && user.Epoch == t.epoch
	}
	if !ok {
		return "", platen.Errorf(platen.Forbidden, "the token is invalid: log in again")
	}
	if !g.now().Before(t.expires) {
		return "", platen.Errorf(platen.Expired, "the token has expired: log in again")
	}
	return t.user, nil
}

// basic returns the Basic credentials of a request. Unauthenticated: there
// are none. Forbidden: they can not be decoded.
func basic(r *http.Request) (name, password string, err error) {
	header := r.Header.Get("Authorization")
	scheme, _, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", platen.Errorf(platen.Unauthenticated, "credentials are required: Basic, or a token in the header %s", olrest.TokenHeader)
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return "", "", platen.Errorf(platen.Forbidden, "the Basic credentials can not be decoded")
	}
	return name, password, nil
}

// checkPassword checks Basic credentials. Forbidden: they are wrong.
// TooManyAttempts: the address may not try now.
func (g *Guard) checkPassword(r *http.Request, name, password string) (string, error) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	key := g.verifiedKey(address, name, password)
	user, known := g.users.Load().byName[name]
	if g.isVerified(key, user) {
		return name, nil
	}
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-r.Context().Done():
		return "", r.Context().Err()
	}
	// Looked at when it is this one's turn, and the answers to those before
	// are counted: many guesses sent at once gain nothing, and of many first
	// requests of one client only one is hashed.
	if g.isVerified(key, user) {
		return name, nil
	}
	try := platen.LoginFailure{Address: string(keyed(g.shareKey, "address", address)), User: string(keyed(g.shareKey, "user", name))}
	if wait := g.limiter.wait(try.Address, try.User); wait > 0 {
		limited := platen.Errorf(platen.TooManyAttempts, "too many failed logins: try again later")
		limited.RetryAfter = wait
		return "", limited
	}
	stored := user.Password
	if !known {
		stored = nobody // takes as long
	}
	right, err := checkPassword(stored, password)
	if err != nil {
		return "", err
	}
	if !right || !known {
		g.failed(try)
		g.log.Warn("wrong user or password", "address", address)
		return "", platen.Errorf(platen.Forbidden, "the user or password is wrong")
	}
	g.remember(key, verified{name, user.Epoch, g.now().Add(verifiedFor)})
	return name, nil
}

// hashing bounds how many passwords are hashed at once: each takes its
// memory, and a processor for a while.
var hashing = make(chan struct{}, 2)

// isVerified reports whether the credentials were found right a short time
// ago, and the user's password is the same still.
func (g *Guard) isVerified(key verifiedKey, user platen.User) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen, ok := g.verified[key]
	return ok && user.Name != "" && seen.user == user.Name && seen.epoch == user.Epoch && g.now().Before(seen.until)
}

// nobody is the hash of a password that nobody has.
var nobody = func() string {
	user, err := NewUser("nobody", rand.Text())
	if err != nil {
		panic(err)
	}
	return user.Password
}()

func (g *Guard) verifiedKey(parts ...string) verifiedKey {
	return verifiedKey(keyed(g.key, parts...))
}

// keyed returns a hash of parts that tells nothing without the key.
func keyed(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}

func (g *Guard) remember(key verifiedKey, v verified) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for old := range g.verified { // in random order
		if len(g.verified) < maxVerified {
			break
		}
		delete(g.verified, old)
	}
	g.verified[key] = v
}

// Login answers a login: Basic credentials for a token. Here, and only here,
// wrong ones get 401.
func (g *Guard) Login(w http.ResponseWriter, r *http.Request) error {
	name, password, err := basic(r)
	switch {
	case g.off:
		// The client is told that security is off by any token being good.
		name, err = "", nil
	case err == nil:
		if err = g.fresh(r.Context()); err == nil {
			name, err = g.checkPassword(r, name, password)
		}
	}
	if err != nil {
		if platen.ErrorCode(err) == platen.Forbidden {
			err = platen.Errorf(platen.Unauthenticated, "the user or password is wrong")
		}
		return err
	}
	CallOf(r.Context()).User = name
	text := g.signer.sign(token{
		expires: g.now().Add(g.ttl),
		epoch:   g.users.Load().byName[name].Epoch,
		user:    name,
	})
	olrest.ReplyToken(w, text, g.ttl)
	return nil
}
