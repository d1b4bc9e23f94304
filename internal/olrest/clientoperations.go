package olrest

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/platenhq/platen"
)

// AppendIdentifiers appends an identifier list, with runtime parameters if
// there are any. Invalid: a parameter is neither text nor
// number nor boolean.
func AppendIdentifiers(b []byte, ids []platen.ID, parameters map[string]any) ([]byte, error) {
	b = appendList(append(b, `{"identifiers":`...), ids, appendID)
	if len(parameters) > 0 {
		for name, value := range parameters {
			switch value.(type) {
			case string, bool, int, int64, float64, json.Number:
			default:
				return nil, platen.Errorf(platen.Invalid, "the parameter %q is a %T; it must be a string, bool, int, int64, float64 or json.Number", name, value)
			}
		}
		encoded, err := json.Marshal(parameters)
		if err != nil {
			return nil, platen.Errorf(platen.Invalid, "the parameters can not be sent: %v", err)
		}
		b = append(append(b, `,"parameters":`...), encoded...)
	}
	return append(b, '}'), nil
}

// ReadAccepted reads the answer that an operation has begun: its id.
func ReadAccepted(response *http.Response) (string, error) {
	id := response.Header.Get(OperationHeader)
	if id == "" {
		return "", platen.Errorf(platen.Failed, "the server answered %s, but not with which operation it has begun", response.Status)
	}
	return id, nil
}

// ReadProgress reads how far an operation is, in percent; 100 when it is done.
func ReadProgress(r io.Reader) (percent int, done bool, err error) {
	text, err := ReadText(r)
	if err != nil {
		return 0, false, err
	}
	if text = strings.TrimSpace(text); text == "done" {
		return 100, true, nil
	}
	percent, err = strconv.Atoi(text)
	if err != nil {
		return 0, false, platen.Errorf(platen.Failed, "the server answered %q, which is no progress", shorten([]byte(text)))
	}
	return percent, false, nil
}

// ReadResult reads what an operation has made.
func ReadResult(r io.Reader) (platen.ID, error) {
	text, err := ReadText(r)
	if err != nil {
		return 0, err
	}
	id, ok := platen.ParseID(strings.TrimSpace(text))
	if !ok {
		return 0, platen.Errorf(platen.Failed, "the server answered %q, which is no job set", shorten([]byte(text)))
	}
	return id, nil
}

// ResultError tells that an operation has failed from the other errors of the
// status 500: the server names the operation.
func ResultError(err error, operation string) error {
	if shown, ok := err.(*platen.Error); ok && shown.Code == platen.Internal && shown.Param == operation {
		shown.Code = platen.Failed
	}
	return err
}

// ReadOperations reads an operations list.
func ReadOperations(r io.Reader) ([]RunningOperation, error) {
	list := []RunningOperation{}
	err := readAnswer(r, func(d *decoder) error {
		return d.each("the answer", func() error {
			var o RunningOperation
			err := d.members("an operation", func(key string) (err error) {
				var n int64
				switch key {
				case "id":
					o.ID, err = d.text(key, true)
				case "type":
					o.Type, err = d.value(true)
				case "subTask":
					o.Doing, err = d.value(true)
				case "startTime":
					n, err = d.integer(key)
					o.Started = time.UnixMilli(n)
				case "progress":
					n, err = d.integer(key)
					o.Percent = int(n)
				default:
					err = d.skip()
				}
				return err
			})
			list = append(list, o)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
