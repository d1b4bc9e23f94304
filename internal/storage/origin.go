package storage

import "context"

// An Origin says who makes a change.
type Origin struct {
	User      string // a user, or one of the machine such as "root@host"; "" if that is not known
	Token     string // the name of the token that was used, "" for none
	RequestID string // "" if it is not a request
}

// By names who it is, for a person.
func (o Origin) By() string {
	if o.Token != "" {
		return o.User + " (token " + o.Token + ")"
	}
	return o.User
}

type originKey struct{}

// OriginKey is the key under which a context has its *[Origin], for contexts that
// answer for several keys at once.
func OriginKey() any { return originKey{} }

// WithOrigin returns a context for changes that have that origin.
func WithOrigin(ctx context.Context, origin *Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf returns the origin of the changes that are made with a context.
func OriginOf(ctx context.Context) Origin {
	if origin, ok := ctx.Value(originKey{}).(*Origin); ok {
		return *origin
	}
	return Origin{}
}
