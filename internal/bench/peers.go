package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

// A pocketBase is PocketBase in a process of its own, with a collection whose
// records have one JSON field: the properties.
type pocketBase struct {
	address string
	token   string
	records []string // their ids
	command *exec.Cmd
	ended   chan error
}

// The user and the path of PocketBase.
const (
	peerUser    = "bench@example.com"
	peerRecords = "/api/collections/lists/records"
)

// peers measures the same requests with PocketBase, as it comes and with
// synchronous=FULL as platen has it, with the bare driver, and with pgbench.
func (r *run) peers(ctx context.Context) error {
	full, plain, err := r.startPeers(ctx)
	if err != nil {
		// It is no reason to lose the rest.
		progress("PocketBase can not be measured: %v", err)
		note, _, _ := strings.Cut(err.Error(), "\n")
		r.add(row{Name: "PocketBase", Value: math.NaN(), Note: note})
	}
	defer full.stop()
	defer plain.stop()
	var read, write, bare, benchGet, benchPut, fullGet, fullPut, plainGet, plainPut series
	length, err := r.server.lengthOf(ctx, propertiesPath(r.jobs[0]))
	if err != nil {
		return err
	}
	all := []measurement{
		{to: &read, load: r.smallLoad(r.server, getProperties(r.server, r.jobs, length))},
		{to: &write, load: r.smallLoad(r.server, newValues(r.server, r.jobs))},
		{to: &bare, other: r.bareUpdates},
	}
	for _, peer := range []struct {
		*pocketBase
		get, put *series
	}{{full, &fullGet, &fullPut}, {plain, &plainGet, &plainPut}} {
		if peer.pocketBase == nil {
			continue
		}
		get, put, err := peer.loads(ctx, r.connections)
		if err != nil {
			return err
		}
		all = append(all, measurement{to: peer.get, load: get}, measurement{to: peer.put, load: put})
	}
	done, err := r.pgbenchBeside(ctx, &all, &benchGet, &benchPut)
	if err != nil {
		progress("pgbench can not be measured: %v", err)
		r.add(row{Name: "pgbench", Value: math.NaN(), Note: err.Error()})
	}
	if err := errors.Join(r.inRounds(ctx, "peers", all...), done()); err != nil {
		return err
	}
	for _, q := range []struct {
		name      string
		our, peer *series
		goal      float64
	}{
		{"GET / PocketBase, FULL", &read, &fullGet, 4.5},
		{"PUT / PocketBase, FULL", &write, &fullPut, 10},
		{"GET / PocketBase as it comes", &read, &plainGet, 0},
		{"PUT / PocketBase as it comes", &write, &plainPut, 0},
		{"PUT / bare driver, commits in turn", &write, &bare, 0},
		{"GET / pgbench, platen's statement", &read, &benchGet, 0},
		{"PUT / pgbench, platen's statement", &write, &benchPut, 0},
	} {
		if len(q.peer.rates) == 0 {
			continue
		}
		r.add(row{Name: q.name, Value: q.our.over(q.peer), Unit: "ratio", Goal: q.goal, Note: "the peer: " + q.peer.note()})
	}
	return nil
}

// startPeers builds PocketBase and starts it twice: with synchronous=FULL, and
// as it comes.
func (r *run) startPeers(ctx context.Context) (full, plain *pocketBase, err error) {
	progress("building PocketBase")
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/platenhq/platen/internal/bench").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go list: %w", err)
	}
	binary := filepath.Join(r.directory, "pocketbase")
	source := filepath.Join(strings.TrimSpace(string(out)), "peers")
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", source, "-o", binary, ".").CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("it can not be built: %w: %s", err, out)
	}
	if full, err = startPocketBase(ctx, binary, filepath.Join(r.directory, "pocketbase-full"), "FULL", r.options.jobs); err != nil {
		return nil, nil, err
	}
	if plain, err = startPocketBase(ctx, binary, filepath.Join(r.directory, "pocketbase-plain"), "NORMAL", r.options.jobs); err != nil {
		full.stop()
		return nil, nil, err
	}
	return full, plain, nil
}

