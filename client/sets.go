package client

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// Entities returns all entities of a kind that is a set: data sets, content
// sets or job sets. MethodNotAllowed: the kind is none. (services of the sets,
// GET)
func (c *Client) Entities(ctx context.Context, kind platen.Kind) ([]platen.ID, error) {
	return decoded(ctx, c, newRequest(olrest.Entities, kind, 0), olrest.ReadIdentifiers)
}

// ContentSets returns the content sets of a type: print, email or default; ""
// is all. Invalid: there is no such type. (Content Set Service, GET with type)
func (c *Client) ContentSets(ctx context.Context, contentType string) ([]platen.ID, error) {
	r := newRequest(olrest.Entities, platen.ContentSet, 0)
	if contentType != "" {
		r.query = url.Values{"type": {contentType}}
	}
	return decoded(ctx, c, r, olrest.ReadIdentifiers)
}

// Children returns what an entity contains, in its order: the data records of
// a data set, the jobs of a job set, the job segments of a job, their document
// sets, and the documents of these. The content items of a content set are
// [Client.Contents]. NotFound: there is no such entity. MethodNotAllowed: the
// kind contains nothing. (services of the kinds, GET {id})
func (c *Client) Children(ctx context.Context, ref platen.Ref) ([]platen.ID, error) {
	return decoded(ctx, c, entityRequest(olrest.Children, ref, 0), olrest.ReadIdentifiers)
}

// Contents returns the content items of a job, each once in document order, or
// those of a content set, with the data record of each. NotFound: there is no
// such entity. MethodNotAllowed: it is neither job nor content set. (Job
// Service, GET {id}/contents; Content Set Service, GET {id})
func (c *Client) Contents(ctx context.Context, ref platen.Ref) ([]platen.Content, error) {
	return collect(c.ContentsSeq(ctx, ref))
}

// ContentsSeq yields what [Client.Contents] returns, as it comes.
func (c *Client) ContentsSeq(ctx context.Context, ref platen.Ref) iter.Seq2[platen.Content, error] {
	return stream(ctx, c, func() *request { return entityRequest(olrest.Contents, ref, 0) }, olrest.ReadContents)
}

// RecordOf returns the data record of a content item. NotFound: there is no
// such content item. (Content Item Service, GET {id}/datarecord)
func (c *Client) RecordOf(ctx context.Context, item platen.ID) (platen.ID, error) {
	return decoded(ctx, c, entityRequest(olrest.RecordOfItem, platen.Ref{Kind: platen.ContentItem, ID: item}, 0), olrest.ReadRecordOf)
}

// Pages returns how many pages a content set has on each medium. Whether they
// are duplex is not said. NotFound: there is no such content set. (Content Set
// Service, GET {id}/pages)
func (c *Client) Pages(ctx context.Context, set platen.ID) ([]platen.PageCount, error) {
	return decoded(ctx, c, pages(set, "false"), olrest.ReadPages)
}

// ItemPagesSeq yields the pages of each content item of a content set.
// NotFound: there is no such content set. (Content Set Service, GET {id}/pages
// with detail)
func (c *Client) ItemPagesSeq(ctx context.Context, set platen.ID) iter.Seq2[platen.ItemPages, error] {
	return stream(ctx, c, func() *request { return pages(set, "true") }, olrest.ReadItemPages)
}

func pages(set platen.ID, detail string) *request {
	r := entityRequest(olrest.PageDetails, platen.Ref{Kind: platen.ContentSet, ID: set}, 0)
	r.query = url.Values{"detail": {detail}}
	return r
}

// Delete deletes a data set, content set or job set, and all that it contains.
// NotFound: there is no such set. MethodNotAllowed: the kind is no set.
// Failed: the server says that it has not done so. (services of the sets, POST
// {id}/delete)
func (c *Client) Delete(ctx context.Context, ref platen.Ref) error {
	return c.doTrue(ctx, entityRequest(olrest.Delete, ref, 0))
}

// Import stores a document: a data set, content set or job set, by kind. It
// is streamed; nothing is stored unless all of it is. At the end it closes the
// document if that is an [io.Closer], as net/http does. Only a document that
// is an [io.Seeker] can be sent again after a new login. Invalid: the document
// is none of that kind. Conflict: an identifier in it is taken. An error of the
// document itself, before its end, is in the chain of the error: nothing is stored
// then, which is in no doubt ([InDoubt]). (platen's own API, POST /api/v1/jobsets and
// its like)
func (c *Client) Import(ctx context.Context, kind platen.Kind, document io.Reader) (platen.Created, error) {
	r := newRequest(olrest.Import, kind, 0)
	r.file = newUpload(document)
	defer r.file.close()
	return decoded(ctx, c, r, olrest.ReadCreated)
}

// Export writes a set as a document that Import takes. On an error, a part of
// it may have been written. NotFound: there is no such set. (platen's own API,
// GET /api/v1/jobsets/{id} and its like)
func (c *Client) Export(ctx context.Context, ref platen.Ref, w io.Writer) error {
	r := entityRequest(olrest.Export, ref, 0)
	r.streams = true
	return c.do(ctx, r, func(response *http.Response) error {
		if _, err := io.Copy(w, response.Body); err != nil {
			return fmt.Errorf("the document is not whole: %w", err)
		}
		return nil
	})
}
