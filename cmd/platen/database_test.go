package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

// TestBadDatabase is each way in which a database can be wrong. The server
// says so in one line, and touches nothing.
func TestBadDatabase(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	newer, foreign, foreignTable, readOnly, full, latin := pgtest.Database(t), pgtest.Database(t), pgtest.Database(t), pgtest.Database(t), pgtest.Database(t), pgtest.Database(t)
	if code, _, stderr := command(nil, "", "user", "add", "one", "--generate", "--database", newer); code != 0 {
		t.Fatal(stderr)
	}
	pgtest.Exec(t, newer, "INSERT INTO migration (version, name, checksum) VALUES (999, 'later', '')")
	pgtest.Exec(t, foreign, "CREATE TABLE orders (id int)")
	pgtest.Exec(t, foreignTable, "CREATE TABLE migration (step text)")
	pgtest.Exec(t, readOnly, "ALTER DATABASE "+name(readOnly)+" SET default_transaction_read_only = on")
	// What a full disk says, at the first thing that takes room.
	pgtest.Exec(t, full, `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`,
		`CREATE EVENT TRIGGER full_disk ON ddl_command_start EXECUTE FUNCTION refuse()`)
	pgtest.Exec(t, latin, "DROP DATABASE IF EXISTS "+name(latin)+"_latin", "CREATE DATABASE "+name(latin)+"_latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { pgtest.Exec(t, latin, "DROP DATABASE "+name(latin)+"_latin") })

	for _, test := range []struct{ name, address, want string }{
		{"no server", "postgres://platen:secret@127.0.0.1:1/platen", "no database can be reached at 127.0.0.1:1"},
		{"no such host", "postgres://platen:secret@nothing.invalid/platen", "no database can be reached at nothing.invalid:5432"},
		{"wrong password", strings.Replace(address, "only-for-tests", "secret", 1), "check user and password"},
		{"no such user", strings.Replace(address, "//platen:", "//nobody:", 1), "check user and password"},
		{"no such database", pgtest.WithDatabase(t, address, "missing"), "createdb"},
		{"not an address", "postgres://one:port/x", "can not be understood"},
		{"no address", "./platen-data", "--data"},
		{"a small pool", address + "?pool_max_conns=2", "8 are the fewest"},
		{"a newer platen", newer, "run the newer platen"},
		{"another program's", foreign, "another program"},
		{"another program's migrations", foreignTable, "another program"},
		{"a standby", readOnly, "read-only"},
		{"a full disk", full, "disk of the database is full"},
		{"another encoding", pgtest.WithDatabase(t, latin, name(latin)+"_latin"), "UTF8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := tables(t, test.address)
			code, stdout, stderr := command(nil, "", "serve", "--listen", "127.0.0.1:0", "--database", test.address)
			message := strings.TrimSuffix(stderr, "\nSee \"platen serve --help\".\n")
			if code == 0 || stdout != "" || !strings.Contains(stderr, test.want) || strings.Count(strings.TrimSpace(message), "\n") > 0 || strings.Contains(stderr, "secret") || strings.Count(stderr, "connection refused") > 1 {
				t.Errorf("exit code %d, %q %q; want one line with %q", code, stdout, stderr, test.want)
			}
			if after := tables(t, test.address); after != before {
				t.Errorf("the tables were %s and are %s", before, after)
			}
		})
	}
}

// name returns the name of the database of an address.
func name(address string) string { return address[strings.LastIndexByte(address, '/')+1:] }

// tables lists the tables of a database, if there is one.
func tables(t *testing.T, address string) string {
	t.Helper()
	var list string
	if err := pgtest.Query(address, `SELECT coalesce(string_agg(table_name, ' '), '') FROM information_schema.tables WHERE table_schema = 'public'`, &list); err != nil {
		return "unknown"
	}
	return list
}

// TestFullDisk is a disk that fills while the server runs.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	p := serveProcess(t, address)
	c := p.client(t)
	made, err := c.Import(t.Context(), platen.JobSet, strings.NewReader(`{"jobs":[{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, address, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`,
		`CREATE TRIGGER full_disk BEFORE INSERT ON properties FOR EACH STATEMENT EXECUTE FUNCTION refuse()`)
	change := platen.Update{ID: made.Children[0], Pairs: []platen.NameValue{{Name: "a", Value: "b"}}}
	err = c.Replace(t.Context(), platen.Job, platen.Properties, change)
	if said, ok := errors.AsType[*platen.Error](err); !ok || said.Code != platen.Unavailable || said.RetryAfter == 0 {
		t.Error("on a full disk:", err)
	}
	pgtest.Exec(t, address, "DROP TRIGGER full_disk ON properties")
	if err := c.Replace(t.Context(), platen.Job, platen.Properties, change); err != nil {
		t.Error("with room again:", err)
	}
}

// TestUsersChangeNoSchema has the commands for users meet an empty database, and one
// that an older platen has left: they say so, and change nothing.
func TestUsersChangeNoSchema(t *testing.T) {
	t.Parallel()
	empty, old := pgtest.Database(t), pgtest.Database(t)
	if code, _, stderr := command(nil, "", "user", "add", adminName, "--generate", "--database", old); code != 0 {
		t.Fatal(stderr)
	}
	pgtest.Exec(t, old, "DELETE FROM migration WHERE version = (SELECT max(version) FROM migration)")
	newest := func() (version int) {
		t.Helper()
		if err := pgtest.Query(old, "SELECT max(version) FROM migration", &version); err != nil {
			t.Fatal(err)
		}
		return version
	}
	was := newest()
	for _, args := range [][]string{{"user", "list"}, {"user", "passwd", adminName, "--generate"}, {"user", "logout", adminName}, {"user", "unlock", "--all"}, {"key", "rotate"}} {
		for address, want := range map[string]string{empty: "the database is empty: start the server once", old: "start the server once with this version"} {
			code, _, stderr := command(nil, "", append(args, "--database", address)...)
			if code != 1 || !strings.Contains(stderr, want) {
				t.Errorf("%v: exit code %d, %s; want %q", args, code, stderr, want)
			}
		}
	}
	if list := tables(t, empty); list != "" {
		t.Errorf("the empty database has the tables %s", list)
	}
	if is := newest(); is != was {
		t.Errorf("the schema was %d and is %d", was, is)
	}
}
