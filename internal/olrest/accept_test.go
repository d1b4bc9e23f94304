package olrest_test

import (
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/olrest"
)

// TestAccept checks what an Accept header asks for, where there is a choice.
func TestAccept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		accept       string // its lines
		text, events bool
	}{
		{"", false, false},
		{"*/*", false, false},
		{"text/plain", true, false},
		{"Text/Plain; charset=utf-8", true, false},
		{"text/*", true, false},
		{"text/plain, application/json", false, false},
		{"text/plain, */*", false, false},
		{"application/json, text/plain, */*", false, false},
		{"text/plain, application/json;q=0", true, false},
		{"text/plain, application/json; Q=0.5", true, false},
		{"text/plain;q=0.5, application/json", false, false},
		{"text/plain;q=0", false, false},
		{"text/plain;q=0, text/*", false, false},
		{"text/*;q=0.9, text/plain;q=0.1, application/json;q=0.5", false, false},
		{"text/plain, */*;q=0.01", true, false},
		{"text/html, image/gif, *; q=.2, */*; q=.2", false, false},
		{"text/plain;q=x", true, false},
		{"text/plain\napplication/json", false, false},
		{"application/json;q=0.5\ntext/plain", true, false},

		{"text/event-stream", false, true},
		{"TEXT/event-stream;charset=utf-8", false, true},
		{"text/event-stream, */*", false, true},
		{"*/*, text/event-stream", false, true},
		{"text/event-stream, application/json", false, true},
		{"application/json, text/event-stream", false, false},
		{"application/json;q=0.9, text/event-stream", false, true},
		{"application/json, text/event-stream;q=0.9", false, false},
		{"text/event-stream;q=0.5, */*", false, false},
		{"text/event-stream;q=0", false, false},
		{"text/event-stream; q=0.000, application/json", false, false},
		{"*/*\ntext/event-stream", false, true},
		{"application/json\ntext/event-stream", false, false},
	} {
		lines := strings.Split(c.accept, "\n")
		if text, events := olrest.WantsText(lines), olrest.WantsEvents(lines); text != c.text || events != c.events {
			t.Errorf("%q: text %v, events %v", c.accept, text, events)
		}
	}
}
