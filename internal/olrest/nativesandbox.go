package olrest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// sandbox are the routes that only a sandbox has.
var sandbox = []Route{
	{Method: http.MethodGet, Path: SandboxPath, Action: DescribeSandbox},
	{Method: http.MethodPost, Path: SandboxPath + "/reset", Action: ResetSandbox},
	{Method: http.MethodPut, Path: SandboxPath + "/snapshots/{snapshot}", Action: TakeSnapshot},
	{Method: http.MethodDelete, Path: SandboxPath + "/snapshots/{snapshot}", Action: RemoveSnapshot},
	{Method: http.MethodGet, Path: SandboxPath + "/clock", Action: ReadClock},
	{Method: http.MethodPut, Path: SandboxPath + "/clock", Action: SetClock},
	{Method: http.MethodGet, Path: SandboxPath + "/faults", Action: ListFaults},
	{Method: http.MethodPut, Path: SandboxPath + "/faults", Action: ReplaceFaults},
	{Method: http.MethodPost, Path: SandboxPath + "/faults", Action: AddFault},
	{Method: http.MethodDelete, Path: SandboxPath + "/faults", Action: RemoveFaults},
	{Method: http.MethodGet, Path: SandboxPath + "/faults/{fault}", Action: DescribeFault},
	{Method: http.MethodDelete, Path: SandboxPath + "/faults/{fault}", Action: RemoveFault},
	{Method: http.MethodPost, Path: SandboxPath + "/instances", Action: AddInstance},
	{Method: http.MethodDelete, Path: SandboxPath + "/instances/{instance}", Action: RemoveInstance},
}

// SandboxPath is where the routes of a sandbox are.
const SandboxPath = NativePrefix + "/sandbox"

// A SandboxState is what a sandbox says of itself.
type SandboxState struct {
	Name, URL string
	Clock     SandboxClock
	Snapshots []string // by name
	Resets    int64    // since it was started
	Took      time.Duration
	Faults    int
	Instances []SandboxInstance // all of the process, by name
}

// A SandboxClock is what the clock of a sandbox shows.
type SandboxClock struct {
	Time    time.Time
	Running bool
}

// A SandboxInstance is a sandbox among those of a process.
type SandboxInstance struct{ Name, URL, Data string }

// What a reset can keep.
const (
	KeepClock   = "clock"
	KeepFaults  = "faults"
	KeepJournal = "journal"
)

// A SandboxReset says what a reset goes back to.
type SandboxReset struct {
	Snapshot string   // "": the start
	Keep     []string // what stays as it is
}

// ReadSandboxReset reads a reset; no body is as good as an empty object.
func ReadSandboxReset(body []byte) (asked SandboxReset, err error) {
	if len(body) == 0 {
		return asked, nil
	}
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the reset", map[string]func() error{
			"snapshot": d.textInto("snapshot", &asked.Snapshot),
			"keep": d.textsInto("keep", &asked.Keep, func(text string) error {
				if all := []string{KeepClock, KeepFaults, KeepJournal}; !slices.Contains(all, text) {
					return d.fail("what can be kept is %q, not %q", all, text)
				}
				return nil
			}),
		})
	})
	return asked, err
}

// textsInto returns what reads a list of texts, each of which is checked.
func (d *decoder) textsInto(name string, to *[]string, check func(string) error) func() error {
	return func() error {
		return d.each(name, func() error {
			text, err := d.text(name, false)
			if err == nil {
				err = check(text)
			}
			*to = append(*to, text)
			return err
		})
	}
}

// A ClockChange says what becomes of a clock; what is nil stays.
type ClockChange struct {
	Time    *time.Time
	Advance *time.Duration
	Running *bool
}

// ReadClockChange reads a change of the clock.
func ReadClockChange(body []byte) (c ClockChange, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the clock", map[string]func() error{
			"time":    given(&c.Time, func(to *time.Time) func() error { return d.timeInto("time", to) }),
			"advance": given(&c.Advance, func(to *time.Duration) func() error { return d.durationInto("advance", to, 100*365*24*time.Hour) }),
			"running": given(&c.Running, func(to *bool) func() error { return d.boolInto("running", to) }),
		})
	})
	switch {
	case err != nil:
	case c.Time != nil && (c.Time.Year() < 1970 || c.Time.Year() > 9000):
		err = platen.Errorf(platen.Invalid, "time must be from 1970 to 9000")
	case c.Time != nil && c.Advance != nil:
		err = platen.Errorf(platen.Invalid, "time sets the clock and advance moves it: give one of them")
	case c == ClockChange{}:
		err = platen.Errorf(platen.Invalid, `there is nothing to change: give time, advance (such as "90m") or running`)
	}
	return c, err
}

// durationInto returns what reads a time span, from 0 to most.
func (d *decoder) durationInto(name string, to *time.Duration, most time.Duration) func() error {
	return func() error {
		text, err := d.text(name, false)
		if err != nil {
			return err
		}
		if *to, err = time.ParseDuration(text); err != nil || *to < 0 || *to > most {
			return d.fail(`%s must be a time from 0s to %v, such as "250ms" or "1h30m", not %q`, name, most, shorten([]byte(text)))
		}
		return nil
	}
}

