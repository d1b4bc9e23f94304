package platen_test

import (
	"fmt"
	"testing"

	"github.com/platenhq/platen"
)

func BenchmarkListDecode(b *testing.B) {
	var pairs []platen.NameValue
	for i := range 10 {
		pairs = append(pairs, platen.NameValue{Name: fmt.Sprintf("name%d", i), Value: fmt.Sprintf("the \"value\" of %d", i)})
	}
	list := platen.EncodeList(pairs)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := list.Decode(); err != nil {
			b.Fatal(err)
		}
	}
}
