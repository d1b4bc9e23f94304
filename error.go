package platen

import (
	"errors"
	"fmt"
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
	Conflict                     // an identifier is taken, or contradicts what is stored
	Unauthenticated              // no credentials were sent
	Expired                      // the token was good once
	Forbidden                    // the credentials are wrong
	TooManyAttempts              // too many failed logins
	TooLarge                     // the body is over the limit
	UnsupportedMedia             // the body is not JSON
	MethodNotAllowed             // the resource has no such method
	Timeout                      // the request did not arrive in time
	Unavailable                  // try again later
	Failed                       // an operation did not do what it was begun for
	Gone                         // it was there, and is no longer kept
)

// An Error is an error that a caller may see. Everything else is internal.
type Error struct {
	Code    Code
	Message string // for people, says what was wrong
	Param   string // the id or name at fault, or ""
	Err     error  // the cause, for the log, or nil

	RetryAfter time.Duration // TooManyAttempts, Unavailable: when to try again
}

// Error returns the message, and the cause if there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an [Error] with a code and a message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFoundError says that there is no entity ref.
func NotFoundError(ref Ref) *Error {
	return &Error{
		Code:    NotFound,
		Message: fmt.Sprintf("%s %d not found", ref.Kind, ref.ID),
		Param:   ref.ID.String(),
	}
}

// ErrorCode returns the code of err: that of the [Error] in its chain, or
// [Internal].
func ErrorCode(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
