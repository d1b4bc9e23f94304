package search

import (
	"bytes"
	"context"
	"math/bits"
	"math/rand/v2"
	"runtime"

	"github.com/platenhq/platen"
)

// windowBytes is how much of a text is searched between two looks at the
// context: at most some milliseconds' worth.
const windowBytes = 64 << 10

// pause lets other goroutines run, and returns the error of ctx.
func pause(ctx context.Context) error {
	runtime.Gosched()
	return ctx.Err()
}

// Contains reports whether text has part in it, in time that is in proportion
// to both. The error is that of ctx, which it looks at now and then.
func Contains(ctx context.Context, text, part []byte) (bool, error) {
	i, err := index(ctx, text, part)
	return i >= 0, err
}

// index returns the first place of part in text; -1: there is none.
func index(ctx context.Context, text, part []byte) (int, error) {
	if len(part) > platen.MaxPattern {
		return indexLong(ctx, text, part)
	}
	for at := 0; ; at += windowBytes {
		end := at + windowBytes + len(part) - 1 // windows overlap by one byte less than part
		last := end >= len(text)
		if i := bytes.Index(text[at:min(end, len(text))], part); i >= 0 {
			return at + i, nil
		}
		if last {
			return -1, nil
		}
		if err := pause(ctx); err != nil {
			return -1, err
		}
	}
}

// modulus is a prime: hashes are polynomials modulo it.
const modulus = 1<<61 - 1

// base is where the polynomials are evaluated. It is not known to those who
// write texts, so that they can not make texts with equal hashes.
var base = 1 + rand.Uint64N(modulus-1)

// indexLong is index by the method of Rabin and Karp. That of the standard
// library has a hash for which texts can be made that take the product of text
// and part.
func indexLong(ctx context.Context, text, part []byte) (int, error) {
	if len(part) > len(text) {
		return -1, nil
	}
	var want, have uint64
	power := uint64(1) // of the byte that leaves
	for i, b := range part {
		want, have, power = step(want, b), step(have, text[i]), multiply(power, base)
		if i%windowBytes == windowBytes-1 {
			if err := pause(ctx); err != nil {
				return -1, err
			}
		}
	}
	for i := len(part); ; i++ {
		if have == want && bytes.Equal(text[i-len(part):i], part) {
			return i - len(part), nil
		}
		if i == len(text) {
			return -1, nil
		}
		leaves := multiply(power, uint64(text[i-len(part)]))
		have = (step(have, text[i]) + modulus - leaves) % modulus
		if i%windowBytes == 0 {
			if err := pause(ctx); err != nil {
				return -1, err
			}
		}
	}
}

// step returns the hash of a text with one more byte.
func step(hash uint64, b byte) uint64 { return (multiply(hash, base) + uint64(b)) % modulus }

// multiply multiplies modulo modulus.
func multiply(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	sum := low&modulus + (low>>61 | high<<3)
	return sum % modulus
}
