package sqlstore

import (
	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
)

// checkMatch returns Changed unless match, which may be nil, has the tag of a list
// as the writes before left it.
func (g *lists) checkMatch(key listcache.Key, kind platen.Kind, match *platen.Match) error {
	if match == nil {
		return nil
	}
	if now := g.tag(key); !match.Has(now) {
		return platen.ChangedError(platen.Ref{Kind: kind, ID: key.ID}, key.Facet.String(), now)
	}
	return nil
}

// tag returns the tag of a list.
func (g *lists) tag(key listcache.Key) platen.Tag {
	if merged := g.merged[key]; merged != nil && merged.changed {
		return platen.TagOf(platen.EncodeList(merged.pairs))
	}
	if large, ok := g.large[key]; ok {
		return platen.Tag(large.digest[:len(platen.Tag{})])
	}
	return platen.TagOf(g.now[key].List)
}
