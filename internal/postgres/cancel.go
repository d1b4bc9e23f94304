package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// cancelWithin is how long the server has to end a statement that is cancelled, and to
// answer the request to cancel it.
const cancelWithin = time.Second

// A canceller ends a statement whose context has ended, and keeps the connection. The
// server cancels whatever the connection runs by the time when it deals with the
// request, so nothing else may begin before it has. The driver's own handler gives a
// request up whose statement has ended by itself meanwhile, and goes on 100 ms later:
// where processors are scarce the request then cancelled the next statement.
type canceller struct {
	conn *pgconn.PgConn
	done chan struct{}
}

// HandleCancel implements ctxwatch.Handler.
func (c *canceller) HandleCancel(context.Context) {
	deadline := time.Now().Add(cancelWithin)
	_ = c.conn.Conn().SetDeadline(deadline)
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		// The server closes the connection of the request once it has dealt with it.
		if err := c.conn.CancelRequest(ctx); err != nil || ctx.Err() != nil {
			_ = c.conn.Conn().Close() // what it will cancel is not known
		}
	}()
}

// HandleUnwatchAfterCancel implements ctxwatch.Handler.
func (c *canceller) HandleUnwatchAfterCancel() {
	<-c.done
	_ = c.conn.Conn().SetDeadline(time.Time{})
}
