package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/platenhq/platen"
)

// BeginOperation implements [storage.Operations].
func (s *Store) BeginOperation(ctx context.Context, o platen.Operation) (err error) {
	_, done := s.observe(ctx, "begin_operation")
	defer func() { done(err) }()
	return s.error("begin operation", s.update(func(t *transaction) error {
		return t.exec(insertOperation, o.ID, o.Type, o.Started.UnixMilli(), s.id)
	}))
}

// FailOperation implements [storage.Operations].
func (s *Store) FailOperation(ctx context.Context, id, message string, percent int) (err error) {
	_, done := s.observe(ctx, "fail_operation")
	defer func() { done(err) }()
	return s.error("end operation", s.update(func(t *transaction) error {
		return t.exec(updateFailed, s.now().UnixMilli(), message, percent, id)
	}))
}

// FailOperations implements [storage.Operations].
func (s *Store) FailOperations(ctx context.Context, message string) (err error) {
	ctx, done := s.observe(ctx, "fail_operations")
	defer func() { done(err) }()
	if running, err := s.Operations(ctx, 0); err != nil || len(running) == 0 {
		return err
	}
	return s.error("end operations", s.update(func(t *transaction) error {
		return t.exec(updateFailedAll, s.now().UnixMilli(), message, s.id)
	}))
}

// ReportOperation implements [storage.Operations].
func (s *Store) ReportOperation(ctx context.Context, id string, percent int) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	found, err := s.engine.Replicas.ReportOperation(ctx, id, percent)
	if err != nil || found {
		return s.error("report operation", err)
	}
	return operationNotFound(id)
}

// end records the result of an operation in the transaction that makes it.
func (t *transaction) end(operation string, result platen.ID) error {
	ended, err := t.stmt(updateDone).ExecContext(t.ctx, t.store.now().UnixMilli(), int64(result), operation)
	if err != nil {
		return err
	}
	if n, err := ended.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return platen.Errorf(platen.Conflict, "the operation was ended before it was done")
}

// Operation implements [storage.Operations].
func (s *Store) Operation(ctx context.Context, id string) (_ platen.Operation, err error) {
	ctx, done := s.observe(ctx, "operation")
	defer func() { done(err) }()
	o, err := scanOperation(s.on(selectOperation).QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return o, operationNotFound(id)
	}
	return o, s.error("read operation", err)
}

func operationNotFound(id string) error {
	return platen.Errorf(platen.NotFound, "operation %.80q not found: it never was, was cancelled, or ended too long ago", id).About(id)
}

// Operations implements [storage.Operations].
func (s *Store) Operations(ctx context.Context, ended int) (_ []platen.Operation, err error) {
	ctx, done := s.observe(ctx, "operations")
	defer func() { done(err) }()
	rows, err := s.on(selectOperations).QueryContext(ctx)
	all, err := collect(rows, err, scanOperation)
	if err != nil || ended == 0 {
		return all, s.error("read operations", err)
	}
	rows, err = s.on(selectEnded).QueryContext(ctx, ended)
	last, err := collect(rows, err, scanOperation)
	return append(all, last...), s.error("read operations", err)
}

// An outcome is a [platen.BulkResult] as it is stored.
type outcome struct {
	Matched int64   `json:"matched"`
	Changed int64   `json:"changed"`
	Changes []int64 `json:"changes,omitempty"`
}

func encodeOutcome(r platen.BulkResult) (string, error) {
	b, err := json.Marshal(outcome(r))
	return string(b), err
}

func scanOperation(from scanner) (o platen.Operation, err error) {
	var started, ended int64
	var done string
	err = from.Scan(&o.ID, &o.Type, &started, &ended, &o.Result, &o.Message, &o.Percent, &done, &o.Cancelled)
	if err == nil && done != "" {
		var read outcome
		err = json.Unmarshal([]byte(done), &read)
		o.Outcome = platen.BulkResult(read)
	}
	o.Started = time.UnixMilli(started)
	if ended != 0 {
		o.Ended = time.UnixMilli(ended)
	}
	return o, err
}

// CancelOperation implements [storage.Operations].
func (s *Store) CancelOperation(ctx context.Context, id string) (err error) {
	_, done := s.observe(ctx, "cancel_operation")
	defer func() { done(err) }()
	return s.removeOperation("cancel operation", deleteRunning, id)
}

// EndOperation implements [storage.Operations].
func (s *Store) EndOperation(ctx context.Context, id, message string, percent int) (err error) {
	_, done := s.observe(ctx, "end_operation")
	defer func() { done(err) }()
	return s.removeOperation("cancel operation", updateCancelled, s.now().UnixMilli(), message, percent, id)
}

// ForgetOperation implements [storage.Operations].
func (s *Store) ForgetOperation(ctx context.Context, id string) (err error) {
	_, done := s.observe(ctx, "forget_operation")
	defer func() { done(err) }()
	return s.removeOperation("forget operation", deleteOperation, id)
}

// removeOperation runs q, whose last argument is the id of an operation.
func (s *Store) removeOperation(doing string, q *query, args ...any) error {
	return s.error(doing, s.update(func(t *transaction) error {
		ok, err := changed(t, q, args...)
		if err == nil && !ok {
			err = operationNotFound(args[len(args)-1].(string))
		}
		return err
	}))
}

// ForgetOperations implements [storage.Operations].
func (s *Store) ForgetOperations(ctx context.Context, before time.Time) (err error) {
	_, done := s.observe(ctx, "forget_operations")
	defer func() { done(err) }()
	return s.error("forget operations", s.update(func(t *transaction) error {
		return t.exec(deleteOperations, before.UnixMilli())
	}))
}
