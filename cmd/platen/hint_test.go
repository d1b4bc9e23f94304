package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestHint checks what the errors of a service that lacks rights lead to.
func TestHint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("lock: %w", &fs.PathError{Op: "mkdir", Path: "/srv/x", Err: syscall.EROFS}), "ReadWritePaths"},
		{fmt.Errorf("listen on :443: %w", &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}), "AmbientCapabilities"},
		{&fs.PathError{Op: "open", Path: "/srv/x", Err: syscall.EACCES}, ""},
		{errors.New("another"), ""},
	} {
		got := withHint(test.err).Error()
		if !strings.HasPrefix(got, test.err.Error()) || !strings.Contains(got, test.want) || test.want == "" && got != test.err.Error() {
			t.Errorf("%v: %s; want %q", test.err, got, test.want)
		}
	}
}

// TestUnknownAuthority asks a server whose certificate this system does not trust.
func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	for code, args := range map[int][]string{1: {"ready"}, 7: {"list", "jobs", "--user", ""}} {
		got, _, stderr := command(nil, "", append(args, "--server", server.URL)...)
		if got != code || !strings.Contains(stderr, "SSL_CERT_FILE=ca.pem") {
			t.Errorf("%s: %d %s", args[0], got, stderr)
		}
	}
}
