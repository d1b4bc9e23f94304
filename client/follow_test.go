package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/server"
)

// TestFollowOutlivesToken: events go on when the token of their stream has ended.
func TestFollowOutlivesToken(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits until tokens end")
	}
	address, stop, err := startServer(t.Context(), time.Second, func(c *server.Config) {
		// Streams look at their token each third of Stall.
		c.Timeouts = server.Timeouts{Header: 10 * time.Second, Stall: 3 * time.Second, Idle: time.Minute, Find: 10 * time.Second, Stop: 5 * time.Second}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	c := must[*client.Client](t)(client.New(address, user, password))
	connections := &http.Transport{}
	defer connections.CloseIdleConnections()
	began := make(chan struct{}, 10)
	c.HTTP = &http.Client{Transport: beginning{connections, began}}
	fill(t, c)
	var putting sync.WaitGroup
	defer putting.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const streams = 3
	putting.Go(func() {
		for i := range streams {
			select {
			case <-began:
			case <-ctx.Done():
				return
			}
			if err := c.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: pairs("n", fmt.Sprint(i))}); err != nil {
				t.Error(err)
			}
		}
	})
	seen := 0
	for event, err := range c.EventsSeq(ctx, client.EventQuery{Follow: true, Types: []string{"update"}, Name: "n"}) {
		if err != nil {
			if seen != streams || !errors.Is(err, context.Canceled) {
				t.Errorf("after %d events: %v", seen, err)
			}
			break
		}
		is(t, fmt.Sprint(seen))(*event.Data.Names[len(event.Data.Names)-1].After, nil)
		if seen++; seen == streams {
			cancel()
		}
	}
}

// dropped is the end of a stream for a reason with a status.
func dropped(status int) string {
	return fmt.Sprintf("event: dropped\ndata: {\"error\":{\"status\":%d,\"message\":\"the token is not good\"}}\n\n", status)
}

// TestFollowRenews: a stream that ends since its token is no longer good is taken up
// again with another token, unless it does so twice and says nothing else.
func TestFollowRenews(t *testing.T) {
	type following func(context.Context, *client.Client) iter.Seq2[struct{}, error]
	for name, all := range map[string]following{
		"events": func(ctx context.Context, c *client.Client) iter.Seq2[struct{}, error] {
			return valueless(c.EventsSeq(ctx, client.EventQuery{Follow: true}))
		},
		"requests": func(ctx context.Context, c *client.Client) iter.Seq2[struct{}, error] {
			return valueless(c.FollowRequestsSeq(ctx, client.RequestFilter{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const position, value = "id: 1\n\n", "id: 2\ndata: {}\n\n"
				bodies := []string{position + dropped(401), position + dropped(401), position + dropped(403), value + dropped(401), dropped(401), dropped(401)}
				ended := make(map[string]bool) // tokens
				answer := func(r *http.Request) *http.Response {
					token := r.Header.Get("auth_token")
					if ended[token] {
						return reply(401, `{"error":{"message":"log in again"}}`, "Content-Type", "application/json")
					}
					ended[token] = true
					body := bodies[0]
					bodies = bodies[1:]
					return reply(200, body, "Content-Type", "text/event-stream")
				}
				c, log := fake(t, answer)
				values := 0
				for _, err := range all(t.Context(), c) {
					if err == nil {
						values++
					} else if !errors.Is(err, platen.ErrUnauthenticated) {
						t.Error(err)
					}
				}
				is(t, 1)(values, nil)
				// The last body is left: the one before it ended the second stream in a
				// row that said nothing else.
				is(t, 1)(len(bodies), nil)
				want := []string{"login", "GET token-1"}
				for i := 1; i < 5; i++ {
					want = append(want, fmt.Sprint("GET token-", i), "login", fmt.Sprint("GET token-", i+1))
				}
				wantLog(t, log, want...)

				// Who has only a token has no other.
				bodies, ended = []string{position + dropped(401)}, make(map[string]bool)
				transport := c.HTTP
				c = must[*client.Client](t)(client.NewWithToken("http://platen.test", "borrowed"))
				c.HTTP = transport
				for _, err := range all(t.Context(), c) {
					if !errors.Is(err, platen.ErrUnauthenticated) {
						t.Error(err)
					}
				}
				wantLog(t, log, "GET borrowed")
			})
		})
	}
}

// TestFollowWaits: who follows waits for a server as long as any call does, and is told
// that there is none.
func TestFollowWaits(t *testing.T) {
	silent := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	away := func(*http.Request) (*http.Response, error) { return reply(503, "", "Retry-After", "50"), nil }
	for name, test := range map[string]struct {
		fail func(*http.Request) (*http.Response, error)
		code platen.Code
		took time.Duration
	}{
		"silent":      {silent, platen.Unreachable, time.Minute},
		"unavailable": {away, platen.Unavailable, 100 * time.Second}, // a third wait would be too long
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &failing{fail: test.fail, then: func(*http.Request) *http.Response { return nil }}
				f.left.Store(100)
				c := must[*client.Client](t)(client.New("http://platen.test", "", ""))
				c.HTTP, c.RetryFor = &http.Client{Transport: f}, 2*time.Minute
				began := time.Now()
				for _, err := range c.EventsSeq(t.Context(), client.EventQuery{Follow: true}) {
					if platen.ErrorCode(err) != test.code {
						t.Error(err)
					}
				}
				is(t, test.took)(time.Since(began), nil)
			})
		})
	}
}

// valueless leaves out what an iterator yields.
func valueless[T any](all iter.Seq2[T, error]) iter.Seq2[struct{}, error] {
	return func(yield func(struct{}, error) bool) {
		for _, err := range all {
			if !yield(struct{}{}, err) {
				return
			}
		}
	}
}
