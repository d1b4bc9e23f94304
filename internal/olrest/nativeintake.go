package olrest

import (
	"net/http"
	"net/url"
	"time"

	"github.com/platenhq/platen"
)

// intakeUnits are the lengths of the parts of an intake, and the time that is shown
// if the request names none.
var intakeUnits = map[string]struct{ unit, shown time.Duration }{
	"hour": {time.Hour, 24 * time.Hour},
	"day":  {24 * time.Hour, 30 * 24 * time.Hour},
}

// IntakeUnit returns the word for the length of the parts of an intake, "" for 0.
// Invalid: there is none.
func IntakeUnit(unit time.Duration) (string, error) {
	if unit == 0 {
		return "", nil
	}
	for word, row := range intakeUnits {
		if row.unit == unit {
			return word, nil
		}
	}
	return "", platen.Errorf(platen.Invalid, "the parts of an intake have an hour or 24, not %v", unit)
}

// ReadIntakeQuery reads what a request for the intake asks for: without a time up to
// the end of the hour, or of the day in UTC, that now is in.
func ReadIntakeQuery(query url.Values, now time.Time) (q platen.IntakeQuery, err error) {
	if err := CheckQuery(query, "unit", "from", "to"); err != nil {
		return q, err
	}
	word := query.Get("unit")
	if !query.Has("unit") {
		word = "hour"
	}
	unit, ok := intakeUnits[word]
	if !ok {
		return q, invalidParameter("unit", word, "hour or day")
	}
	q.Unit = unit.unit
	for _, end := range []struct {
		name string
		time *time.Time
	}{{"from", &q.From}, {"to", &q.To}} {
		if !query.Has(end.name) {
			continue
		}
		if *end.time, err = ParseTime(end.name, query.Get(end.name)); err != nil {
			return q, err
		}
		if year := end.time.UTC().Year(); year < 1970 || year > 9999 {
			return q, invalidParameter(end.name, query.Get(end.name), "in the years 1970 to 9999")
		}
	}
	if q.To.IsZero() {
		q.To = now.Truncate(q.Unit).Add(q.Unit)
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-unit.shown)
	}
	switch {
	case !q.From.Before(q.To):
		return q, parameterError("from", "from %s is not before to %s", FormatTime(q.From), FormatTime(q.To))
	case q.To.Sub(q.From) > platen.MaxIntakeParts*q.Unit:
		return q, parameterError("from", "from %s to %s are more than %d parts of one %s: ask for a shorter time, or by the day", FormatTime(q.From), FormatTime(q.To), platen.MaxIntakeParts, word)
	}
	return q, nil
}

// ReplyIntake answers with what came in.
func ReplyIntake(w http.ResponseWriter, query platen.IntakeQuery, parts []platen.IntakePart) {
	var b jsonWriter
	b.object()
	b.text("from", FormatTime(query.From))
	b.text("to", FormatTime(query.To))
	listOf(&b, "parts", parts, func(j *jsonWriter, part platen.IntakePart) {
		j.object()
		j.text("startTime", FormatTime(part.Start))
		j.optionalNumber("jobsets", part.JobSets)
		j.optionalNumber("jobs", part.Jobs)
		j.optionalNumber("documents", part.Documents)
		j.optionalNumber("pages", part.Pages)
		j.optionalNumber("sheets", part.Sheets)
		j.optionalNumber("contentsets", part.ContentSets)
		j.optionalNumber("contentitems", part.ContentItems)
		j.optionalNumber("datasets", part.DataSets)
		j.optionalNumber("datarecords", part.DataRecords)
		j.end()
	})
	b.end()
	ReplyJSON(w, b.buf)
}