// startPocketBase starts PocketBase and makes its records.
func startPocketBase(ctx context.Context, binary, directory, synchronous string, records int) (p *pocketBase, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // to find a free port
	if err != nil {
		return nil, err
	}
	p = &pocketBase{address: listener.Addr().String(), ended: make(chan error, 1)}
	if err := listener.Close(); err != nil {
		return nil, err
	}
	environment := append(os.Environ(), "SYNCHRONOUS="+synchronous)
	user := exec.CommandContext(ctx, binary, "superuser", "upsert", peerUser, adminPassword, "--dir", directory)
	user.Env = environment
	if out, err := user.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("superuser: %w: %s", err, out)
	}
	p.command = exec.Command(binary, "serve", "--http", p.address, "--dir", directory)
	p.command.Env = environment
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.command.Wait() }()
	if err := p.fill(ctx, records); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// fill logs in, and makes the collection and its records.
func (p *pocketBase) fill(ctx context.Context, records int) error {
	var session struct {
		Token string `json:"token"`
	}
	login := map[string]any{"identity": peerUser, "password": adminPassword}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := p.post(ctx, "/api/collections/_superusers/auth-with-password", login, &session)
		if err == nil {
			break
		}
		if time.Since(start) > startLimit || ctx.Err() != nil {
			return fmt.Errorf("it does not let its user in: %w", err)
		}
	}
	p.token = session.Token
	collection := map[string]any{"name": "lists", "type": "base", "fields": []any{map[string]any{"name": "list", "type": "json"}}}
	if err := p.post(ctx, "/api/collections", collection, nil); err != nil {
		return err
	}
	for i := range records {
		var created struct {
			ID string `json:"id"`
		}
		if err := p.post(ctx, peerRecords, map[string]any{"list": peerList(uint64(i))}, &created); err != nil {
			return err
		}
		p.records = append(p.records, created.ID)
	}
	return nil
}

// peerList is the list of properties that a job has, as the value of a field.
func peerList(n uint64) json.RawMessage {
	_, list, _ := bytes.Cut(appendProperties(nil, n), []byte(":"))
	return list
}

// post sends JSON that is not part of a load.
func (p *pocketBase) post(ctx context.Context, path string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", p.token)
	answer, err := answerTo(request, http.StatusOK)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// loads returns a load that reads random records, and one that writes them.
func (p *pocketBase) loads(ctx context.Context, connections int) (get, put load, err error) {
	head := " HTTP/1.1\r\nHost: " + p.address + "\r\nAuthorization: " + p.token + "\r\n"
	path := func(c *connection) string { return peerRecords + "/" + p.records[c.random.IntN(len(p.records))] }
	request0, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+peerRecords+"/"+p.records[0], nil)
	if err != nil {
		return load{}, load{}, err
	}
	request0.Header.Set("Authorization", p.token)
	answer, err := answerTo(request0, http.StatusOK)
	if err != nil {
		return load{}, load{}, err
	}
	length := int64(len(answer))
	get = load{p.address, connections, smallBuffer, []request{{length: length, append: func(b []byte, c *connection) []byte {
		return append(append(append(append(b, "GET "...), path(c)...), head...), "\r\n"...)
	}}}}
	put = load{p.address, connections, smallBuffer, []request{{length: length, append: func(b []byte, c *connection) []byte {
		body := append(append([]byte(`{"list":`), peerList(c.random.Uint64N(1e15))...), '}')
		b = append(append(append(append(b, "PATCH "...), path(c)...), head...), "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		return append(append(b, "\r\n\r\n"...), body...)
	}}}}
	return get, put, nil
}

// stop ends the process.
func (p *pocketBase) stop() {
	if p == nil {
		return
	}
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// pgbenchBeside starts PostgreSQL and platen on it, and adds the measurements
// of pgbench with platen's statements. done ends both, and is never nil.
func (r *run) pgbenchBeside(ctx context.Context, all *[]measurement, get, put *series) (done func() error, err error) {
	other := &run{options: r.options, directory: filepath.Join(r.directory, "pgbench"), taken: r.taken}
	done = func() error {
		var err error
		if other.server != nil {
			err = other.server.stop()
		}
		if other.cluster != nil {
			err = errors.Join(err, other.cluster.Remove())
		}
		return err
	}
	if err := os.Mkdir(other.directory, 0o700); err != nil {
		return done, err
	}
	if other.cluster, err = pgtest.Start("shared_buffers=512MB", "max_connections=200", "max_wal_size=4GB"); err != nil {
		return done, err
	}
	if other.server, err = other.newServer(ctx); err != nil {
		return done, err
	}
	var jobs []platen.ID
	if jobs, err = other.importJobs(ctx, other.server, r.options.jobs, 0); err != nil {
		return done, err
	}
	other.jobs = jobs
	getRate, putRate := other.pgbench()
	*all = append(*all, measurement{to: get, other: getRate}, measurement{to: put, other: putRate})
	return done, nil
}
