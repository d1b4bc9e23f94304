package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// password is that of the user of all clusters.
const password = "only-for-tests"

// A Cluster is a PostgreSQL server of a test's own.
type Cluster struct {
	Port int

	dir      string
	settings []string
	server   *exec.Cmd
	ended    chan error
}

// NewCluster starts a server with settings, name=value, as in
// postgresql.conf, that ends with the test.
func NewCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	require(t)
	if Missing() == "" {
		if _, err := binaries(); err != nil {
			t.Skip(err) // a server that is only named can not be stopped
		}
	}
	c, err := Start(settings...)
	if err != nil {
		t.Fatal("start PostgreSQL:", err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// binaries returns the directory of PostgreSQL's binaries.
func binaries() (string, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.Reverse(dirs)
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		if all(dir, "initdb", "postgres", "pg_ctl", "pg_basebackup") {
			return dir, nil
		}
	}
	return "", errors.New("no PostgreSQL: name one in " + Variable + ", or install it (apt-get install postgresql)")
}

// all reports whether a directory has all these programs.
func all(dir string, programs ...string) bool {
	for _, name := range programs {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// Program returns the path of one of PostgreSQL's programs.
func Program(name string) (string, error) {
	dir, err := binaries()
	return filepath.Join(dir, name), err
}

// command is one of PostgreSQL's, run by a user that is not root: root it
// refuses.
func command(name string, args ...string) (*exec.Cmd, error) {
	dir, err := binaries()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(dir, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	cmd.Dir = "/"
	if uid, gid, ok := other(); ok {
		runAs(cmd, uid, gid)
	}
	return cmd, nil
}

// other returns the user postgres for root, nothing for anybody else.
func other() (uid, gid uint32, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, false
	}
	number := func(text string) uint32 { n, _ := strconv.ParseUint(text, 10, 32); return uint32(n) }
	return number(u.Uid), number(u.Gid), true
}

func run(name string, args ...string) error {
	cmd, err := command(name, args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// directory makes one that the server can write to.
func directory() (string, error) {
	dir, err := os.MkdirTemp("", "platen-postgres-")
	if err != nil {
		return "", err
	}
	if uid, gid, ok := other(); ok {
		err = os.Chown(dir, int(uid), int(gid))
	}
	return dir, err
}

// Start starts a server with settings, which the caller removes.
func Start(settings ...string) (*Cluster, error) { return start("scram-sha-256", settings) }

// start starts a server with a method by which users are authenticated.
func start(authentication string, settings []string) (*Cluster, error) {
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, settings: settings}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return nil, err
	}
	err = run("initdb", "--pgdata="+c.data(), "--username=platen", "--auth="+authentication, "--pwfile="+secret,
		"--encoding=UTF8", "--locale=C", "--no-sync")
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// Address returns the address of one of the server's databases.
func (c *Cluster) Address(database string) string {
	return fmt.Sprintf("postgres://platen:%s@127.0.0.1:%d/%s", password, c.Port, database)
}

// Both returns the address of a database at one of two servers.
func Both(a, b *Cluster, database string) string {
	return fmt.Sprintf("postgres://platen:%s@127.0.0.1:%d,127.0.0.1:%d/%s", password, a.Port, b.Port, database)
}

// Start starts the server, on the port that it had before, and waits until it
// answers.
func (c *Cluster) Start() error {
	if c.Port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		c.Port = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return err
		}
	}
	args := []string{"-D", c.data(), "-p", strconv.Itoa(c.Port), "-h", "127.0.0.1", "-k", c.dir}
	for _, setting := range append([]string{"shared_buffers=64MB", "log_min_messages=fatal"}, c.settings...) {
		args = append(args, "-c", setting)
	}
	cmd, err := command("postgres", args...)
	if err != nil {
		return err
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	ownGroup(cmd)
	endWithTest(cmd)
	begun := make(chan error)
	c.server, c.ended = cmd, make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the server is told when this thread ends
		err := cmd.Start()
		begun <- err
		if err == nil {
			c.ended <- cmd.Wait()
		}
	}()
	if err := <-begun; err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := c.ping()
		if err == nil {
			return nil
		}
		select {
		case ended := <-c.ended:
			return fmt.Errorf("postgres ended: %v: %s", ended, log.String())
		default:
		}
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("postgres does not answer: %w: %s", err, log.String()), c.Kill())
		}
	}
}

func (c *Cluster) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	db, err := sql.Open("pgx", c.Address("postgres"))
	if err != nil {
		return err
	}
	return errors.Join(db.PingContext(ctx), db.Close())
}

// Kill ends the server and all its processes at once, as a machine that loses
// its power does.
func (c *Cluster) Kill() error { return c.end(syscall.SIGKILL) }

// Stop ends the server in order, without waiting for its clients.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

func (c *Cluster) end(signal syscall.Signal) error {
	if c.server == nil {
		return nil
	}
	pid := c.server.Process.Pid
	target := pid
	if signal == syscall.SIGKILL {
		target = -pid
	}
	if err := kill(target, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	<-c.ended
	c.server = nil
	return nil
}

// Restart restarts the server with other settings.
func (c *Cluster) Restart(settings ...string) error {
	if err := c.Stop(); err != nil {
		return err
	}
	c.settings = settings
	return c.Start()
}

// Signal sends a signal to all processes of the server.
func (c *Cluster) Signal(signal syscall.Signal) error {
	return kill(-c.server.Process.Pid, signal)
}

// Remove ends the server and removes its files.
func (c *Cluster) Remove() error {
	return errors.Join(c.Kill(), os.RemoveAll(c.dir))
}

// NewStandby starts a standby of the server that ends with the test. From
// then on a commit waits for it, if the server's setting
// synchronous_standby_names says "standby".
func (c *Cluster) NewStandby(t testing.TB) *Cluster {
	t.Helper()
	dir, err := directory()
	if err != nil {
		t.Fatal(err)
	}
	s := &Cluster{dir: dir}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=platen password=%s application_name=standby", c.Port, password)
	err = run("pg_basebackup", "--dbname="+from, "--pgdata="+s.data(), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal("standby:", err)
	}
	return s
}

// Promote makes a standby the primary.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	if err := run("pg_ctl", "promote", "--pgdata="+c.data(), "--wait"); err != nil {
		t.Fatal(err)
	}
}
