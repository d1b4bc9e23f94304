package search

import (
	"bytes"
	"context"

	"github.com/platenhq/platen"
)

// A Pattern is a LIKE pattern: % in it is any text, _ any one character. Text
// and pattern are UTF-8. A Pattern is for one goroutine.
type Pattern struct {
	source []byte
	parts  []part // between the %; one if there is none
}

// A part is a piece of a pattern without %.
type part struct {
	text  []byte
	chars int // characters that it matches
	wild  bool
	bits  *bitSet // wild: made when the part is first searched for
}

// NewPattern returns a pattern, which it copies. One of more than
// [platen.MaxPattern] bytes matches nothing: it can only be a stored value.
func NewPattern(source []byte) *Pattern {
	p := &Pattern{source: bytes.Clone(source)}
	if len(source) > platen.MaxPattern {
		return p
	}
	for text := range bytes.SplitSeq(p.source, []byte{'%'}) {
		one := part{text: text, wild: bytes.IndexByte(text, '_') >= 0}
		for _, b := range text {
			if !continues(b) {
				one.chars++
			}
		}
		p.parts = append(p.parts, one)
	}
	return p
}

// Is reports whether the pattern is made of source.
func (p *Pattern) Is(source []byte) bool { return p != nil && bytes.Equal(p.source, source) }

// Match reports whether text is like the pattern. The time is in proportion to
// the text, times one plus the 64ths of a part with _ in it. The error is that
// of ctx, which it looks at now and then.
func (p *Pattern) Match(ctx context.Context, text []byte) (bool, error) {
	if len(p.parts) == 0 {
		return false, nil
	}
	n, ok := p.parts[0].prefix(text)
	if len(p.parts) == 1 {
		return ok && n == len(text), nil
	}
	last := &p.parts[len(p.parts)-1]
	start := len(text)
	for range last.chars {
		for start--; start > 0 && continues(text[start]); start-- {
		}
	}
	if !ok || start < n {
		return false, nil
	}
	if length, ok := last.prefix(text[start:]); !ok || start+length != len(text) {
		return false, nil
	}
	// What is left between them need only have the other parts in their order:
	// the first place of each leaves the most room for the next.
	text = text[n:start]
	for i := range p.parts[1 : len(p.parts)-1] {
		end, err := p.parts[i+1].find(ctx, text)
		if end < 0 || err != nil {
			return false, err
		}
		text = text[end:]
	}
	return true, nil
}

// prefix returns the length of the part at the start of text.
func (p *part) prefix(text []byte) (n int, ok bool) {
	if !p.wild {
		return len(p.text), bytes.HasPrefix(text, p.text)
	}
	for _, b := range p.text {
		switch {
		case n == len(text):
			return 0, false
		case b == '_':
			for n++; n < len(text) && continues(text[n]); n++ {
			}
		case text[n] == b:
			n++
		default:
			return 0, false
		}
	}
	return n, true
}

// find returns where the first place of the part in text ends; -1: there is none.
func (p *part) find(ctx context.Context, text []byte) (end int, err error) {
	if !p.wild {
		i, err := index(ctx, text, p.text)
		if i >= 0 {
			i += len(p.text)
		}
		return i, err
	}
	if p.bits == nil {
		p.bits = newBitSet(p.text)
	}
	end, err = p.bits.find(ctx, text)
	for end >= 0 && end < len(text) && continues(text[end]) {
		end++
	}
	return end, err
}

// continues reports whether b is a byte of a character after its first.
func continues(b byte) bool { return b&0xc0 == 0x80 }

// A bitSet searches for a part with _ by the Shift-And method: bit i of the
// state says that the part up to its byte i matches the text up to where the
// search is. So no place of the text is visited twice.
type bitSet struct {
	words   int
	accepts [256][]uint64 // by byte of the text: bytes of the part that match it
	any     []uint64      // where the part has _, which the rest of a character stays in
	state   []uint64
	last    uint64 // the bit of the last byte, in the last word
}

func newBitSet(text []byte) *bitSet {
	s := &bitSet{words: (len(text) + 63) / 64, last: 1 << ((len(text) - 1) & 63)}
	all := make([]uint64, 258*s.words)
	next := func() (words []uint64) {
		words, all = all[:s.words:s.words], all[s.words:]
		return words
	}
	s.any, s.state = next(), next()
	for c := range s.accepts {
		s.accepts[c] = next()
	}
	for i, b := range text {
		word, bit := i/64, uint64(1)<<(i&63)
		if b != '_' {
			s.accepts[b][word] |= bit
			continue
		}
		s.any[word] |= bit
		for c := range s.accepts {
			if !continues(byte(c)) {
				s.accepts[c][word] |= bit
			}
		}
	}
	return s
}

// find returns where the first match ends; -1: there is none.
func (s *bitSet) find(ctx context.Context, text []byte) (int, error) {
	clear(s.state)
	for at := 0; at < len(text); at += windowBytes {
		for i, c := range text[at:min(len(text), at+windowBytes)] {
			carry, accepts := uint64(1), s.accepts[c]
			rest := continues(c)
			for w, now := range s.state {
				next := (now<<1 | carry) & accepts[w]
				if rest {
					next |= now & s.any[w]
				}
				carry, s.state[w] = now>>63, next
			}
			if s.state[s.words-1]&s.last != 0 {
				return at + i + 1, nil
			}
		}
		if err := pause(ctx); err != nil {
			return -1, err
		}
	}
	return -1, nil
}
