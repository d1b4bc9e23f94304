package sqlstore

import (
	"context"

	"github.com/platenhq/platen"
)

// Update runs fn in a transaction, as changes of users and operations do.
func (s *Store) Update(fn func() error) error {
	return s.update(func(*transaction) error { return fn() })
}

// Change runs fn as imports and deletions do.
func (s *Store) Change(ctx context.Context, fn func(context.Context) error) error {
	return s.change(ctx, func(t *transaction) error { return fn(t.ctx) })
}

// ReplaceFaulty queues an update of a list that panics in its group.
func (s *Store) ReplaceFaulty(ctx context.Context, job platen.ID) error {
	return s.committer.Do(ctx, write{kind: platen.Job, facet: 99, id: job})
}

// ClosesWithin is the longest that Close takes, in seconds.
const ClosesWithin = (closeFor + killFor) / 1e9

// Queued returns how many writes wait for the committer.
func (s *Store) Queued() int { return s.committer.Waiting() }
