package webhook

import (
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/olrest"
)

// A message is an event as it is sent.
type message struct {
	id, kind string // kind is the type of the event
	body     []byte // a CloudEvent in JSON
}

func messageOf(item *event.Item) *message {
	return &message{id: item.ID.String(), kind: olrest.EventType(item.Change.Type), body: item.Body}
}

// testMessage returns an event that is not in the log.
func testMessage() *message {
	id := "test-" + rand.Text()
	return &message{id: id, kind: olrest.WebhookTestType, body: olrest.WebhookTest(id, time.Now())}
}

// goneAfter returns the place from which on events are kept, if err says that
// those that were asked for are not.
func goneAfter(err error) (platen.EventID, bool) {
	shown, ok := errors.AsType[*platen.Error](err)
	if !ok || shown.Code != platen.Gone {
		return 0, false
	}
	id, parsed := strconv.ParseInt(shown.Param, 10, 64)
	return platen.EventID(id), parsed == nil
}

// now is a wait that is over.
var now = func() <-chan time.Time {
	over := make(chan time.Time)
	close(over)
	return over
}()
