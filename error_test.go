package platen

import (
	"errors"
	"fmt"
	"testing"
)

// TestErrors checks that an error keeps its code however it is wrapped, and
// that what has none is internal.
func TestErrors(t *testing.T) {
	cause := errors.New("the cause")
	err := &Error{Code: Unavailable, Message: "not now", Err: cause}
	if got := err.Error(); got != "not now: the cause" || !errors.Is(err, cause) {
		t.Errorf("%q, with its cause: %v", got, errors.Is(err, cause))
	}
	for _, test := range []struct {
		err  error
		code Code
		text string
	}{
		{Errorf(Invalid, "%d names", 3), Invalid, "3 names"},
		{fmt.Errorf("reading: %w", Errorf(Conflict, "taken")), Conflict, "reading: taken"},
		{errors.Join(cause, Errorf(TooLarge, "much")), TooLarge, "the cause\nmuch"},
		{NotFoundError(Ref{Kind: DataRecord, ID: 7}), NotFound, "data record 7 not found"},
		{cause, Internal, "the cause"},
		{nil, Internal, ""},
	} {
		if code := ErrorCode(test.err); code != test.code || test.err != nil && test.err.Error() != test.text {
			t.Errorf("%v: code %d, want %d, %q", test.err, code, test.code, test.text)
		}
	}
	if err := fmt.Errorf("reading: %w", NotFoundError(Ref{Kind: Job, ID: 7})); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrGone) || errors.Is(cause, ErrNotFound) {
		t.Errorf("errors.Is does not go by the code of %v", err)
	}
	for code := Invalid; code <= Unreachable; code++ {
		if err := codeError(code); err.Error() == "" || !errors.Is(&Error{Code: code}, err) {
			t.Errorf("code %d has no error", code)
		}
	}
	if got := NotFoundError(Ref{Kind: Job, ID: 7}).Param; got != "7" {
		t.Errorf("the parameter is %q", got)
	}
}