// numberInto returns what reads a whole number from least up.
func (d *decoder) numberInto(name string, to *int64, least int64) func() error {
	return func() (err error) {
		if *to, err = d.integer(name); err == nil && *to < least {
			err = d.fail("%s must be %d or more, not %d", name, least, *to)
		}
		return err
	}
}

// fault reads a fault; strict: members that are not known are errors. The counts
// may be there, so that a fault can be sent as it was read. Whether its parts fit
// each other is for others to check.
func (d *decoder) fault(strict bool) (f platen.FaultCount, err error) {
	anything := func(string) error { return nil }
	read := map[string]func() error{
		"name":    d.textInto("name", &f.Name),
		"methods": d.textsInto("methods", &f.Methods, anything),
		"route":   d.textInto("route", &f.Route), "path": d.textInto("path", &f.Path), "user": d.textInto("user", &f.User),
		"from": d.numberInto("from", &f.From, 1), "to": d.numberInto("to", &f.To, 1), "every": d.numberInto("every", &f.Every, 1),
		"probability": d.probabilityInto(&f.Probability), "seed": d.numberInto("seed", &f.Seed, -1<<63),
		"status": d.statusInto(&f.Status), "body": d.bodyInto(&f), "headers": d.headersInto(&f.Headers),
		"retryAfter": d.durationInto("retryAfter", &f.RetryAfter, 24*time.Hour),
		"noAnswer":   d.boolInto("noAnswer", &f.NoAnswer), "expireToken": d.boolInto("expireToken", &f.ExpireToken),
		"latency":   d.durationInto("latency", &f.Latency, platen.MaxFaultWait),
		"bandwidth": d.numberInto("bandwidth", &f.Bandwidth, 1),
		"cutAfter": func() error {
			f.Cut = true
			return d.numberInto("cutAfter", &f.CutAfter, 0)()
		},
		"operationDelay": d.durationInto("operationDelay", &f.OperationDelay, platen.MaxFaultWait),
		"operationError": d.textInto("operationError", &f.OperationError),
		"matched":        d.numberInto("matched", &f.Matched, 0), "hits": d.numberInto("hits", &f.Hits, 0),
	}
	if strict {
		return f, d.strictMembers("a fault", read)
	}
	err = d.members("a fault", func(key string) error {
		if fn := read[key]; fn != nil {
			return fn()
		}
		return d.skip()
	})
	return f, err
}

func (d *decoder) statusInto(to *int) func() error {
	return func() error {
		var status int64
		err := d.numberInto("status", &status, 200)()
		if err == nil && status > 599 {
			err = d.fail("status must be from 200 to 599, not %d", status)
		}
		*to = int(status)
		return err
	}
}

func (d *decoder) probabilityInto(to *float64) func() error {
	return func() error {
		raw, err := d.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		if *to, err = strconv.ParseFloat(string(raw), 64); err != nil || !(*to > 0 && *to <= 1) {
			return d.fail("probability must be a number over 0 and up to 1, not %s", shorten(raw))
		}
		return nil
	}
}

// bodyInto returns what reads the body of an answer: a text as it is, or other
// JSON as its source.
func (d *decoder) bodyInto(f *platen.FaultCount) func() error {
	return func() error {
		kind := d.PeekKind()
		raw, err := d.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		if f.Body = string(raw); kind == '"' {
			f.Body = unquote(raw)
		}
		f.EmptyBody = f.Body == ""
		if len(f.Body) > platen.MaxFaultBody {
			return d.fail("the body has %d bytes, and it can have %d", len(f.Body), platen.MaxFaultBody)
		}
		return nil
	}
}

func (d *decoder) headersInto(to *[]platen.NameValue) func() error {
	return func() error {
		return d.members("headers", func(name string) error {
			value, err := d.text("value of the header "+strconv.Quote(name), false)
			*to = append(*to, platen.NameValue{Name: name, Value: value})
			return err
		})
	}
}

// ReadFault reads a fault that is to be added.
func ReadFault(body []byte) (f platen.Fault, err error) {
	err = decode(body, func(d *decoder) error {
		one, err := d.fault(true)
		f = one.Fault
		return err
	})
	return f, err
}

// ReadFaults reads a list of faults that is to be in force.
func ReadFaults(body []byte) (list []platen.Fault, err error) {
	found := false
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the body", map[string]func() error{"faults": func() error {
			found = true
			return d.each("faults", func() error {
				one, err := d.fault(true)
				list = append(list, one.Fault)
				return err
			})
		}})
	})
	if err == nil && !found {
		err = missing(`list "faults"`)
	}
	return list, err
}

