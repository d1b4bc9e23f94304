package platen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Code says what kind of error an [Error] is. Servers map it to a status,
// clients map the status back.
type Code uint8

// The codes.
const (
	Internal         Code = iota // our fault; the cause is logged, never shown
	Invalid                      // the request is malformed
	Mismatch                     // the id in the body is not the id in the path
	NotFound                     // no such entity, or no such resource
	Changed                      // it is for a list or entity as it was before another change
	Conflict                     // an identifier is taken, or contradicts what is stored
	Unauthenticated              // no credentials were sent, or the password of a login is wrong
	Expired                      // the token was good once
	Forbidden                    // the credentials are wrong, or their role or kinds do not allow it
	TooManyAttempts              // too many failed logins, or connections of one address
	TooLarge                     // the body is over the limit
	UnsupportedMedia             // the body is not JSON
	MethodNotAllowed             // the resource has no such method
	Timeout                      // the request did not arrive in time
	Unavailable                  // try again later
	Failed                       // an operation did not do what it was begun for
	Gone                         // it was there, and is no longer kept
	Unreachable                  // clients: no server has answered
)

// What [errors.Is] compares an [Error] with: it is the one of its code. Clients use
// them where [ErrorCode] would be longer.
var (
	ErrInvalid          error = codeError(Invalid)
	ErrMismatch         error = codeError(Mismatch)
	ErrNotFound         error = codeError(NotFound)
	ErrChanged          error = codeError(Changed)
	ErrConflict         error = codeError(Conflict)
	ErrUnauthenticated  error = codeError(Unauthenticated)
	ErrExpired          error = codeError(Expired)
	ErrForbidden        error = codeError(Forbidden)
	ErrTooManyAttempts  error = codeError(TooManyAttempts)
	ErrTooLarge         error = codeError(TooLarge)
	ErrUnsupportedMedia error = codeError(UnsupportedMedia)
	ErrMethodNotAllowed error = codeError(MethodNotAllowed)
	ErrTimeout          error = codeError(Timeout)
	ErrUnavailable      error = codeError(Unavailable)
	ErrFailed           error = codeError(Failed)
	ErrGone             error = codeError(Gone)
	ErrUnreachable      error = codeError(Unreachable)
)

// A codeError is every [Error] of a code.
type codeError Code

var codeWords = [...]string{
	Internal: "internal error", Invalid: "invalid request", Mismatch: "identifiers differ", NotFound: "not found", Changed: "changed meanwhile",
	Conflict: "conflict", Unauthenticated: "no credentials", Expired: "token expired", Forbidden: "forbidden", TooManyAttempts: "too many attempts",
	TooLarge: "too large", UnsupportedMedia: "not JSON", MethodNotAllowed: "method not allowed", Timeout: "timeout", Unavailable: "unavailable",
	Failed: "operation failed", Gone: "no longer kept", Unreachable: "no answer",
}

// Error returns the code in words.
func (c codeError) Error() string { return codeWords[c] }

// An Error is an error that a caller may see. Everything else is internal.
type Error struct {
	Code    Code
	Message string // for people, says what was wrong
	Param   string // the id or name at fault, or ""
	Ref     Ref    // NotFound: the entity that was looked for, if it was one
	Err     error  // the cause, for the log, or nil

	Offset     int64         // of a document that is imported: bytes of it before what is wrong, about; 0: not said
	Tag        string        // Changed: of what is there now, see [Tag.String]
	RetryAfter time.Duration // TooManyAttempts, Unavailable: when to try again

	logged string // the message without what is Hidden, "" if nothing is
}

// Hidden is a part of a message that quotes a value, such as that of a
// property: whoever sent it may see it, and a log may not.
type Hidden string

// Error returns the message, and the cause if there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the error of e's code, such as [ErrNotFound].
func (e *Error) Is(target error) bool {
	code, ok := target.(codeError)
	return ok && e.Code == Code(code)
}

// LogMessage returns the message as it may stand in a log: with dots in place of
// each [Hidden].
func (e *Error) LogMessage() string {
	if e.logged != "" {
		return e.logged
	}
	return e.Message
}

// Errorf makes an [Error] with a code and a message. Of an argument that is an
// [Error] itself, what is [Hidden] stays so.
func Errorf(code Code, format string, args ...any) *Error {
	e := &Error{Code: code, Message: fmt.Sprintf(format, args...)}
	shown := args
	for i, arg := range args {
		var instead any
		switch arg := arg.(type) {
		case Hidden:
			instead = Hidden("…")
		case *Error:
			if arg.logged == "" {
				continue
			}
			instead = arg.logged
		default:
			continue
		}
		if &shown[0] == &args[0] {
			shown = slices.Clone(args)
		}
		shown[i] = instead
	}
	if len(args) > 0 && &shown[0] != &args[0] {
		e.logged = fmt.Sprintf(format, shown...)
	}
	return e
}

// About sets the id or name that is at fault, of which the beginning is enough.
func (e *Error) About(param string) *Error {
	const most = 120
	if e.Param = param; len(param) > most {
		e.Param = strings.ToValidUTF8(param[:most], "") + "…"
	}
	return e
}

// NotFoundError says that there is no entity ref.
func NotFoundError(ref Ref) *Error {
	return &Error{
		Code:    NotFound,
		Message: fmt.Sprintf("%s %d not found", ref.Kind, ref.ID),
		Param:   ref.ID.String(),
		Ref:     ref,
	}
}

// OtherKindError says that there is no entity ref, since its identifier is that of
// an entity of another kind.
func OtherKindError(ref Ref, kind Kind) *Error {
	err := NotFoundError(ref)
	err.Message += fmt.Sprintf(": %d is a %s", ref.ID, kind)
	return err
}

// ErrorCode returns the code of err: that of the [Error] in its chain, or
// [Internal].
func ErrorCode(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
