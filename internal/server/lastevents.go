package server

import (
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/olrest"
)

// Bounds of looking back in the log: it can only be read forwards, so it is read in
// stretches that begin further and further back.
const (
	firstStretch   = 8 // blocks of the log
	longestStretch = 512
	eventsLookedAt = 50_000 // until the answer says where to go on
	lastBytes      = admission.SmallBytes << 4
)

// lastEvents answers with the last events from before a place, in order.
func (s *Server) lastEvents(w *response, r *http.Request, query *olrest.EventQuery) error {
	now, err := s.Store.LastEvent(r.Context())
	if err != nil {
		return err
	}
	end := now + 1
	if query.Before != 0 {
		end = min(end, query.Before)
	}
	after := end - 1
	found := lookBack{s: s, query: query}
	position, _ := after.Split()
	for stretch := int64(firstStretch); !found.done && position > 0; stretch = min(2*stretch, longestStretch) {
		position = max(0, position-stretch)
		begin := platen.EventID(0) // of all that is kept
		if position > 0 {
			begin = platen.NewEventID(position, platen.LastEntry)
		}
		if err := found.read(r, begin, end); err != nil {
			return err
		}
		end = begin + 1
	}
	if err := s.hold(w, int64(2*found.size)); err != nil {
		return err
	}
	bodies := make([][]byte, len(found.items))
	for i, item := range found.items {
		bodies[i] = item.Body
	}
	olrest.ReplyLastEvents(w, bodies, after, found.before)
	return nil
}

// A lookBack has the last events that were found so far, and where to go on.
type lookBack struct {
	s      *Server
	query  *olrest.EventQuery
	items  []*event.Item
	size   int // in bytes
	seen   int
	before platen.EventID // what is before it was not looked at; 0: nothing is
	done   bool
}

// read puts the events after begin and before end in front of those that were found.
func (l *lookBack) read(r *http.Request, begin, end platen.EventID) error {
	var items []*event.Item
	size := 0
	l.before = begin + 1
	if begin == 0 {
		l.before = 0
	}
	for after := begin; after+1 < end; {
		page, next, err := l.s.events.Page(r.Context(), after)
		if platen.ErrorCode(err) == platen.Gone && after == begin && begin != 0 {
			l.done, l.before = true, 0
			return l.read(r, 0, end) // from the oldest that is kept
		}
		if err != nil {
			return err
		}
		if next == after {
			break
		}
		after = next
		l.seen += len(page)
		for _, item := range page {
			if item.ID >= end || !l.query.Filter.Matches(&item.Event) {
				continue
			}
			items, size = append(items, item), size+len(item.Body)
			for len(items)+len(l.items) > l.query.Last || size+l.size > lastBytes && len(items) > 1 {
				l.done, l.before = true, items[1].ID
				size -= len(items[0].Body)
				items = items[1:]
			}
		}
	}
	l.items, l.size = append(items, l.items...), l.size+size
	l.done = l.done || l.seen >= eventsLookedAt || len(l.items) == l.query.Last
	return nil
}
