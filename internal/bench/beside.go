package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/pgtest"
)

const (
	// besideClients is how many clients read and write small lists, in turn,
	// beside other work.
	besideClients = 8
	// besideRounds is the most rounds of each work: it is often long.
	besideRounds = 3
	// keptValue is in the lists of a job that nothing changes.
	keptValue = changingBase - 1
	// cleanupLimit bounds how long a clean-up may take.
	cleanupLimit = 10 * time.Minute
)

// A bystander is what the works are done to.
type bystander struct {
	*run
	server  *server
	small   []platen.ID // jobs that the clients read and write
	jobs    []platen.ID // jobs with properties, of jobSet
	jobSet  platen.ID
	large   platen.ID   // a job set with as many documents as -documents says
	items   platen.ID   // a content set
	updated uint64      // the values that the last update wrote
	heavy   []platen.ID // jobs with large lists

	deletable []deletable
}

// A deletable is a set to delete.
type deletable struct {
	id   platen.ID
	path string
}

// A work is one of those that others must not wait for.
type work struct {
	name string
	do   func(*bystander, context.Context) error
	// prepare is done before each do, beside nothing.
	prepare func(*bystander, context.Context) error
	once    bool // do can not be repeated without prepare
}

// works are what runs beside the clients.
var works = []work{
	{name: "nothing", do: func(*bystander, context.Context) error { return nil }},
	{name: "import of a data set", do: importing(func(b *bystander) document { return dataSet(b.dataRecords) })},
	{name: "import of a content set", do: importing(func(b *bystander) document { return contentSet{b.pages, b.take(2 * b.pages)} })},
	{name: "import of a job set", do: importing(func(b *bystander) document {
		return jobSet{jobs: 1, pages: b.pages, first: b.take(2 * b.pages)}
	})},
	{name: "job creation", do: (*bystander).create},
	{name: "deletion and clean-up", prepare: (*bystander).toDelete, do: (*bystander).delete, once: true},
	{name: "index", do: (*bystander).index},
	{name: "update by filter", do: (*bystander).update},
	{name: "statistics", do: func(b *bystander, ctx context.Context) error {
		_, err := b.server.discard(ctx, statisticsPath(b.large)+"?levelMode=documentSetAll")
		return err
	}},
	{name: "search, equal", do: searching(`{"ruleType":"PROPERTY","property":"property-00","condition":"EQ","value":"` + propertyValue(keptValue) + `"}`)},
	{name: "search, negation", do: searching(`{"ruleType":"RULESET","condition":"NOTANY","rules":[{"ruleType":"PROPERTY","property":"property-00","condition":"EQ","value":"none"}]}`)},
	{name: "search, CONTAINS", do: searching(`{"ruleType":"PROPERTY","property":"property-01","condition":"CONTAINS","value":"` + propertyValue(keptValue)[1:] + `"}`)},
	{name: "export", do: func(b *bystander, ctx context.Context) error {
		_, err := b.server.discard(ctx, exportPath(b.large))
		return err
	}},
	{name: "backup", do: (*bystander).backup},
	// The last one, since the lists stay.
	{name: "large lists", do: (*bystander).enlarge},
}

// workNames lists the works.
func workNames() string {
	names := make([]string, len(works))
	for i, w := range works {
		names[i] = w.name
	}
	return strings.Join(names, "; ")
}

