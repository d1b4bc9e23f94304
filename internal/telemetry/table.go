package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
)

// A table keeps what was made for each key. It is for few keys that are asked
// for all the time: to read takes no lock and allocates nothing, to add one
// copies the table.
type table[K comparable, V any] struct {
	made func(K) V

	mu   sync.Mutex // held to add
	rows atomic.Pointer[map[K]V]
}

// get returns what belongs to a key, and makes it the first time.
func (t *table[K, V]) get(key K) V {
	if rows := t.rows.Load(); rows != nil {
		if v, ok := (*rows)[key]; ok {
			return v
		}
	}
	return t.add(key)
}

func (t *table[K, V]) add(key K) V {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make(map[K]V)
	if old := t.rows.Load(); old != nil {
		if v, ok := (*old)[key]; ok {
			return v // another was faster
		}
		maps.Copy(rows, *old)
	}
	v := t.made(key)
	rows[key] = v
	t.rows.Store(&rows)
	return v
}
