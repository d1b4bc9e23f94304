// Package fault is how the server of a sandbox misbehaves: the list of rules
// ([platen.Fault]), which of them a request meets, and what becomes of an answer.
package fault

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// Rules is an ordered list of faults. All methods may be called at once.
type Rules struct {
	mu       sync.Mutex
	rules    []*rule
	made     int           // names
	released chan struct{} // closed when the requests that are held up go on
}

// A rule is a fault that is in force.
type rule struct {
	platen.FaultCount
	random *rand.Rand
}

// New returns an empty list.
func New() *Rules { return &Rules{released: make(chan struct{})} }

// A Request is what faults are chosen by.
type Request struct {
	Method, Route, Path, User string

	Token  bool // it has one
	Begins bool // it may begin an operation
}

// A Hit is a fault that acts on a request.
type Hit struct {
	platen.Fault
	Released <-chan struct{} // closed when a request that it holds up must end
}

// Find returns the fault that acts on a request, nil for none, and counts.
func (r *Rules) Find(q *Request) *Hit {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range r.rules {
		if !rule.isFor(q) {
			continue
		}
		rule.Matched++
		if rule.acts() {
			rule.Hits++
			return &Hit{rule.Fault, r.released}
		}
	}
	return nil
}

// isFor reports whether a rule is for such requests.
func (r *rule) isFor(q *Request) bool {
	return (len(r.Methods) == 0 || slices.Contains(r.Methods, q.Method)) &&
		(r.Route == "" || r.Route == q.Route) &&
		(r.Path == "" || olrest.FitsPattern(r.Path, q.Path)) &&
		(r.User == "" || r.User == q.User) &&
		(!r.ExpireToken || q.Token) &&
		(r.OperationDelay == 0 && r.OperationError == "" || q.Begins)
}

// acts reports whether a rule acts on the last of the requests that it is for.
func (r *rule) acts() bool {
	from, every := max(1, r.From), max(1, r.Every)
	n := r.Matched
	if n < from || r.To > 0 && n > r.To || (n-from)%every != 0 {
		return false
	}
	return r.Probability == 0 || r.random.Float64() < r.Probability
}

// Replace replaces the list. Invalid; then nothing is changed. Requests that are
// held up go on.
func (r *Rules) Replace(list []platen.Fault) ([]platen.FaultCount, error) {
	if len(list) > platen.MaxFaults {
		return nil, platen.Errorf(platen.Invalid, "there can be %d faults, not %d", platen.MaxFaults, len(list))
	}
	next := Rules{rules: make([]*rule, 0, len(list))}
	for i, f := range list {
		if _, err := next.add(f); err != nil {
			return nil, platen.Errorf(platen.Invalid, "fault %d: %v", i+1, err)
		}
	}
	r.mu.Lock()
	r.rules, r.made = next.rules, next.made
	r.mu.Unlock()
	r.Release()
	return r.List(), nil
}

// Add adds a fault at the end. Invalid; Conflict: its name is taken, or there are
// too many.
func (r *Rules) Add(f platen.Fault) (platen.FaultCount, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(f)
}

func (r *Rules) add(f platen.Fault) (platen.FaultCount, error) {
	for i := range f.Methods {
		f.Methods[i] = strings.ToUpper(f.Methods[i])
	}
	made := r.made
	for f.Name == "" || f.Name == "fault-"+strconv.Itoa(made) && r.index(f.Name) >= 0 {
		made++
		f.Name = "fault-" + strconv.Itoa(made)
	}
	if err := check(&f); err != nil {
		return platen.FaultCount{}, err
	}
	switch {
	case r.index(f.Name) >= 0:
		return platen.FaultCount{}, platen.Errorf(platen.Conflict, "there is a fault %q already", f.Name).About(f.Name)
	case len(r.rules) == platen.MaxFaults:
		return platen.FaultCount{}, platen.Errorf(platen.Conflict, "there can be %d faults, and there are so many: remove some", platen.MaxFaults)
	}
	added := &rule{FaultCount: platen.FaultCount{Fault: f}, random: rand.New(rand.NewPCG(uint64(f.Seed), 0))}
	r.rules, r.made = append(r.rules, added), made
	return added.FaultCount, nil
}

// index returns where the fault of a name is, -1 for nowhere.
func (r *Rules) index(name string) int {
	return slices.IndexFunc(r.rules, func(rule *rule) bool { return rule.Name == name })
}

// List returns the faults in order.
func (r *Rules) List() []platen.FaultCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]platen.FaultCount, len(r.rules))
	for i, rule := range r.rules {
		list[i] = rule.FaultCount
	}
	return list
}

// Get returns a fault. NotFound.
func (r *Rules) Get(name string) (platen.FaultCount, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(name)
	if i < 0 {
		return platen.FaultCount{}, notFound(name)
	}
	return r.rules[i].FaultCount, nil
}

