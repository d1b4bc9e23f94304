// Package auth knows who is calling. A [Guard] checks credentials, Basic or a
// token, before anything else looks at a request; it gives tokens for
// passwords, and slows down those who guess.
package auth

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
)

// A Guard checks credentials.
type Guard struct {
	store       storage.Users
	ttl         time.Duration
	off         bool
	log         *slog.Logger
	auditor     *auditor
	trail       *trail
	localTime   func() time.Time
	sharedClock bool         // localTime is the clock of the database
	ahead       atomic.Int64 // nanoseconds by which the database's clock is ahead of localTime
	limiter     *limiter
	queue       hashQueue
	hashes      hashes
	key         []byte // of this process, for verifiedKey: credentials are not kept readable

	users       atomic.Pointer[users]
	lastPoll    atomic.Pointer[userPoll]
	polling     sync.Mutex
	changesSeen int64     // the last version whose change was told; of whoever holds polling
	loginsRead  time.Time // when logins were last read; shareLoop's
	stop        context.Context
	cancel      context.CancelFunc
	running     sync.WaitGroup

	newPasswords sync.Mutex // held while one is hashed

	mu       sync.Mutex
	verified map[verifiedKey]verified
	attempts map[attemptKey]*attempt
	failures []storage.LoginFailure // not yet shared
	logins   []storage.KnownLogin   // not yet recorded
}

// Config says how a [Guard] works.
type Config struct {
	Store    storage.Users
	TokenTTL time.Duration // how long a token is good for
	Off      bool          // check nothing
	Log      *slog.Logger
	// Clock is the time by which tokens expire, which the store has too. Nil: the
	// real one. The limit on guessing goes by the real time.
	Clock *clock.Clock
}

// NewGuard returns a guard, which the caller closes.
func NewGuard(ctx context.Context, config Config) (*Guard, error) {
	return newGuard(ctx, config, config.Clock.Now)
}

func newGuard(ctx context.Context, config Config, localTime func() time.Time) (*Guard, error) {
	key, err := config.Store.Secret(ctx, failureKey, newKey())
	if err != nil {
		return nil, err
	}
	g := &Guard{
		store:       config.Store,
		ttl:         config.TokenTTL,
		off:         config.Off,
		log:         config.Log,
		auditor:     newAuditor(config.Log),
		trail:       newTrail(),
		localTime:   localTime,
		sharedClock: config.Clock != nil,
		hashes:      hashes{key},
		key:         newKey(),
		verified:    make(map[verifiedKey]verified),
		attempts:    make(map[attemptKey]*attempt),
	}
	guessing := g.now
	if config.Clock != nil {
		guessing = time.Now
	}
	g.limiter = newLimiter(guessing)
	g.users.Store(&users{})
	g.lastPoll.Store(&userPoll{done: make(chan struct{})})
	for _, step := range []func(context.Context) error{g.setClock, g.poll, g.readLogins} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	g.stop, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	g.running.Go(g.pollLoop)
	g.running.Go(g.shareLoop)
	return g, nil
}

// Off reports whether nothing is checked.
func (g *Guard) Off() bool { return g.off }

// Close stops the guard's look-out for changed users.
func (g *Guard) Close() {
	g.cancel()
	g.running.Wait()
	g.trail.written = time.Time{} // what is left is recorded now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.stop), closeFor)
	defer cancel()
	if err := g.recordTrail(ctx); err != nil {
		g.log.Warn("the last logins and refusals are not in the audit trail", "error", err)
	}
}

// closeFor bounds how long Close records what is left.
const closeFor = time.Second

// A caller is who has sent good credentials.
type caller struct {
	user    string
	role    platen.Role
	token   string         // the name of a named token, "" for none
	kinds   platen.KindSet // that it is restricted to; 0: all
	expires time.Time      // of a token; zero: never
}

