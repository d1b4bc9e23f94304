package olrest

import (
	"maps"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// KindName returns the name of a kind in platen's own API, such as "jobset".
func KindName(kind platen.Kind) string { return strings.ReplaceAll(kind.String(), " ", "") }

// ParseKind reads the name of a kind. name is the parameter that has it.
func ParseKind(name, text string) (platen.Kind, error) {
	var names []string
	for _, s := range services {
		if KindName(s.kind) == text {
			return s.kind, nil
		}
		names = append(names, KindName(s.kind))
	}
	return 0, platen.Errorf(platen.Invalid, "%s %q is no kind; the kinds are %s", name, text, strings.Join(names, ", "))
}

// strictMembers reads an object whose keys are all known. read has what reads
// the value of each.
func (d *decoder) strictMembers(what string, read map[string]func() error) error {
	return d.members(what, func(key string) error {
		fn := read[key]
		if fn == nil {
			return d.fail("there is no key %q here, but %s", shorten([]byte(key)), strings.Join(slices.Sorted(maps.Keys(read)), ", "))
		}
		return fn()
	})
}

// textInto returns what reads a text.
func (d *decoder) textInto(name string, to *string) func() error {
	return func() (err error) {
		*to, err = d.text(name, false)
		return err
	}
}

// given makes read remember that it has read something.
func given[T any](to **T, read func(*T) func() error) func() error {
	return func() error {
		value := new(T)
		*to = value
		return read(value)()
	}
}

// ReadNothing reads the body of a request that says nothing: none, or an empty
// object.
func ReadNothing(body []byte) (struct{}, error) {
	if len(body) == 0 {
		return struct{}{}, nil
	}
	return struct{}{}, decode(body, func(d *decoder) error {
		return d.members("the body", func(key string) error {
			return d.fail("there is no key %q here; there are none", shorten([]byte(key)))
		})
	})
}
