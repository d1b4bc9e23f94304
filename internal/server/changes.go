package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/olrest"
)

func (s *Server) history(w *response, r *http.Request, to target) error {
	page, err := olrest.ReadHistoryQuery(r.URL.Query(), to.ref.ID)
	if err != nil {
		return err
	}
	kind, err := s.Store.KindOf(r.Context(), to.ref.ID)
	if err != nil {
		return err
	}
	if err := s.permit(w, r, platen.Viewer, platen.KindsOf(kind)); err != nil {
		return err
	}
	changes, next, err := s.Store.History(r.Context(), to.ref.ID, page.After, page.Size)
	if err != nil {
		return err
	}
	if err := s.holdChanges(w, changes...); err != nil {
		return err
	}
	olrest.ReplyHistory(w, to.ref.ID, changes, next)
	return nil
}

// listAt answers with a list as it is, or was.
func (s *Server) listAt(w *response, r *http.Request, to target) error {
	at, err := olrest.ReadTimeQuery(r.URL.Query())
	if err != nil {
		return err
	}
	kind, list, err := s.Store.ListAt(r.Context(), to.ref.ID, to.Facet, at)
	if err != nil {
		return err
	}
	if err := s.permit(w, r, platen.Viewer, platen.KindsOf(kind)); err != nil {
		return err
	}
	return s.replyList(w, r, list, []string{platen.TagOf(list).String()})
}

// holdChanges counts the memory of changes and of an answer with them.
func (s *Server) holdChanges(w *response, changes ...platen.Change) error {
	const besides = 64 // of an entry or a name, besides its texts
	size := 0
	for i := range changes {
		for j := range changes[i].Entries {
			size += besides
			for _, name := range changes[i].Entries[j].Names {
				size += besides + len(name.Name)
				for _, value := range []*string{name.Before, name.After} {
					if value != nil {
						size += len(*value)
					}
				}
			}
		}
	}
	return s.hold(w, int64(2*size))
}

// changeEntries is how many entries of a change are shown.
const changeEntries = 1000

func (s *Server) readChange(w *response, r *http.Request, to target) error {
	id, err := olrest.ReadChangeID(to.name)
	if err == nil {
		err = olrest.CheckQuery(r.URL.Query())
	}
	if err != nil {
		return err
	}
	change, err := s.Store.Change(r.Context(), id, changeEntries)
	if err == nil && change.Type.Audit() {
		err = s.permit(w, r, platen.Admin, 0)
	}
	if err != nil {
		return err
	}
	if err := s.holdChanges(w, change); err != nil {
		return err
	}
	olrest.ReplyChange(w, &change)
	return nil
}

func (s *Server) revert(w *response, r *http.Request, to target) error {
	id, err := olrest.ReadChangeID(to.name)
	if err == nil {
		err = olrest.CheckQuery(r.URL.Query())
	}
	if err != nil {
		return err
	}
	force, err := decode(s, w, r, olrest.ReadRevert)
	if err != nil {
		return err
	}
	made, err := s.Store.Revert(r.Context(), id, force)
	if err != nil {
		return err
	}
	s.logChange(r.Context(), "change reverted", "change", id, "by", made, "force", force)
	olrest.ReplyReverted(w, made)
	return nil
}

// permitEvents returns Forbidden if the caller asks for events of the audit trail and is
// no admin, and leaves these out if they were not asked for.
func (s *Server) permitEvents(w *response, r *http.Request, query *olrest.EventQuery) error {
	query.Filter.Audit = w.call.Role >= platen.Admin
	if slices.ContainsFunc(query.Filter.Types, platen.ChangeType.Audit) {
		return s.permit(w, r, platen.Admin, 0)
	}
	return nil
}

// readEvents answers with a page of events, or a stream.
func (s *Server) readEvents(w *response, r *http.Request, _ target) error {
	query, err := olrest.ReadEventQuery(r)
	if err == nil {
		err = s.permitEvents(w, r, &query)
	}
	if err != nil {
		return err
	}
	if query.Last > 0 {
		return s.lastEvents(w, r, &query)
	}
	if query.Stream {
		return s.streamEvents(w, r, &query)
	}
	// What the filter does not admit is passed over, but not for long.
	const most = 100_000
	var bodies [][]byte
	after, size := query.After, 0
	for seen := 0; seen < most && len(bodies) < query.Size && size < admission.SmallBytes<<4; {
		items, next, err := s.events.Page(r.Context(), after)
		if err != nil {
			return err
		}
		if next == after {
			break
		}
		seen += len(items)
		after = next
		for _, item := range items {
			if !query.Filter.Matches(&item.Event) {
				continue
			}
			bodies, size = append(bodies, item.Body), size+len(item.Body)
			if len(bodies) == query.Size {
				after = item.ID
				break
			}
		}
		if err := s.hold(w, int64(2*size)); err != nil {
			return err
		}
	}
	olrest.ReplyEvents(w, bodies, after)
	return nil
}

