package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/platenhq/platen"
)

// The user as whom everything is done.
const (
	adminName     = "ol-admin"
	adminPassword = "a-password-for-the-bench"
)

// startLimit and stopLimit bound how long a server may take to answer, and
// to end.
const (
	startLimit = 30 * time.Second
	stopLimit  = 20 * time.Second
)

// A server is a platen server in a process of its own, started and stopped as
// a person would.
type server struct {
	binary   string
	data     string   // its directory
	database string   // or the address of its database
	log      string   // the file of its log
	settings []string // more variables of its environment
	address  string
	token    string

	command *exec.Cmd
	logFile *os.File
	ended   chan error // of the process
}

// newServer returns a server that does not run yet.
func newServer(binary, data, log string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // to find a free port
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	return &server{binary: binary, data: data, log: log, address: address}, nil
}

// start starts the process and logs in. It returns the time from the start of
// the process to its first answer.
func (s *server) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	// Its end is not tied to ctx: stop is called in any case.
	command := exec.Command(s.binary, "serve", "--listen", s.address, "--data", s.data)
	command.Env = append(os.Environ(), "PLATEN_ADMIN_PASSWORD="+adminPassword, "PLATEN_DATABASE="+s.database)
	command.Env = append(command.Env, s.settings...)
	command.Stderr = log
	started := time.Now()
	if err := command.Start(); err != nil {
		return 0, errors.Join(err, log.Close())
	}
	s.command, s.logFile, s.ended = command, log, make(chan error, 1)
	go func() { s.ended <- command.Wait() }()
	if err := s.await(ctx, started.Add(startLimit)); err != nil {
		return 0, err
	}
	took := time.Since(started)
	s.token, err = s.login(ctx)
	return took, err
}

// await waits for the first answer.
func (s *server) await(ctx context.Context, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	request := []byte("GET /healthz HTTP/1.1\r\nHost: platen\r\n\r\n")
	for {
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("the server ended at its start (%v); its log:\n%s", err, s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w; its log:\n%s", ctx.Err(), s.logTail())
		case <-time.After(time.Millisecond):
		}
		c, err := dial(ctx, s.address, smallBuffer)
		if err != nil {
			continue // it does not listen yet
		}
		status, _, err := c.do(request, nil)
		if err := errors.Join(err, c.close()); err == nil && status == http.StatusOK {
			return nil
		}
	}
}

// stop stops the process, if it runs. An exit code other than 0 is an error.
func (s *server) stop() error {
	if s.command == nil {
		return nil
	}
	command, log := s.command, s.logFile
	s.command = nil
	if err := command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, command.Process.Kill(), log.Close())
	}
	var err error
	select {
	case err = <-s.ended:
	case <-time.After(stopLimit):
		err = errors.Join(fmt.Errorf("not within %v", stopLimit), command.Process.Kill(), <-s.ended)
	}
	if err != nil {
		err = fmt.Errorf("stop of the server: %w; its log:\n%s", err, s.logTail())
	}
	return errors.Join(err, log.Close())
}

// restart stops the process and starts it anew on the same data.
func (s *server) restart(ctx context.Context) (stopped, started time.Duration, err error) {
	began := time.Now()
	if err := s.stop(); err != nil {
		return 0, 0, err
	}
	stopped = time.Since(began)
	started, err = s.start(ctx)
	return stopped, started, err
}

// logTail returns the end of the log, without the lines of requests.
func (s *server) logTail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	var tail strings.Builder
	for line := range strings.Lines(string(text[max(0, len(text)-1<<20):])) {
		if !strings.Contains(line, " msg=request ") || strings.Contains(line, " level=ERROR ") {
			tail.WriteString(line)
		}
	}
	return tail.String()[max(0, tail.Len()-2000):]
}

// send sends a request that is not part of a load, and returns the body of
// the answer if it has the wanted status.
func (s *server) send(ctx context.Context, method, path string, body io.Reader, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, body)
	if err != nil {
		return nil, err
	}
	request.Header["auth_token"] = []string{s.token} // Set would change the letters of this name
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return answerTo(request, want)
}

// answerTo sends a request, and returns the body of the answer if it has the
// wanted status.
func answerTo(request *http.Request, want int) ([]byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %.500s", request.Method, request.URL.Path, response.Status, answer)
	}
	return answer, nil
}

