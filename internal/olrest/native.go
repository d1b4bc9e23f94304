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
	{Method: http.MethodGet, Path: nativeEntities + "/{id}/pages", Action: EntityPages},
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
	{Method: http.MethodGet, Path: NativePrefix + "/names", Action: ListNames},
	{Method: http.MethodGet, Path: NativePrefix + "/intake", Action: ReadIntake},

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
	return 0, parameterError(name, "%s must be one of %s, not %q", name, strings.Join(names, ", "), shorten([]byte(text)))
}

// CheckQuery refuses the parameters of a query that are not known, and those that
// are given twice. The dialect ignores both; platen's own API does not.
func CheckQuery(query url.Values, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		shown := shorten([]byte(name))
		switch {
		case len(known) == 0:
			return parameterError(shown, "there is no query parameter %q here; there are none", shown)
		case !slices.Contains(known, name):
			return parameterError(shown, "there is no query parameter %q here, but %s", shown, strings.Join(known, ", "))
		case len(query[name]) > 1:
			return parameterError(shown, "the query parameter %q is given more than once", shown)
		}
	}
	return nil
}

// CheckRawQuery refuses a query of which a part can not be read. [url.URL.Query]
// leaves out that part, or all of a query with too many.
func CheckRawQuery(query string) error {
	_, err := url.ParseQuery(query)
	if err == nil {
		return nil
	}
	name := ""
	for part := range strings.SplitSeq(query, "&") {
		if _, wrong := url.ParseQuery(part); wrong != nil {
			name, _, _ = strings.Cut(part, "=")
			break
		}
	}
	return parameterError(shorten([]byte(name)), "the query can not be read: %v; in a value %% is written as %%25, and ; as %%3B", err)
}

// parameterError is an error of a query parameter. It names the parameter, which for
// a program says more than the value that it has sent itself.
func parameterError(name, format string, args ...any) error {
	err := platen.Errorf(platen.Invalid, format, args...)
	err.Param = name
	return err
}

// FormatTime returns a time as platen's own API has it: RFC 3339 in UTC with
// microseconds.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// ParseTime reads a time in RFC 3339, in any zone and with any fraction of a
// second. name is the parameter that has it. The zero time is refused, since it
// stands for none, and so are years that [FormatTime] has no form for.
func ParseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if year := t.UTC().Year(); err != nil || t.IsZero() || year < 1 || year > 9999 {
		return time.Time{}, parameterError(name, "%s %q is not a time such as 2026-01-31T12:00:00Z", name, shorten([]byte(text)))
	}
	return t, nil
}
