package spool

import (
	"context"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// FillDefault fills the job set with what no preset arranges: one job of one
// job segment, with a document set for each content set and in it a document
// for each content item. contents returns the items of a content set.
func (s *JobSet) FillDefault(ctx context.Context, sets []platen.ID, contents func(context.Context, platen.Ref) (*transfer.Contents, error)) error {
	levels := []platen.Kind{platen.JobSet, platen.Job, platen.JobSegment}
	for _, kind := range levels {
		s.Begin(kind)
	}
	for _, id := range sets {
		items, err := contents(ctx, platen.Ref{Kind: platen.ContentSet, ID: id})
		if err != nil {
			return err
		}
		s.Begin(platen.DocumentSet)
		if err := s.addDocuments(ctx, items); err != nil {
			return err
		}
		if err := s.End(0, [2]platen.List{}); err != nil {
			return err
		}
	}
	for range levels {
		if err := s.End(0, [2]platen.List{}); err != nil {
			return err
		}
	}
	return nil
}

// addDocuments adds a document for each content item.
func (s *JobSet) addDocuments(ctx context.Context, items *transfer.Contents) error {
	for block, err := range items.Blocks {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		for _, content := range block {
			if err := s.Page(&transfer.Page{Item: content.Item}); err != nil {
				return err
			}
			if err := s.Document(0, [2]platen.List{}); err != nil {
				return err
			}
		}
	}
	return nil
}
