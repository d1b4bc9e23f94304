package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// Names of secrets in the store.
const (
	tokenKey   = "token-key"
	failureKey = "failure-key" // hashes what is recorded of logins; outlives the key of tokens
	loginKey   = "login-key"   // signs logins that are under way at a provider of identities
)

const (
	// pollEvery is how often a guard looks for changed users, and shares
	// failed logins.
	pollEvery = 250 * time.Millisecond

	// MaxStaleness bounds the age of the cached users. After this long a
	// change of users is in force on every server.
	MaxStaleness = time.Second

	// freshTimeout is how long a request waits for users that are not stale.
	freshTimeout = 5 * time.Second

	// clockEvery is how often the clock of the database is asked for, and the
	// logins that other servers have recorded.
	clockEvery = 5 * time.Second
)

// users are all users at one version with their named tokens, and the key of
// the tokens of their sessions.
type users struct {
	last   storage.UserChange
	byName map[string]storage.User
	byHash map[hashKey]*namedToken
	key    string
	signer *signer
}

// A userPoll records when the last successful poll started; done is closed
// when the next poll finishes.
type userPoll struct {
	began time.Time
	done  chan struct{}
}

func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// LoginKey returns the key of logins that are under way at a provider of identities,
// which all servers on a store share.
func LoginKey(ctx context.Context, store storage.Users) ([]byte, error) {
	return store.Secret(ctx, loginKey, newKey())
}

// RotateKey replaces the key of the tokens of sessions, which ends all sessions.
func RotateKey(ctx context.Context, store storage.Users) error {
	return store.ReplaceSecret(ctx, tokenKey, newKey(), storage.KeyRotated)
}

// pollLoop keeps the users up to date until the guard is closed.
func (g *Guard) pollLoop() {
	failing := false
	g.loop(func(ctx context.Context) {
		err := g.poll(ctx)
		if err != nil && !failing && g.stop.Err() == nil {
			g.log.Error("can not look for changed users; requests are refused until it can", "error", err)
		}
		if err == nil && failing {
			g.log.Info("users can be looked up again")
		}
		failing = err != nil
	})
}

// loop runs fn every pollEvery until the guard is closed.
func (g *Guard) loop(fn func(context.Context)) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-g.stop.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(g.stop, freshTimeout)
		fn(ctx)
		cancel()
	}
}

