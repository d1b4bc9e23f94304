package demo_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/demo"
)

func TestMailRun(t *testing.T) {
	var one, two bytes.Buffer
	if err := demo.MailRun(&one); err != nil {
		t.Fatal(err)
	}
	if err := demo.MailRun(&two); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the mail run differs from one time to the next")
	}
	for key, want := range map[string]int{`"segments"`: 3, `"documentsets"`: 9, `"documents"`: 27, `"documentpages"`: 300} {
		if got := strings.Count(one.String(), key); got != want {
			t.Errorf("%d times %s, want %d", got, key, want)
		}
	}
}
