package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// A closer is a document that knows when it is closed.
type closer struct {
	io.Reader
	closed atomic.Bool
}

func (c *closer) Close() error {
	c.closed.Store(true)
	return nil
}

type seekCloser struct {
	io.ReadSeeker
	closed atomic.Bool
}

func (c *seekCloser) Close() error {
	c.closed.Store(true)
	return nil
}

// TestImportAgain: after a new login a document is sent again from where it
// was, if that is possible, and closed at the end.
func TestImportAgain(t *testing.T) {
	refuse := true
	c, log := fake(t, func(r *http.Request) *http.Response {
		body, err := io.ReadAll(r.Body)
		is(t, `{"jobs":[]}`)(string(body), err)
		if refuse {
			refuse = false
			return reply(401, "")
		}
		return reply(201, `{"id":1,"jobs":[]}`, "Content-Type", "application/json")
	})
	document := &seekCloser{ReadSeeker: strings.NewReader(`not this{"jobs":[]}`)}
	if _, err := document.Seek(8, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	is(t, platen.Created{ID: 1})(c.Import(t.Context(), platen.JobSet, document))
	wantLog(t, log, "login", "POST token-1", "login", "POST token-2")
	if !document.closed.Load() {
		t.Error("the document is open")
	}
	refuse = true
	once := &closer{Reader: io.MultiReader(strings.NewReader(`{"jobs":[]}`))}
	_, err := c.Import(t.Context(), platen.JobSet, once)
	fails(t, err, platen.Unauthenticated, "401")
	wantLog(t, log, "POST token-2")
	if !once.closed.Load() {
		t.Error("the document is open")
	}
	lost := errors.New("the disk is gone")
	c, _ = fake(t, func(r *http.Request) *http.Response {
		_, err := io.ReadAll(r.Body)
		if !errors.Is(err, lost) {
			t.Errorf("got %v", err)
		}
		return reply(400, "")
	})
	if _, err = c.Import(t.Context(), platen.JobSet, iotest.ErrReader(lost)); err == nil {
		t.Error("a document that can not be read was imported")
	}
}

// A sized reader has a length.
type sized struct {
	io.Reader
	length int
}

func (s sized) Len() int { return s.length }

// TestImportFails: an import whose document can not be read to its end has stored nothing,
// and says so.
func TestImportFails(t *testing.T) {
	c, _ := connect(t)
	lost := errors.New("the disk is gone")
	whole := `{"jobs":[]}`
	for _, document := range []io.Reader{
		iotest.ErrReader(lost),
		io.MultiReader(strings.NewReader(whole), iotest.ErrReader(lost)),
		sized{io.MultiReader(strings.NewReader(whole), iotest.ErrReader(lost)), len(whole) + 1},
		io.MultiReader(strings.NewReader(`{"jobs":[{}`), iotest.ErrReader(fmt.Errorf("%w: %w", lost, platen.Errorf(platen.Unavailable, "it is away")))),
	} {
		_, err := c.Import(t.Context(), platen.JobSet, document)
		if !errors.Is(err, lost) || client.InDoubt(err) {
			t.Errorf("in doubt %v: %v", client.InDoubt(err), err)
		}
	}
	is(t, []platen.ID{})(c.Entities(t.Context(), platen.JobSet))

	c.HTTP = &http.Client{Transport: &failing{fail: func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, then: func(*http.Request) *http.Response { return nil }}}
	c.HTTP.Transport.(*failing).left.Store(1)
	_, err := c.Import(t.Context(), platen.JobSet, sized{io.MultiReader(strings.NewReader(whole), iotest.ErrReader(lost)), len(whole)})
	if !errors.Is(err, lost) || !client.InDoubt(err) {
		t.Errorf("of what was sent to its end: in doubt %v: %v", client.InDoubt(err), err)
	}
}
