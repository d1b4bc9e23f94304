package search

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
)

// like is the plain way to match.
func like(text, pattern []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	if pattern[0] == '%' {
		return like(text, pattern[1:]) || len(text) > 0 && like(text[1:], pattern)
	}
	return len(text) > 0 && (pattern[0] == '_' || pattern[0] == text[0]) && like(text[1:], pattern[1:])
}

func checkLike(t *testing.T, text, pattern string) {
	t.Helper()
	p := NewPattern([]byte(pattern))
	for range 2 { // a pattern is used more than once
		got, err := p.Match(t.Context(), []byte(text))
		if want := like([]rune(text), []rune(pattern)); err != nil || got != want {
			t.Fatalf("%q LIKE %q: %v, want %v (%v)", text, pattern, got, want, err)
		}
	}
}

func TestLike(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("aaab_%ä日\U0001f600\u0080")
	word := func(most int, from []rune) string {
		var b strings.Builder
		for range random.IntN(most) {
			b.WriteRune(from[random.IntN(len(from))])
		}
		return b.String()
	}
	for range 200_000 {
		checkLike(t, word(12, letters), word(8, letters))
	}
	for range 2_000 { // parts of more than one word of bits
		text := word(200, []rune("aä"))
		from, to := random.IntN(len(text)+1), random.IntN(len(text)+1)
		inner := strings.ToValidUTF8(text[min(from, to):max(from, to)], "")
		checkLike(t, text, "%"+strings.Replace(inner, "a", "_", 1+random.IntN(9))+"%")
	}
	long := []byte(strings.Repeat("a", platen.MaxPattern+1))
	if ok, err := NewPattern(long).Match(t.Context(), long); ok || err != nil {
		t.Errorf("a pattern over the limit matches: %v, %v", ok, err)
	}
}

func FuzzLike(f *testing.F) {
	f.Add("aab", "%a_")
	f.Add("日本", "_本")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		if utf8.ValidString(text) && utf8.ValidString(pattern) && len(text) < 64 && len(pattern) < 10 {
			checkLike(t, text, pattern)
		}
	})
}

// TestLargePattern matches the patterns that took the product of text and
// pattern: of MaxPattern they take about as long as of a tenth, but for the
// words of bits.
func TestLargePattern(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	text := []byte(strings.Repeat("a", 1<<20))
	match := func(pattern string) func() {
		p := NewPattern([]byte(pattern))
		return func() {
			if ok, err := p.Match(t.Context(), text); ok || err != nil {
				t.Fatal("it matches", err)
			}
		}
	}
	for form, times := range map[string]int{"%": 10, "%_%": 10, "%_": 25} {
		costtest.AtMost(t, form, 4, times, match(form+strings.Repeat("a", platen.MaxPattern/10)+"b%"), match(form+strings.Repeat("a", platen.MaxPattern-10)+"b%"))
	}
}
