package olrest

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// errStopped ends the reading of an answer of which no more is wanted.
var errStopped = errors.New("stopped")

// An answerReader is the reader beneath a decoder of an answer. It keeps its
// first error, which the decoder would wrap.
type answerReader struct {
	io.Reader
	err error
}

func (a *answerReader) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && err != io.EOF {
		a.err = err
	}
	return n, err
}

// readAnswer runs fn over an answer, which holds one JSON value. Errors are
// no [platen.Error]: it is not the caller who did something wrong.
func readAnswer(r io.Reader, fn func(*decoder) error) error {
	source := &answerReader{Reader: r}
	d := &decoder{Decoder: jsontext.NewDecoder(source)}
	err := d.whole(fn)
	switch {
	case err == nil, errors.Is(err, errStopped):
		return nil
	case source.err != nil:
		return cutOff(source.err)
	}
	return fmt.Errorf("the answer is not what the API says: %v", err)
}

// ErrCutOff is in the chain of the error of an answer that ended too early.
var ErrCutOff = errors.New("the answer was cut off")

// cutOff says that an answer could not be read to its end.
func cutOff(err error) error { return fmt.Errorf("%w: %w", ErrCutOff, err) }

// passOn passes values on until yield wants no more.
func passOn[T any](value T, err error, yield func(T) bool) error {
	if err == nil && !yield(value) {
		err = errStopped
	}
	return err
}

// anyID reads an identifier, where null and 0 are none.
func (d *decoder) anyID() (platen.ID, error) {
	id, source, err := d.id()
	if id < 0 && source == "0" {
		return 0, err
	}
	if err == nil && id < 0 {
		err = d.fail("%s is no identifier", shorten([]byte(source)))
	}
	return id, err
}

// integer reads a number of something.
func (d *decoder) integer(what string) (int64, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return 0, d.syntax(err)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, d.fail("%s must be a whole number, not %s", what, shorten(raw))
	}
	return n, nil
}

// ReadIdentifiers reads an identifier list.
func ReadIdentifiers(r io.Reader) ([]platen.ID, error) {
	var ids []platen.ID
	err := readAnswer(r, func(d *decoder) error {
		return d.members("the answer", func(key string) (err error) {
			if key != "identifiers" {
				return d.skip()
			}
			ids, err = d.ids(key)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// ids reads a list of identifiers, of any length.
func (d *decoder) ids(what string) ([]platen.ID, error) {
	ids := []platen.ID{}
	err := d.each(what, func() error {
		id, err := d.entityID()
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// ReadContents reads a content item identifier list, item by
// item, until yield returns false.
func ReadContents(r io.Reader, yield func(platen.Content) bool) error {
	return readAnswer(r, func(d *decoder) error {
		return d.members("the answer", func(key string) error {
			if key != "identifiers" {
				return d.skip()
			}
			return d.each(key, func() error {
				content, err := d.content()
				return passOn(content, err, yield)
			})
		})
	})
}

func (d *decoder) content() (content platen.Content, err error) {
	err = d.members("an entry", func(key string) (err error) {
		switch key {
		case "item":
			content.Item, err = d.entityID()
		case "record":
			content.Record, err = d.anyID()
		default:
			err = d.skip()
		}
		return err
	})
	return content, err
}

// ReadRecordOf reads a data record identifier.
func ReadRecordOf(r io.Reader) (record platen.ID, err error) {
	err = readAnswer(r, func(d *decoder) error {
		return d.members("the answer", func(key string) (err error) {
			if key != "record" {
				return d.skip()
			}
			record, err = d.entityID()
			return err
		})
	})
	return record, err
}

// ReadPairs reads a name/value list.
func ReadPairs(r io.Reader) (pairs []platen.NameValue, err error) {
	err = readAnswer(r, func(d *decoder) error {
		pairs, err = d.list("the answer")
		return err
	})
	if err != nil {
		return nil, err
	}
	return pairs, nil
}

// ReadCreated reads the answer to an import.
func ReadCreated(r io.Reader) (made platen.Created, err error) {
	err = readAnswer(r, func(d *decoder) error {
		return d.members("the answer", func(key string) (err error) {
			switch key {
			case "id":
				made.ID, err = d.entityID()
			case "jobs", "contentitems", "records":
				made.Children, err = d.ids(key)
			default:
				err = d.skip()
			}
			return err
		})
	})
	return made, err
}

// ReadFound reads identifier lists with sort key, one entity
// after the other with the number of its group from 0, until yield returns
// false.
func ReadFound(r io.Reader, yield func(group int, found platen.Found) bool) error {
	return readAnswer(r, func(d *decoder) error {
		group := -1
		return d.each("the answer", func() error {
			begun := false // groups with nothing in them do not count
			return d.each("a group", func() error {
				if !begun {
					begun = true
					group++
				}
				found, err := d.found()
				return passOn(found, err, func(found platen.Found) bool { return yield(group, found) })
			})
		})
	})
}

func (d *decoder) found() (found platen.Found, err error) {
	err = d.members("an entry", func(key string) (err error) {
		switch key {
		case "identifier":
			found.ID, err = d.entityID()
		case "sortkey":
			found.SortKey, err = d.value(true)
		default:
			err = d.skip()
		}
		return err
	})
	return found, err
}

// ReadPages reads the summary of the page details of a content set.
func ReadPages(r io.Reader) (pages []platen.PageCount, err error) {
	err = readAnswer(r, func(d *decoder) (err error) {
		pages, _, err = d.pages("the answer")
		return err
	})
	return pages, err
}

// ReadItemPages reads the page details of the items of a content set,
// one by one, until yield returns false.
func ReadItemPages(r io.Reader, yield func(platen.ItemPages) bool) error {
	return readAnswer(r, func(d *decoder) error {
		return d.each("the answer", func() error {
			pages, item, err := d.pages("an entry")
			return passOn(platen.ItemPages{Item: item, Pages: pages}, err, yield)
		})
	})
}

func (d *decoder) pages(what string) (pages []platen.PageCount, item platen.ID, err error) {
	pages = []platen.PageCount{}
	err = d.members(what, func(key string) (err error) {
		switch key {
		case "id":
			item, err = d.entityID()
		case "pages":
			err = d.each(key, func() error {
				entry, err := d.countedPages()
				pages = append(pages, entry)
				return err
			})
		default:
			err = d.skip()
		}
		return err
	})
	return pages, item, err
}

// countedPages reads an entry of page details. Unlike a document that comes
// in, an answer may count nothing.
func (d *decoder) countedPages() (entry platen.PageCount, err error) {
	err = d.members("an entry of pages", func(key string) (err error) {
		switch key {
		case "count":
			entry.Count, err = d.integer(key)
		case "duplex":
			entry.Duplex, err = d.flag(key)
		case "media":
			err = (&setDecoder{decoder: decoder{Decoder: d.Decoder}}).media(&entry.Media)
		default:
			err = d.skip()
		}
		return err
	})
	return entry, err
}
