package olrest

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/platenhq/platen"
)

// A DeletedQuery is the query of a listing of deleted sets.
type DeletedQuery struct {
	PageSize int
	After    platen.DeletedSet // the last one of the page before, of which only ID and Deleted are known
}

// ParseDeletedQuery reads the query of a listing of deleted sets.
func ParseDeletedQuery(query url.Values) (q DeletedQuery, err error) {
	if err := CheckQuery(query, "pageSize", "pageToken"); err != nil {
		return q, err
	}
	if q.PageSize, err = ParsePageSize(query); err != nil {
		return q, err
	}
	if token := query.Get("pageToken"); token != "" {
		var seconds int64
		n, err := fmt.Sscanf(token, "%d-%d", &seconds, &q.After.ID)
		q.After.Deleted = time.Unix(seconds, 0)
		if err != nil || n != 2 || deletedToken(q.After) != token {
			return q, platen.Errorf(platen.Invalid, "pageToken %q is none that this listing has given", token)
		}
	}
	return q, nil
}

func deletedToken(set platen.DeletedSet) string {
	return fmt.Sprintf("%d-%d", set.Deleted.Unix(), set.ID)
}

// ReplyDeleted answers with a page of deleted sets, each of which is removed for
// good so long after its deletion; negative: never. more: there are others.
func ReplyDeleted(w http.ResponseWriter, sets []platen.DeletedSet, cleanupAfter time.Duration, more bool) {
	var b jsonWriter
	b.object()
	b.key("sets")
	b.list()
	for _, set := range sets {
		b.element()
		b.number("id", int64(set.ID))
		b.text("kind", KindName(set.Kind))
		b.time("deleteTime", set.Deleted)
		if set.By != "" {
			b.text("deletedBy", set.By)
		}
		if cleanupAfter >= 0 {
			b.time("purgeTime", set.Deleted.Add(cleanupAfter))
		}
		b.flag("final", set.Final)
		b.end()
	}
	b.endList()
	if more {
		b.text("nextPageToken", deletedToken(sets[len(sets)-1]))
	}
	b.end()
	ReplyJSON(w, b.buf)
}

// ReplyRef answers with an entity by its id and kind.
func ReplyRef(w http.ResponseWriter, ref platen.Ref) {
	var b jsonWriter
	b.object()
	b.number("id", int64(ref.ID))
	b.text("kind", KindName(ref.Kind))
	b.end()
	ReplyJSON(w, b.buf)
}
