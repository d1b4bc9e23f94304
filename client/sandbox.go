package client

import (
	"context"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A Sandbox is what a sandbox says of itself.
type Sandbox struct {
	Name       string            `json:"name"` // among the sandboxes of its process
	URL        string            `json:"url"`
	Clock      Clock             `json:"clock"`
	Snapshots  []string          `json:"snapshots"`           // by name
	Resets     int64             `json:"resets"`              // since it was started
	TookMicros int64             `json:"tookMicros,omitzero"` // the last of them, in microseconds
	Faults     int               `json:"faults"`              // how many there are
	Instances  []SandboxInstance `json:"instances"`           // all sandboxes of the process, this one too
}

// A SandboxInstance is a sandbox among those of a process. It has an address and all
// else of its own, but the same users.
type SandboxInstance struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// A SandboxReset says what a reset goes back to.
type SandboxReset struct {
	Snapshot string   `json:"snapshot,omitzero"` // "": the start
	Keep     []string `json:"keep,omitzero"`     // what stays as it is: clock, faults, journal
}

// A Clock is what the clock of a sandbox shows.
type Clock struct {
	Time    time.Time `json:"time"`
	Running bool      `json:"running"` // otherwise it stands still
}

// A ClockChange says what becomes of the clock of a sandbox. The zero value of each
// field leaves it as it is. Time and Advance exclude each other.
type ClockChange struct {
	Time    time.Time     // what it is set to
	Advance time.Duration // by how much it is moved on
	Running *bool         // whether it runs from then on
}

// Sandbox returns what the server says of itself as a sandbox. NotFound: it is none.
// (GET /api/v1/sandbox)
func (c *Client) Sandbox(ctx context.Context) (Sandbox, error) {
	return get[Sandbox](ctx, c, nativeRequest(olrest.DescribeSandbox, ""))
}

// ResetSandbox makes all of a sandbox as it was. The token of the client stays good.
// NotFound: there is no such snapshot. (POST /api/v1/sandbox/reset)
func (c *Client) ResetSandbox(ctx context.Context, reset SandboxReset) (Sandbox, error) {
	return get[Sandbox](ctx, c, nativeRequest(olrest.ResetSandbox, "").sending(reset))
}

// TakeSnapshot keeps the data and the clock of a sandbox under a name, in the place of
// what it had; [Client.ResetSandbox] can go back to it. Invalid: the name can be none.
// Conflict: there are too many. (PUT /api/v1/sandbox/snapshots/{snapshot})
func (c *Client) TakeSnapshot(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.TakeSnapshot, name))
}

// RemoveSnapshot forgets a snapshot. NotFound: there is none. (DELETE
// /api/v1/sandbox/snapshots/{snapshot})
func (c *Client) RemoveSnapshot(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveSnapshot, name))
}

// Clock returns what the clock of a sandbox shows. (GET /api/v1/sandbox/clock)
func (c *Client) Clock(ctx context.Context) (Clock, error) {
	return get[Clock](ctx, c, nativeRequest(olrest.ReadClock, ""))
}

// SetClock changes the clock of a sandbox. What is due by then is done when it
// returns. Invalid: nothing is to change, Time and Advance are both given, Time is not in
// the years 1970 to 9000, or Advance is negative. (PUT /api/v1/sandbox/clock)
func (c *Client) SetClock(ctx context.Context, change ClockChange) (Clock, error) {
	body := make(map[string]any)
	if !change.Time.IsZero() {
		body["time"] = change.Time
	}
	if change.Advance != 0 {
		body["advance"] = change.Advance.String()
	}
	if change.Running != nil {
		body["running"] = *change.Running
	}
	return get[Clock](ctx, c, nativeRequest(olrest.SetClock, "").sending(body))
}

// A Fault is a fault of a sandbox with its counts.
type Fault struct{ platen.FaultCount }

// MarshalJSON returns the fault as the API has it.
func (f Fault) MarshalJSON() ([]byte, error) { return olrest.EncodeFaultCount(f.FaultCount), nil }

func faultsOf(list []platen.FaultCount, err error) ([]Fault, error) {
	if err != nil {
		return nil, err
	}
	faults := make([]Fault, len(list))
	for i, f := range list {
		faults[i] = Fault{f}
	}
	return faults, nil
}

// Faults returns the faults of a sandbox, in their order. (GET /api/v1/sandbox/faults)
func (c *Client) Faults(ctx context.Context) ([]Fault, error) {
	return faultsOf(decoded(ctx, c, nativeRequest(olrest.ListFaults, ""), olrest.ReadFaultCounts))
}

// ReplaceFaults puts a list in the place of all faults; all counts are 0 then. Invalid:
// one can not be meant, two have one name, or there are too many; then none is taken.
// (PUT /api/v1/sandbox/faults)
func (c *Client) ReplaceFaults(ctx context.Context, list ...platen.Fault) ([]Fault, error) {
	r := nativeRequest(olrest.ReplaceFaults, "").json(olrest.EncodeFaults(list), nil)
	return faultsOf(decoded(ctx, c, r, olrest.ReadFaultCounts))
}

// AddFault adds a fault after the others. Invalid: it can not be meant. Conflict: its
// name is taken, or there are too many. (POST /api/v1/sandbox/faults)
func (c *Client) AddFault(ctx context.Context, fault platen.Fault) (Fault, error) {
	r := nativeRequest(olrest.AddFault, "").json(olrest.EncodeFault(&fault), nil)
	added, err := decoded(ctx, c, r, olrest.ReadFaultCount)
	return Fault{added}, err
}

// Fault returns a fault with its counts, of which Hits says on how many requests it
// has acted. NotFound: there is none of that name. (GET /api/v1/sandbox/faults/{fault})
func (c *Client) Fault(ctx context.Context, name string) (Fault, error) {
	found, err := decoded(ctx, c, nativeRequest(olrest.DescribeFault, name), olrest.ReadFaultCount)
	return Fault{found}, err
}

// RemoveFault removes a fault. NotFound: there is none of that name. (DELETE
// /api/v1/sandbox/faults/{fault})
func (c *Client) RemoveFault(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveFault, name))
}

// RemoveFaults removes all faults. (DELETE /api/v1/sandbox/faults)
func (c *Client) RemoveFaults(ctx context.Context) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveFaults, ""))
}

// AddInstance starts another sandbox in the process of this one, which begins with
// data "demo" or "none", or as this one did if data is "". Invalid: the name can be none,
// or data is another. Conflict: the name is taken, or there are too many. (POST
// /api/v1/sandbox/instances)
func (c *Client) AddInstance(ctx context.Context, name, data string) (SandboxInstance, error) {
	body := map[string]string{"name": name}
	if data != "" {
		body["data"] = data
	}
	return get[SandboxInstance](ctx, c, nativeRequest(olrest.AddInstance, "").sending(body))
}

// RemoveInstance ends a sandbox that [Client.AddInstance] has started. NotFound: there
// is none. Conflict: it is this one, or the first. (DELETE
// /api/v1/sandbox/instances/{instance})
func (c *Client) RemoveInstance(ctx context.Context, name string) error {
	return c.doEmpty(ctx, nativeRequest(olrest.RemoveInstance, name))
}
