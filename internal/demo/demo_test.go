package demo_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/demo"
)

func TestMailRun(t *testing.T) {
	write := func() string {
		var b bytes.Buffer
		run := demo.MailRun()
		if err := errors.Join(run.DataSet(&b), run.ContentSet(&b), run.JobSet(&b)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one := write()
	if one != write() {
		t.Error("the mail run differs from one time to the next")
	}
	for key, want := range map[string]int{
		`"Recipient","value"`: 600, `"template"`: 300,
		`"segments"`: 3, `"documentsets"`: 9, `"documents"`: 27, `"documentpages"`: 300,
	} {
		if got := strings.Count(one, key); got != want {
			t.Errorf("%d times %s, want %d", got, key, want)
		}
	}
}
