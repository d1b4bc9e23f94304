package olrest

import (
	"strconv"
	"strings"
)

// A wanted is how much the lines of an Accept header want a media type, by the most
// specific of their parts that fit (RFC 9110, 12.5.1).
type wanted struct {
	quality float64 // from 0, for not at all, to 1
	named   bool    // and not only as one of many
	place   int     // of the part in all lines
}

// wantedOf reads the lines of an Accept header for a media type. Several lines are as
// one with commas between them (RFC 9110, 5.3).
func wantedOf(accept []string, media string) (found wanted) {
	kind, _, _ := strings.Cut(media, "/")
	ranges := []string{"*/*", kind + "/*", media}
	best, place := -1, 0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		for specific, one := range ranges {
			if specific > best && strings.EqualFold(name, one) {
				best, found = specific, wanted{qualityOf(parameters), one == media, place}
			}
		}
		place++
	}
	return found
}

// qualityOf returns the q of the parameters of a part, 1 if there is none that can be
// read.
func qualityOf(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
		}
	}
	return 1
}
