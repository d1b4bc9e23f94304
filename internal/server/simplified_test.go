package server_test

import (
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestSimplified checks that histories with writes that were not answered have
// an order when they should.
func TestSimplified(t *testing.T) {
	open := int64(math.MaxInt64)
	op := func(client int, kind byte, text string, read pair, call, end int64) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: step{job: 1, kind: kind, text: text}, Output: read, Call: call, Return: end}
	}
	for name, test := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"never seen":         {[]porcupine.Operation{op(1, 'w', "1", pair{}, 1, open), op(2, 'r', "", pair{}, 2, 3)}, true},
		"seen late":          {[]porcupine.Operation{op(1, 'w', "1", pair{}, 1, open), op(2, 'r', "", pair{}, 2, 3), op(2, 'r', "", pair{a: "1"}, 4, 5)}, true},
		"seen and gone":      {[]porcupine.Operation{op(1, 'w', "1", pair{}, 1, open), op(2, 'r', "", pair{a: "1"}, 2, 3), op(2, 'r', "", pair{}, 4, 5)}, false},
		"seen before":        {[]porcupine.Operation{op(2, 'r', "", pair{a: "1"}, 1, 2), op(1, 'w', "1", pair{}, 3, open)}, false},
		"a lost write":       {[]porcupine.Operation{op(1, 'w', "1", pair{}, 1, 2), op(2, 'r', "", pair{}, 3, 4)}, false},
		"covered by another": {[]porcupine.Operation{op(1, 'm', "1", pair{}, 1, open), op(2, 'w', "2", pair{}, 2, 3), op(2, 'r', "", pair{a: "2"}, 4, 5), op(2, 'r', "", pair{a: "2", b: "1"}, 6, 7)}, true},
	} {
		if got := porcupine.CheckOperations(listModel, test.history); got != test.want {
			t.Errorf("%s: %v, and it is not simplified", name, got)
		}
		if got := porcupine.CheckOperations(listModel, simplified(test.history)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
