package main

import (
	"context"
	"errors"
)

// historyGoal is the least share of its rate that a PUT may have with the log of
// changes.
const historyGoal = 0.9

// history measures updates with new values on a server that logs what changes, and on
// one that does not, in turn.
func (r *run) history(ctx context.Context) (err error) {
	var loads [2]load
	for i, age := range []string{"720h", "0"} {
		s, err := r.newServer(ctx, "PLATEN_HISTORY_FOR="+age)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		jobs, err := r.importJobs(ctx, s, len(r.jobs), changingBase)
		if err != nil {
			return err
		}
		loads[i] = r.smallLoad(s, newValues(s, jobs))
	}
	var with, without series
	if err := r.inRounds(ctx, "history", measurement{to: &with, load: loads[0]}, measurement{to: &without, load: loads[1]}); err != nil {
		return err
	}
	r.add(row{Name: "PUT, new values / without history", Value: with.over(&without), Unit: "ratio", Goal: historyGoal, Waits: with.waits.summary(), Note: with.note()})
	return nil
}
