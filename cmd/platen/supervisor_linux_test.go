package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/sqlite"
)

// TestSupervisor is systemd to a server: it is told when that is ready, reads
// its certificates again, lives, and stops.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "notify") // a short path, as sockets want it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	next := func() string {
		t.Helper()
		text := make([]byte, 4096)
		_ = socket.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := socket.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(text[:n])
	}
	// besides returns the next message that is no sign of life.
	besides := func() string {
		t.Helper()
		for {
			if text := next(); text != "WATCHDOG=1" {
				return text
			}
		}
	}
	p := serveProcess(t, t.TempDir(), "NOTIFY_SOCKET="+filepath.Join(dir, "socket"), "WATCHDOG_USEC=200000")
	if text := besides(); !strings.HasPrefix(text, "READY=1\nSTATUS=serving http://127.0.0.1:") {
		t.Errorf("the first message is %q", text)
	}
	for range 3 {
		if text := next(); text != "WATCHDOG=1" {
			t.Errorf("a message is %q", text)
		}
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if text := besides(); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+$`).MatchString(text) {
		t.Errorf("of a reload it says %q", text)
	}
	if text := besides(); text != "READY=1" {
		t.Errorf("after a reload it says %q", text)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if text := besides(); text != "STOPPING=1" {
		t.Errorf("at its end it says %q", text)
	}
	if err := p.Wait(); err != nil {
		t.Error(err, p.log)
	}
}

// TestFirstPassword starts a server that nobody watches: the password is in a
// file that its owner alone can read, and nowhere else.
func TestFirstPassword(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := serveProcess(t, data, "PLATEN_ADMIN_PASSWORD=")
	path := filepath.Join(data, sqlite.FirstPasswordName)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v", info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimSuffix(string(text), "\n")
	if len(password) < 12 || strings.Contains(p.log.String(), password) {
		t.Errorf("the password is %q, and must not be in the log:\n%s", password, p.log)
	}
	if response, body, err := p.requestAs(adminName, password, "GET", "/metrics", nil); err != nil || response.StatusCode != 200 {
		t.Errorf("the password is not taken: %v %s", err, body)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()
	serveProcess(t, data, "PLATEN_ADMIN_PASSWORD=")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a second start makes a password: %v", err)
	}
}
