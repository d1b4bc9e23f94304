package olrest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// natives are the routes of platen's own API that do not follow from the table
// of kinds.
var natives = []Route{
	{Method: http.MethodGet, Path: nativeEntities, Action: ListEntities},
	{Method: http.MethodGet, Path: nativeEntities + "/{id}", Action: ReadEntity},
	{Method: http.MethodDelete, Path: nativeEntities + "/{id}", Action: DeleteEntity},
	{Method: http.MethodGet, Path: nativeEntities + "/{id}/children", Action: EntityChildren},
	{Method: http.MethodPost, Path: nativeEntities + "/{id}/undelete", Action: Undelete},
	{Method: http.MethodGet, Path: NativePrefix + "/deleted", Action: ListDeleted},
	{Method: http.MethodGet, Path: nativeEntities + "/{id}/history", Action: EntityHistory},
	{Method: http.MethodGet, Path: nativeEntities + "/{id}/properties", Action: ReadListAt, Facet: platen.Properties},
	{Method: http.MethodGet, Path: nativeEntities + "/{id}/metadata", Action: ReadListAt, Facet: platen.Metadata},
	{Method: http.MethodGet, Path: nativeEntities + "/{id}/fields", Action: ReadListAt, Facet: platen.Fields},
	{Method: http.MethodGet, Path: NativePrefix + "/changes/{change}", Action: ReadChange},
	{Method: http.MethodPost, Path: NativePrefix + "/changes/{change}/revert", Action: RevertChange},
	{Method: http.MethodGet, Path: NativePrefix + "/events", Action: ReadEvents},
	{Method: http.MethodPost, Path: NativePrefix + "/updates", Action: UpdateMany},
	{Method: http.MethodGet, Path: nativeOperations, Action: ListOperations},
	{Method: http.MethodGet, Path: nativeOperations + "/{operation}", Action: ReadOperation},
	{Method: http.MethodPost, Path: nativeOperations + "/{operation}/cancel", Action: CancelOperation},
	{Method: http.MethodGet, Path: NativePrefix + "/server", Action: ReadServer},

	{Method: http.MethodGet, Path: requests, Action: ListRequests},
	{Method: http.MethodDelete, Path: requests, Action: DeleteRequests},
	{Method: http.MethodGet, Path: requests + "/count", Action: CountRequests},
	{Method: http.MethodGet, Path: requests + "/{request}", Action: ReadRequest},
	{Method: http.MethodDelete, Path: requests + "/{request}", Action: DeleteRequest},
	{Method: http.MethodGet, Path: requests + "/{request}/curl", Action: RequestAsCurl},
}

// nativeEntities is where entities of all kinds are.
const nativeEntities = NativePrefix + "/entities"

// nativeOperations is where operations are.
const nativeOperations = NativePrefix + "/operations"

// KindName returns the name of a kind in platen's own API, such as "jobset".
func KindName(kind platen.Kind) string { return strings.ReplaceAll(kind.String(), " ", "") }

// ParseKind reads the name of a kind. name is the parameter that has it.
func ParseKind(name, text string) (platen.Kind, error) {
	var names []string
	for _, s := range services {
		if KindName(s.kind) == text {
			return s.kind, nil
		}
		names = append(names, KindName(s.kind))
	}
	err := platen.Errorf(platen.Invalid, "%s must be one of %s, not %q", name, strings.Join(names, ", "), text)
	err.Param = name
	return 0, err
}

// CheckQuery refuses the parameters of a query that are not known, and those that
// are given twice. The dialect ignores both; platen's own API does not.
func CheckQuery(query url.Values, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			if len(known) == 0 {
				return platen.Errorf(platen.Invalid, "there is no query parameter %q here; there are none", name)
			}
			return platen.Errorf(platen.Invalid, "there is no query parameter %q here, but %s", name, strings.Join(known, ", "))
		}
		if len(query[name]) > 1 {
			return platen.Errorf(platen.Invalid, "the query parameter %q is given more than once", name)
		}
	}
	return nil
}

// FormatTime returns a time as platen's own API has it: RFC 3339 in UTC with
// microseconds.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// ParseTime reads a time in RFC 3339, in any zone and with any fraction of a
// second. name is the parameter that has it.
func ParseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, platen.Errorf(platen.Invalid, "%s %q is not a time such as 2026-01-31T12:00:00Z", name, text)
	}
	return t, nil
}