// waitFresh blocks until the cached users are younger than MaxStaleness, or
// were loaded after the request arrived. Unavailable after freshTimeout.
func (g *Guard) waitFresh(ctx context.Context) error {
	last := g.lastPoll.Load()
	arrived := time.Now()
	if arrived.Sub(last.began) < MaxStaleness {
		return nil
	}
	timer := time.NewTimer(freshTimeout)
	defer timer.Stop()
	for {
		select {
		case <-last.done:
			last = g.lastPoll.Load()
			if last.began.After(arrived) || time.Since(last.began) < MaxStaleness {
				return nil
			}
		case <-timer.C:
			return platen.Errorf(platen.Unavailable, "the users can not be looked up: the database does not answer")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// poll loads the users if they have changed.
func (g *Guard) poll(ctx context.Context) error {
	g.polling.Lock()
	defer g.polling.Unlock()
	last := g.lastPoll.Load()
	now := &userPoll{began: time.Now(), done: make(chan struct{})}
	err := g.loadUsers(ctx)
	if err != nil {
		now.began = last.began
	}
	g.lastPoll.Store(now)
	close(last.done)
	return err
}

func (g *Guard) loadUsers(ctx context.Context) error {
	// Read first: if something changes in between, the next poll sees it.
	last, err := g.store.LastUserChange(ctx)
	old := g.users.Load()
	if err != nil || last == old.last {
		return err
	}
	var changes []storage.UserChange
	known := false // whether changes are those since old
	if old.last.Version != 0 {
		if changes, err = g.store.UserChanges(ctx, old.last.Version-1); err != nil {
			return err
		}
		// The first one differs if the database was put back to an earlier state.
		if len(changes) > 0 && changes[0] == old.last {
			known, changes = true, changes[1:]
		}
	}
	byName, err := g.readUsers(ctx, old, last.Version, changes, known)
	if err != nil {
		return err
	}
	tokens, err := g.store.NamedTokens(ctx)
	if err != nil {
		return err
	}
	key, err := g.store.Secret(ctx, tokenKey, newKey())
	if err != nil {
		return err
	}
	now := &users{last: last, byName: byName, key: string(key), signer: old.signer}
	now.withTokens(tokens, old)
	if now.key != old.key {
		now.signer = newSigner(key)
	}
	if last.Version < old.last.Version || !known && len(changes) > 0 && changes[0].Version == old.last.Version {
		g.changesSeen = 0
	}
	unseen := slices.DeleteFunc(changes, func(change storage.UserChange) bool { return change.Version <= g.changesSeen })
	g.changesSeen = max(g.changesSeen, last.Version)
	g.users.Store(now)
	g.tell(unseen)
	return nil
}

// readUsers returns the users at a version or a later one: those of old, with those read
// anew whom the changes since are about, if all these are known and so few that reading
// one after the other ends within the time of a poll.
func (g *Guard) readUsers(ctx context.Context, old *users, version int64, changes []storage.UserChange, known bool) (map[string]storage.User, error) {
	const few = 10
	names, ok := changedSince(old.last.Version, version, changes)
	if !known || !ok || len(names) > few {
		list, err := g.store.Users(ctx)
		byName := make(map[string]storage.User, len(list))
		for _, user := range list {
			byName[user.Name] = user
		}
		return byName, err
	}
	byName := maps.Clone(old.byName)
	for name := range names {
		user, err := g.store.User(ctx, name)
		switch {
		case err == nil:
			byName[name] = user
		case platen.ErrorCode(err) == platen.NotFound:
			delete(byName, name)
		default:
			return nil, err
		}
	}
	return byName, nil
}

// changedSince returns whom changes are about. ok: they are all from after one version
// up to another; each has one of its own.
func changedSince(after, upTo int64, changes []storage.UserChange) (names map[string]bool, ok bool) {
	names = make(map[string]bool)
	from := after
	for _, change := range changes {
		if after++; after != change.Version {
			return nil, false
		}
		if change.User != "" {
			names[change.User] = true
		}
	}
	return names, after >= upTo && upTo > from
}

// tell logs changes, and does what they ask of this server.
func (g *Guard) tell(changes []storage.UserChange) {
	for _, change := range changes {
		g.changesSeen = max(g.changesSeen, change.Version)
		line := []any{"user", change.User, "by", change.By}
		switch change.Action {
		case storage.UserUnlocked:
			line = append(line, "address", change.Address)
			try, err := g.hashes.ofText(change.User, change.Address)
			if err != nil {
				g.log.Error("an unlock that can not be understood", "error", err)
				continue
			}
			g.limiter.unlock(try)
		case storage.UserRemoved:
			g.limiter.forgetUser(g.hashes.user(change.User))
		case storage.UserAdded, storage.RoleSet, storage.UserEnabled:
			line = append(line, "role", change.Detail)
		case storage.TokenMade, storage.TokenChanged, storage.TokenRevoked:
			line = append(line, "token", change.Detail)
		}
		g.log.Info(string(change.Action), line...)
	}
}

// shareLoop tells other servers of logins and reads theirs, until the guard
// is closed. It is apart from pollLoop: a database that takes no writes for a
// while must not make the users stale.
func (g *Guard) shareLoop() {
	failing := false
	var asked time.Time
	g.loop(func(ctx context.Context) {
		err := errors.Join(g.shareFailures(ctx), g.recordLogins(ctx), g.recordTrail(ctx))
		if time.Since(asked) > clockEvery {
			asked = time.Now()
			err = errors.Join(err, g.setClock(ctx), g.readLogins(ctx), g.recordUses(ctx))
		}
		if err != nil && !failing && g.stop.Err() == nil {
			g.log.Warn("logins can not be recorded and shared with other servers", "error", err)
		}
		failing = err != nil
	})
}

// shareFailures tells other servers of failed logins, and reads theirs.
func (g *Guard) shareFailures(ctx context.Context) error {
	g.mu.Lock()
	mine := g.failures
	g.failures = nil
	g.mu.Unlock()
	others, err := g.store.ShareFailures(ctx, mine)
	for _, failure := range others {
		g.limiter.failed(failure)
	}
	if err != nil {
		g.mu.Lock()
		g.failures = append(mine, g.failures...)
		g.failures = g.failures[:min(len(g.failures), maxTracked)]
		g.mu.Unlock()
	}
	return err
}

// recordLogins records where users have logged in from.
func (g *Guard) recordLogins(ctx context.Context) error {
	g.mu.Lock()
	mine := g.logins
	g.logins = nil
	g.mu.Unlock()
	err := g.store.RecordLogins(ctx, mine, maxKnown, g.now().Add(-knownFor))
	if err != nil {
		g.mu.Lock()
		g.logins = append(mine, g.logins...)
		g.logins = g.logins[:min(len(g.logins), maxTracked)]
		g.mu.Unlock()
	}
	return err
}

// readLogins reads the logins that all servers have recorded. A login may become
// visible some time after it was seen.
func (g *Guard) readLogins(ctx context.Context) error {
	now := g.now()
	logins, err := g.store.KnownLogins(ctx, g.loginsRead.Add(-time.Minute))
	for _, login := range logins {
		g.limiter.addKnown(login)
	}
	if err == nil {
		g.loginsRead = now
	}
	return err
}

// setClock takes up the clock of the database, by which all replicas agree on
// when a token expires.
func (g *Guard) setClock(ctx context.Context) error {
	if g.sharedClock {
		return nil
	}
	before := g.localTime()
	now, err := g.store.Now(ctx)
	took := g.localTime().Sub(before)
	if err == nil {
		g.ahead.Store(int64(now.Sub(before.Add(took / 2))))
	}
	return err
}

// now returns the time by the clock of the database.
func (g *Guard) now() time.Time { return g.localTime().Add(time.Duration(g.ahead.Load())) }
