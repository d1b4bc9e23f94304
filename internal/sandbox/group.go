package sandbox

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/demo"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
)

// maxInstances bounds the sandboxes of a process.
const maxInstances = 64

// A group has the sandboxes of a process: that which was started, and those that
// requests have added. Each has an address and all else of its own.
type group struct {
	dir   string // of imports until they are stored
	spool spool.Dir

	mu  sync.Mutex
	all map[string]*Sandbox
}

func newGroup() (*group, error) {
	dir, err := os.MkdirTemp("", "platen-sandbox-")
	if err != nil {
		return nil, err
	}
	g := &group{dir: dir, all: make(map[string]*Sandbox)}
	if g.spool, err = spool.Open(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return g, nil
}

func (g *group) list() (list []olrest.SandboxInstance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(g.all)) {
		if s := g.all[name]; s != nil {
			list = append(list, olrest.SandboxInstance{Name: name, URL: s.url})
		}
	}
	return list
}

// Demo returns the data of the demo: a mail run.
func Demo() Data {
	run := demo.MailRun()
	return Documents(Document{platen.DataSet, run.DataSet}, Document{platen.ContentSet, run.ContentSet}, Document{platen.JobSet, run.JobSet})
}

// AddInstance implements [server.Sandbox]. It has the settings of this one.
func (s *Sandbox) AddInstance(ctx context.Context, asked olrest.SandboxInstance) (olrest.SandboxInstance, error) {
	config := s.Config
	config.Name, config.Listen = asked.Name, ""
	switch asked.Data {
	case "":
	case "none":
		config.Data = nil
	case "demo":
		config.Data = Demo()
	default:
		return asked, platen.Errorf(platen.Invalid, `data must be "demo" or "none", or left away for those that this sandbox was started with, not %.80q`, asked.Data)
	}
	g := s.group
	g.mu.Lock()
	_, taken := g.all[asked.Name]
	full := len(g.all) >= maxInstances
	if !taken && !full {
		g.all[asked.Name] = nil // while it starts
	}
	g.mu.Unlock()
	switch {
	case taken:
		return asked, platen.Errorf(platen.Conflict, "there is a sandbox %q already", asked.Name).About(asked.Name)
	case full:
		return asked, platen.Errorf(platen.Conflict, "there can be %d sandboxes, and there are so many: remove some", maxInstances)
	}
	added, err := g.open(context.WithoutCancel(ctx), config)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		delete(g.all, asked.Name)
		return asked, err
	}
	g.all[asked.Name] = added
	return olrest.SandboxInstance{Name: asked.Name, URL: added.url}, nil
}

// RemoveInstance implements [server.Sandbox].
func (s *Sandbox) RemoveInstance(name string) error {
	g := s.group
	g.mu.Lock()
	gone := g.all[name]
	switch {
	case gone == nil:
		g.mu.Unlock()
		return platen.Errorf(platen.NotFound, "there is no sandbox %.80q", name).About(name)
	case gone == s || gone.first:
		g.mu.Unlock()
		return platen.Errorf(platen.Conflict, "the sandbox %q is this one, or the first of its process, and goes with that", name).About(name)
	}
	delete(g.all, name)
	g.mu.Unlock()
	return gone.close()
}

// close ends all sandboxes.
func (g *group) close() (err error) {
	g.mu.Lock()
	all := g.all
	g.all = make(map[string]*Sandbox)
	g.mu.Unlock()
	for _, s := range all {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	return errors.Join(err, os.RemoveAll(g.dir))
}
