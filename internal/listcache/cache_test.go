package listcache_test

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
)

func key(id platen.ID) listcache.Key {
	return listcache.Key{ID: id, Facet: platen.Properties}
}

func entry(text string) listcache.Entry {
	return listcache.Entry{Kind: platen.Job, List: platen.List(text)}
}

// cached returns what the cache has, "" for nothing.
func cached(c *listcache.Cache, id platen.ID) string {
	found, _ := c.Get(key(id))
	return string(found.List)
}

// TestFill has readers fill the cache while a writer is at work. Only what can
// not have been replaced is kept.
func TestFill(t *testing.T) {
	for _, test := range []struct {
		name  string
		begin func(*listcache.Cache) // before the reader's miss
		write func(*listcache.Cache) // between the reader's miss and its Fill
		want  string
	}{
		{"nobody writes", nothing, nothing, "old"},
		{"another reader is faster", nothing, func(c *listcache.Cache) { c.Fill(key(1), entry("old"), 0) }, "old"},
		{"a writer begins", nothing, func(c *listcache.Cache) { c.Invalidate(key(1)) }, ""},
		{"a writer has written", nothing, func(c *listcache.Cache) { c.Invalidate(key(1)); c.Publish(key(1), entry("new")) }, "new"},
		{"a writer has failed", nothing, func(c *listcache.Cache) { c.Invalidate(key(1)); c.Publish(key(1), listcache.Entry{}) }, ""},
		{"one of two writers has written", nothing, func(c *listcache.Cache) {
			c.Invalidate(key(1))
			c.Invalidate(key(1))
			c.Publish(key(1), entry("new"))
		}, ""},
		{"everything is invalid", nothing, func(c *listcache.Cache) { c.InvalidateAll() }, ""},
		{"everything was invalid", nothing, func(c *listcache.Cache) { c.InvalidateAll(); c.EndInvalidateAll() }, ""},
		{"a writer had begun", invalidate, nothing, ""},
		{"a writer had begun and has written", invalidate, func(c *listcache.Cache) { c.Publish(key(1), entry("new")) }, "new"},
		{"a writer had begun when everything was invalid", func(c *listcache.Cache) {
			c.Invalidate(key(1))
			c.InvalidateAll()
			c.EndInvalidateAll()
		}, nothing, ""},
		{"a writer has written since everything was invalid", invalidate, func(c *listcache.Cache) {
			c.InvalidateAll()
			c.EndInvalidateAll()
			c.Publish(key(1), entry("new"))
		}, "new"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := listcache.New(1 << 20)
			test.begin(c)
			_, epoch := c.Get(key(1))
			test.write(c)
			c.Fill(key(1), entry("old"), epoch)
			if got := cached(c, 1); got != test.want {
				t.Errorf("the cache has %q; want %q", got, test.want)
			}
			if stats := c.Stats(); stats.Entries != int64(min(len(test.want), 1)) || stats.Bytes > 300 {
				t.Errorf("%+v with %q", stats, test.want)
			}
		})
	}
}

func nothing(*listcache.Cache) {}

func invalidate(c *listcache.Cache) { c.Invalidate(key(1)) }