// Remove removes a fault. NotFound. Requests that are held up go on.
func (r *Rules) Remove(name string) error {
	r.mu.Lock()
	i := r.index(name)
	if i >= 0 {
		r.rules = slices.Delete(r.rules, i, i+1)
	}
	r.mu.Unlock()
	if i < 0 {
		return notFound(name)
	}
	r.Release()
	return nil
}

func notFound(name string) error {
	return platen.Errorf(platen.NotFound, "there is no fault %.80q", name).About(name)
}

// Release has the requests go on that are held up: those that get no answer end.
func (r *Rules) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.released)
	r.released = make(chan struct{})
}

// check returns an error for a fault that can not be meant.
func check(f *platen.Fault) error {
	wrong := func(format string, args ...any) error { return platen.Errorf(platen.Invalid, format, args...) }
	if err := olrest.CheckName("fault", f.Name); err != nil {
		return err
	}
	for _, method := range f.Methods {
		if !slices.Contains([]string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"}, method) {
			return wrong("methods: %.80q is no method of the API", method)
		}
	}
	if f.Route != "" {
		if err := checkRoute(f); err != nil {
			return err
		}
	}
	switch {
	case f.Path != "" && f.Path[0] != '/' && f.Path[0] != '*':
		return wrong("path %.80q must begin with a slash; an asterisk stands for any text", f.Path)
	case f.From < 0 || f.To < 0 || f.Every < 0:
		return wrong("from, to and every count from 1")
	case f.To > 0 && f.To < f.From:
		return wrong("from is %d, and to is %d, which is before it", f.From, f.To)
	case f.Probability < 0 || f.Probability > 1:
		return wrong("probability must be over 0 and up to 1")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return wrong("status must be from 200 to 599, not %d", f.Status)
	case f.Latency < 0 || f.Latency > platen.MaxFaultWait || f.OperationDelay < 0 || f.OperationDelay > platen.MaxFaultWait || f.RetryAfter < 0:
		return wrong("a time must be from 0s to %v", platen.MaxFaultWait)
	case f.Bandwidth < 0 || f.CutAfter < 0:
		return wrong("bandwidth and cutAfter are numbers of bytes")
	case len(f.Body) > platen.MaxFaultBody:
		return wrong("the body has %d bytes, and it can have %d", len(f.Body), platen.MaxFaultBody)
	}
	for _, header := range f.Headers {
		if !httpguts.ValidHeaderFieldName(header.Name) || !httpguts.ValidHeaderFieldValue(header.Value) {
			return wrong("headers: %.80q with the value %.80q can not be sent", header.Name, header.Value)
		}
	}
	return checkActs(f)
}

// checkRoute returns an error for a route that no fault can be for.
func checkRoute(f *platen.Fault) error {
	methods := f.Methods
	for _, route := range olrest.Routes() {
		if route.Path == f.Route && (len(methods) == 0 || slices.Contains(methods, route.Method) || route.Method == http.MethodGet && slices.Contains(methods, http.MethodHead)) {
			return nil
		}
	}
	method := http.MethodGet
	if len(methods) > 0 {
		method = methods[0]
	}
	text := fmt.Sprintf("there is no route %.200q of these methods; it is the path of the API document, with its braces", f.Route)
	if near := olrest.Nearest(method, f.Route); near != "" {
		text += ": did you mean " + near + "?"
	}
	return platen.Errorf(platen.Invalid, "%s", text)
}

// checkActs returns an error unless a fault does something, and no two things that
// exclude each other.
func checkActs(f *platen.Fault) error {
	answers := f.Status != 0 || f.RetryAfter != 0
	operations := f.OperationDelay != 0 || f.OperationError != ""
	shaped := f.Bandwidth != 0 || f.Cut
	count := 0
	for _, one := range []bool{answers, f.NoAnswer, f.ExpireToken, operations} {
		if one {
			count++
		}
	}
	switch {
	case count == 0 && !shaped && f.Latency == 0:
		return platen.Errorf(platen.Invalid, "the fault does nothing: give status, retryAfter, latency, bandwidth, cutAfter, noAnswer, expireToken, operationDelay or operationError")
	case count > 1:
		return platen.Errorf(platen.Invalid, "only one of status or retryAfter, noAnswer, expireToken, and operationDelay or operationError can be had at once")
	case f.NoAnswer && shaped:
		return platen.Errorf(platen.Invalid, "without an answer there is nothing to cut or to slow down: leave noAnswer away")
	case f.EmptyBody && f.Body != "":
		return platen.Errorf(platen.Invalid, "the body is either empty or not")
	case !answers && (f.Body != "" || f.EmptyBody || len(f.Headers) > 0):
		return platen.Errorf(platen.Invalid, "body and headers are those of an answer with a status: give one")
	}
	return nil
}