// beside measures how long clients wait while other work is done.
func (r *run) beside(ctx context.Context) (err error) {
	b := &bystander{run: r}
	// What is deleted is cleaned up at once.
	if b.server, err = r.newServer(ctx, "PLATEN_CLEANUP_EVERY=1s", "PLATEN_CLEANUP_AFTER=0s"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.stop()) }()
	if err := b.fill(ctx); err != nil {
		return err
	}
	length, err := b.server.lengthOf(ctx, propertiesPath(b.small[0]))
	if err != nil {
		return err
	}
	clients := load{b.server.address, besideClients, smallBuffer,
		[]request{getProperties(b.server, b.small, length), newValues(b.server, b.small)}}
	var alone float64 // the rate with nothing beside
	for i, w := range works {
		// The first one is what the others are compared with.
		if i > 0 && !r.works.MatchString(w.name) {
			continue
		}
		total, err := b.during(ctx, w, clients)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if i == 0 {
			alone = total.perSecond()
		}
		for i, method := range []string{"GET", "PUT"} {
			waits := total.waits[i].summary()
			waits.P99Goal, waits.LongestGoal = 50, 250
			r.add(row{Name: method + " beside " + w.name, Value: total.perSecond() / alone, Unit: "ratio", Waits: waits,
				Note: fmt.Sprintf("%d answers in %.1f s", total.waits[i].count, total.elapsed.Seconds())})
		}
	}
	return nil
}

// fill imports what the works are done to.
func (b *bystander) fill(ctx context.Context) (err error) {
	progress("beside other work: importing what it is done to")
	if b.small, err = b.importJobs(ctx, b.server, b.run.options.jobs, 0); err != nil {
		return err
	}
	if _, err := b.importJobs(ctx, b.server, 1, keptValue); err != nil {
		return err
	}
	many := jobSet{jobs: b.manyJobs, pages: 1, properties: true, first: b.take(2 * b.manyJobs)}
	if b.jobSet, b.jobs, err = b.server.importDocument(ctx, many); err != nil {
		return err
	}
	large := jobSet{jobs: 1, pages: 2 * b.documents, first: b.take(4 * b.documents)}
	if b.large, _, err = b.server.importDocument(ctx, large); err != nil {
		return err
	}
	b.items, _, err = b.server.importDocument(ctx, contentSet{b.pages, b.take(2 * b.pages)})
	return err
}

// during lets the clients run while a work is done, again and again for as
// long as a measurement takes, and longer if it does not end.
func (b *bystander) during(ctx context.Context, w work, clients load) (rate, error) {
	total := rate{waits: make([]waits, len(clients.requests))}
	for round := range min(b.rounds, besideRounds) {
		if w.prepare != nil {
			if err := w.prepare(b, ctx); err != nil {
				return rate{}, err
			}
		}
		progress("beside %s, round %d of %d", w.name, round+1, min(b.rounds, besideRounds))
		got, err := clients.during(ctx, func(ctx context.Context) error {
			end := time.After(b.duration())
			for {
				if err := w.do(b, ctx); err != nil || w.once {
					return err
				}
				pause := time.Duration(0)
				if w.name == works[0].name {
					pause = b.duration()
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-end:
					return nil
				case <-time.After(pause):
				}
			}
		})
		if err != nil {
			return rate{}, err
		}
		for i := range total.waits {
			total.waits[i].merge(&got.waits[i])
		}
		total.elapsed += got.elapsed
	}
	return total, nil
}

// importing imports a document.
func importing(of func(*bystander) document) func(*bystander, context.Context) error {
	return func(b *bystander, ctx context.Context) error {
		_, _, err := b.server.importDocument(ctx, of(b))
		return err
	}
}

// searching searches by a rule.
func searching(rule string) func(*bystander, context.Context) error {
	return func(b *bystander, ctx context.Context) error {
		found, err := b.server.find(ctx, rule, "")
		if err == nil && !strings.Contains(string(found), "identifier") {
			err = errors.New("the search finds nothing")
		}
		return err
	}
}

