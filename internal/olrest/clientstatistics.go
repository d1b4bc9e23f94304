package olrest

import (
	"io"
	"net/url"
	"strconv"

	"github.com/platenhq/platen"
)

// Values returns the level as it stands in an address.
func (l StatisticsLevel) Values() url.Values {
	return url.Values{"levelMode": {nameOf(statisticsLevels, int(l))}}
}

// ReadJobSetStatistics reads the statistics of a job set, of any level.
func ReadJobSetStatistics(r io.Reader) (*platen.Statistics, error) {
	s := &platen.Statistics{}
	err := readAnswer(r, func(d *decoder) error {
		return d.members("the answer", func(key string) (err error) {
			switch key {
			case "jobSetId":
				s.JobSet, err = d.entityID()
			case "properties":
				err = d.each(key, func() error {
					name, err := d.text("name", false)
					s.Names = append(s.Names, name)
					return err
				})
			case "counts":
				err = d.counts(&s.Documents, &s.Sheets, &s.Pages)
			case "media":
				err = d.each(key, func() error {
					medium, err := d.mediaCount()
					s.Media = append(s.Media, medium)
					return err
				})
			case "documents":
				s.ByDocument, err = d.documentStatistics()
			case "documentSets":
				s.ByDocumentSet = []platen.DocumentSetStatistics{}
				err = d.each(key, func() error {
					set, err := d.documentSetStatistics()
					s.ByDocumentSet = append(s.ByDocumentSet, set)
					return err
				})
			default:
				err = d.skip()
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *decoder) counts(documents, sheets, pages *int64) error {
	into := map[string]*int64{"documents": documents, "sheets": sheets, "pages": pages}
	return d.members("counts", func(key string) (err error) {
		count := into[key]
		if count == nil {
			return d.skip()
		}
		*count, err = d.integer(key)
		return err
	})
}

func (d *decoder) mediaCount() (medium platen.MediaCount, err error) {
	texts := map[string]*string{
		"name": &medium.Name, "type": &medium.Type, "color": &medium.Color, "weight": &medium.Weight,
		"width": &medium.Width, "height": &medium.Height,
	}
	var read func(key string) error
	read = func(key string) (err error) {
		switch text := texts[key]; {
		case key == "count":
			medium.Pages, err = d.integer(key)
		case key == "size" && d.PeekKind() == '{':
			err = d.members(key, read)
		case text != nil:
			*text, err = d.value(true)
		default:
			err = d.skip()
		}
		return err
	}
	err = d.members("a medium", read)
	return medium, err
}

// byMedia reads counts by the index of a medium.
func (d *decoder) byMedia(key string) (map[int]int64, error) {
	counts := make(map[int]int64)
	err := d.members(key, func(index string) error {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 {
			return d.fail("%q is no index of a medium", shorten([]byte(index)))
		}
		counts[i], err = d.integer(index)
		return err
	})
	return counts, err
}

// metadata reads what the statistics call properties: an object of text.
func (d *decoder) metadata(key string) (pairs []platen.NameValue, err error) {
	err = d.members(key, func(name string) error {
		value, err := d.value(true)
		pairs = append(pairs, platen.NameValue{Name: name, Value: value})
		return err
	})
	return pairs, err
}

func (d *decoder) documentStatistics() ([]platen.DocumentStatistics, error) {
	all := []platen.DocumentStatistics{}
	err := d.each("documents", func() error {
		var s platen.DocumentStatistics
		err := d.members("a document", func(key string) (err error) {
			switch key {
			case "documentId":
				s.Document, err = d.entityID()
			case "contentItemId":
				s.Item, err = d.anyID()
			case "dataRecordId":
				s.Record, err = d.anyID()
			case "properties":
				s.Metadata, err = d.metadata(key)
			case "counts":
				err = d.counts(nil, &s.Sheets, &s.Pages)
			case "media":
				s.ByMedia, err = d.byMedia(key)
			default:
				err = d.skip()
			}
			return err
		})
		all = append(all, s)
		return err
	})
	return all, err
}

func (d *decoder) documentSetStatistics() (s platen.DocumentSetStatistics, err error) {
	err = d.members("a document set", func(key string) (err error) {
		switch key {
		case "documentSetId":
			s.DocumentSet, err = d.entityID()
		case "properties":
			s.Metadata, err = d.metadata(key)
		case "counts":
			err = d.counts(nil, &s.Sheets, &s.Pages)
		case "media":
			s.ByMedia, err = d.byMedia(key)
		case "documents":
			s.ByDocument, err = d.documentStatistics()
		default:
			err = d.skip()
		}
		return err
	})
	return s, err
}
