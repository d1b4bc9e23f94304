package main

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/sqlite"
)

// release, if it is set, is the version whose databases TestReleased makes
// instead of reading them: scripts/released.
var release = flag.String("release", "", "make the databases of this version")

// keepAll has a server keep and change nothing by itself, whatever the age of
// a database.
var keepAll = []string{"PLATEN_HISTORY_FOR=876000h", "PLATEN_CLEANUP_EVERY=0", "PLATEN_RETENTION_EVERY=0", "PLATEN_WEBHOOK_ALLOW=127.0.0.0/8"}

// A released database has what a server of its version answered.
type released struct {
	Token   string                     // a named token of an editor
	Answers map[string]json.RawMessage // of GET, by path
}

// TestReleased opens the databases of all released versions, in
// testdata/released, with this one: what can be read is what their own version
// answered, and it can be changed.
func TestReleased(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		name := "sqlite"
		if strings.Contains(where, "://") {
			name = "postgres"
		}
		if *release != "" {
			makeReleased(t, where, filepath.Join("testdata", "released", *release), name)
			return
		}
		dirs, err := filepath.Glob("testdata/released/*")
		if err != nil || len(dirs) == 0 {
			t.Fatal("no released databases", err)
		}
		for i, dir := range dirs {
			if i > 0 { // each its own database
				where = t.TempDir()
				if name == "postgres" {
					where = pgtest.Database(t)
				}
			}
			t.Run(filepath.Base(dir), func(t *testing.T) { readReleased(t, where, dir, name) })
		}
	})
}