// create creates a job set of the content set, and waits until it is there.
func (b *bystander) create(ctx context.Context) error {
	const creation = "/rest/serverengine/workflow/jobcreation"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://%s%s/default/%d", b.server.address, creation, b.items), nil)
	if err != nil {
		return err
	}
	request.Header["auth_token"] = []string{b.server.token}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	operation := response.Header.Get("operationId")
	if response.StatusCode != http.StatusAccepted || operation == "" {
		return fmt.Errorf("job creation: %s: %s", response.Status, answer)
	}
	for {
		progress, err := b.server.send(ctx, http.MethodGet, creation+"/getProgress/"+operation, nil, http.StatusOK)
		if err != nil {
			return err
		}
		if string(progress) == "done" {
			_, err := b.server.send(ctx, http.MethodPost, creation+"/getResult/"+operation, nil, http.StatusOK)
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// toDelete imports a set of each kind.
func (b *bystander) toDelete(ctx context.Context) error {
	progress("beside deletion and clean-up: importing what is deleted")
	b.deletable = nil
	for _, set := range []struct {
		segment  string
		document document
	}{
		{"jobsets", jobSet{jobs: 1, pages: b.pages, first: b.take(2 * b.pages)}},
		{"contentsets", contentSet{b.pages, b.take(2 * b.pages)}},
		{"datasets", dataSet(b.dataRecords)},
	} {
		id, _, err := b.server.importDocument(ctx, set.document)
		if err != nil {
			return err
		}
		b.deletable = append(b.deletable, deletable{id, "/rest/serverengine/entity/" + set.segment + "/" + id.String()})
	}
	return nil
}

// delete deletes what toDelete has imported, and waits until the clean-up has
// removed it: then its identifiers can be used again, and the log says so.
func (b *bystander) delete(ctx context.Context) error {
	log, err := os.Open(b.server.log)
	if err != nil {
		return err
	}
	defer log.Close() // it was only read
	for _, set := range b.deletable {
		if _, err := b.server.send(ctx, http.MethodPost, set.path+"/delete", nil, http.StatusOK); err != nil {
			return err
		}
	}
	// The line of that clean-up comes after the last time that an identifier
	// was found taken.
	var offset int64
	for _, set := range b.deletable {
		for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			end, err := log.Seek(0, io.SeekEnd)
			if err != nil {
				return err
			}
			if offset == 0 {
				offset = end
			}
			free, err := b.server.free(ctx, set.id)
			if err != nil {
				return err
			}
			if free {
				break
			}
			if time.Since(start) > cleanupLimit {
				return fmt.Errorf("the clean-up has not removed %s within %v", set.path, cleanupLimit)
			}
			offset = end
		}
	}
	if _, err := log.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	return awaitLine(ctx, log, "cleaned up")
}

// free reports whether nothing has an identifier. If so, an empty content set
// has it afterwards.
func (s *server) free(ctx context.Context, id platen.ID) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+contentSet{}.path(), strings.NewReader(fmt.Sprintf(`{"id":%d,"contentitems":[]}`, id)))
	if err != nil {
		return false, err
	}
	request.Header["auth_token"] = []string{s.token}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return false, err
	}
	switch response.StatusCode {
	case http.StatusCreated:
		return true, nil
	case http.StatusConflict:
		return false, nil
	}
	return false, fmt.Errorf("import of an empty content set: %s: %.500s; its log:\n%s", response.Status, answer, s.logTail())
}

