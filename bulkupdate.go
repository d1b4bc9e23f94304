package platen

// Limits of one [BulkUpdate] that is one transaction. What is over them is done in
// parts.
const (
	MaxBulkIDs   = 100_000  // entities
	MaxBulkBytes = 64 << 20 // bytes of their lists together, encoded, before it and after it
)

// A BulkUpdate sets and removes names in lists of many entities: of all entities of
// Kind that Rule holds for, or of Entities.
type BulkUpdate struct {
	Kind     Kind
	Rule     Rule
	Entities []BulkEntity // of any kinds, each once; nil: Kind and Rule say which

	Set   [FacetCount][]NameValue // by [Facet]; each name once, and not in Unset as well
	Unset [FacetCount][]string
}

// A BulkEntity is one of the entities of a [BulkUpdate].
type BulkEntity struct {
	ID    ID
	Match [FacetCount]*Match // by [Facet], what its lists must be now; nil: anything
}

// Changes reports whether the update changes lists of a facet.
func (u *BulkUpdate) Changes(facet Facet) bool {
	return len(u.Set[facet])+len(u.Unset[facet]) > 0
}

// Apply returns pairs with what the update sets and without what it removes. Names
// that are there keep their places, new ones go to the end.
func (u *BulkUpdate) Apply(facet Facet, pairs []NameValue) []NameValue {
	if unset := u.Unset[facet]; len(unset) > 0 {
		removed := make(map[string]bool, len(unset))
		for _, name := range unset {
			removed[name] = true
		}
		kept := pairs[:0]
		for _, pair := range pairs {
			if !removed[pair.Name] {
				kept = append(kept, pair)
			}
		}
		pairs = kept
	}
	return MergeList(pairs, u.Set[facet])
}

// A BulkResult is what a [BulkUpdate] did, or would do.
type BulkResult struct {
	Matched int64   // entities that were named, or that the rule held for
	Changed int64   // those of them whose lists are others now
	Changes []int64 // in the log; none if nothing was changed, or nothing is logged
}

// A BulkPreview is what a [BulkUpdate] would do to one entity. Lists that it would
// not change are nil.
type BulkPreview struct {
	Ref           Ref
	Before, After [FacetCount]List // by [Facet]
}

// With returns what two updates did together.
func (r BulkResult) With(next BulkResult) BulkResult {
	r.Matched += next.Matched
	r.Changed += next.Changed
	r.Changes = append(r.Changes[:len(r.Changes):len(r.Changes)], next.Changes...)
	return r
}
