package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/platenhq/platen/internal/olrest"
)

// renewBefore is how long before its end a token is replaced, as OL Connect's
// own clients do.
const renewBefore = 15 * time.Second

// Login logs in with the user and password, whether or not there is a token:
// it checks that both are right. Without a user it does nothing.
// Unauthenticated: user or password is wrong. TooManyAttempts: too many were.
// (Authentication Service, login)
func (c *Client) Login(ctx context.Context) error {
	if !c.renews() {
		return nil
	}
	if err := c.lockLogin(ctx); err != nil {
		return err
	}
	defer c.unlockLogin()
	_, err := c.login(ctx, c.budget())
	return err
}

// Token returns a token that is good for more than 15 seconds, and when it
// ends, so that another client of the server can use it: see [NewWithToken].
// The time is zero if it is not known. Without a user and a TokenSource, the
// token is that of [NewWithToken], or "".
// Errors are those of [Client.Login].
func (c *Client) Token(ctx context.Context) (token string, expires time.Time, err error) {
	if token, expires = c.current(); token == "" && c.renews() {
		if token, err = c.renew(ctx, c.budget()); err != nil {
			return "", time.Time{}, err
		}
		_, expires = c.current()
	}
	return token, expires, nil
}

// validToken returns the token to send, "" for none. locked: the caller holds the lock
// of logins.
func (c *Client) validToken(ctx context.Context, left *budget, locked bool) (string, error) {
	if c.Basic && c.user != "" && c.TokenSource == nil {
		return "", nil
	}
	if token, _ := c.current(); token != "" || !c.renews() {
		return token, nil
	}
	if locked {
		return c.login(ctx, left)
	}
	return c.renew(ctx, left)
}

// renew logs in, unless somebody else has done so meanwhile.
func (c *Client) renew(ctx context.Context, left *budget) (string, error) {
	if err := c.lockLogin(ctx); err != nil {
		return "", err
	}
	defer c.unlockLogin()
	if token, _ := c.current(); token != "" {
		return token, nil
	}
	return c.login(ctx, left)
}

// current returns the token, or "" if it is about to end.
func (c *Client) current() (string, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.expires.IsZero() && time.Until(c.expires) <= renewBefore {
		return "", time.Time{}
	}
	return c.token, c.expires
}

// currentPassword returns the password of the user.
func (c *Client) currentPassword() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.password
}

// replacePassword goes on with another password, if the client has the old one. Its
// token has ended with that.
func (c *Client) replacePassword(old, fresh string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.user != "" && c.password == old {
		c.password, c.token = fresh, ""
	}
}

// forget drops a token that the server refuses.
func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// lockLogin waits until nobody else logs in. One who waits may give up.
func (c *Client) lockLogin(ctx context.Context) error {
	select {
	case c.loggingIn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) unlockLogin() { <-c.loggingIn }

// renews reports whether the client can get a token.
func (c *Client) renews() bool { return c.user != "" || c.TokenSource != nil }

// login trades the password for a token.
func (c *Client) login(ctx context.Context, left *budget) (string, error) {
	if c.TokenSource != nil {
		token, expires, err := c.TokenSource(ctx)
		if err == nil && token == "" {
			err = errors.New("the token source has no token")
		}
		if err != nil {
			return "", fmt.Errorf("get a token: %w", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.token, c.expires = token, expires
		return token, nil
	}
	r := newRequest(olrest.Login, 0, 0)
	for {
		response, err := c.sendWithRetry(ctx, r, "", left)
		if err != nil {
			return "", err
		}
		token, lasts, err := olrest.ReadToken(response)
		response.Body.Close()
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.token, c.expires = token, time.Now().Add(lasts)
			return token, nil
		}
		if err := left.again(ctx, r, answerError(response, err)); err != nil {
			return "", err
		}
	}
}
