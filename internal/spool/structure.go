package spool

import (
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A Structure is a job set of content items that exist: of what it is filled
// with it keeps the levels and the items, and no more of each than a limit.
type Structure struct {
	*JobSet
	most                    int64 // of each of these
	nodes, documents, pages int64
}

// NewStructure returns an empty spool of a job set with at most so many pages,
// and of the rest of each kind. The caller closes it.
func (d Dir) NewStructure(most int64) (*Structure, error) {
	set, err := d.NewJobSet()
	return &Structure{JobSet: set, most: most}, err
}

// Pages returns how many pages there are.
func (s *Structure) Pages() int64 { return s.pages }

// End ends what has begun last.
func (s *Structure) End(platen.ID, [2]platen.List) error {
	return errors.Join(s.count(&s.nodes), s.JobSet.End(0, [2]platen.List{}))
}

// Page adds a page.
func (s *Structure) Page(page *transfer.Page) error {
	return errors.Join(s.count(&s.pages), s.JobSet.Page(&transfer.Page{Item: page.Item}))
}

// Document ends a document.
func (s *Structure) Document(platen.ID, [2]platen.List) error {
	return errors.Join(s.count(&s.documents), s.JobSet.Document(0, [2]platen.List{}))
}

// count counts one more.
func (s *Structure) count(what *int64) error {
	if *what++; *what > s.most {
		return TooManyPages(s.most)
	}
	return nil
}

// TooManyPages is the error of a job set that is over the limit of an
// operation.
func TooManyPages(most int64) error {
	return platen.Errorf(platen.TooLarge, "the job set would have more than %d pages, which is the most of one operation: create several", most)
}
