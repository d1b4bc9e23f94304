package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// referenceArgument is the first argument by which this program becomes the
// reference server. The others are the length of the constant answer and the
// path of the file.
const referenceArgument = "reference-server"

// Paths of the reference server. That of the constant answer has the shape of
// the one it is compared with.
const (
	constantPattern = "GET /rest/serverengine/entity/jobs/{id}/properties"
	filePath        = "/file"
)

// referenceMain does not return if this process was started as the reference
// server.
func referenceMain() {
	if len(os.Args) != 4 || os.Args[1] != referenceArgument {
		return
	}
	if err := serveReference(os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "bench: reference:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveReference is the reference server: the least that net/http can do for
// an answer of that length, and a file that the kernel copies into the
// connection. It writes its address to standard output, and ends when its
// standard input does.
func serveReference(length, file string) error {
	size, err := strconv.Atoi(length)
	if err != nil {
		return err
	}
	body := []byte(strings.Repeat("x", size))
	mux := http.NewServeMux()
	mux.HandleFunc(constantPattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // an error is the client's leaving
	})
	mux.HandleFunc("GET "+filePath, func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(file)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close() // it was only read
		w.Header().Set("Content-Type", "application/json")
		http.ServeContent(w, r, "", time.Time{}, f)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Println(listener.Addr()); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- http.Serve(listener, mux) }()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-served:
		return err
	case err := <-ended:
		return err
	}
}

// A reference is a reference server in a process of its own.
type reference struct {
	address string
	command *exec.Cmd
	input   io.Closer
}

// startReference starts a reference server.
func startReference(ctx context.Context, length int64, file string) (*reference, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, referenceArgument, strconv.FormatInt(length, 10), file)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	r := &reference{command: command, input: input}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("address of the reference server: %w", err), r.close())
	}
	r.address = strings.TrimSpace(line)
	return r, nil
}

// close ends the process.
func (r *reference) close() error {
	return errors.Join(r.input.Close(), r.command.Wait())
}
