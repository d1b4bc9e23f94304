package server

import (
	"context"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/fault"
	"github.com/platenhq/platen/internal/olrest"
)

// A Sandbox is what a server in a sandbox can do, and another one can not.
type Sandbox interface {
	State() olrest.SandboxState
	// Reset makes all as it was. NotFound: there is no such snapshot. Other requests
	// have ended, or been refused, by then.
	Reset(ctx context.Context, asked olrest.SandboxReset) error
	// TakeSnapshot keeps what there is under a name, and RemoveSnapshot forgets it.
	TakeSnapshot(name string) error
	RemoveSnapshot(name string) error
	// SetClock changes the clock, and does what is due then.
	SetClock(ctx context.Context, change olrest.ClockChange) (olrest.SandboxClock, error)
	Faults() *fault.Rules
	// AddInstance starts another sandbox in this process, and RemoveInstance ends it.
	AddInstance(ctx context.Context, asked olrest.SandboxInstance) (olrest.SandboxInstance, error)
	RemoveInstance(name string) error
}

var errNoSandbox = platen.Errorf(platen.NotFound, `this server is no sandbox, and only a sandbox has this: start one with "platen sandbox"`)

// inSandbox makes a handler of what only a sandbox can do.
func inSandbox(do handler) method {
	do = withoutQuery(do)
	return method{unrecorded: true, handle: func(s *Server, w *response, r *http.Request, to target) error {
		if s.Sandbox == nil {
			return errNoSandbox
		}
		return do(s, w, r, to)
	}}
}

// asked makes a handler of what takes no body.
func asked(do handler) method {
	return inSandbox(func(s *Server, w *response, r *http.Request, to target) error {
		if _, err := decode(s, w, r, olrest.ReadNothing); err != nil {
			return err
		}
		return do(s, w, r, to)
	})
}

// sandboxHandlers has what each action of a sandbox does.
var sandboxHandlers = map[olrest.Action]method{
	olrest.DescribeSandbox: asked(func(s *Server, w *response, _ *http.Request, _ target) error { return s.replySandbox(w) }),
	olrest.ResetSandbox: inSandbox(func(s *Server, w *response, r *http.Request, _ target) error {
		reset, err := decode(s, w, r, olrest.ReadSandboxReset)
		restart := s.Guard.RestartSession(r)
		if err == nil {
			err = s.Sandbox.Reset(r.Context(), reset)
		}
		if err != nil {
			return err
		}
		restart(w)
		return s.replySandbox(w)
	}),
	olrest.TakeSnapshot: asked(func(s *Server, w *response, _ *http.Request, to target) error {
		return done(w, s.Sandbox.TakeSnapshot(to.name))
	}),
	olrest.RemoveSnapshot: asked(func(s *Server, w *response, _ *http.Request, to target) error {
		return done(w, s.Sandbox.RemoveSnapshot(to.name))
	}),
	olrest.ReadClock: asked(func(s *Server, w *response, _ *http.Request, _ target) error {
		olrest.ReplyClock(w, s.Sandbox.State().Clock)
		return nil
	}),
	olrest.SetClock: inSandbox(func(s *Server, w *response, r *http.Request, _ target) error {
		change, err := decode(s, w, r, olrest.ReadClockChange)
		if err != nil {
			return err
		}
		restart := s.Guard.RestartSession(r)
		now, err := s.Sandbox.SetClock(r.Context(), change)
		if err != nil {
			return err
		}
		restart(w)
		olrest.ReplyClock(w, now)
		return nil
	}),
	olrest.ListFaults: asked(func(s *Server, w *response, _ *http.Request, _ target) error {
		olrest.ReplyFaults(w, s.Sandbox.Faults().List())
		return nil
	}),
	olrest.ReplaceFaults: inSandbox(func(s *Server, w *response, r *http.Request, _ target) error {
		list, err := decode(s, w, r, olrest.ReadFaults)
		if err != nil {
			return err
		}
		now, err := s.Sandbox.Faults().Replace(list)
		if err != nil {
			return err
		}
		olrest.ReplyFaults(w, now)
		return nil
	}),
	olrest.AddFault: inSandbox(func(s *Server, w *response, r *http.Request, _ target) error {
		one, err := decode(s, w, r, olrest.ReadFault)
		if err != nil {
			return err
		}
		added, err := s.Sandbox.Faults().Add(one)
		if err != nil {
			return err
		}
		olrest.ReplyFault(w, added, true)
		return nil
	}),
	olrest.RemoveFaults: asked(func(s *Server, w *response, _ *http.Request, _ target) error {
		_, err := s.Sandbox.Faults().Replace(nil)
		return done(w, err)
	}),
	olrest.DescribeFault: asked(func(s *Server, w *response, _ *http.Request, to target) error {
		found, err := s.Sandbox.Faults().Get(to.name)
		if err != nil {
			return err
		}
		olrest.ReplyFault(w, found, false)
		return nil
	}),
	olrest.RemoveFault: asked(func(s *Server, w *response, _ *http.Request, to target) error {
		return done(w, s.Sandbox.Faults().Remove(to.name))
	}),
	olrest.AddInstance: inSandbox(func(s *Server, w *response, r *http.Request, _ target) error {
		want, err := decode(s, w, r, olrest.ReadInstance)
		if err != nil {
			return err
		}
		added, err := s.Sandbox.AddInstance(r.Context(), want)
		if err != nil {
			return err
		}
		olrest.ReplyInstance(w, added)
		return nil
	}),
	olrest.RemoveInstance: asked(func(s *Server, w *response, _ *http.Request, to target) error {
		return done(w, s.Sandbox.RemoveInstance(to.name))
	}),
}

func (s *Server) replySandbox(w *response) error {
	olrest.ReplySandbox(w, s.Sandbox.State())
	return nil
}
