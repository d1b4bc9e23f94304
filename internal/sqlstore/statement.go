package sqlstore

import (
	"context"
	"database/sql"
)

// A statement runs one query, as [sql.Stmt] does.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// A prepared query runs on a pool, or in a transaction.
type prepared struct {
	statement
	stmt *sql.Stmt // nil: the driver prepares it by itself, where it runs
	text string
}

// in returns the statement for a transaction.
func (p prepared) in(ctx context.Context, tx *sql.Tx) statement {
	if p.stmt == nil {
		return direct{tx, p.text}
	}
	return tx.StmtContext(ctx, p.stmt)
}

// A direct statement is text that goes to the driver each time. A driver for
// a server keeps what it prepared for each connection, if it may: behind some
// poolers it must not.
type direct struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	text string
}

func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, d.text, args...)
}

func (d direct) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return d.on.QueryContext(ctx, d.text, args...)
}

func (d direct) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return d.on.QueryRowContext(ctx, d.text, args...)
}
