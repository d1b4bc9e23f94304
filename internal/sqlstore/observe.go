package sqlstore

import (
	"context"
	"database/sql"
	"time"
)

// An Observer is told what a [Store] does, to measure it. Its methods are
// called from many goroutines at once and must be quick.
type Observer interface {
	// Call is told of each call of the store, by the name of the method in
	// lower case with underscores. The function returned is called with the
	// call's error at its end, once; the context is for what the call does.
	Call(ctx context.Context, name string) (context.Context, func(err error))
	// Group is told how many list updates shared a transaction, how long it
	// took and its error: if there is one, nothing of it was committed.
	Group(size int, took time.Duration, err error)
	// Panic is told of a panic that the store has turned into an error, with
	// what was being done and the stack.
	Panic(doing string, value any, stack []byte)
	// Rebuild is told that the search index is rebuilt, and why.
	Rebuild(why string)
}

// Unobserved is the [Observer] of a store that nobody measures.
type Unobserved struct{}

var _ Observer = Unobserved{}

// Call implements [Observer].
func (Unobserved) Call(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// Group implements [Observer].
func (Unobserved) Group(int, time.Duration, error) {}

// Panic implements [Observer].
func (Unobserved) Panic(string, any, []byte) {}

// Rebuild implements [Observer].
func (Unobserved) Rebuild(string) {}

// ObservedBy makes an observer that of the store. Without it the store is
// [Unobserved].
func ObservedBy(observer Observer) Option {
	return func(s *Store) { s.observer = observer }
}

// observe tells the observer of a call. The function returned is called with the
// call's error at its end.
func (s *Store) observe(ctx context.Context, name string) (context.Context, func(error)) {
	return s.observer.Call(ctx, name)
}

// Stats are figures of a [Store] at one time.
type Stats struct {
	CacheHits    uint64 // lists asked for and found in the cache, since the start
	CacheMisses  uint64 // and not found
	CacheBytes   int64  // memory that the cache takes, about
	CacheEntries int64  // lists in the cache

	IndexPending int64 // entities that were not in the search index, about, some seconds ago at most

	WriteQueue int // writes that wait for the committer to take them

	Reader, Lookup, Control, Writer sql.DBStats
}

// Stats returns the figures of now. It asks the database nothing.
func (s *Store) Stats() Stats {
	lists := s.cache.Stats()
	return Stats{
		CacheHits:    lists.Hits,
		CacheMisses:  lists.Misses,
		CacheBytes:   lists.Bytes,
		CacheEntries: lists.Entries,
		IndexPending: s.pending.Load(),
		WriteQueue:   s.committer.Waiting(),
		Reader:       s.engine.Reader.Stats(),
		Lookup:       s.engine.Lookup.Stats(),
		Control:      s.engine.Control.Stats(),
		Writer:       s.engine.Writer.Stats(),
	}
}
