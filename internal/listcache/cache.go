// Package listcache keeps encoded lists of entities in memory, exactly as they
// are in the database.
package listcache

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/platenhq/platen"
)

// A Key names one list of one entity.
type Key struct {
	ID    platen.ID
	Facet platen.Facet
}

// Compare orders keys by facet, then by identifier.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Facet, other.Facet), cmp.Compare(k.ID, other.ID))
}

// An Entry is a list with the kind of its entity. A nil List is no entry.
type Entry struct {
	Kind   platen.Kind
	List   platen.List
	Set    platen.ID // that the entity belongs to; 0 or less for none
	Change int64     // that wrote the list, 0 for none that is known
	Tag    []string  // the text of the list's tag alone, see [Cache.SetTag]; nil: not known yet
}

// A Cache holds lists, never older and never newer than what another reader
// may have seen:
//
//   - a writer invalidates a list just before its transaction commits, and
//     readers go to the database until the writer publishes the new list;
//   - a reader that missed may fill only if no writer has the list, and nothing
//     was published in its shard since, so that it can not put back what was
//     replaced.
//
// It is bounded in bytes; what is evicted is picked by the map's random order.
type Cache struct {
	limit  int // bytes of each shard, 0 for no cache
	shards [64]shard
}

type shard struct {
	mu    sync.RWMutex
	slots map[Key]*slot
	lists int // that it has
	bytes int
	epoch uint64

	allInvalid bool // nothing may be filled in

	hits, misses atomic.Uint64 // of Get
}

// A slot has a list, or the place of one that writers keep out.
type slot struct {
	Entry
	writers int
}

// entryBytes is about what an entry costs besides the list itself.
const entryBytes = 208

// New returns an empty cache that takes about so many bytes; 0: it stays empty.
func New(bytes int) *Cache {
	c := &Cache{limit: bytes / len(Cache{}.shards)}
	for i := range c.shards {
		c.shards[i].slots = make(map[Key]*slot)
	}
	return c
}

func (c *Cache) shard(key Key) *shard {
	return &c.shards[uint64(key.ID)*0x9e3779b97f4a7c15>>58]
}

// Get returns what is cached, and the epoch that [Cache.Fill] wants after a
// miss.
func (c *Cache) Get(key Key) (Entry, uint64) {
	s := c.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if found := s.slots[key]; found != nil && found.List != nil {
		s.hits.Add(1)
		return found.Entry, s.epoch
	}
	s.misses.Add(1)
	return Entry{}, s.epoch
}

// Fill puts in what a reader found in the database after Get missed. That an entity is
// hidden (its kind is 0) is not kept: what shows it need not tell the cache.
func (c *Cache) Fill(key Key, found Entry, epoch uint64) {
	if found.Kind == 0 {
		return
	}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch && !s.allInvalid {
		if l := s.slots[key]; l == nil || l.writers == 0 {
			c.put(s, key, found)
		}
	}
}

// SetTag adds the tag of a list that Get has returned, if that is still the one.
func (c *Cache) SetTag(key Key, list platen.List, tag []string) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.slots[key]; now != nil && len(now.List) == len(list) && len(list) > 0 && &now.List[0] == &list[0] {
		now.Tag = tag
	}
}

// Invalidate takes a list out, and keeps it out until Publish.
func (c *Cache) Invalidate(key Key) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.slots[key]
	if l == nil {
		l = &slot{}
		s.slots[key] = l
	}
	l.writers++
	s.drop(l)
}

// Publish ends Invalidate. It puts the new list in, unless that is nil, as
// after a commit that failed, or other writers have invalidated it, too.
func (c *Cache) Publish(key Key, now Entry) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	l := s.slots[key]
	if l.writers--; l.writers > 0 {
		return
	}
	if now.List != nil && c.limit > 0 {
		c.put(s, key, now)
	} else {
		delete(s.slots, key)
	}
}

// InvalidateAll takes everything out, and lets nothing be filled in until
// EndInvalidateAll. Only one writer may do so at a time.
func (c *Cache) InvalidateAll() {
	c.setAll(true, func(s *shard) {
		for key := range s.slots {
			s.remove(key)
		}
	})
}

// InvalidateEntities is InvalidateAll that takes out the lists of some entities only,
// if they are not very many.
func (c *Cache) InvalidateEntities(of []platen.IDRange) {
	const most = 1 << 14
	count := int64(0)
	for _, r := range of {
		count += r.Len()
	}
	if count > most {
		c.InvalidateAll()
		return
	}
	c.setAll(true, func(*shard) {})
	for _, r := range of {
		for id := r.First; id <= r.Last; id++ {
			s := c.shard(Key{ID: id})
			s.mu.Lock()
			for facet := platen.Properties; facet <= platen.Fields; facet++ {
				s.remove(Key{ID: id, Facet: facet})
			}
			s.mu.Unlock()
		}
	}
}

// EndInvalidateAll ends InvalidateAll and InvalidateEntities.
func (c *Cache) EndInvalidateAll() { c.setAll(false, func(*shard) {}) }

func (c *Cache) setAll(invalid bool, remove func(*shard)) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.epoch++
		s.allInvalid = invalid
		remove(s)
		s.mu.Unlock()
	}
}

func (c *Cache) put(s *shard, key Key, now Entry) {
	if c.limit == 0 {
		return
	}
	l := s.slots[key]
	if l == nil {
		l = &slot{}
		s.slots[key] = l
	}
	s.drop(l)
	l.Entry = now
	s.lists++
	s.bytes += len(now.List) + entryBytes
	for other := range s.slots {
		if s.bytes <= c.limit {
			break
		}
		s.remove(other)
	}
}

// remove takes a list out, with its slot if no writer has it.
func (s *shard) remove(key Key) {
	if l := s.slots[key]; l != nil {
		s.drop(l)
		if l.writers == 0 {
			delete(s.slots, key)
		}
	}
}

// drop takes the list out of a slot.
func (s *shard) drop(l *slot) {
	if l.List != nil {
		s.lists--
		s.bytes -= len(l.List) + entryBytes
		l.Entry = Entry{}
	}
}

// Stats are figures of a [Cache].
type Stats struct {
	Hits, Misses uint64 // of Get, since the start
	Bytes        int64  // of memory, about
	Entries      int64
}

// Stats returns the figures of now.
func (c *Cache) Stats() (stats Stats) {
	for i := range c.shards {
		s := &c.shards[i]
		stats.Hits += s.hits.Load()
		stats.Misses += s.misses.Load()
		s.mu.RLock()
		stats.Bytes += int64(s.bytes)
		stats.Entries += int64(s.lists)
		s.mu.RUnlock()
	}
	return stats
}
