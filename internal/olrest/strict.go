package olrest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// The bodies of platen's own API have known members only.

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

// kind reads the name of a kind.
func (d *decoder) kind() (platen.Kind, error) {
	text, err := d.text("kind", false)
	if err != nil {
		return 0, err
	}
	kind, err := ParseKind("kind", text)
	if err != nil {
		return 0, d.fail("%v", err)
	}
	return kind, nil
}

// timeInto returns what reads a time; null is the zero time.
func (d *decoder) timeInto(name string, to *time.Time) func() error {
	return func() error {
		if d.PeekKind() == 'n' {
			return d.skip()
		}
		text, err := d.text(name, false)
		if err != nil {
			return err
		}
		if *to, err = ParseTime(name, text); err != nil {
			return d.fail("%v", err)
		}
		return nil
	}
}

// boolInto returns what reads a boolean.
func (d *decoder) boolInto(name string, to *bool) func() error {
	return func() error {
		switch kind := d.PeekKind(); kind {
		case 't', 'f':
			*to = kind == 't'
			return d.skip()
		default:
			if err := d.skip(); err != nil {
				return err
			}
			return d.fail("the %s must be a boolean, not %s", name, kindNames[kind])
		}
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

func missing(what string) error {
	return platen.Errorf(platen.Invalid, "the %s is missing", what)
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