// streamBytes are written to a stream at once.
const streamBytes = 64 << 10

// errSlow ends a stream whose client can not keep up.
var errSlow = platen.Errorf(platen.Unavailable, "the events were not read as fast as they came: connect again with the last id to go on")

// streamEvents sends events as they come, until the client leaves.
func (s *Server) streamEvents(w *response, r *http.Request, query *olrest.EventQuery) error {
	if err := s.take(admission.Listeners); err != nil {
		return err
	}
	defer s.slots[admission.Listeners].Give(1)
	now, leave, err := s.events.Listen(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	if query.Given && query.After > now {
		// It was not yet, unless another server has just written it: a page says which.
		if _, _, err := s.events.Page(r.Context(), query.After); err != nil {
			return err
		}
	}
	stream := eventStream{s: s, w: w, r: r, control: http.NewResponseController(w), query: query, after: query.After}
	if !query.Given {
		stream.after = now
	}
	// The first events are looked for before the answer begins, so that it can
	// be that these are no longer kept.
	at := make(chan time.Time)
	close(at)
	items, next, err := s.events.Next(r.Context(), stream.after, at)
	if err != nil {
		return err
	}
	// The time for reading the request no longer counts.
	if err := stream.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	olrest.BeginStream(w)
	if w.head {
		return nil
	}
	// A reader whose connection breaks before the first event goes on from here.
	stream.buf = olrest.AppendStreamStart(stream.buf, stream.after.String())
	if err := stream.send(items, next); err == nil {
		err = stream.follow()
		stream.end(err)
	}
	return nil
}

// An eventStream is a client that listens.
type eventStream struct {
	s       *Server
	w       *response
	r       *http.Request
	control *http.ResponseController
	query   *olrest.EventQuery
	after   platen.EventID
	buf     []byte
	wrote   time.Time // the last time
}

var errLeft = errors.New("the client has left")

// follow sends events until an error says why it ends.
func (e *eventStream) follow() error {
	for check := e.s.streamCheck(e.w, e.r); ; {
		timer := time.NewTimer(check.every)
		items, next, err := e.next(timer.C)
		timer.Stop()
		if err != nil {
			return err
		}
		if err := check.again(next == e.after); err != nil {
			return err
		}
		if err := e.s.permitEvents(e.w, e.r, e.query); err != nil {
			return err
		}
		if next == e.after {
			if err := e.write(olrest.StreamComment); err != nil {
				return err
			}
			continue
		}
		if err := e.send(items, next); err != nil {
			return err
		}
		if time.Since(e.wrote) >= check.every { // the client wants none of what comes
			if err := e.write(olrest.AppendStreamStart(nil, next.String())); err != nil {
				return err
			}
		}
	}
}

// next waits for events, or for the server to stop.
func (e *eventStream) next(wait <-chan time.Time) ([]*event.Item, platen.EventID, error) {
	ctx, cancel := context.WithCancelCause(e.r.Context())
	defer cancel(nil)
	defer context.AfterFunc(e.s.ended, func() { cancel(errStopping) })()
	items, next, err := e.s.events.Next(ctx, e.after, wait)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return items, next, err
}

// send writes those of items that the client wants.
func (e *eventStream) send(items []*event.Item, next platen.EventID) error {
	for _, item := range items {
		if !e.query.Filter.Matches(&item.Event) {
			continue
		}
		e.buf = olrest.AppendStreamed(e.buf, item.ID, item.Body)
		if len(e.buf) >= streamBytes {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	e.after = next
	return e.flush()
}

func (e *eventStream) flush() error {
	if len(e.buf) == 0 {
		return e.control.Flush() // of the headers
	}
	start := time.Now()
	err := e.write(e.buf)
	e.buf = e.buf[:0]
	if err == nil && time.Since(start) > e.s.Timeouts.Stall/3 {
		return errSlow
	}
	return err
}

func (e *eventStream) write(b []byte) error {
	if _, err := e.w.Write(b); err != nil {
		return errLeft
	}
	if err := e.control.Flush(); err != nil {
		return errLeft
	}
	e.wrote = time.Now()
	return nil
}

// end says why a stream ends, if the client can still be told.
func (e *eventStream) end(err error) {
	if errors.Is(err, errLeft) {
		e.s.Log.Debug("a listener has left, or does not read", "request", e.w.call.RequestID)
		return
	}
	if e.r.Context().Err() != nil && !e.s.stopping.Load() {
		return
	}
	if e.s.stopping.Load() {
		err = errStopping
	}
	e.s.drop(e.w, err)
}
