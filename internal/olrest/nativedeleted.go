package olrest

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"time"

	"github.com/platenhq/platen"
)

// deletedSets is what the tokens of pages of deleted sets are good for.
const deletedSets = "deleted"

// ReadDeletedPage reads the query of a listing of deleted sets. Of after, the last
// set of the page before, only ID and Deleted are known.
func ReadDeletedPage(query url.Values) (size int, after platen.DeletedSet, err error) {
	if err := CheckQuery(query, pageSizeParameter, pageTokenParameter); err != nil {
		return 0, after, err
	}
	page, err := readPage(query, deletedSets)
	if err != nil || page.After == nil {
		return page.Size, after, err
	}
	seconds, n := binary.Varint(page.After)
	id, _ := binary.Varint(page.After[max(n, 0):])
	after.ID, after.Deleted = platen.ID(id), time.Unix(seconds, 0)
	return page.Size, after, nil
}

// ReplyDeletedSets answers with a page of deleted sets, each of which is removed for
// good so long after its deletion; negative: never. more: there are others.
func ReplyDeletedSets(w http.ResponseWriter, sets []platen.DeletedSet, cleanupAfter time.Duration, more bool) {
	var b jsonWriter
	b.object()
	listOf(&b, "sets", sets, func(j *jsonWriter, set platen.DeletedSet) {
		j.object()
		j.number("id", int64(set.ID))
		j.text("kind", KindName(set.Kind))
		j.time("deleteTime", set.Deleted)
		j.optionalText("deletedBy", set.By)
		if cleanupAfter >= 0 {
			j.time("purgeTime", set.Deleted.Add(cleanupAfter))
		}
		j.flag("final", set.Final)
		j.end()
	})
	if more {
		last := sets[len(sets)-1]
		b.pageToken(deletedSets, binary.AppendVarint(binary.AppendVarint(nil, last.Deleted.Unix()), int64(last.ID)))
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
