package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// The waits between tries of a call to a server that does not say how long to
// wait: each is about twice as long as the one before.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// A budget is how long one call may still wait to be sent again.
type budget struct {
	left time.Duration
	wait time.Duration // the next one

	quiet *time.Timer // of the request
}

func (c *Client) budget() *budget { return &budget{left: c.RetryFor, wait: firstWait} }

// next returns a wait, up to a half shorter than the last but twice as long as that
// before it, so that clients which failed together do not come back together.
func (b *budget) next() time.Duration {
	wait := b.wait
	b.wait = min(2*wait, lastWait)
	return wait/2 + rand.N(wait/2)
}

// again waits if a request that has failed may be sent again. Otherwise it
// returns why it may not: err, or that ctx has ended.
func (b *budget) again(ctx context.Context, r *request, err error) error {
	if !r.mayRepeat(err) {
		return err
	}
	wait := retryAfter(err)
	if wait == 0 {
		wait = b.next()
	}
	if wait > b.left || !r.rewind() {
		return err
	}
	b.left -= wait
	if b.quiet != nil { // it is for what the server keeps silent, not for waits
		b.quiet.Stop()
		defer b.quiet.Reset(quietFor)
	}
	if !sleep(ctx, wait) {
		return fmt.Errorf("%w while waiting to try again after: %w", ctx.Err(), err)
	}
	r.doubt = r.doubt || InDoubt(err)
	return nil
}

// retryAfter returns how long the server says to wait, 0 if it does not.
func retryAfter(err error) time.Duration {
	if shown, ok := errors.AsType[*platen.Error](err); ok {
		return shown.RetryAfter
	}
	return 0
}

// mayRepeat reports whether it is safe to send the request again after an error:
// the table of the package's documentation.
func (r *request) mayRepeat(err error) bool {
	switch platen.ErrorCode(err) {
	case platen.TooManyAttempts: // refused before it was looked at
		return true
	case platen.Unreachable:
		return r.safe() || notSent(err)
	case platen.Unavailable:
		return r.safe()
	}
	return r.safe() && errors.Is(err, olrest.ErrCutOff)
}

// safe reports whether the request does the same when it is done twice: it changes
// nothing, or only what has a tag that the first time has replaced, and what is there
// then tells that it did.
func (r *request) safe() bool { return r.reads || r.route.Reads() || r.match != "" && !r.once }

// notSent reports whether there was no connection to send a request on.
func notSent(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial"
}

// A doubtError is an error that does not say itself whether its request may have been
// done: a try before the last may have, or nothing was sent.
type doubtError struct {
	error
	doubt bool
}

// Unwrap returns the error.
func (e doubtError) Unwrap() error { return e.error }

// InDoubt reports whether a call that changes something may have been done although it
// failed with err: there is no answer that says it was not, or only one to the last of
// its tries. It is for errors of calls of this package.
func InDoubt(err error) bool {
	if known, ok := errors.AsType[doubtError](err); ok {
		return known.doubt
	}
	switch platen.ErrorCode(err) {
	case platen.Unreachable:
		return !notSent(err)
	case platen.Unavailable:
		return true
	case platen.Internal: // also an answer that was cut off, and a context that ended
		return err != nil
	}
	return false
}

// sleep waits, and reports whether ctx has not ended meanwhile.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// exchange sends a request, and says what to do if no server answers.
func (c *Client) exchange(r *request, request *http.Request) (*http.Response, error) {
	response, err := c.http(r.quiet != nil).Do(request)
	if err == nil {
		return response, nil
	}
	if request.Context().Err() != nil {
		return nil, err
	}
	if r.file != nil {
		if failed := r.file.failure(); failed != nil {
			return nil, failed
		}
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // the method and the whole address say nothing more
	}
	message := "no answer from " + c.base
	if notSent(err) {
		message += "; is the address right, and does the server run?"
	}
	return nil, &platen.Error{Code: platen.Unreachable, Message: message, Err: err}
}
