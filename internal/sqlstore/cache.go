package sqlstore

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/platenhq/platen"
)

// A listKey names one list of one entity.
type listKey struct {
	id    platen.ID
	facet platen.Facet
}

// compare orders keys in the one way in which all writers lock them.
func (k listKey) compare(other listKey) int {
	return cmp.Or(cmp.Compare(k.facet, other.facet), cmp.Compare(k.id, other.id))
}

// cached is a list with the kind of its entity; list is nil for none.
type cached struct {
	kind platen.Kind
	list platen.List
}

// A cache holds lists as they are in the database, never older and never
// newer than what another reader may have seen:
//
//   - hold takes a list out just before its transaction commits, and readers
//     go to the database until release puts the new list in;
//   - a reader that missed may fill only if no hold or release has happened
//     in its shard since, so that it can not put back what is replaced.
//
// It is bounded in bytes; what goes is picked by the map's random order.
type cache struct {
	limit  int // bytes for each shard, 0 for no cache
	shards [64]shard
}

type shard struct {
	mu    sync.RWMutex
	lists map[listKey]cached
	held  map[listKey]int
	bytes int
	epoch uint64

	heldAll bool // nothing may be filled in

	hits, misses atomic.Uint64 // of get
}

// entryBytes is about what an entry costs besides the list itself.
const entryBytes = 128

func newCache(bytes int) *cache {
	c := &cache{limit: bytes / len(cache{}.shards)}
	for i := range c.shards {
		c.shards[i].lists = make(map[listKey]cached)
		c.shards[i].held = make(map[listKey]int)
	}
	return c
}

func (c *cache) shard(key listKey) *shard {
	return &c.shards[uint64(key.id)*0x9e3779b97f4a7c15>>58]
}

// get returns what is cached, and the epoch that fill wants after a miss.
func (c *cache) get(key listKey) (cached, uint64) {
	s := c.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.lists[key]
	if found.list != nil {
		s.hits.Add(1)
	} else {
		s.misses.Add(1)
	}
	return found, s.epoch
}

// fill puts in what a reader found in the database after get missed.
func (c *cache) fill(key listKey, found cached, epoch uint64) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch && s.held[key] == 0 && !s.heldAll {
		c.put(s, key, found)
	}
}

// hold takes a list out, and keeps it out until release.
func (c *cache) hold(key listKey) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.held[key]++
	s.remove(key)
}

// release ends hold. It puts the new list in, unless that is nil, as after a
// commit that failed.
func (c *cache) release(key listKey, now cached) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	if s.held[key]--; s.held[key] > 0 {
		return
	}
	delete(s.held, key)
	if now.list != nil {
		c.put(s, key, now)
	}
}

// holdAll takes everything out, and keeps it out until releaseAll.
func (c *cache) holdAll() { c.setAll(true) }

// releaseAll ends holdAll.
func (c *cache) releaseAll() { c.setAll(false) }

func (c *cache) setAll(held bool) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.epoch++
		s.heldAll = held
		clear(s.lists)
		s.bytes = 0
		s.mu.Unlock()
	}
}

func (c *cache) put(s *shard, key listKey, now cached) {
	if c.limit == 0 {
		return
	}
	s.remove(key)
	s.lists[key] = now
	s.bytes += len(now.list) + entryBytes
	for other := range s.lists {
		if s.bytes <= c.limit {
			break
		}
		s.remove(other)
	}
}

func (s *shard) remove(key listKey) {
	if old, ok := s.lists[key]; ok {
		s.bytes -= len(old.list) + entryBytes
		delete(s.lists, key)
	}
}
