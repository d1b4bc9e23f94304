package search

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
)

func TestContains(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(text, part []byte) {
		t.Helper()
		want := bytes.Index(text, part)
		for name, search := range map[string]func(context.Context, []byte, []byte) (int, error){"index": index, "indexLong": indexLong} {
			if got, err := search(t.Context(), text, part); got != want || err != nil {
				t.Fatalf("%s of %.40q, %d bytes, in %d bytes: %d, %v, want %d", name, part, len(part), len(text), got, err, want)
			}
		}
	}
	word := func(n int, letters string) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return b
	}
	for range 20_000 {
		check(word(random.IntN(40), "ab"), word(random.IntN(8), "ab"))
	}
	text := word(3*windowBytes, "\x00\xff")
	for _, n := range []int{1, 2, 100, platen.MaxPattern, platen.MaxPattern + 1, windowBytes + 1} {
		// Where windows meet, and at both ends.
		for _, at := range []int{0, 1, windowBytes - n, windowBytes - n + 1, windowBytes - 1, windowBytes, len(text) - n - 1, len(text) - n} {
			if at >= 0 && at+n <= len(text) {
				check(text, text[at:at+n])
			}
		}
		check(text, bytes.Repeat([]byte{0}, n+30))
	}
}

// TestStopped ends each way to search in a long text soon after its context.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	text := []byte(strings.Repeat("a", 20*windowBytes))
	for name, search := range map[string]func() (bool, error){
		"contains":      func() (bool, error) { return Contains(ctx, text, []byte("b")) },
		"contains long": func() (bool, error) { return Contains(ctx, text, append(text[:len(text):len(text)], 'b')[10:]) },
		"like":          func() (bool, error) { return NewPattern([]byte("%b%")).Match(ctx, text) },
		"like _":        func() (bool, error) { return NewPattern([]byte("%a_b%")).Match(ctx, text) },
	} {
		if ok, err := search(); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

// TestLargeContains looks for parts of half a text, which take the product of
// both if each place is compared: of eight times the size they take about
// eight times as long.
func TestLargeContains(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	search := func(size int) func() {
		text := bytes.Repeat([]byte("a"), size)
		part := append(bytes.Clone(text[:size/2]), 'b')
		return func() {
			if ok, err := Contains(t.Context(), text, part); ok || err != nil {
				t.Fatal("it contains it", err)
			}
		}
	}
	costtest.AtMost(t, "a long part", 4, 8, search(256<<10), search(2<<20))
}