// loadReleased makes the database of a released version that of a location.
func loadReleased(t *testing.T, where, dir, name string) {
	packed, err := os.Open(filepath.Join(dir, name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	database, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if name == "sqlite" {
		if err := os.WriteFile(filepath.Join(where, sqlite.FileName), database, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		pgtest.Exec(t, where, string(database))
	}
}

func readReleased(t *testing.T, where, dir, name string) {
	loadReleased(t, where, dir, name)
	var was released
	text, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err == nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil {
		t.Fatal(err)
	}

	p := serveProcess(t, where, keepAll...)
	for _, path := range slices.Sorted(maps.Keys(was.Answers)) {
		var want, got any
		if err := errors.Join(json.Unmarshal(was.Answers[path], &want), json.Unmarshal([]byte(p.ask(t, "GET", path, "")), &got)); err != nil {
			t.Fatal(path, err)
		}
		if at, ok := holds(got, want, strings.HasPrefix(path, "/api/v1/events")); !ok {
			t.Errorf("%s: at %s it is\n%v\nwas\n%v", path, at, got, want)
		}
	}
	// What is in it can be used: the token, the lists, the log, what was deleted.
	r, err := http.NewRequest("PUT", p.url+"/rest/serverengine/entity/jobs/"+jobOf(t, was)+"/properties", strings.NewReader(`{"id":`+jobOf(t, was)+`,"properties":[{"name":"status","value":"upgraded"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+was.Token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("the token of an editor: %v %v", response, err)
	}
	response.Body.Close()
	if found := p.ask(t, "GET", "/api/v1/entities?kind=job&filter=properties.status%20%3D%20upgraded", ""); !strings.Contains(found, `"id":`+jobOf(t, was)) {
		t.Error("the search finds", found)
	}
	p.ask(t, "POST", "/api/v1/entities/2000/undelete", "")
	if set := p.ask(t, "GET", "/api/v1/jobsets/2000", ""); !strings.Contains(set, "to be deleted") {
		t.Error("what was deleted comes back as", set)
	}
	p.ask(t, "DELETE", "/api/v1/entities/"+setOf(t, was), "")
	p.ask(t, "POST", "/api/v1/jobsets", `{"jobs":[{"segments":[{}]}]}`)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	refuseNewer(t, where)
}

// refuseNewer makes the database one of a newer version: a server and a check
// refuse it, and say what to do.
func refuseNewer(t *testing.T, where string) {
	const newer = "INSERT INTO migration (version, name, checksum) VALUES (9999, '9999_newer.sql', '')"
	if strings.Contains(where, "://") {
		pgtest.Exec(t, where, newer)
	} else {
		db, err := sql.Open("sqlite3", "file:"+filepath.Join(where, sqlite.FileName))
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec(newer)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"check", "--listen", "127.0.0.1:0"}} {
		code, stdout, stderr := command(nil, "", append(args, option(where))...)
		if said := stdout + stderr; code != 1 || !strings.Contains(said, "run the newer platen that wrote it, or restore the backup") {
			t.Errorf("platen %s with the database of a newer one: %d %s", args[0], code, said)
		}
	}
}

// holds reports whether all that was answered is there still, and where it is
// not: later versions may say more. longer: also in lists.
func holds(got, want any, longer bool) (at string, ok bool) {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if name == "nextPageToken" || name == "after" {
				continue // of its version alone
			}
			if at, ok := holds(got[name], want[name], longer); !ok {
				return "." + name + at, false
			}
		}
		return "", true
	case []any:
		got, _ := got.([]any)
		if len(got) < len(want) || len(got) > len(want) && !longer {
			return fmt.Sprintf("[%d of %d]", len(got), len(want)), false
		}
		for i := range want {
			if at, ok := holds(got[i], want[i], longer); !ok {
				return fmt.Sprintf("[%d]%s", i, at), false
			}
		}
		return "", true
	}
	return "", reflect.DeepEqual(got, want)
}

// pathOf returns the identifier of the first path that matches, in its first
// group.
func pathOf(t *testing.T, was released, pattern string) string {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(was.Answers)) {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(path); found != nil {
			return found[1]
		}
	}
	t.Fatal("no path matches", pattern)
	return ""
}

func jobOf(t *testing.T, was released) string {
	return pathOf(t, was, `^/rest/serverengine/entity/jobs/([0-9]+)$`)
}

func setOf(t *testing.T, was released) string {
	return pathOf(t, was, `^/api/v1/jobsets/([0-9]+)$`)
}

// makeReleased makes a database with some of all that there can be, what its
// server answers, and leaves both in the directory of a release.
func makeReleased(t *testing.T, where, dir, name string) {
	p := serveProcess(t, where, keepAll...)
	made := fillReleased(t, p)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	var database []byte
	var err error
	if name == "sqlite" {
		file := filepath.Join(t.TempDir(), "copy")
		if code, _, stderr := command(nil, "", "backup", file, option(where)); code != 0 {
			t.Fatal(stderr)
		}
		database, err = os.ReadFile(file)
	} else {
		program, missing := pgtest.Program("pg_dump")
		if missing != nil {
			t.Fatal(missing)
		}
		database, err = exec.Command(program, "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=50", where).Output()
		// Those with a backslash are for psql.
		database = regexp.MustCompile(`(?m)^(\\.*|--.*|)\n`).ReplaceAll(database, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(database)
	text, broken := json.Marshal(made)
	err = errors.Join(err, w.Close(), broken, os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, name+".gz"), packed.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

// fillReleased fills a server, and asks it for all that it has.
func fillReleased(t *testing.T, p *process) released {
	id := func(answer string) string { return regexp.MustCompile(`"id":([0-9]+)`).FindStringSubmatch(answer)[1] }
	send := func(path, body string) string { return id(p.ask(t, "POST", path, body)) }
	data := send("/api/v1/datasets", releasedData)
	content := send("/api/v1/contentsets", releasedContent)
	set := send("/api/v1/jobsets", releasedJobs)
	p.ask(t, "POST", "/api/v1/jobsets", `{"id":2000,"properties":[{"name":"name","value":"to be deleted"}],"jobs":[{"id":2001,"segments":[{}]}]}`)
	p.ask(t, "DELETE", "/api/v1/entities/2000", "")
	const dialect = "/rest/serverengine/entity/"
	var jobs struct{ Identifiers []int }
	if err := json.Unmarshal([]byte(p.ask(t, "GET", dialect+"jobsets/"+set, "")), &jobs); err != nil || len(jobs.Identifiers) == 0 {
		t.Fatal("no jobs", err)
	}
	job := fmt.Sprint(jobs.Identifiers[0])
	for _, value := range []string{"new", "proofed", "printed, 100 % — ü"} {
		p.ask(t, "PUT", dialect+"jobs/"+job+"/properties", fmt.Sprintf(`{"id":%s,"properties":[{"name":"status","value":%q},{"name":"empty","value":""}]}`, job, value))
	}
	p.ask(t, "PUT", dialect+"jobs/"+job+"/metadata", `{"id":`+job+`,"properties":[{"name":"checked","value":"yes"},{"name":"long","value":"`+strings.Repeat("long ", 600)+`"}]}`)
	p.ask(t, "POST", "/api/v1/updates", `{"kind":"document","all":true,"set":[{"name":"metadata.batch","value":"7"}]}`)
	change := regexp.MustCompile(`"change":([0-9]+)`).FindStringSubmatch(p.ask(t, "POST", "/api/v1/updates", `{"kind":"job","all":true,"set":[{"name":"properties.shift","value":"night"}]}`))[1]
	p.ask(t, "POST", "/api/v1/changes/"+change+"/revert", "")
	operation := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(p.ask(t, "POST", "/api/v1/updates", `{"kind":"job","all":true,"inParts":true,"set":[{"name":"metadata.part","value":"1"}]}`))[1]
	waitFor(t, "the operation", func() bool {
		return strings.Contains(p.ask(t, "GET", "/api/v1/operations/"+operation, ""), `"done"`)
	})
	p.ask(t, "POST", "/api/v1/users", `{"name":"mailroom","password":"correct horse","role":"editor"}`)
	p.ask(t, "POST", "/api/v1/users", `{"name":"looks-on","password":"correct horse","role":"viewer"}`)
	token := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(p.ask(t, "POST", "/api/v1/tokens", `{"name":"nightly","user":"mailroom","role":"editor","kinds":["jobset","job"]}`))[1]
	p.ask(t, "POST", "/api/v1/retention", `{"name":"old-mail","kind":"jobset","days":90,"filter":"NOT properties.keep = yes"}`)
	hook := id(p.ask(t, "POST", "/api/v1/webhooks", `{"url":"http://127.0.0.1:9/hook","state":"disabled","filter":{"kinds":["job"],"types":["platen.update"]}}`))

	paths := []string{
		"/api/v1/me", "/api/v1/users", "/api/v1/tokens", "/api/v1/retention", "/api/v1/webhooks", "/api/v1/webhooks/" + hook, "/api/v1/deleted",
		"/api/v1/changes/" + change, "/api/v1/events?after=0&pageSize=20&type=import,update,delete",
		"/api/v1/datasets/" + data, "/api/v1/contentsets/" + content, "/api/v1/jobsets/" + set,
		"/api/v1/entities/" + set, "/api/v1/entities/" + job, "/api/v1/entities/" + job + "/history", "/api/v1/entities/" + job + "/children",
		"/api/v1/entities?kind=document&pageSize=20&filter=metadata.batch%20%3D%207&orderBy=id%20desc",
		"/rest/serverengine/statistics/jobset/" + set + "?levelMode=documentSetOnly",
		dialect + "jobs/" + job, dialect + "jobs/" + job + "/properties", dialect + "jobs/" + job + "/metadata", dialect + "jobs/" + job + "/contents",
		dialect + "datarecords/5001/values?recursive=true", dialect + "contentitems/9001/datarecord",
	}
	for _, kind := range []string{"dataset", "contentset", "jobset", "jobsegment", "documentset", "contentitem", "datarecord"} {
		paths = append(paths, "/api/v1/entities?pageSize=5&kind="+kind)
	}
	made := released{Token: token, Answers: make(map[string]json.RawMessage)}
	for _, path := range paths {
		made.Answers[path] = json.RawMessage(p.ask(t, "GET", path, ""))
	}
	return made
}

// What makeReleased imports: some of each kind, with all that it can have.
const (
	releasedData = `{"properties":[{"name":"name","value":"Recipients"}],"metadata":[{"name":"from","value":"billing"}],
		"schema":{"columns":{"Due":"DATETIME","Amount":"CURRENCY","Paperless":"BOOLEAN"},"tables":{"items":{"columns":{"Quantity":"INTEGER"}}}},
		"records":[
			{"id":5001,"properties":[{"name":"p","value":"1"}],"fields":[{"name":"City","value":"Köln"},{"name":"Due","value":"2026-11-27T16:00:00Z"},{"name":"Amount","value":"84.20"},{"name":"Paperless","value":"true"}],
				"records":[{"id":5002,"table":"items","fields":[{"name":"Quantity","value":"2"}]},{"id":5003,"table":"items","fields":[{"name":"Quantity","value":"3"}]}]},
			{"id":5004,"fields":[{"name":"City","value":"Lyon"},{"name":"Amount","value":"1.00"}]},
			{"id":5005,"fields":[{"name":"City","value":""}]}]}`
	releasedContent = `{"type":"print","properties":[{"name":"name","value":"Letters"}],"contentitems":[
		{"id":9001,"datarecord":5001,"template":"Invoice","properties":[{"name":"p","value":"1"}],"pages":[{"count":1,"media":{"name":"Letterhead A4","type":"preprinted","size":"A4","width":"210mm","height":"297mm","weight":"100gsm"}},{"count":2,"duplex":true,"media":{"name":"Plain A4"}}]},
		{"id":9002,"datarecord":5004,"template":"Invoice","pages":[{"count":1,"media":{"name":"Plain A4"}}]},
		{"id":9003,"datarecord":5005}]}`
	releasedJobs = `{"properties":[{"name":"name","value":"November"}],"metadata":[{"name":"run","value":"1"}],"jobs":[
		{"properties":[{"name":"customer","value":"Fitness Ørsted"}],"segments":[{"metadata":[{"name":"plant","value":"Lyon"}],"documentsets":[{"metadata":[{"name":"envelope","value":"DL"}],"documents":[
			{"metadata":[{"name":"copy","value":"1"}],"documentpages":[{"contentitem":9001,"datarecord":5001}]},
			{"documentpages":[{"contentitem":9002,"datarecord":5004},{"contentitem":9003,"datarecord":5005}]}]}]}]},
		{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":9003,"datarecord":5005}]}]}]}]}]}`
)