// TestInvalidate takes out a list, which nobody reads while its writer commits.
func TestInvalidate(t *testing.T) {
	c := listcache.New(1 << 20)
	c.Fill(key(1), entry("old"), 0)
	c.Invalidate(key(1))
	if got := cached(c, 1); got != "" {
		t.Errorf("the cache has %q while a writer commits", got)
	}
	c.Publish(key(1), entry("new"))
	if got := cached(c, 1); got != "new" {
		t.Errorf("the cache has %q", got)
	}
	if stats := c.Stats(); stats.Entries != 1 || stats.Hits != 1 || stats.Misses != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestSetTag adds the tags of lists, of which one is no longer what the cache has.
func TestSetTag(t *testing.T) {
	c := listcache.New(1 << 20)
	c.Fill(key(1), entry("old"), 0)
	old, _ := c.Get(key(1))
	c.Invalidate(key(1))
	c.SetTag(key(1), old.List, []string{"old"})
	c.Publish(key(1), entry("new"))
	c.SetTag(key(1), old.List, []string{"old"})
	c.SetTag(key(2), old.List, []string{"old"})
	now, _ := c.Get(key(1))
	if now.Tag != nil {
		t.Errorf("%s has the tag %v", now.List, now.Tag)
	}
	c.SetTag(key(1), now.List, []string{"new"})
	if now, _ = c.Get(key(1)); len(now.Tag) != 1 || now.Tag[0] != "new" {
		t.Errorf("%s has the tag %v", now.List, now.Tag)
	}
}

// TestInvalidateAll empties a cache, which takes up lists again afterwards.
func TestInvalidateAll(t *testing.T) {
	c := listcache.New(1 << 20)
	c.Fill(key(1), entry("old"), 0)
	c.InvalidateAll()
	if got := cached(c, 1); got != "" {
		t.Errorf("the cache has %q", got)
	}
	c.EndInvalidateAll()
	_, epoch := c.Get(key(1))
	c.Fill(key(1), entry("new"), epoch)
	if got := cached(c, 1); got != "new" {
		t.Errorf("the cache has %q", got)
	}
}

// TestInvalidateEntities takes out the lists of some entities. The others stay, unless
// it is of very many, and nothing is filled in until the end.
func TestInvalidateEntities(t *testing.T) {
	t.Run("few", func(t *testing.T) { testInvalidateEntities(t, 200, 87) })
	t.Run("very many", func(t *testing.T) { testInvalidateEntities(t, 1<<40, 0) })
}

func testInvalidateEntities(t *testing.T, last platen.ID, stay int64) {
	c := listcache.New(1 << 20)
	fill := func(id platen.ID, found listcache.Entry) {
		_, epoch := c.Get(key(id))
		c.Fill(key(id), found, epoch)
	}
	for id := platen.ID(1); id <= 100; id++ {
		fill(id, entry("x"))
	}
	facets := []platen.Facet{platen.Properties, platen.Metadata, platen.Fields}
	for _, facet := range facets {
		c.Fill(listcache.Key{ID: 10, Facet: facet}, entry("x"), 0)
	}
	c.InvalidateEntities([]platen.IDRange{{First: 50, Last: 50}, {First: 10, Last: 20}, {First: 99, Last: last}})
	for id := platen.ID(1); id <= 100; id++ {
		out := id == 50 || id >= 10 && id <= 20 || id >= 99 || stay == 0
		if got := cached(c, id) == ""; got != out {
			t.Errorf("the list of %d is out: %v; want %v", id, got, out)
		}
	}
	for _, facet := range facets {
		if got, _ := c.Get(listcache.Key{ID: 10, Facet: facet}); got.List != nil {
			t.Errorf("the %s are in", facet)
		}
	}
	if fill(10, entry("old")); cached(c, 10) != "" {
		t.Error("a list was filled in before the end")
	}
	c.EndInvalidateAll()
	if fill(10, entry("new")); cached(c, 10) != "new" {
		t.Error("no list is filled in after the end")
	}
	if stats := c.Stats(); stats.Entries != max(stay, 1) {
		t.Errorf("%+v; want %d lists", stats, max(stay, 1))
	}
}

// TestHidden finds that an entity is hidden, which may change without a word.
func TestHidden(t *testing.T) {
	c := listcache.New(1 << 20)
	c.Fill(key(1), listcache.Entry{List: platen.List("x")}, 0)
	if got := cached(c, 1); got != "" {
		t.Errorf("the cache has %q of a hidden entity", got)
	}
}

// TestBound fills a cache with more than it may keep.
func TestBound(t *testing.T) {
	const limit = 1 << 20
	c := listcache.New(limit)
	list := strings.Repeat("x", 1000)
	for id := platen.ID(1); id <= 10_000; id++ {
		_, epoch := c.Get(key(id))
		c.Fill(key(id), entry(list), epoch)
	}
	stats := c.Stats()
	if stats.Bytes > limit || stats.Bytes < limit/2 || stats.Entries < limit/2/1200 || stats.Entries > limit/1200 || stats.Misses != 10_000 || stats.Hits != 0 {
		t.Errorf("%+v with a limit of %d bytes", stats, limit)
	}
	if none := listcache.New(0); cached(none, 1) != "" {
		t.Error("a cache of no bytes has a list")
	} else if none.Fill(key(1), entry("x"), 0); cached(none, 1) != "" {
		t.Error("a cache of no bytes keeps a list")
	}
}

// TestNeverBack has writers count up in a database, and readers that never see
// a smaller number after a larger one, nor one that is not yet written.
func TestNeverBack(t *testing.T) {
	const ids, rounds = 3, 3000
	c := listcache.New(1 << 20)
	var database [ids]atomic.Int64
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for id := range ids {
		writers.Go(func() {
			for n := int64(1); n <= rounds; n++ {
				c.Invalidate(key(platen.ID(id)))
				now := listcache.Entry{}
				if n%7 != 0 { // else the commit fails
					database[id].Store(n)
					now = entry(strconv.FormatInt(n, 10))
				}
				c.Publish(key(platen.ID(id)), now)
				if n%100 == 0 && id == 0 {
					c.InvalidateAll()
					c.EndInvalidateAll()
				}
			}
		})
	}
	for range 4 {
		readers.Go(func() {
			var last [ids]int64
			for !done.Load() {
				for id := range ids {
					key := key(platen.ID(id))
					found, epoch := c.Get(key)
					if found.List == nil {
						found = entry(strconv.FormatInt(database[id].Load(), 10))
						c.Fill(key, found, epoch)
					}
					n, err := strconv.ParseInt(string(found.List), 10, 64)
					if err != nil || n < last[id] || n > database[id].Load() {
						t.Errorf("read %s (%v) after %d, and %d is in the database", found.List, err, last[id], database[id].Load())
						return
					}
					last[id] = n
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
}
