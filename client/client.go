// Package client calls a platen server, or another one that speaks the OL
// Connect Server REST API, with the types of package platen.
//
//	c, err := client.New("http://127.0.0.1:9340", "ol-admin", password)
//	sets, err := c.Entities(ctx, platen.JobSet)
//	jobs, err := c.Children(ctx, platen.Ref{Kind: platen.JobSet, ID: sets[0]})
//	tags, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: jobs[0]}, platen.Properties)
//
// Errors that the server answers with are [*platen.Error]. The imports and
// exports of whole sets are platen's own API.
package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A Client calls one server as one user. It logs in when it has to, and keeps
// its token. Its methods may be called at once from many goroutines.
type Client struct {
	// HTTP does the requests; nil: http.DefaultClient.
	HTTP *http.Client

	base           string
	user, password string

	mu      sync.Mutex
	token   string
	expires time.Time
}

// New returns a client of the server at an address such as
// http://127.0.0.1:9340. An empty user sends no credentials.
func New(address, user, password string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a server: it should look like http://127.0.0.1:9340", address)
	}
	return &Client{base: strings.TrimRight(address, "/"), user: user, password: password}, nil
}

// Login logs in with the user and password, whether or not there is a token.
func (c *Client) Login(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.login(ctx)
}

func (c *Client) login(ctx context.Context) error {
	route, err := olrest.Find(olrest.Login, 0, 0)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, route.Method, c.base+route.Path, nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(c.user, c.password)
	return c.send(request, func(response *http.Response) error {
		token, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		lasts := time.Hour // what clients assume where servers do not say
		if seconds, err := strconv.Atoi(response.Header.Get(olrest.ExpiresHeader)); err == nil {
			lasts = time.Duration(seconds) * time.Second
		}
		c.token, c.expires = string(token), time.Now().Add(lasts)
		return nil
	})
}

// credentials returns a token that lasts a little, or "" without a user.
func (c *Client) credentials(ctx context.Context) (string, error) {
	const least = 5 * time.Second
	if c.user == "" {
		return "", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == "" || time.Until(c.expires) < least {
		if err := c.login(ctx); err != nil {
			return "", err
		}
	}
	return c.token, nil
}

// send does a request and passes a good answer to fn.
func (c *Client) send(request *http.Request, fn func(*http.Response) error) error {
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || 300 <= response.StatusCode {
		return olrest.ReadError(response)
	}
	return fn(response)
}

// A method is what olrest.Find wants.
type method struct {
	action olrest.Action
	kind   platen.Kind
	facet  platen.Facet
}

// call does a method with a token. A token that the server takes no longer is
// replaced once, if the body can be sent again.
func (c *Client) call(ctx context.Context, m method, id platen.ID, body io.Reader, fn func(*http.Response) error) error {
	route, err := olrest.Find(m.action, m.kind, m.facet)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		token, err := c.credentials(ctx)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, route.Method, c.base+route.URL(id), body)
		if err != nil {
			return err
		}
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		if token != "" {
			request.Header.Set(olrest.TokenHeader, token)
		}
		err = c.send(request, fn)
		code := platen.ErrorCode(err)
		if try > 0 || token == "" || code != platen.Unauthenticated && code != platen.Forbidden {
			return err
		}
		again, ok := body.(io.Seeker)
		if body != nil && !ok {
			return err
		}
		if ok {
			if _, err := again.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		c.mu.Lock()
		if c.token == token {
			c.token = ""
		}
		c.mu.Unlock()
	}
}

// decoded does a method and returns its answer, decoded.
func decoded[T any](ctx context.Context, c *Client, m method, id platen.ID, body io.Reader, decode func(io.Reader) (T, error)) (T, error) {
	var answer T
	err := c.call(ctx, m, id, body, func(response *http.Response) (err error) {
		answer, err = decode(response.Body)
		return err
	})
	return answer, err
}

func text(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	return string(b), err
}

func nothing(*http.Response) error { return nil }

// Version returns the version of the API that the server speaks.
func (c *Client) Version(ctx context.Context) (string, error) {
	return decoded(ctx, c, method{olrest.Version, 0, 0}, 0, nil, text)
}

// Entities returns all entities of a kind that is a set.
func (c *Client) Entities(ctx context.Context, kind platen.Kind) ([]platen.ID, error) {
	return decoded(ctx, c, method{olrest.Entities, kind, 0}, 0, nil, olrest.ReadIdentifiers)
}

// Children returns what an entity contains: the jobs of a job set, the job
// segments of a job, and so on.
func (c *Client) Children(ctx context.Context, ref platen.Ref) ([]platen.ID, error) {
	return decoded(ctx, c, method{olrest.Children, ref.Kind, 0}, ref.ID, nil, olrest.ReadIdentifiers)
}

// Contents returns the content items of a job, each once, or of a content set.
func (c *Client) Contents(ctx context.Context, ref platen.Ref) ([]platen.Content, error) {
	return decoded(ctx, c, method{olrest.Contents, ref.Kind, 0}, ref.ID, nil, olrest.ReadContents)
}

// Delete deletes a data set, content set or job set, and all that it contains.
func (c *Client) Delete(ctx context.Context, ref platen.Ref) error {
	return c.call(ctx, method{olrest.Delete, ref.Kind, 0}, ref.ID, nil, nothing)
}

// List returns the properties or the metadata of an entity.
func (c *Client) List(ctx context.Context, ref platen.Ref, facet platen.Facet) ([]platen.NameValue, error) {
	return decoded(ctx, c, method{olrest.ReadList, ref.Kind, facet}, ref.ID, nil, olrest.ReadPairs)
}

// Replace replaces the properties or the metadata of an entity.
func (c *Client) Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) error {
	body := bytes.NewReader(olrest.AppendUpdate(nil, update))
	return c.call(ctx, method{olrest.ReplaceList, kind, facet}, update.ID, body, nothing)
}

// Merge sets properties of many entities: names not mentioned stay. It does
// all or nothing.
func (c *Client) Merge(ctx context.Context, kind platen.Kind, updates []platen.Update) error {
	body := bytes.NewReader(olrest.AppendUpdates(nil, updates))
	return c.call(ctx, method{olrest.MergeLists, kind, platen.Properties}, 0, body, nothing)
}

// Import stores a document: a data set, content set or job set, by kind. It
// is streamed; nothing is stored unless all of it is.
func (c *Client) Import(ctx context.Context, kind platen.Kind, document io.Reader) (platen.Created, error) {
	return decoded(ctx, c, method{olrest.Import, kind, 0}, 0, document, olrest.ReadCreated)
}

// Export writes a set as a document. On an error, a part of it may have been
// written.
func (c *Client) Export(ctx context.Context, ref platen.Ref, w io.Writer) error {
	return c.call(ctx, method{olrest.Export, ref.Kind, 0}, ref.ID, nil, func(response *http.Response) error {
		_, err := io.Copy(w, response.Body)
		return err
	})
}
