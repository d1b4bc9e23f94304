package logwriter_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen/internal/logwriter"
)

// slow is a log that takes a write for each element of turns.
type slow struct {
	turns  chan struct{}
	busy   sync.Mutex
	writes []string
}

// Write implements [io.Writer].
func (s *slow) Write(b []byte) (int, error) {
	if !s.busy.TryLock() {
		return 0, errors.New("another write is under way")
	}
	defer s.busy.Unlock()
	<-s.turns
	s.writes = append(s.writes, string(b))
	return len(b), nil
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); n != len(text) || err != nil {
		t.Errorf("wrote %d bytes of %d: %v", n, len(text), err)
	}
}

// TestTogether writes lines while the log is busy: they go together, and only
// those of Write are waited for.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slow{turns: make(chan struct{})}
		w := logwriter.New(to)
		later := w.Deferred()
		write(t, later, "1\n")
		time.Sleep(time.Second)
		synctest.Wait() // the first one is being written
		write(t, later, "2\n")
		done := false
		go func() {
			write(t, w, "3\n")
			done = true
		}()
		synctest.Wait()
		to.turns <- struct{}{}
		synctest.Wait()
		if done {
			t.Error("Write returned before its line was written")
		}
		to.turns <- struct{}{}
		synctest.Wait()
		if !done {
			t.Error("Write has not returned")
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Join(to.writes, "|"); got != "1\n|2\n3\n" {
			t.Errorf("the log got %q", got)
		}
	})
}

// TestPause writes deferred lines one after the other: they wait for others, but not
// for long, and not if somebody waits for them.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slow{turns: make(chan struct{}, 100)}
		for range cap(to.turns) {
			to.turns <- struct{}{}
		}
		w := logwriter.New(to)
		later := w.Deferred()
		write(t, later, "1\n")
		time.Sleep(time.Microsecond)
		write(t, later, "2\n")
		time.Sleep(10 * time.Millisecond)
		write(t, later, "3\n")
		begin := time.Now()
		write(t, w, "4\n")
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("a line that is waited for was written after %v", waited)
		}
		write(t, later, "5\n")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("Close took %v", waited)
		}
		if got := strings.Join(to.writes, "|"); got != "1\n2\n|3\n4\n|5\n" {
			t.Errorf("the log got %q", got)
		}
	})
}

// TestStalled fills a writer whose log takes nothing: whoever has a line waits some
// seconds at most, lines for which there is no room are dropped, and their number is
// told once the log takes lines again.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slow{turns: make(chan struct{})}
		w := logwriter.New(to)
		w.OnDropped(func(lines int) { write(t, w, fmt.Sprintf("dropped %d\n", lines)) })
		line := strings.Repeat("x", 1<<16) + "\n"
		const lines = 100
		begin := time.Now()
		for range lines {
			write(t, w.Deferred(), line)
		}
		write(t, w, "the last\n")
		if waited := time.Since(begin); waited < time.Second || waited > 10*time.Second {
			t.Errorf("lines for a log that takes nothing took %v", waited)
		}
		close(to.turns)
		synctest.Wait()
		time.Sleep(time.Second)
		_ = w.Close()
		got := strings.Join(to.writes, "")
		kept := strings.Count(got, line)
		// The log has been given what was kept at some time, and as much is kept again.
		if kept < 16 || kept > 36 {
			t.Errorf("%d lines of 64 KiB were kept", kept)
		}
		if want := fmt.Sprintf("dropped %d\n", lines+1-kept); !strings.HasSuffix(got, want) {
			t.Errorf("the log ends with %q, want %q", got[len(got)-40:], want)
		}
	})
}

// TestSlow writes to a log that takes its time, but takes all: nothing is lost.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slow{turns: make(chan struct{})}
		w := logwriter.New(to)
		w.OnDropped(func(lines int) { t.Errorf("%d lines were dropped", lines) })
		line := strings.Repeat("x", 1<<16) + "\n"
		end := make(chan struct{})
		var log sync.WaitGroup
		log.Go(func() {
			for {
				time.Sleep(2 * time.Second)
				select {
				case to.turns <- struct{}{}:
				case <-end:
					return
				}
			}
		})
		for range 100 {
			write(t, w.Deferred(), line)
		}
		_ = w.Close()
		close(end)
		log.Wait()
		if got := len(strings.Join(to.writes, "")); got != 100*len(line) {
			t.Errorf("%d bytes were written; want %d", got, 100*len(line))
		}
	})
}

// TestCloseStalled closes a writer whose log takes nothing: that ends, and so does
// what is written afterwards.
func TestCloseStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slow{turns: make(chan struct{})}
		w := logwriter.New(to)
		write(t, w.Deferred(), "before\n")
		begin := time.Now()
		_ = w.Close()
		write(t, w, "after\n")
		if waited := time.Since(begin); waited > 10*time.Second {
			t.Errorf("Close and a line took %v", waited)
		}
		close(to.turns)
		synctest.Wait()
	})
}

// TestAfterClose writes a line while Close still passes on another: they do not meet.
func TestAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &slow{turns: make(chan struct{})}
		w := logwriter.New(to)
		write(t, w.Deferred(), "before\n")
		var wg sync.WaitGroup
		wg.Go(func() { _ = w.Close() })
		synctest.Wait()
		wg.Go(func() { write(t, w.Deferred(), "after\n") })
		synctest.Wait()
		close(to.turns)
		wg.Wait()
		if got := strings.Join(to.writes, ""); got != "before\nafter\n" {
			t.Errorf("the log has %q", got)
		}
	})
}

// TestAll writes from many goroutines at once, during and after Close: no line
// is lost or torn.
func TestAll(t *testing.T) {
	var to bytes.Buffer
	w := logwriter.New(&to)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 1000 {
				out := w.Deferred()
				if n%10 == 0 {
					out = w
				}
				write(t, out, fmt.Sprintf("line %d of %d\n", n, i))
			}
		})
	}
	_ = w.Close()
	wg.Wait()
	lines := make(map[string]bool)
	for line := range strings.Lines(to.String()) {
		lines[line] = true
	}
	for i := range 8 {
		for n := range 1000 {
			if line := fmt.Sprintf("line %d of %d\n", n, i); !lines[line] {
				t.Fatalf("%q is missing", line)
			}
		}
	}
	if len(lines) != 8000 {
		t.Errorf("%d different lines; want 8000", len(lines))
	}
}

// BenchmarkLine writes lines to a file from 64 goroutines, at once and
// deferred.
func BenchmarkLine(b *testing.B) {
	line := bytes.Repeat([]byte("x"), 200)
	for _, deferred := range []bool{false, true} {
		b.Run(fmt.Sprintf("deferred=%v", deferred), func(b *testing.B) {
			file, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			var to io.Writer = file
			if deferred {
				w := logwriter.New(file)
				defer w.Close()
				to = w.Deferred()
			}
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := to.Write(line); err != nil {
						b.Fatal(err)
					}
					runtime.Gosched() // to another request
				}
			})
		})
	}
}
