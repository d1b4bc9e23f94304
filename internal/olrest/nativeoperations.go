package olrest

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/platenhq/platen"
)

// operationTypes are the names of the types of operations in platen's own API.
var operationTypes = map[string]string{JobCreation: "jobcreation", Updating: "update"}

// Updating is the type of the operations of updates in parts.
const Updating = "update"

// operation writes an operation.
func (j *jsonWriter) operation(o *platen.Operation) {
	j.object()
	defer j.end()
	j.text("id", o.ID)
	j.text("type", operationTypes[o.Type])
	state, percent := "running", o.Percent
	switch {
	case o.Cancelled:
		state = "cancelled"
	case o.Message != "":
		state = "failed"
	case !o.Ended.IsZero():
		state, percent = "done", 100
	}
	j.text("state", state)
	j.number("progress", int64(percent))
	j.time("startTime", o.Started)
	j.time("endTime", o.Ended)
	j.optionalText("error", o.Message)
	switch {
	case o.Result != 0:
		j.key("result")
		j.object()
		j.id("jobset", o.Result)
		j.end()
	case o.Type == Updating:
		j.key("result")
		j.object()
		j.bulkResult(&o.Outcome)
		listOf(j, "changes", o.Outcome.Changes, (*jsonWriter).integer)
		j.end()
	}
}

// ReplyOperation answers with an operation.
func ReplyOperation(w http.ResponseWriter, o *platen.Operation) {
	var j jsonWriter
	j.operation(o)
	ReplyJSON(w, j.buf)
}

// ReplyUpdating answers that an operation has begun.
func ReplyUpdating(w http.ResponseWriter, o *platen.Operation) {
	var j jsonWriter
	j.operation(o)
	w.Header().Set("Location", nativeOperations+"/"+o.ID)
	reply(w, http.StatusAccepted, typeJSON, j.buf)
}

const endedKey = "ended"

// ReadEnded reads how many of the operations that have ended are asked for, 0 to
// 1,000.
func ReadEnded(query url.Values) (int, error) {
	if err := CheckQuery(query, endedKey); err != nil || !query.Has(endedKey) {
		return 0, err
	}
	n, err := strconv.Atoi(query.Get(endedKey))
	if err != nil || n < 0 || n > maxPageSize {
		return 0, invalidParameter(endedKey, query.Get(endedKey), "a whole number from 0 to "+strconv.Itoa(maxPageSize))
	}
	return n, nil
}

// ReplyNativeOperations answers with operations.
func ReplyNativeOperations(w http.ResponseWriter, all []platen.Operation) {
	replyAll(w, "operations", all, func(j *jsonWriter, o platen.Operation) { j.operation(&o) })
}
