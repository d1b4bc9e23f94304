package auth

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/platenhq/platen"
)

// auditBurst and auditEvery bound how many refusals are told: who floods a
// server must not fill its log of such events. Each refused request has its own
// line among the requests, whatever is told here.
const (
	auditBurst = 100
	auditEvery = time.Second
)

// An auditor tells of logins and refusals. What is changed of users, roles and
// tokens the store records in the transaction that changes it
// ([storage.UserChange]), and each guard tells it when it takes it up.
type auditor struct {
	log *slog.Logger

	mu      sync.Mutex
	limit   *rate.Limiter
	omitted int // refusals since the last that was told
}

func newAuditor(log *slog.Logger) *auditor {
	return &auditor{log: log, limit: rate.NewLimiter(rate.Every(auditEvery), auditBurst)}
}

// audit tells what has become of the credentials of a request, or of the right
// to what it is for. A call that was refused says why, and is told of only so
// often.
func (g *Guard) audit(call *Call, what string, details ...any) {
	line := append([]any{"client", call.Client.String(), "request", call.RequestID}, details...)
	if call.User != "" {
		line = append(line, "user", call.User)
	}
	if call.Token != "" {
		line = append(line, "token", call.Token)
	}
	if call.Refused == "" {
		g.auditor.log.Info(what, line...)
		return
	}
	omitted, ok := g.auditor.admit(g.now())
	if !ok {
		return
	}
	if call.Tried != "" {
		line = append(line, "tried", call.Tried)
	}
	if omitted > 0 {
		line = append(line, "omitted", omitted)
	}
	g.auditor.log.Warn(what, line...)
}

// admit reports whether a refusal may be told now, and how many were not since
// the last one.
func (a *auditor) admit(now time.Time) (omitted int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.limit.AllowN(now, 1) {
		a.omitted++
		return 0, false
	}
	omitted, a.omitted = a.omitted, 0
	return omitted, true
}

// Forbidden tells that a request with good credentials was refused for want of
// a role or a kind.
func (g *Guard) Forbidden(call *Call, method, path string) {
	g.trail.refused(call, platen.NameValue{Name: "method", Value: method}, platen.NameValue{Name: "path", Value: shortPath(path)})
	g.audit(call, "request not permitted", "refused", call.Refused, "role", call.Role.String(), "method", method, "path", path)
}

// maxPath bounds what is recorded of a path.
const maxPath = 128

func shortPath(path string) string {
	if len(path) > maxPath {
		path = path[:maxPath] + "…"
	}
	return strings.ToValidUTF8(path, "�")
}
