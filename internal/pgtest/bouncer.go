package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Bouncer starts PgBouncer in front of the server at an address, in
// transaction mode, and returns the address behind it.
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
	secret, _ := u.User.Password()
	dir, err := directory()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
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
`, u.Hostname(), u.Port(), u.User.Username(), secret, port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", file)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{}
	if uid, gid, ok := other(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	endWithTest(cmd)
	begun, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // as in Start
		begun <- cmd.Start()
		ended <- cmd.Wait()
	}()
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	host := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("pgbouncer does not answer:", err)
		}
	}
	u.Host = host
	return u.String()
}
