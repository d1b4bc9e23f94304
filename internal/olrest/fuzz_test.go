package olrest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/transfer"
)

// seeds are bodies that have to be thought of.
var seeds = []string{
	``, `{}`, `[]`, `null`, `{]0`, `[}`, `{"id":7]`, `{"id":7,"properties":[]}`, `[{"id":7,"properties":[{"name":"a","value":"b"}]}]`,
	`{"id":7,"properties":[{"name":"a","value":1e999},{"name":"b","value":0042}]}`,
	`{"id":"7"}`, `{"id":7.0,"properties":[]}`, `{"id":99999999999999999999,"properties":[]}`,
	`{"id":7,"properties":[{"name":"\ud800","value":"\u0000"}]}`, "{\"id\":7,\"properties\":[{\"name\":\"\xff\",\"value\":\"\"}]}",
	`{"id":7,"properties":[{"name":"a","value":""},{"name":"a","value":""}]} x`,
	strings.Repeat("[", 20_000), `{"x":` + strings.Repeat(`{"x":`, 20_000),
	`{"id":1,"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":9001,"datarecord":5001,"pages":[{"count":2,"media":{"name":"A4"}}]}]}]}]}]}]}`,
	`{"jobs":[{"segment":[]}]}`, `{"jobs":[{"id":-1}]}`,
}

// allowed checks that an error is one for the caller.
func allowed(t *testing.T, err error, codes ...platen.Code) {
	t.Helper()
	for _, code := range codes {
		if platen.ErrorCode(err) == code {
			return
		}
	}
	t.Errorf("got %v, code %d", err, platen.ErrorCode(err))
}

// roundTrip checks that what was accepted comes back as it was.
func roundTrip(t *testing.T, pairs []platen.NameValue) {
	t.Helper()
	names := make(map[string]bool)
	for _, pair := range pairs {
		if pair.Name == "" || names[pair.Name] || platen.CheckText(pair.Name) != "" || platen.CheckText(pair.Value) != "" {
			t.Errorf("%q was accepted", pairs)
		}
		names[pair.Name] = true
	}
	back, err := platen.EncodeList(pairs).Decode()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(append([]platen.NameValue{}, pairs...), append([]platen.NameValue{}, back...)); d != "" {
		t.Error(d)
	}
}

func FuzzReadUpdate(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		update, err := olrest.ReadUpdate(body, platen.Ref{Kind: platen.Job, ID: 7})
		if err != nil {
			allowed(t, err, platen.Invalid, platen.Mismatch)
			return
		}
		roundTrip(t, update.Pairs)
	})
}

func FuzzReadUpdates(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, err := olrest.ReadUpdates(body, platen.Job)
		if err != nil {
			allowed(t, err, platen.Invalid, platen.NotFound)
			return
		}
		for _, update := range updates {
			if !update.ID.Valid() {
				t.Errorf("id %d was accepted", update.ID)
			}
			roundTrip(t, update.Pairs)
		}
	})
}

// A sink checks that levels begin and end in pairs.
type sink struct {
	t    *testing.T
	open []platen.Kind
}

func (s *sink) Begin(kind platen.Kind) { s.open = append(s.open, kind) }

func (s *sink) End(platen.ID, [2]platen.List) error {
	s.open = s.open[:len(s.open)-1]
	return nil
}

func (s *sink) Page(page *transfer.Page) error {
	if !page.Item.Valid() {
		s.t.Errorf("content item %d was accepted", page.Item)
	}
	return nil
}

func (s *sink) Document(platen.ID, [2]platen.List) error {
	if s.open[len(s.open)-1] != platen.DocumentSet {
		s.t.Error("a document outside a document set")
	}
	return nil
}

func FuzzReadJobSet(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &sink{t: t}
		err := olrest.ReadJobSet(strings.NewReader(string(body)), s)
		if err != nil {
			allowed(t, err, platen.Invalid, platen.TooLarge)
		} else if len(s.open) != 0 {
			t.Errorf("%d levels are open at the end", len(s.open))
		}
	})
}

// FuzzAccounts: whatever is sent for users and tokens is refused, or has all that
// it must have.
func FuzzAccounts(f *testing.F) {
	for _, seed := range append(seeds,
		`{"name":"a","user":"b","role":"admin","kinds":["job","dataset"],"expireTime":"2026-01-31T12:00:00.5+01:00"}`,
		`{"kinds":null,"expireTime":null,"disabled":true,"role":"viewer"}`,
		`{"name":"a","password":"b","role":"editor"}`, `{"oldPassword":"a","password":"b"}`,
	) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		refused := func(err error) bool {
			if err != nil {
				allowed(t, err, platen.Invalid)
			}
			return err != nil
		}
		token, err := olrest.ReadNewToken(body)
		if !refused(err) && (token.Name == "" || token.Role < platen.Viewer || token.Role > platen.Admin) {
			t.Errorf("a token was accepted: %+v", token)
		}
		update, err := olrest.ReadTokenUpdate(body)
		if !refused(err) && update == (olrest.TokenUpdate{}) {
			t.Error("a change of nothing was accepted")
		}
		user, err := olrest.ReadNewUser(body)
		if !refused(err) && (user.Name == "" || user.Password == "" || user.Role == 0) {
			t.Errorf("a user was accepted: %+v", user)
		}
		_, err = olrest.ReadUserUpdate(body)
		refused(err)
		_, _, err = olrest.ReadOwnPassword(body)
		refused(err)
	})
}

func FuzzPathID(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "01", "-1", "+1", "1.0", "9007199254740991", "9007199254740992", "99999999999999999999", "１", "1;DROP TABLE entity"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := platen.ParseID(text)
		if ok && (!id.Valid() || id.String() != text) {
			t.Errorf("%q was read as %d", text, id)
		}
	})
}

// FuzzAnswers: whatever a server answers, the client neither panics nor takes
// it for an error of its caller.
func FuzzAnswers(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`[{"schema":{"columns":{"a":"DATETIME"},"tables":{"t":{}}},"id":1,"fields":{"a":7},"tables":{"t":[{"id":2,"fields":{}}]}}]`))
	f.Add([]byte(`[[{"identifier":1,"sortkey":"a"}]]`))
	f.Add([]byte(`{"jobSetId":1,"media":[{"size":{"width":null},"count":1}],"documents":[{"documentId":2,"media":{"0":1}}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for name, err := range map[string]error{
			"identifiers": second(olrest.ReadIdentifiers(bytes.NewReader(answer))),
			"pairs":       second(olrest.ReadPairs(bytes.NewReader(answer))),
			"statistics":  second(olrest.ReadJobSetStatistics(bytes.NewReader(answer))),
			"operations":  second(olrest.ReadOperations(bytes.NewReader(answer))),
			"pages":       olrest.ReadItemPages(bytes.NewReader(answer), func(platen.ItemPages) bool { return true }),
			"found":       olrest.ReadFound(bytes.NewReader(answer), func(int, platen.Found) bool { return true }),
			"plain":       olrest.ReadRecordValues(bytes.NewReader(answer), olrest.DefaultFormat, true, func(platen.Record) bool { return true }),
			"explicit":    olrest.ReadRecordValues(bytes.NewReader(answer), olrest.ExplicitTypes, true, func(platen.Record) bool { return true }),
			"simplified":  olrest.ReadRecordValues(bytes.NewReader(answer), olrest.Simplified, false, func(platen.Record) bool { return true }),
		} {
			if platen.ErrorCode(err) != platen.Internal {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
