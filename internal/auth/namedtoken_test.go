package auth

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/storage"
)

// TestNamedTokenForm checks that tokens look as those who search for leaked ones
// are told, and that no two are the same.
func TestNamedTokenForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^platen_[A-Z2-7]{59}$`)
	seen := make(map[string]bool)
	for range 100 {
		text, hash := newNamedToken()
		if !form.MatchString(text) || len(hash) != 32 || seen[text] {
			t.Fatalf("%q with the hash %x", text, hash)
		}
		seen[text] = true
		random := text[len(namedPrefix):][:namedRandom]
		if text != namedPrefix+random+checksum(random) {
			t.Errorf("%q has another checksum", text)
		}
	}
	if got := checksum("A"); got != "2PMZ5CY" {
		t.Errorf("the checksum is not that which is written down: %s", got)
	}
}

// asToken returns the call of a request with a named token, and its error.
func (g *guardTest) asToken(text string) (*Call, error) {
	r, c := call(home)
	r.Header.Set("Authorization", "Bearer "+text)
	return c, g.Check(r)
}

// newToken makes a named token, as an admin does.
func (g *guardTest) newToken(asked olrest.NewToken) string {
	g.t.Helper()
	r, c := call(home)
	c.User, c.Role = asked.User, platen.Admin
	_, text, err := g.NewToken(r.Context(), asked)
	if err != nil {
		g.t.Fatal(err)
	}
	return text
}

// TestNamedTokenUse checks that uses are recorded in batches, not by requests,
// and each token at most once in useEvery.
func TestNamedTokenUse(t *testing.T) {
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		store := open()
		addUser(t, store, "a")
		var ahead time.Duration
		g := startGuard(t, store, func() time.Time { return time.Now().Add(ahead) })
		g.Close() // what follows is not done in the background
		first := g.newToken(olrest.NewToken{Name: "first", User: "a", Role: platen.Viewer})
		g.newToken(olrest.NewToken{Name: "second", User: "a", Role: platen.Viewer})
		uses := func() (used string) {
			t.Helper()
			if err := g.recordUses(t.Context()); err != nil {
				t.Fatal(err)
			}
			tokens, err := store.NamedTokens(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, token := range tokens {
				used += fmt.Sprint(token.Name, " ", token.Used.Unix(), ";")
			}
			return used
		}
		never := uses()
		c, err := g.asToken(first)
		if err != nil || c.User != "a" || c.Token != "first" || c.Role != platen.Viewer {
			t.Fatalf("%+v: %v", c, err)
		}
		once := uses()
		if once == never || !strings.Contains(once, "second -62135596800;") {
			t.Errorf("before %s, after a use %s", never, once)
		}
		ahead = useEvery / 2
		if _, err := g.asToken(first); err != nil {
			t.Fatal(err)
		}
		if again := uses(); again != once {
			t.Errorf("a use soon after is recorded: %s, was %s", again, once)
		}
		ahead = 2 * useEvery
		if err := g.poll(t.Context()); err != nil { // the users are stale by now
			t.Fatal(err)
		}
		if _, err := g.asToken(first); err != nil {
			t.Fatal(err)
		}
		if later := uses(); later == once {
			t.Errorf("a later use is not recorded: %s", later)
		}
	})
}

// TestAuditIsBounded floods a guard with refusals.
func TestAuditIsBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		store := open()
		addUser(t, store, "a")
		var ahead time.Duration
		begun := time.Now()
		g := startGuard(t, store, func() time.Time { return begun.Add(ahead) })
		c := &Call{Origin: storage.Origin{User: "a", Token: "t", RequestID: "r"}, Role: platen.Viewer, Client: netip.MustParseAddr("192.0.2.7")}
		refuse := func() {
			if err := c.Permit(platen.Admin, 0); platen.ErrorCode(err) != platen.Forbidden {
				t.Fatal(err)
			}
			g.Forbidden(c, "GET", "/x")
		}
		for range 10 * auditBurst {
			refuse()
		}
		told := func() int { return strings.Count(g.logged(), `"request not permitted"`) }
		if n := told(); n != auditBurst {
			t.Errorf("%d refusals are told of, want %d", n, auditBurst)
		}
		ahead = 2 * auditEvery
		refuse()
		if log := g.logged(); told() != auditBurst+1 || !strings.Contains(log, fmt.Sprintf(`"omitted":%d`, 9*auditBurst)) {
			t.Errorf("after a while %d are told of", told())
		}
	})
}