// Check returns the error for a request without good credentials. Those of
// others have in the [Call] who sent them and what they may do from then on.
func (g *Guard) Check(r *http.Request) error {
	call := CallOf(r.Context())
	if g.off {
		call.Role = platen.Admin
		return nil
	}
	who, err := g.check(r)
	if err == nil {
		call.User, call.Token, call.Role, call.Kinds, call.Expires = who.user, who.token, who.role, who.kinds, who.expires
		return nil
	}
	g.trail.refused(call)
	return err
}

// check returns who sent the credentials that a request carries. If there is a
// token it counts, whatever else is sent.
func (g *Guard) check(r *http.Request) (caller, error) {
	if err := g.waitFresh(r.Context()); err != nil {
		return caller{}, err
	}
	if text := tokenOf(r.Header); text != "" {
		return g.checkToken(r.Context(), text)
	}
	if text, err := sessionToken(r); err != nil {
		return caller{}, err
	} else if text != "" {
		return g.checkToken(r.Context(), text)
	}
	name, password, err := basic(r, orToken)
	if err != nil {
		return caller{}, err
	}
	user, err := g.checkPassword(r.Context(), name, password)
	return caller{user: user.Name, role: user.Role}, err
}

// tokenHeader is the header of a token as net/http keeps it.
var tokenHeader = http.CanonicalHeaderKey(olrest.TokenHeader)

// tokenOf returns the token of a request, "" for none. A Bearer token that is
// not one of ours is the credential of another scheme.
func tokenOf(header http.Header) string {
	if sent := header[tokenHeader]; len(sent) > 0 && sent[0] != "" {
		return sent[0]
	}
	scheme, text, _ := strings.Cut(header.Get("Authorization"), " ")
	text = strings.TrimLeft(text, " ")
	if strings.EqualFold(scheme, "Bearer") && (strings.HasPrefix(text, namedPrefix) || strings.HasPrefix(text, tokenPrefix)) {
		return text
	}
	return ""
}

func (g *Guard) checkToken(ctx context.Context, text string) (caller, error) {
	if strings.HasPrefix(text, namedPrefix) {
		return g.checkNamed(ctx, text)
	}
	t, user, err := g.openToken(ctx, text)
	if err != nil {
		return caller{}, err
	}
	return caller{user: t.user, role: user.Role, expires: t.expires}, nil
}

// openToken returns what a token of a login says, and whose it is.
func (g *Guard) openToken(ctx context.Context, text string) (token, storage.User, error) {
	users := g.users.Load()
	t, cause := users.signer.open(text)
	user, known := users.byName[t.user]
	switch {
	case cause != "":
	case !known:
		cause = causeGone
	case user.Epoch != t.epoch:
		cause = causeEpoch
	}
	if cause != "" {
		return token{}, user, CallOf(ctx).refuse(t.user, cause, platen.Errorf(platen.Forbidden, "the token is invalid: log in again"))
	}
	if !g.now().Before(t.expires) {
		return token{}, user, CallOf(ctx).refuse(t.user, causeExpired, platen.Errorf(platen.Expired, "the token has expired: log in again"))
	}
	return t, user, nil
}

// Login answers a login: Basic credentials for a token. Here, and only here,
// wrong ones get 401.
func (g *Guard) Login(w http.ResponseWriter, r *http.Request) error {
	user, err := g.checkLogin(r)
	if platen.ErrorCode(err) == platen.Forbidden && CallOf(r.Context()).Refused != causeNoUser {
		err = platen.Errorf(platen.Unauthenticated, "the user or password is wrong")
	}
	if err != nil {
		g.trail.refused(CallOf(r.Context()))
		return err
	}
	olrest.ReplyToken(w, g.begin(r, user, time.Time{}), g.ttl)
	return nil
}

func (g *Guard) checkLogin(r *http.Request) (storage.User, error) {
	if g.off {
		// The client is told that security is off by any token being good.
		return storage.User{}, nil
	}
	name, password, err := basic(r, noToken)
	if err == nil {
		err = g.waitFresh(r.Context())
	}
	if err != nil {
		return storage.User{}, err
	}
	return g.checkPassword(r.Context(), name, password)
}
