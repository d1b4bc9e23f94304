package platen

import "time"

// Limits of views.
const (
	MaxViewName    = 100     // characters of a name
	MaxViewBytes   = 8 << 10 // of filter, order and fields together
	MaxViews       = 100     // that one user has
	MaxSharedViews = 200     // of all users together
)

// A View is a listing that a user has saved under a name.
type View struct {
	ID     int64
	Owner  string // "": nobody checks who makes requests
	Shared bool   // all see it; otherwise its owner alone

	Name    string
	Kind    Kind
	Filter  string // Filter, OrderBy and Fields are as the query of a listing has them; "": none
	OrderBy string
	Fields  string

	Version int64 // grows with each change
	Created time.Time
	Changed time.Time // or made
}
