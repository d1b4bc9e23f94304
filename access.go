package platen

import (
	"slices"
	"strings"
)

// A Role is what a user or a token may do. A greater one may do all that a
// lesser one may.
type Role uint8

// The roles. Databases store these numbers: none may ever change.
const (
	Viewer Role = 1 // reads, searches, statistics, exports
	Editor Role = 2 // also writes, imports, job creation, deletion
	Admin  Role = 3 // also users, tokens and the server itself
)

var roleNames = [...]string{"none", "viewer", "editor", "admin"}

// String returns the name of the role: "viewer", "editor" or "admin".
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return "unknown"
}

// ParseRole returns the role of a name. Invalid: there is none.
func ParseRole(name string) (Role, error) {
	if i := slices.Index(roleNames[1:], name); i >= 0 {
		return Role(i + 1), nil
	}
	return 0, Errorf(Invalid, "%.80q is no role; the roles are %s", name, strings.Join(roleNames[1:], ", "))
}

// A KindSet is a set of kinds of entities, a bit for each. Databases store it.
type KindSet uint16

// KindsOf returns the set of some kinds.
func KindsOf(kinds ...Kind) (set KindSet) {
	for _, kind := range kinds {
		set |= 1 << kind
	}
	return set
}

// Kinds returns the kinds of the set.
func (s KindSet) Kinds() (list []Kind) {
	for kind := range kinds {
		if s&KindsOf(Kind(kind)) != 0 {
			list = append(list, Kind(kind))
		}
	}
	return list
}

// Contains reports whether all kinds of other are in the set.
func (s KindSet) Contains(other KindSet) bool { return other&^s == 0 }
