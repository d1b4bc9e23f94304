package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/platenhq/platen"
)

// Codes of the server: PostgreSQL's documentation, appendix A.
const (
	protocolViolation    = "08P01"
	readOnlyTransaction  = "25006"
	invalidAuthorization = "28000"
	invalidPassword      = "28P01"
	unknownDatabase      = "3D000"
	unknownSchema        = "3F000"
	serializationFailure = "40001"
	deadlock             = "40P01"
	noPrivilege          = "42501"
	diskFull             = "53100"
	outOfMemory          = "53200"
	tooManyConnections   = "53300"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	cannotConnectNow     = "57P03"
	idleTransaction      = "25P03"
)

// code returns the server's code, "" if the error is not the server's.
func code(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	return ""
}

// messages are what clients are told of the server's errors that time may
// mend.
var messages = map[string]string{
	readOnlyTransaction:  "the database is read-only",
	invalidAuthorization: "the database refuses this server",
	invalidPassword:      "the database refuses this server's password",
	serializationFailure: "the database is busy",
	deadlock:             "the database is busy",
	diskFull:             "the disk of the database is full",
	outOfMemory:          "the database is out of memory",
	tooManyConnections:   "the database has no free connection",
	lockNotAvailable:     "the database is busy",
	queryCanceled:        "the database took too long",
	adminShutdown:        "the database is restarting",
	crashShutdown:        "the database is restarting",
	cannotConnectNow:     "the database is starting",
	idleTransaction:      "this server was too slow for the database",
}

// translate turns the driver's errors into platen's.
func translate(err error) error {
	if _, ok := errors.AsType[*platen.Error](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	message := messages[code(err)]
	switch {
	case message != "":
	case errors.Is(err, context.DeadlineExceeded):
		message = "the database did not answer in time"
	case isCut(err):
		message = "the database can not be reached"
	default:
		return err
	}
	return &platen.Error{Code: platen.Unavailable, Message: message, Err: err}
}

// isCut reports whether a connection was not made, or lost.
func isCut(err error) bool {
	if c := code(err); c != "" {
		return strings.HasPrefix(c, "08") || slices.Contains([]string{adminShutdown, crashShutdown, cannotConnectNow, "57P05"}, c)
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, net.ErrClosed)
}

// isRetryable reports whether a transaction, or what reads, may be tried again at
// once.
func isRetryable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	return slices.Contains([]string{serializationFailure, deadlock, readOnlyTransaction}, code(err)) || isCut(err)
}

// serverReplied reports whether the server answered with an error, and so did not
// do what it was asked.
func serverReplied(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.SeverityUnlocalized == "ERROR"
}

// isDamage is [sqlstore.Engine.IsDamage]: a key that is there twice, or a
// corrupted table or index.
func isDamage(err error) bool {
	return slices.Contains([]string{"23505", "XX001", "XX002"}, code(err))
}

// isDataError reports whether an error may be due to the values of a statement.
func isDataError(err error) bool {
	class := code(err)
	return len(class) == 5 && slices.Contains([]string{"21", "22", "23", "42", "54"}, class[:2])
}

// explain says what a person can do about an error of the start.
func explain(err error, config *pgx.ConnConfig) error {
	servers := net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	for _, other := range config.Fallbacks {
		if server := net.JoinHostPort(other.Host, fmt.Sprint(other.Port)); !strings.Contains(servers, server) {
			servers += ", " + server
		}
	}
	user, database := config.User, config.Database
	conflict := func(format string, args ...any) error { return platen.Errorf(platen.Conflict, format, args...) }
	switch code(err) {
	case invalidPassword, invalidAuthorization:
		return conflict("the database at %s refuses the user %q: %s; check user and password, which can be in the address, in PGPASSWORD or in ~/.pgpass", servers, user, serverMessage(err))
	case unknownDatabase:
		return conflict("there is no database %q at %s; make it with: createdb -h %s -p %d -O %s %s", database, servers, config.Host, config.Port, user, database)
	case protocolViolation:
		return conflict("what answers at %s does not take the settings of a connection: %s; behind a pooler such as PgBouncer add ?default_query_exec_mode=exec to the address", servers, serverMessage(err))
	case noPrivilege:
		return conflict("the user %q may not use the database %q at %s: %s; make the user its owner: ALTER DATABASE %s OWNER TO %s", user, database, servers, serverMessage(err), database, user)
	case unknownSchema:
		return conflict("the database %q at %s has no schema to make tables in; make the one that search_path names: CREATE SCHEMA", database, servers)
	case diskFull:
		return conflict("the disk of the database at %s is full: make room there, and start again", servers)
	case readOnlyTransaction:
		return readOnly(servers)
	case tooManyConnections:
		return conflict("the database at %s has no free connection; end others, or raise max_connections", servers)
	case cannotConnectNow, adminShutdown, crashShutdown:
		return conflict("the database at %s is starting or stopping; try again in a moment", servers)
	}
	switch {
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return readOnly(servers)
	case errors.Is(err, context.Canceled):
		return err
	case isCut(err), errors.Is(err, context.DeadlineExceeded):
		return conflict("no database can be reached at %s: %s; check that it runs, and the address", servers, once(rootCause(err)))
	}
	return fmt.Errorf("database at %s: %s", servers, oneLine(err))
}

func readOnly(servers string) error {
	return platen.Errorf(platen.Conflict, "the database at %s is read-only, as a standby is; name its primary, or all servers in one address: postgres://user@one:5432,two:5432/database", servers)
}

// serverMessage is the server's own message.
func serverMessage(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Message
	}
	return oneLine(err)
}

// rootCause is what is to be read of why a connection was not made.
func rootCause(err error) error {
	if failed, ok := errors.AsType[*pgconn.ConnectError](err); ok && failed.Unwrap() != nil {
		return failed.Unwrap()
	}
	return err
}

// once is an error in one line. The driver tries an address with and without TLS, and
// mostly says the same of both.
func once(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
