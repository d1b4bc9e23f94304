package olrest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// changeTypes are the names of the types of changes.
var changeTypes = map[platen.ChangeType]string{
	platen.Updated:     "update",
	platen.Reverted:    "revert",
	platen.Imported:    "import",
	platen.JobsCreated: "jobcreation",
	platen.Added:       "add",
	platen.Deleted:     "delete",
	platen.Undeleted:   "undelete",

	platen.AuditLogin:     "audit.login",
	platen.AuditRefusal:   "audit.refusal",
	platen.AuditUser:      "audit.user",
	platen.AuditToken:     "audit.token",
	platen.AuditWebhook:   "audit.webhook",
	platen.AuditRetention: "audit.retention",
	platen.AuditSettings:  "audit.settings",
}

// change writes the members of a change.
func (j *jsonWriter) change(c *platen.Change) {
	j.number("change", c.ID)
	j.text("time", FormatTime(c.Time))
	j.text("type", changeTypes[c.Type])
	j.optionalText("user", c.User)
	j.optionalText("token", c.Token)
	j.optionalText("requestId", c.Request)
	j.optionalNumber("reverts", c.Reverts)
}

// changeEntry writes the members of an entry.
func (j *jsonWriter) changeEntry(e *platen.ChangeEntry) {
	if e.Audit != nil {
		j.key("audit")
		j.object()
		for _, detail := range e.Audit {
			j.text(detail.Name, detail.Value)
		}
		j.end()
		return
	}
	j.text("kind", KindName(e.Ref.Kind))
	j.id("id", e.Ref.ID)
	j.id("set", e.Set)
	if !e.List {
		j.optionalNumber("added", e.Added)
		return
	}
	j.text("facet", e.Facet.String())
	listOf(j, "names", e.Names, func(j *jsonWriter, name platen.NameChange) {
		j.object()
		j.text("name", name.Name)
		if name.Before != nil {
			j.text("before", *name.Before)
		}
		if name.After != nil {
			j.text("after", *name.After)
		}
		j.end()
	})
}

// wholeChange writes a change with its entries.
func (j *jsonWriter) wholeChange(c platen.Change) {
	j.object()
	j.change(&c)
	listOf(j, "entries", c.Entries, func(j *jsonWriter, entry platen.ChangeEntry) {
		j.object()
		j.changeEntry(&entry)
		j.end()
	})
	j.optionalFlag("more", c.More)
	j.end()
}

// ReplyChange answers with a change.
func ReplyChange(w http.ResponseWriter, c *platen.Change) {
	var j jsonWriter
	j.wholeChange(*c)
	ReplyJSON(w, j.buf)
}

// ReplyHistory answers with a page of a history.
func ReplyHistory(w http.ResponseWriter, id platen.ID, changes []platen.Change, next []byte) {
	var j jsonWriter
	j.object()
	listOf(&j, "changes", changes, (*jsonWriter).wholeChange)
	j.pageToken(historyOf(id), next)
	j.end()
	ReplyJSON(w, j.buf)
}

// ReplyReverted answers a revert with the change that it is.
func ReplyReverted(w http.ResponseWriter, change int64) { replyNumber(w, "change", change) }

// CloudEvent returns an event in the JSON format of CloudEvents 1.0.
func CloudEvent(e *platen.Event) []byte {
	entry := &e.Change.Entries[0]
	var j jsonWriter
	j.object()
	j.text("specversion", "1.0")
	j.text("id", e.ID.String())
	j.text("source", "platen")
	j.text("type", eventPrefix+changeTypes[e.Change.Type])
	if entry.Audit == nil {
		j.text("subject", KindName(entry.Ref.Kind)+"/"+entry.Ref.ID.String())
	}
	j.text("time", FormatTime(e.Change.Time))
	j.text("datacontenttype", typeJSON)
	j.key("data")
	j.object()
	j.change(&e.Change)
	j.changeEntry(entry)
	j.end()
	j.end()
	return j.buf
}

// eventPrefix begins the types of events.
const eventPrefix = "platen."