// awaitLine waits until a text is written to a log.
func awaitLine(ctx context.Context, log io.Reader, text string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanupLimit)
	defer cancel()
	buffer := make([]byte, 1<<20)
	kept := 0
	for {
		n, err := log.Read(buffer[kept:])
		if err != nil && err != io.EOF {
			return err
		}
		read := buffer[:kept+n]
		if strings.Contains(string(read), text) {
			return nil
		}
		kept = copy(buffer, read[max(0, len(read)-len(text)):])
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q in the log: %w", text, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// indexAtOnce is how many jobs one request updates for the index.
const indexAtOnce = 1000

// index gives all jobs new values, which the index of the search has to take
// in before the search at the end is answered.
func (b *bystander) index(ctx context.Context) error {
	b.updated++
	for first := 0; first < len(b.jobs); first += indexAtOnce {
		body := []byte{'['}
		for i, job := range b.jobs[first:min(len(b.jobs), first+indexAtOnce)] {
			if i > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"id":%d,`, job)
			body = append(appendProperties(body, b.updated<<32+uint64(first+i)), '}')
		}
		body = append(body, ']')
		if _, err := b.server.send(ctx, http.MethodPut, "/rest/serverengine/entity/jobs/properties", strings.NewReader(string(body)), http.StatusOK); err != nil {
			return err
		}
	}
	found, err := b.server.find(ctx, fmt.Sprintf(`{"ruleType":"PROPERTY","property":"property-09","condition":"EQ","value":"%s"}`,
		propertyValue(b.updated<<32+uint64(len(b.jobs)-1))), "")
	if err == nil && !strings.Contains(string(found), fmt.Sprint(b.jobs[len(b.jobs)-1])) {
		err = fmt.Errorf("a search does not see the last update: %.200s", found)
	}
	return err
}

// updateMost is how many jobs an update changes at most.
const updateMost = 10_000

// update changes jobs by a filter, in one transaction.
func (b *bystander) update(ctx context.Context) error {
	b.updated++
	jobs := b.jobs[:min(len(b.jobs), updateMost)]
	body := fmt.Sprintf(`{"kind":"job","filter":"jobset = %d AND id <= %d","set":[{"name":"properties.updated","value":"%d"}]}`, b.jobSet, jobs[len(jobs)-1], b.updated)
	answer, err := b.server.send(ctx, http.MethodPost, "/api/v1/updates", strings.NewReader(body), http.StatusOK)
	if err == nil && !strings.Contains(string(answer), fmt.Sprintf(`"changed":%d`, len(jobs))) {
		err = fmt.Errorf("an update of %d jobs: %s", len(jobs), answer)
	}
	return err
}

// What enlarge does: lists of so many bytes of values, most of them in some that
// are searched meanwhile.
const (
	heavyMost     = 80
	heavyValues   = 10
	heavyBytes    = 100_000 // of each value
	heavySearches = 4       // at once
)

// enlarge gives some jobs lists of 1 MB, one after the other, while searches go
// through the text of such lists.
func (b *bystander) enlarge(ctx context.Context) (err error) {
	if b.heavy == nil {
		if b.heavy, err = b.importJobs(ctx, b.server, max(1, min(heavyMost, b.run.options.jobs/10)), 0); err != nil {
			return err
		}
		if err := b.putHeavy(ctx, b.heavy[0]); err != nil { // one that can be found
			return err
		}
	}
	searching, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	failed := make([]error, heavySearches)
	for n := range failed {
		rule := `{"ruleType":"PROPERTY","property":"heavy-%d","condition":"CONTAINS","value":"b ab ca"}`
		if n%2 == 1 {
			rule = `{"ruleType":"PROPERTY","property":"heavy-%d","condition":"LIKE","value":"%%b c%%b cb"}`
		}
		all.Go(func() {
			for searching.Err() == nil && failed[n] == nil {
				_, failed[n] = b.server.find(searching, fmt.Sprintf(rule, n), "")
			}
		})
	}
	for _, job := range b.heavy {
		if err = b.putHeavy(ctx, job); err != nil {
			break
		}
	}
	stop()
	all.Wait()
	for _, one := range failed {
		if !errors.Is(one, context.Canceled) {
			err = errors.Join(err, one)
		}
	}
	return err
}

// putHeavy gives a job a list of 1 MB.
func (b *bystander) putHeavy(ctx context.Context, job platen.ID) error {
	b.updated++
	body := fmt.Appendf(nil, `{"id":%d,"properties":[`, job)
	for n := range heavyValues {
		if n > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"name":"heavy-%d","value":"%d %s"}`, n, b.updated, strings.Repeat("ab c", heavyBytes/4))
	}
	_, err := b.server.send(ctx, http.MethodPut, propertiesPath(job), strings.NewReader(string(append(body, "]}"...))), http.StatusOK)
	return err
}

// backup makes a backup, with PostgreSQL's own means there.
func (b *bystander) backup(ctx context.Context) error {
	file := filepath.Join(b.directory, "backup")
	command := exec.CommandContext(ctx, b.platen, "backup", file, "--data", b.server.data)
	if b.cluster != nil {
		program, err := pgtest.Program("pg_dump")
		if err != nil {
			return err
		}
		command = exec.CommandContext(ctx, program, "--format=custom", "--file="+file, b.server.database)
	}
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command.Path, err, out)
	}
	return os.Remove(file)
}
