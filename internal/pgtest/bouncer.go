package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A pooler is a PgBouncer that tests share.
type pooler struct {
	host  string
	dir   string
	cmd   *exec.Cmd
	ended chan error
	stops atomic.Bool // stop has been called
}

// Bouncer returns the address of a database behind a PgBouncer in transaction
// mode. Tests share the one in front of a server, which is started for the
// first of them.
func Bouncer(t testing.TB, address string) string {
	t.Helper()
	program := "/usr/sbin/pgbouncer"
	if found, err := exec.LookPath("pgbouncer"); err == nil {
		program = found
	} else if _, err := os.Stat(program); err != nil {
		if os.Getenv("PLATEN_TEST_ALL") != "" {
			t.Fatal("no PgBouncer (apt-get install pgbouncer)")
		}
		t.Skip("no PgBouncer (apt-get install pgbouncer)")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	p := shared.poolers[u.Host]
	if p == nil {
		if p, err = startPooler(program, u); err != nil {
			t.Fatal("start PgBouncer:", err)
		}
		if shared.poolers == nil {
			shared.poolers = make(map[string]*pooler)
		}
		shared.poolers[u.Host] = p
	}
	u.Host = p.host
	return u.String()
}

// startPooler starts a PgBouncer in front of the server at an address, and
// waits until it takes connections.
func startPooler(program string, of *url.URL) (*pooler, error) {
	secret, _ := of.User.Password()
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
default_pool_size = 30
logfile = %s
`, of.Hostname(), of.Port(), of.User.Username(), secret, port, filepath.Join(dir, "pgbouncer.log"))
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	p := &pooler{host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), dir: dir, cmd: exec.Command(program, "-q", file), ended: make(chan error, 1)}
	p.cmd.Dir, p.cmd.SysProcAttr = "/", &syscall.SysProcAttr{}
	if uid, gid, ok := other(); ok {
		runAs(p.cmd, uid, gid)
	}
	endWithTest(p.cmd)
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // as in Start
		err := p.cmd.Start()
		begun <- err
		if err == nil {
			err := p.cmd.Wait()
			if !p.stops.Load() {
				text, _ := os.ReadFile(filepath.Join(dir, "pgbouncer.log"))
				fmt.Fprintf(os.Stderr, "PgBouncer has ended by itself: %v\n%s\n", err, text[max(0, len(text)-2000):])
			}
			p.ended <- err
		}
	}()
	if err := <-begun; err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.host)
		if err == nil {
			return p, conn.Close()
		}
		if time.Now().After(end) {
			return nil, errors.Join(err, p.stop())
		}
	}
}

// stop ends the pooler and removes its files.
func (p *pooler) stop() error {
	p.stops.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.ended
	return os.RemoveAll(p.dir)
}