// ReplyEvents answers with events, and the one to go on after.
func ReplyEvents(w http.ResponseWriter, bodies [][]byte, after platen.EventID) {
	var j jsonWriter
	j.events(bodies)
	j.text("after", after.String())
	j.end()
	ReplyJSON(w, j.buf)
}

// ReplyLastEvents answers with the last events from before a place: after is the one
// to go on after, and before, unless it is 0, the one before which others are.
func ReplyLastEvents(w http.ResponseWriter, bodies [][]byte, after, before platen.EventID) {
	var j jsonWriter
	j.events(bodies)
	j.text("after", after.String())
	if before != 0 {
		j.text("before", before.String())
	}
	j.end()
	ReplyJSON(w, j.buf)
}

// events begins an object with events.
func (j *jsonWriter) events(bodies [][]byte) {
	j.object()
	listOf(j, "events", bodies, func(j *jsonWriter, body []byte) { j.buf = append(j.buf, body...) })
}

// BeginStream begins an answer of server-sent events.
func BeginStream(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", typeEvents)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
}

// AppendStreamStart appends after which event a stream begins. It has no data, so
// readers keep the id and see no event.
func AppendStreamStart(b []byte, after string) []byte {
	return append(append(append(b, "id: "...), after...), "\n\n"...)
}

// AppendStreamed appends an event as a stream has it.
func AppendStreamed(b []byte, id platen.EventID, body []byte) []byte {
	b = append(append(append(b, "id: "...), id.String()...), "\ndata: "...)
	return append(append(b, body...), "\n\n"...)
}

// StreamComment is what a stream has while nothing happens.
var StreamComment = []byte(": nothing new\n\n")

// AppendDropped appends the last event of a stream, which says why it ends. It has
// no id, so a reader goes on after the last one that had.
func AppendDropped(b []byte, err error) []byte {
	b = append(b, "event: dropped\ndata: "...)
	shown := ShownError(err)
	b = append(b, errorBody(Status(shown.Code), shown.Message, shown.Param, 0)...)
	return append(b, "\n\n"...)
}

// An EventQuery is what a request for events asks for.
type EventQuery struct {
	Filter platen.ChangeFilter
	After  platen.EventID
	Given  bool // After is; otherwise a stream begins now, and pages with what is kept
	Stream bool
	Size   int // of a page

	Last   int            // so many of the last ones are asked for; 0: those after After
	Before platen.EventID // the last ones are those before it; 0: of all
}

// readTimeKey is the query parameter for a time in the past.
const readTimeKey = "readTime"

// ReadEventQuery reads a request for events.
func ReadEventQuery(r *http.Request) (q EventQuery, err error) {
	query := r.URL.Query()
	q.Stream = WantsEvents(r.Header["Accept"])
	ofPages := []string{pageSizeParameter, lastKey, beforeKey}
	if err := CheckQuery(query, append([]string{"after", "kind", "set", "type", "name"}, ofPages...)...); err != nil {
		return q, err
	}
	for _, name := range ofPages {
		if q.Stream && query.Has(name) {
			return q, parameterError(name, "%s goes with pages of events and not with a stream of them: leave it out, or send Accept: %s", name, typeJSON)
		}
	}
	if q.Size, err = readPageSize(query); err != nil {
		return q, err
	}
	if query.Has(lastKey) || query.Has(beforeKey) {
		if err := q.readLast(query); err != nil {
			return q, err
		}
	}
	after, given := query.Get("after"), query.Has("after")
	wrong := invalidParameter("after", after, "the id of an event, or 0")
	if sent := r.Header.Get(LastEventIDHeader); sent != "" {
		after, given, wrong = sent, true, WrongEventID(sent)
	}
	if given {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 0 {
			return q, wrong
		}
		q.After, q.Given = platen.EventID(n), true
	}
	return q, readChangeFilter(query, &q.Filter)
}

// Parameters of the last events.
const (
	lastKey   = "last"
	beforeKey = "before"
)

