package auth

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// A Call is what a request is known by: for the log, and for those who want
// to know who made it. The server makes one for each request.
type Call struct {
	storage.Origin                // its user is "" until the guard has let the request pass, or if the guard is off
	Role           platen.Role    // what it may do, from then on
	Kinds          platen.KindSet // of entities that its token is restricted to; 0: all
	Expires        time.Time      // when its token does; zero: never, or there is none
	Client         netip.Addr     // where it came from, behind trusted proxies the address that they name
	Tried          string         // the user of credentials that were refused, if they name one
	Refused        string         // why the guard refused the request, for the log; "" if it did not
}

type callKey struct{}

// A callContext carries a call and its origin.
type callContext struct {
	context.Context
	call *Call
}

// Value implements [context.Context].
func (c *callContext) Value(key any) any {
	switch key {
	case callKey{}:
		return c.call
	case storage.OriginKey():
		return &c.call.Origin
	}
	return c.Context.Value(key)
}

// WithCall returns a context that carries call, which is also the origin of what
// is changed with it.
func WithCall(ctx context.Context, call *Call) context.Context {
	return &callContext{ctx, call}
}

// CallOf returns the call of a request's context, never nil.
func CallOf(ctx context.Context) *Call {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		return call
	}
	return &Call{}
}

// maxTried bounds what a stranger can write into the log, in bytes: as long
// as the longest name of a user.
const maxTried = 64

// refuse records for the log why the request is refused, and returns err.
func (c *Call) refuse(tried, cause string, err *platen.Error) *platen.Error {
	tried = strings.ToValidUTF8(tried, "\uFFFD")
	if len(tried) > maxTried {
		tried = strings.ToValidUTF8(tried[:maxTried], "") + "…"
	}
	c.Tried, c.Refused = tried, cause
	return err
}

// The causes of refusals. Clients are told less.
const (
	causeNone      = "no credentials"
	causeMalformed = "malformed Basic credentials"
	causeUnknown   = "unknown user"
	causeWrong     = "wrong password"
	causeLimited   = "too many failed logins"
	causeBusy      = "too many passwords are being checked"

	causeToken     = "malformed token"
	causeKey       = "token of another key"
	causeSignature = "token with a wrong signature"
	causeGone      = "token of a user that is gone"
	causeEpoch     = "token from before the password was changed or the sessions were ended"
	causeExpired   = "expired token"

	causeNoUser = "disabled user"
	causeNoRole = "no group that gives a role"
	causeTaken  = "another user has the name"
	causeName   = "a name that nobody can have"

	causeNamed    = "unknown or revoked token"
	causeDisabled = "disabled token"
	causeRole     = "role"
	causeKinds    = "kinds of the token"
)
