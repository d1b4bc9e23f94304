package olrest

import (
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A ContentSetSink takes a content set document apart, in its order.
type ContentSetSink interface {
	// Item is a content item. What it is passed is good during the call only.
	Item(item *transfer.SourceItem) error
	// End is what there is besides the items.
	End(set transfer.SourceSet) error
}

// ReadContentSet reads a content set document from r into sink, in memory that
// does not grow with the document. An error of r itself is returned as it is.
func ReadContentSet(r io.Reader, sink ContentSetSink) error {
	return readSet(r, platen.ContentSet, func(d *setDecoder) error {
		var (
			set   transfer.SourceSet
			below bool
		)
		d.source.mark = d.InputOffset()
		err := d.members("a content set", func(key string) (err error) {
			switch key {
			case "type":
				set.Type, err = d.contentType()
			case "contentitems":
				below = true
				err = d.parts(key, func() error {
					item, err := d.item()
					if err == nil {
						err = sink.Item(&item)
					}
					return err
				})
			default:
				err = d.head(&set, key)
			}
			return err
		})
		if err == nil && !below {
			err = d.fail("the content set has no list of contentitems")
		}
		if err != nil {
			return err
		}
		return sink.End(set)
	})
}

// contentTypes are the types of content sets.
var contentTypes = []string{"print", "email", "default"}

func (d *setDecoder) contentType() (string, error) {
	text, err := d.text("type", false)
	if err == nil && !slices.Contains(contentTypes, text) {
		err = d.fail("the type must be one of %s, not %q", strings.Join(contentTypes, ", "), shorten([]byte(text)))
	}
	return text, err
}

func (d *setDecoder) item() (item transfer.SourceItem, err error) {
	var details details
	err = d.members("a content item", func(key string) (err error) {
		switch {
		case key == "id":
			item.ID, err = d.entityID()
		case key == "datarecord":
			item.Record, err = d.entityID()
		case key == "properties":
			item.Properties, err = d.encodedList(key)
		case detailsKeys[key]:
			err = d.details(key, &details)
		default:
			err = d.skip()
		}
		return err
	})
	if err == nil && item.Record == 0 {
		err = d.fail("the content item has no datarecord")
	}
	item.Details = details.encode()
	return item, err
}

// ParseContentType reads the query parameter type of a list of content sets;
// "" is all.
func ParseContentType(query url.Values) (string, error) {
	contentType := strings.ToLower(query.Get("type"))
	if contentType != "" && !slices.Contains(contentTypes, contentType) {
		return "", wrongParameter("type", strings.Join(contentTypes, ", "), query.Get("type"))
	}
	return contentType, nil
}

// BeginContentSet begins the document of a content set. Item and Close follow.
func (w *SetWriter) BeginContentSet(set transfer.SourceSet) error {
	w.begin(set)
	if set.Type != "" {
		w.text("type", set.Type)
	}
	w.key("contentitems")
	w.list()
	return w.flush()
}

// Item adds a content item.
func (w *SetWriter) Item(item *transfer.SourceItem) error {
	w.element()
	w.id("id", item.ID)
	w.id("datarecord", item.Record)
	w.pairs(platen.Properties, item.Properties)
	w.details(item.Details)
	w.end()
	return w.flush()
}