// readLast reads which of the last events are asked for.
func (q *EventQuery) readLast(query url.Values) (err error) {
	q.Last, err = strconv.Atoi(query.Get(lastKey))
	switch {
	case !query.Has(lastKey):
		return parameterError(beforeKey, "before goes with last, which says how many events are asked for")
	case err != nil || q.Last < 1 || q.Last > maxPageSize:
		return invalidParameter(lastKey, query.Get(lastKey), "a whole number from 1 to "+strconv.Itoa(maxPageSize))
	case query.Has("after") || query.Has(pageSizeParameter):
		return parameterError(lastKey, "last goes with neither after nor pageSize: it asks for the end of the log, or for what was before an event")
	}
	if query.Has(beforeKey) {
		n, err := strconv.ParseInt(query.Get(beforeKey), 10, 64)
		if err != nil || n < 1 {
			return invalidParameter(beforeKey, query.Get(beforeKey), "the id of an event")
		}
		q.Before = platen.EventID(n)
	}
	return nil
}

// readChangeFilter reads lists with commas. Names are not split, since they may have
// commas.
func readChangeFilter(query url.Values, f *platen.ChangeFilter) error {
	for kind := range parts(query, "kind") {
		found, err := ParseKind("kind", kind)
		if err != nil {
			return err
		}
		f.Kinds = append(f.Kinds, found)
	}
	for set := range parts(query, "set") {
		id, ok := platen.ParseID(set)
		if !ok {
			return invalidParameter("set", set, "the id of a set")
		}
		f.Sets = append(f.Sets, id)
	}
	for word := range parts(query, "type") {
		found := false
		for one, name := range changeTypes {
			asked := strings.TrimPrefix(word, eventPrefix)
			if name == asked || strings.HasPrefix(name, asked+".") {
				f.Types, found = append(f.Types, one), true
			}
		}
		if !found {
			return invalidParameter("type", word, "a type such as update, import or delete")
		}
	}
	if query.Has("name") {
		name := query.Get("name")
		if name == "" {
			return parameterError("name", "the name is empty")
		}
		f.Names = []string{name}
	}
	return nil
}

// parts yields the parts of a parameter between commas.
func parts(query url.Values, name string) func(func(string) bool) {
	if !query.Has(name) {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(query.Get(name), ",")
}

// WrongEventID is the error for a Last-Event-ID that no stream has given.
func WrongEventID(sent string) error {
	return platen.Errorf(platen.Invalid, "the header Last-Event-ID %q is none that this stream has given", shorten([]byte(sent)))
}

func invalidParameter(name, text, want string) error {
	return parameterError(name, "%s %.100q is not %s", name, text, want)
}

// ReadHistoryQuery reads a request for a history.
func ReadHistoryQuery(query url.Values, id platen.ID) (Page, error) {
	if err := CheckQuery(query, pageSizeParameter, pageTokenParameter); err != nil {
		return Page{}, err
	}
	return readPage(query, historyOf(id))
}

// historyOf is what the tokens of the pages of a history are good for.
func historyOf(id platen.ID) string { return "history of " + id.String() }

// ReadTimeQuery reads a request for a list as it was; the zero time is now.
func ReadTimeQuery(query url.Values) (time.Time, error) {
	if err := CheckQuery(query, readTimeKey); err != nil {
		return time.Time{}, err
	}
	if !query.Has(readTimeKey) {
		return time.Time{}, nil
	}
	return ParseTime(readTimeKey, query.Get(readTimeKey))
}

// ReadChangeID reads the number of a change from a path.
func ReadChangeID(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > int64(platen.MaxID) {
		return 0, platen.Errorf(platen.NotFound, "change %.64q not found: the id of a change is a whole number", text).About(text)
	}
	return n, nil
}

// ReadRevert reads the body of a revert: nothing, or an object with force.
func ReadRevert(body []byte) (force bool, err error) {
	if len(body) == 0 {
		return false, nil
	}
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the revert", map[string]func() error{"force": d.boolInto("force", &force)})
	})
	return force, err
}