// login trades the password for a token.
func (s *server) login(ctx context.Context) (string, error) { return s.loginAs(ctx, adminName) }

// loginAs trades the password of a user, who has that of the administrator,
// for a token.
func (s *server) loginAs(ctx context.Context, user string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/rest/serverengine/authentication/login", nil)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(user, adminPassword)
	token, err := answerTo(request, http.StatusOK)
	return string(bytes.TrimSpace(token)), err
}

// contents fetches the contents of a job into a file, and returns the length
// of the answer. It checks that there are as many content items as wanted.
func (s *server) contents(ctx context.Context, job platen.ID, want int, path string) (length int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	c, err := dial(ctx, s.address, largeBuffer)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	status, length, err := c.do(s.getRequest(contentsPath(job)), file)
	if err != nil {
		return 0, err
	}
	if status != http.StatusOK {
		return 0, fmt.Errorf("contents of a job: status %d", status)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return length, checkContents(bufio.NewReaderSize(file, 64<<10), want)
}

// checkContents checks that contents of a job are whole, and name as many
// content items as wanted.
func checkContents(r io.Reader, want int) error {
	decoder := json.NewDecoder(r)
	for _, token := range []json.Token{json.Delim('{'), "identifiers", json.Delim('[')} {
		if got, err := decoder.Token(); err != nil || got != token {
			return fmt.Errorf("contents of a job: got %v (%v), not %v", got, err, token)
		}
	}
	items := 0
	for ; decoder.More(); items++ {
		var content struct {
			Item   platen.ID `json:"item"`
			Record platen.ID `json:"record"`
		}
		if err := decoder.Decode(&content); err != nil {
			return fmt.Errorf("content item %d of a job: %w", items+1, err)
		}
		if content.Item == 0 || content.Record == 0 {
			return fmt.Errorf("content item %d of a job has no identifier or no data record", items+1)
		}
	}
	for _, token := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if got, err := decoder.Token(); err != nil || got != token {
			return fmt.Errorf("contents of a job: got %v (%v), not %v", got, err, token)
		}
	}
	if items != want {
		return fmt.Errorf("contents of a job: %d content items, not %d", items, want)
	}
	return nil
}

// lengthOf returns the length of the body of an answer.
func (s *server) lengthOf(ctx context.Context, path string) (int64, error) {
	answer, err := s.send(ctx, http.MethodGet, path, nil, http.StatusOK)
	return int64(len(answer)), err
}

func propertiesPath(job platen.ID) string {
	return "/rest/serverengine/entity/jobs/" + job.String() + "/properties"
}

func metadataPath(job platen.ID) string {
	return "/rest/serverengine/entity/jobs/" + job.String() + "/metadata"
}

func contentsPath(job platen.ID) string {
	return "/rest/serverengine/entity/jobs/" + job.String() + "/contents"
}

// getRequest returns the bytes of a GET with the token.
func (s *server) getRequest(path string) []byte { return s.getRequestAs(s.token, path) }

// getRequestAs returns the bytes of a GET with a token of somebody.
func (s *server) getRequestAs(token, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\n" + s.headers(token) + "\r\n")
}

// putPrefix returns the bytes of a PUT with the token, up to the value of
// Content-Length.
func (s *server) putPrefix(path string) []byte {
	return []byte("PUT " + path + " HTTP/1.1\r\n" + s.headers(s.token) + "Content-Type: application/json\r\nContent-Length: ")
}

func (s *server) headers(token string) string {
	return "Host: " + s.address + "\r\nAccept: application/json\r\nauth_token: " + token + "\r\n"
}

// discard reads an answer of any length, and returns the length.
func (s *server) discard(ctx context.Context, path string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return 0, err
	}
	request.Header["auth_token"] = []string{s.token}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	length, err := io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return length, nil
}

func statisticsPath(jobSet platen.ID) string {
	return "/rest/serverengine/statistics/jobset/" + jobSet.String()
}

func exportPath(jobSet platen.ID) string { return "/api/v1/jobsets/" + jobSet.String() }

func childrenPath(jobSet platen.ID) string {
	return "/rest/serverengine/entity/jobsets/" + jobSet.String()
}
