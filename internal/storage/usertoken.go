package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// A NamedToken lets a program call the server as a user. Times are kept to the
// microsecond.
type NamedToken struct {
	Name      string // unique among all tokens
	Hash      []byte // SHA-256 of the token, which is kept nowhere
	Owner     string // the user
	Role      platen.Role
	Kinds     platen.KindSet // of entities that it is restricted to; 0: all
	Disabled  bool
	Created   time.Time
	CreatedBy string
	Expires   time.Time // zero: never
	Used      time.Time // the last time, to within some minutes; zero: never
}

// A TokenUpdate is what is to change of a named token; what is nil stays.
type TokenUpdate struct {
	Role     *platen.Role
	Kinds    *platen.KindSet
	Disabled *bool
	Expires  *time.Time
}

// NamedTokens keeps the named tokens. Those of a user are removed with the user.
type NamedTokens interface {
	// NamedTokens returns all named tokens by name.
	NamedTokens(ctx context.Context) ([]NamedToken, error)
	// AddToken adds a named token. NotFound: there is no such owner. Conflict: the
	// name is taken, there are most tokens already, or the owner has mostOfOwner.
	AddToken(ctx context.Context, token NamedToken, most, mostOfOwner int) error
	// UpdateToken changes a named token. NotFound.
	UpdateToken(ctx context.Context, name string, update TokenUpdate) error
	// RemoveToken removes a named token. NotFound.
	RemoveToken(ctx context.Context, name string) error
	// RecordTokenUses records when named tokens were last used; those that are
	// gone, and earlier times than are recorded, do not count.
	RecordTokenUses(ctx context.Context, used map[string]time.Time) error
}
