package interop

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	clientID     = "platen"
	clientSecret = "the client's secret"
)

// A provider is a provider of identities whose users are in groups.
type provider struct {
	*storage.Storage

	mu        sync.Mutex
	groups    map[string][]string // by user
	inIDToken bool                // what it says of users is in the ID token, and not to be asked for alone
	key       *signingKey         // nil: that of the storage
}

// userNames are the users of a provider; their subjects are the names with "id-"
// before, and the password of all is one.
type userNames []string

func (u userNames) GetUserByID(id string) *storage.User { return u.GetUserByUsername(id[len("id-"):]) }

func (u userNames) GetUserByUsername(name string) *storage.User {
	for _, one := range u {
		if one == name {
			return &storage.User{ID: "id-" + name, Username: name, Password: password, Email: name + "@example.org"}
		}
	}
	return nil
}

func (u userNames) ExampleClientID() string { return storage.ServiceUserID }

// newProvider returns a provider for a server whose redirect URL is given.
func newProvider(redirectURL string, users ...string) *provider {
	storage.RegisterClients(storage.WebClient(clientID, clientSecret, redirectURL))
	return &provider{Storage: storage.NewStorage(userNames(users)), groups: make(map[string][]string)}
}

// serve makes the provider answer at an address of loopback.
func (p *provider) serve(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: exampleop.SetupServer("http://"+address, p, slog.New(slog.NewTextHandler(io.Discard, nil)), false)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

func (p *provider) member(user string, groups ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups["id-"+user] = groups
}

// set changes something of the provider.
func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) addGroups(info *oidc.UserInfo, subject string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info.AppendClaims("groups", p.groups[subject])
}

// SetUserinfoFromToken is for those who ask what there is to know of a user.
func (p *provider) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	p.addGroups(info, subject)
	return p.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
}

// SetUserinfoFromRequest is for ID tokens.
func (p *provider) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string) error {
	p.addGroups(info, request.GetSubject())
	return p.SetUserinfoFromScopes(ctx, info, request.GetSubject(), request.GetClientID(), scopes)
}

// SetUserinfoFromScopes adds what the storage knows of a user.
func (p *provider) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, subject, _ string, _ []string) error {
	info.Subject, info.PreferredUsername = subject, subject[len("id-"):]
	return nil
}

// GetClientByClientID returns the client, for which ID tokens say as much as is set.
func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := p.Storage.GetClientByClientID(ctx, id)
	p.mu.Lock()
	defer p.mu.Unlock()
	return talkative{client, p.inIDToken}, err
}

type talkative struct {
	op.Client
	inIDToken bool
}

func (c talkative) IDTokenUserinfoClaimsAssertion() bool { return c.inIDToken }

// A signingKey is a key to which the provider went over.
type signingKey struct {
	key *rsa.PrivateKey
	id  string
}

func newSigningKey(t *testing.T, id string) *signingKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &signingKey{key, id}
}

func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *signingKey) Key() any                                    { return k.key }
func (k *signingKey) ID() string                                  { return k.id }

type publicKey struct{ *signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.key.PublicKey }

// SigningKey returns the key of now.
func (p *provider) SigningKey(ctx context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key != nil {
		return p.key, nil
	}
	return p.Storage.SigningKey(ctx)
}

// KeySet returns the keys that ID tokens may be signed with.
func (p *provider) KeySet(ctx context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key != nil {
		return []op.Key{publicKey{p.key}}, nil
	}
	return p.Storage.KeySet(ctx)
}
