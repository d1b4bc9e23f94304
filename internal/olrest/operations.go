package olrest

import (
	"net/http"
	"strconv"

	"github.com/platenhq/platen"
)

// JobCreation is the type of the operations of the job creation service.
const JobCreation = "JobCreationRestService"

// OperationHeader is the response header with the id of an operation.
const OperationHeader = "operationId"

// ReplyAccepted answers that an operation has begun.
func ReplyAccepted(w http.ResponseWriter, operation string) {
	header := w.Header()
	header[OperationHeader] = []string{operation} // as the API writes it
	link := func(path, rel string) string {
		return "<" + jobCreation + "/" + path + "/" + operation + `>; rel="` + rel + `"`
	}
	header.Set("Link", link("getProgress", "progress")+", "+link("getResult", "result")+", "+link("cancel", "cancel"))
	header["Content-Type"] = nil
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
}

// A RunningOperation is an operation with how far it is.
type RunningOperation struct {
	platen.Operation
	Doing string // what it does now
}

// ReplyOperations answers with an operations list.
func ReplyOperations(w http.ResponseWriter, running []RunningOperation) {
	var b jsonWriter
	b.list()
	for _, o := range running {
		b.element()
		b.text("id", o.ID)
		b.text("type", o.Type)
		b.text("subTask", o.Doing)
		b.number("startTime", o.Started.UnixMilli())
		b.number("progress", int64(o.Percent))
		b.end()
	}
	b.endList()
	ReplyJSON(w, b.buf)
}

// ReplyProgress answers how far an operation is; 100 and over is done.
func ReplyProgress(w http.ResponseWriter, percent int, done bool) {
	if done {
		ReplyText(w, "done")
		return
	}
	ReplyText(w, strconv.Itoa(percent))
}

// ReadIdentifiersBody reads an identifier list, with or without runtime
// parameters. It must name one at least, none twice, and not
// more than [platen.MaxOperationSets].
func ReadIdentifiersBody(body []byte) ([]platen.ID, error) {
	var ids []platen.ID
	given := false
	err := decode(body, func(d *decoder) error {
		return d.members("the body", func(key string) (err error) {
			if key != "identifiers" {
				return d.skip()
			}
			given = true
			ids, err = d.idList(key)
			return err
		})
	})
	if err == nil && len(ids) == 0 {
		what := "the list of identifiers is empty"
		if !given {
			what = "the list of identifiers is missing"
		}
		err = platen.Errorf(platen.Invalid, "%s: name at least one Content Set", what)
	}
	return ids, err
}

// idList reads a list of identifiers of content sets.
func (d *decoder) idList(what string) ([]platen.ID, error) {
	ids := []platen.ID{}
	seen := make(map[platen.ID]bool)
	err := d.each(what, func() error {
		id, err := d.entityID()
		switch {
		case err != nil:
			return err
		case seen[id]:
			return d.fail("content set %d is named twice", id)
		case len(ids) == platen.MaxOperationSets:
			return d.fail("there are more than %d content sets", platen.MaxOperationSets)
		}
		seen[id] = true
		ids = append(ids, id)
		return nil
	})
	return ids, err
}
