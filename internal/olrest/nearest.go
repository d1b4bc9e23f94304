package olrest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// The costs of what makes the path of a request out of that of a route. A path
// that is further away than farthest is no slip any more. A word that is missing
// costs more than another method, so that no POST of …/delete is named where the
// path has a method; a segment too many costs most, since what was typed was meant.
const (
	costCase      = 1 // of a segment in upper case
	costPlural    = 2 // of a segment in the singular, or the plural
	costPrefix    = 2 // of the beginning of the API, missing
	costParameter = 2 // of an identifier or a name, missing
	costMethod    = 3
	costSpelling  = 3  // of a segment with one or two letters wrong
	costList      = 4  // of a list that the kind does not have
	costWord      = 5  // of another segment, missing
	costExtra     = 7  // of a segment too many
	costOther     = 10 // of another segment
	farthest      = 9

	// No path of a route has as many segments, or a segment as long.
	maxNearSegments = 16
	maxNearSegment  = 64
)

// beginnings are what a path may lack at its beginning.
var beginnings = []string{"", Prefix, entities, NativePrefix}

// Nearest returns the route that a request may have been meant for whose path is
// that of none, as its method and path; "" for none.
func Nearest(method, path string) string {
	switch method {
	case http.MethodHead:
		method = http.MethodGet
	case http.MethodDelete:
		if near := nearest(method, path, true); near != "" {
			return near
		}
		return nearest(http.MethodPost, path+"/delete", false)
	}
	return nearest(method, path, false)
}

// nearest is Nearest for one method. sameMethod: routes with other methods do
// not count.
func nearest(method, path string, sameMethod bool) string {
	sent := strings.Split(strings.Trim(path, "/"), "/")
	if len(sent) > maxNearSegments {
		return ""
	}
	best, least := "", farthest+1
	for _, beginning := range beginnings {
		cost := 0
		whole := sent
		if beginning != "" {
			if strings.HasPrefix(strings.ToLower(path), beginning) {
				continue
			}
			cost, whole = costPrefix, append(strings.Split(beginning[1:], "/"), sent...)
		}
		for i := range routes {
			route := &routes[i]
			if sameMethod && route.Method != method {
				continue
			}
			if strings.HasPrefix(entities, route.Path) && strings.Count(route.Path, "/") < len(whole) {
				continue // the beginning of all others is like anything that is longer
			}
			cost := cost
			if route.Method != method {
				cost += costMethod
			}
			if cost += pathDistance(whole, route, least-cost); cost < least {
				best, least = route.Method+" "+route.Path, cost
			}
		}
	}
	return best
}

// Instead returns the route that a request may have been meant for whose path is
// that of routes with other methods; "" for none. It keeps all that was sent: it has
// the same method and one parameter more, or deletes what a DELETE names. Any other
// route would do something that nobody has asked for.
func Instead(method, path string) string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	sent := strings.Split(path, "/")
	for i := range routes {
		route := &routes[i]
		wanted := strings.Split(route.Path, "/")
		if route.Method == method && lacksParameter(sent, wanted) ||
			method == http.MethodDelete && route.Action == Delete && fits(sent, wanted[:len(wanted)-1]) {
			return route.Method + " " + route.Path
		}
	}
	return ""
}

// lacksParameter reports whether segments are those of a route without one of its
// parameters.
func lacksParameter(segments, wanted []string) bool {
	for i, want := range wanted {
		if isParameter(want) && fits(segments, slices.Delete(slices.Clone(wanted), i, i+1)) {
			return true
		}
	}
	return false
}

// fits reports whether segments are those of a route.
func fits(segments, wanted []string) bool {
	return slices.EqualFunc(segments, wanted, func(segment, want string) bool {
		return segment == want || isParameter(want) && segmentCost(segment, want) < costOther
	})
}

// isParameter reports whether a segment of a route stands for any text, or for an
// identifier.
func isParameter(want string) bool { return strings.HasPrefix(want, "{") }

// pathDistance returns the least cost that makes segments out of the path of a
// route, or a larger number if that is not below most.
func pathDistance(segments []string, route *Route, most int) int {
	extra := costExtra
	if route.Method != http.MethodGet {
		extra = costOther // it would change more than what was named
	}
	if d := strings.Count(route.Path, "/") - len(segments); d*costParameter >= most || -d*extra >= most {
		return most
	}
	wanted := strings.Split(route.Path[1:], "/")
	row := make([]int, len(wanted)+1)
	for j, want := range wanted {
		row[j+1] = row[j] + missingCost(want)
	}
	for i, segment := range segments {
		diagonal := row[0]
		row[0] = (i + 1) * extra
		for j, want := range wanted {
			cost := min(diagonal+segmentCost(segment, want), row[j]+missingCost(want), row[j+1]+extra)
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(wanted)]
}

// missingCost returns the cost of a segment of a route that a path lacks.
func missingCost(want string) int {
	if isParameter(want) {
		return costParameter
	}
	return costWord
}

// segmentCost returns the cost of a segment that stands for one of a route.
func segmentCost(segment, want string) int {
	switch {
	case segment == want:
		return 0
	case want == "{"+IDParameter+"}":
		if _, ok := platen.ParseID(segment); ok {
			return 0
		}
		return costOther
	case isParameter(want):
		return costSpelling // nothing is known of it
	case len(segment) > maxNearSegment:
		return costOther
	}
	segment, lower := strings.ToLower(segment), strings.ToLower(want)
	switch {
	case segment == lower:
		return costCase
	case singular(segment) == singular(lower):
		return costPlural
	case isList(segment) && isList(lower):
		return costList
	case len(lower) > 3 && max(len(lower)-len(segment), len(segment)-len(lower)) <= 2 && LetterDistance(segment, lower) <= 1+len(lower)/6:
		return costSpelling
	}
	return costOther
}

// isList reports whether a segment names a list of entities.
func isList(segment string) bool {
	return slices.ContainsFunc(platen.Facets[:], func(facet platen.Facet) bool { return facet.String() == segment })
}

// singular returns a word, or words, without the end of the plural, and without
// the marks that may join words.
func singular(word string) string {
	if strings.ContainsAny(word, "-_") {
		word = strings.ReplaceAll(strings.ReplaceAll(word, "-", ""), "_", "")
	}
	if stem, ok := strings.CutSuffix(word, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(word, "s")
}

// LetterDistance returns how many bytes have to be put in, taken out or replaced
// to make b of a.
func LetterDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// QueryParameters returns the query parameters that a route of the dialect
// knows; it ignores others.
func (r Route) QueryParameters() []string {
	switch r.Action {
	case Entities:
		if r.Kind == platen.ContentSet {
			return []string{"type"}
		}
	case PageDetails:
		return []string{"detail"}
	case ReadRecord:
		return []string{"recursive", "explicitTypes", "outputFormat"}
	case ReadRecords:
		return []string{"id", "recursive", "explicitTypes", "outputFormat"}
	case ReadStatistics:
		return []string{"levelMode"}
	}
	return nil
}

// Native reports whether a route is of platen's own API, which refuses query
// parameters that it does not know.
func (r Route) Native() bool { return strings.HasPrefix(r.Path, NativePrefix+"/") }
