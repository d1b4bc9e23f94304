package sqlstore

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// MissingItem implements [storage.Importer].
func (s *Store) MissingItem(ctx context.Context, source transfer.JobSetSource) (_ platen.ID, err error) {
	ctx, done := s.observe(ctx, "missing_item")
	defer func() { done(err) }()
	check := &itemCheck{s: s, ctx: ctx}
	if err = source.Read(check); err == nil {
		err = check.flush()
	}
	if check.missing != 0 {
		return check.missing, nil
	}
	return 0, s.error("look up content items", err)
}

// An itemCheck is a [transfer.JobSetVisitor] that stops at the first content
// item that does not exist. It looks many up together.
type itemCheck struct {
	s       *Store
	ctx     context.Context
	have    row // of the content item found last
	pending []platen.ID
	missing platen.ID
}

func (c *itemCheck) NodeList(int, platen.Facet, platen.List) error { return nil }

func (c *itemCheck) Document(*transfer.SourceDocument) error { return nil }

func (c *itemCheck) Page(_ int, page *transfer.Page) error {
	if len(c.pending) == 0 && c.have.shows(platen.Ref{Kind: platen.ContentItem, ID: page.Item}) {
		return nil
	}
	if c.pending = append(c.pending, page.Item); len(c.pending) < readTogether {
		return nil
	}
	return c.flush()
}

func (c *itemCheck) flush() error {
	found, err := rowsOf(c.ctx, c.s.on(selectRowsOf), c.s.engine.Dialect.IDs, c.pending)
	if err != nil {
		return err
	}
	for _, item := range c.pending {
		ref := platen.Ref{Kind: platen.ContentItem, ID: item}
		if c.have = found[item]; !c.have.shows(ref) {
			c.missing = item
			return platen.NotFoundError(ref)
		}
	}
	c.pending = c.pending[:0]
	return nil
}
