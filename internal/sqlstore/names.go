package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// The names of facts are not those of lists, and those that are cut are no names.
var selectNames = onReader.query(`SELECT facet, name FROM find_name WHERE kind = $1 AND (facet, name) > ($2, $3) AND facet < ` + decimal(platen.KeptFacts) + `
	AND length(name) <= ` + decimal(nameBytes) + ` ORDER BY facet, name LIMIT $4`)

// namesFor is how long the index is waited for.
const namesFor = time.Second

// Names implements [storage.Lister].
func (s *Store) Names(ctx context.Context, kind platen.Kind, after platen.ListName, most int) (_ []platen.ListName, err error) {
	ctx, done := s.observe(ctx, "names")
	defer func() { done(err) }()
	// Names are learned with the index. Those of an import of millions are not
	// waited for.
	soon, cancel := context.WithTimeout(ctx, namesFor)
	err = s.flush(soon, ofImports, kind)
	cancel()
	if err != nil && !errors.Is(err, storage.ErrIndexBehind) {
		return nil, s.error("read names", err)
	}
	rows, err := s.on(selectNames).QueryContext(ctx, int64(kind), int64(after.Facet), []byte(after.Name), int64(most))
	names, err := collect(rows, err, func(from scanner) (one platen.ListName, err error) {
		var name []byte
		err = from.Scan(&one.Facet, &name)
		one.Name = string(name)
		return one, err
	})
	return names, s.error("read names", err)
}
