// Package logwriter lets many requests share the system call that writes their
// lines to the log, and makes these lines with little work.
package logwriter

import (
	"io"
	"sync"
	"time"
)

// maxPending is how many bytes may wait to be written. Whoever has more waits
// until there is room, for stallAfter at most.
const maxPending = 1 << 20

// stallAfter is how long one write to the log may take. Then the log counts as
// stalled until it returns: nobody waits for it, and lines for which there is no
// room are dropped. A server must neither hang nor fill its memory since nobody
// reads its log.
const stallAfter = 3 * time.Second

// pause is how long deferred lines wait for others to be written with.
const pause = 2 * time.Millisecond

// fullPause is how many bytes end the pause.
const fullPause = 64 << 10

// A Writer passes on what is written to it, in order. What comes while it
// writes goes together in the next write.
type Writer struct {
	to   io.Writer
	wake chan struct{} // ends the pause

	mu      sync.Mutex
	changed sync.Cond // of pending, written, closed, drained
	pending []byte
	added   uint64 // bytes that have come
	written uint64 // bytes that were passed on
	closed  bool
	drained bool // closed, and all that came before was passed on
	stalled bool // a write has taken longer than stallAfter
	dropped int  // lines, since the last that were told of
	tell    func(dropped int)
	ended   chan struct{}
}

// New returns a writer to to. Close ends it.
func New(to io.Writer) *Writer {
	w := &Writer{to: to, wake: make(chan struct{}, 1), tell: func(int) {}, ended: make(chan struct{})}
	w.changed.L = &w.mu
	go w.run()
	return w
}

// OnDropped has tell called when the log takes lines again, with how many were
// dropped meanwhile. It may write to w.
func (w *Writer) OnDropped(tell func(lines int)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell = tell
}

// Write implements [io.Writer]. It returns when b was passed on, or the log is
// stalled.
func (w *Writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for end := w.add(b); w.written < end && !w.stalled; {
		w.endPause()
		w.changed.Wait()
	}
	return len(b), nil
}

// Deferred returns a writer whose Write does not wait until what it was given
// is passed on, which is a few milliseconds later: if the process is killed, the
// lines that were just written may be missing.
func (w *Writer) Deferred() io.Writer { return deferred{w} }

type deferred struct{ w *Writer }

// Write implements [io.Writer].
func (d deferred) Write(b []byte) (int, error) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.add(b)
	return len(b), nil
}

// add appends b, or drops it, and returns the count of bytes with it. After Close
// it passes b on at once.
func (w *Writer) add(b []byte) (end uint64) {
	for len(w.pending) > maxPending && !w.closed && !w.stalled {
		w.changed.Wait()
	}
	for w.closed && !w.drained && !w.stalled {
		w.changed.Wait()
	}
	if w.stalled && (w.closed || len(w.pending) > maxPending) {
		w.dropped++
		return w.added
	}
	w.added += uint64(len(b))
	if w.closed {
		w.written += uint64(len(b))
		_, _ = w.to.Write(b)
		return w.added
	}
	if len(w.pending) == 0 {
		w.changed.Broadcast()
	}
	w.pending = append(w.pending, b...)
	if len(w.pending) > fullPause {
		w.endPause()
	}
	return w.added
}

// endPause has what is pending written at once.
func (w *Writer) endPause() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run passes on what comes until Close. Errors are lost, as with slog: there
// is nobody to tell.
func (w *Writer) run() {
	defer close(w.ended)
	var batch []byte
	timer := time.NewTimer(pause)
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.pending) == 0 {
			if w.closed {
				w.drained = true
				w.changed.Broadcast()
				return
			}
			w.changed.Wait()
		}
		w.mu.Unlock()
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-w.wake:
		}
		w.mu.Lock()
		batch, w.pending = w.pending, batch[:0]
		w.mu.Unlock()
		w.pass(batch)
		w.mu.Lock()
		w.written += uint64(len(batch))
		w.changed.Broadcast()
	}
}

// pass writes a batch to the log, and sees to it that nobody waits for ever.
func (w *Writer) pass(batch []byte) {
	done := false
	timer := time.AfterFunc(stallAfter, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stalled = !done
		w.changed.Broadcast()
	})
	_, _ = w.to.Write(batch)
	timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	done, w.stalled = true, false
	if dropped := w.dropped; dropped > 0 {
		w.dropped = 0
		go w.tell(dropped) // not here, where its line could wait for this very loop
	}
}

// Close passes on what is left, unless the log is stalled. What is written later
// is passed on at once.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.changed.Broadcast()
	w.endPause()
	for !w.drained && !w.stalled {
		w.changed.Wait()
	}
	stalled := w.stalled
	w.mu.Unlock()
	if !stalled {
		<-w.ended
	}
	return nil
}
