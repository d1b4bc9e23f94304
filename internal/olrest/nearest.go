package olrest

import (
	"net/http"
	"strings"

	"github.com/platenhq/platen"
)

// The costs of what makes the path of a request out of that of a route. A path
// that is further away than farthest is no slip any more.
const (
	costCase     = 1 // of a segment in upper case
	costPlural   = 2 // of a segment in the singular, or the plural
	costPrefix   = 2 // of the beginning of the API, missing
	costMethod   = 3
	costSpelling = 3  // of a segment with one or two letters wrong
	costSegment  = 5  // of a segment too few, or too many
	costOther    = 10 // of another segment
	farthest     = 9

	// No path of a route has as many segments, or a segment as long.
	maxNearSegments = 16
	maxNearSegment  = 64
)

// beginnings are what a path may lack at its beginning.
var beginnings = []string{"", Prefix, entities, NativePrefix}

// Nearest returns the route that a request which has none may have been meant
// for, as its method and path; "" for none. at is the path of a route that the
// request has already, if only its method is wrong: then only routes of that
// method are named.
func Nearest(method, path, at string) string {
	switch method {
	case http.MethodHead:
		method = http.MethodGet
	case http.MethodDelete:
		if near := nearest(method, path, at, true); near != "" {
			return near
		}
		return nearest(http.MethodPost, path+"/delete", at, at != "")
	}
	return nearest(method, path, at, at != "")
}

// nearest is Nearest for one method. sameMethod: routes with other methods do
// not count.
func nearest(method, path, at string, sameMethod bool) string {
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
			if route.Path == at || sameMethod && route.Method != method || strings.HasPrefix(entities, route.Path) {
				continue // the beginning of all others is like anything
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

// pathDistance returns the least cost that makes segments out of the path of a
// route, or a larger number if that is not below most.
func pathDistance(segments []string, route *Route, most int) int {
	if d := (strings.Count(route.Path, "/") - len(segments)) * costSegment; d >= most || -d >= most {
		return most
	}
	wanted := strings.Split(route.Path[1:], "/")
	row := make([]int, len(wanted)+1)
	for j := range row {
		row[j] = j * costSegment
	}
	for i, segment := range segments {
		diagonal := row[0]
		row[0] = (i + 1) * costSegment
		for j, want := range wanted {
			cost := min(diagonal+segmentCost(segment, want), row[j]+costSegment, row[j+1]+costSegment)
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(wanted)]
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
	case strings.HasPrefix(want, "{"):
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
	case len(lower) > 3 && max(len(lower)-len(segment), len(segment)-len(lower)) <= 2 && LetterDistance(segment, lower) <= 1+len(lower)/6:
		return costSpelling
	}
	return costOther
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
