package olrest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/platenhq/platen"
)

// TestContentWriter writes contents that follow one another and some that do
// not, at the places where numbers grow longer too.
func TestContentWriter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var w contentWriter
	content := platen.Content{}
	for i := range 100_000 {
		switch random.IntN(20) {
		case 0:
			content.Item = platen.ID(random.Int64N(1 << random.IntN(53)))
		case 1:
			content.Record = platen.ID(random.Int64N(1 << random.IntN(53)))
		case 2:
			content.Item = []platen.ID{8, 98, 998, 9_999_998, platen.MaxID - 2}[random.IntN(5)]
		case 3:
			content.Record = []platen.ID{8, 98, 998, 9_999_998, platen.MaxID - 2}[random.IntN(5)]
		}
		content.Item++
		content.Record++
		want := fmt.Sprintf(`{"item":%d,"record":%d}`, content.Item, content.Record)
		if got := string(w.append(nil, content)); got != want {
			t.Fatalf("content %d is %s; want %s", i, got, want)
		}
	}
}

// BenchmarkContentWriter writes a thousand contents that follow one another,
// as digits that are made anew and as the writer does.
func BenchmarkContentWriter(b *testing.B) {
	buf := make([]byte, 0, 64<<10)
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			buf = buf[:0]
			for id := range int64(1000) {
				buf = append(buf, contentsItem...)
				buf = strconv.AppendInt(buf, 12_345_678+id, 10)
				buf = append(buf, contentsRecord...)
				buf = strconv.AppendInt(buf, 22_345_678+id, 10)
				buf = append(buf, '}')
			}
		}
	})
	b.Run("writer", func(b *testing.B) {
		var w contentWriter
		for b.Loop() {
			buf = buf[:0]
			for id := range platen.ID(1000) {
				buf = w.append(buf, platen.Content{Item: 12_345_678 + id, Record: 22_345_678 + id})
			}
		}
	})
}