// ReadInstance reads the sandbox that is to be added: its name, and its data if
// they are others than those of the first one.
func ReadInstance(body []byte) (asked SandboxInstance, err error) {
	err = decode(body, func(d *decoder) error {
		return d.strictMembers("the instance", map[string]func() error{
			"name": d.textInto("name", &asked.Name), "data": d.textInto("data", &asked.Data),
		})
	})
	if err == nil {
		err = CheckName("sandbox", asked.Name)
	}
	return asked, err
}

func (j *jsonWriter) clock(c SandboxClock) {
	j.object()
	j.text("time", FormatTime(c.Time))
	j.flag("running", c.Running)
	j.end()
}

// faultMembers writes what a fault is, without its counts.
func (j *jsonWriter) faultMembers(f *platen.Fault) {
	wait := func(key string, d time.Duration) {
		if d != 0 {
			j.text(key, d.String())
		}
	}
	j.optionalText("name", f.Name)
	optionalList(j, "methods", f.Methods, (*jsonWriter).string)
	j.optionalText("route", f.Route)
	j.optionalText("path", f.Path)
	j.optionalText("user", f.User)
	j.optionalNumber("from", f.From)
	j.optionalNumber("to", f.To)
	j.optionalNumber("every", f.Every)
	if f.Probability != 0 {
		j.raw("probability", strconv.AppendFloat(nil, f.Probability, 'g', -1, 64))
	}
	j.optionalNumber("seed", f.Seed)
	j.optionalNumber("status", int64(f.Status))
	j.optionalText("body", f.Body)
	if f.EmptyBody {
		j.text("body", "")
	}
	if len(f.Headers) > 0 {
		j.key("headers")
		j.object()
		for _, header := range f.Headers {
			j.text(header.Name, header.Value)
		}
		j.end()
	}
	wait("retryAfter", f.RetryAfter)
	j.optionalFlag("noAnswer", f.NoAnswer)
	j.optionalFlag("expireToken", f.ExpireToken)
	wait("latency", f.Latency)
	j.optionalNumber("bandwidth", f.Bandwidth)
	if f.Cut {
		j.number("cutAfter", f.CutAfter)
	}
	wait("operationDelay", f.OperationDelay)
	j.optionalText("operationError", f.OperationError)
}

func (j *jsonWriter) fault(f platen.FaultCount) {
	j.object()
	j.faultMembers(&f.Fault)
	j.number("matched", f.Matched)
	j.number("hits", f.Hits)
	j.end()
}

// ReplyFault answers with a fault; created: one that the request has added.
func ReplyFault(w http.ResponseWriter, f platen.FaultCount, created bool) {
	var b jsonWriter
	b.fault(f)
	replyOne(w, "sandbox/faults", f.Name, created, b.buf)
}

// ReplyFaults answers with all faults, in order.
func ReplyFaults(w http.ResponseWriter, list []platen.FaultCount) {
	replyAll(w, "faults", list, (*jsonWriter).fault)
}

// ReplyClock answers with what the clock shows.
func ReplyClock(w http.ResponseWriter, c SandboxClock) {
	var b jsonWriter
	b.clock(c)
	ReplyJSON(w, b.buf)
}

// ReplySandbox answers with what a sandbox says of itself.
func ReplySandbox(w http.ResponseWriter, s SandboxState) {
	var b jsonWriter
	b.object()
	b.text("name", s.Name)
	b.text("url", s.URL)
	b.key("clock")
	b.clock(s.Clock)
	listOf(&b, "snapshots", s.Snapshots, (*jsonWriter).string)
	b.number("resets", s.Resets)
	if s.Resets > 0 {
		b.number("tookMicros", s.Took.Microseconds())
	}
	b.number("faults", int64(s.Faults))
	listOf(&b, "instances", s.Instances, (*jsonWriter).instance)
	b.end()
	ReplyJSON(w, b.buf)
}

func (j *jsonWriter) instance(i SandboxInstance) {
	j.object()
	j.text("name", i.Name)
	j.text("url", i.URL)
	j.end()
}

// ReplyInstance answers with a sandbox that the request has added.
func ReplyInstance(w http.ResponseWriter, i SandboxInstance) {
	var b jsonWriter
	b.instance(i)
	replyOne(w, "sandbox/instances", i.Name, true, b.buf)
}

// ReplyFaulty answers as a fault says, which has a status or a RetryAfter.
func ReplyFaulty(w http.ResponseWriter, f *platen.Fault) {
	header := w.Header()
	status := cmp.Or(f.Status, http.StatusTooManyRequests)
	if f.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	body := f.Body
	if body == "" && !f.EmptyBody {
		body = string(errorBody(status, "the fault "+f.Name+" of the sandbox", "", 0))
	}
	switch {
	case jsontext.Value(body).IsValid():
		header.Set("Content-Type", typeJSON)
	case body != "":
		header.Set("Content-Type", typeText)
	}
	for _, one := range f.Headers {
		header.Set(one.Name, one.Value)
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		header.Del("Content-Type")
		w.WriteHeader(status)
		return
	}
	if header.Get("Content-Length") == "" { // a fault may send a wrong one
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
