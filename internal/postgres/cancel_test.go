package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
)

// TestLateCancel has a statement that ends by itself right after its context has, and a
// server that deals with the request to cancel it later. The next statement of the
// connection is not cancelled.
func TestLateCancel(t *testing.T) {
	d, err := postgres.Connect(t.Context(), lateCancels(t, pgtest.Database(t), 400*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	conn, err := d.Reader.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _ = conn.ExecContext(short, `SELECT pg_sleep(0.2)`)
	if short.Err() == nil {
		t.Error("the context has not ended")
	}
	_, err = conn.ExecContext(t.Context(), `SELECT pg_sleep(0.6)`)
	if _, cancelled := errors.AsType[*pgconn.PgError](err); cancelled { // else a slow machine had the connection closed
		t.Error("the next statement:", err)
	}
}

// lateCancels returns the address of a proxy before a database that holds requests to
// cancel a statement back for so long.
func lateCancels(t *testing.T, address string, late time.Duration) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	to := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				var begin [8]byte // the length of the first message, and what it is
				if _, err := io.ReadFull(client, begin[:]); err != nil {
					return
				}
				const cancelRequest = 80877102
				if binary.BigEndian.Uint32(begin[4:]) == cancelRequest {
					time.Sleep(late)
				}
				if _, err := server.Write(begin[:]); err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(server, client)
					_ = server.(*net.TCPConn).CloseWrite()
				}()
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	u.Host = listener.Addr().String()
	return u.String()
}
