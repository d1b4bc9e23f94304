package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// Operations run on after the request that began them. The store remembers
// them; what only lives with the process is kept here.
type operations struct {
	mu      sync.Mutex
	running map[string]*running
	ended   sync.WaitGroup
	stopped bool
}

// A running operation.
type running struct {
	platen.Operation
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	total  int64         // pages to create
	pages  atomic.Int64  // pages created
}

// percent returns how far it is: 100 only when it has ended.
func (r *running) percent() int {
	if r.total == 0 {
		return 0
	}
	return int(min(99, r.pages.Load()*100/r.total))
}

// A preparedSet is a job set that an operation is to create.
type preparedSet interface {
	transfer.JobSetSource
	io.Closer
}

// begin begins an operation that creates a job set of source, with its pages,
// and answers. It closes source.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, source preparedSet, pages int64) error {
	if err := s.take(admission.Operations, "operations"); err != nil {
		return errors.Join(err, source.Close())
	}
	begun := false
	defer func() {
		if !begun {
			s.slots[admission.Operations].Give(1)
		}
	}()
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	run := &running{
		Operation: platen.Operation{ID: uuid.NewString(), Type: olrest.JobCreation, Started: time.Now()},
		cancel:    cancel,
		done:      make(chan struct{}),
		total:     pages,
	}
	if err := s.Store.BeginOperation(r.Context(), run.Operation); err != nil {
		cancel()
		return errors.Join(err, source.Close())
	}
	if !s.operating.add(run) {
		cancel()
		return errors.Join(errStopping, source.Close(), s.Store.ForgetOperation(r.Context(), run.ID))
	}
	begun = true
	s.logChange(ctx, "operation begun", "operation", run.ID)
	go s.create(ctx, run, source)
	olrest.ReplyAccepted(w, run.ID)
	return nil
}

// create is what an operation does.
func (s *Server) create(ctx context.Context, run *running, source preparedSet) {
	defer s.slots[admission.Operations].Give(1)
	defer s.operating.remove(run)
	defer source.Close()
	go s.report(ctx, run)
	made, err := s.Store.CreateJobSet(ctx, counted{source, &run.pages},
		storage.JobSetOptions{Existing: true, Operation: run.ID})
	if err == nil {
		s.logChange(ctx, "job set created", "id", made.ID, "operation", run.ID)
		return
	}
	message := "the server failed to do this; its log says why"
	if shown, ok := errors.AsType[*platen.Error](err); ok {
		message = shown.Message
	} else if ctx.Err() != nil {
		message = "the server was stopped before the operation had ended; begin it again"
	} else {
		s.Log.Error("operation failed", "error", err, "operation", run.ID)
	}
	if err := s.Store.FailOperation(context.WithoutCancel(ctx), run.ID, message); err != nil {
		s.Log.Error("the end of an operation is not recorded", "error", err, "operation", run.ID)
	}
}

// reportEvery is how often other servers are told how far an operation is,
// and asked whether one of them has cancelled it.
const reportEvery = time.Second

// report does so until the operation has ended.
func (s *Server) report(ctx context.Context, run *running) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-run.done:
			return
		case <-ticker.C:
		}
		if err := s.Store.ReportOperation(ctx, run.ID, run.percent()); platen.ErrorCode(err) == platen.NotFound {
			run.cancel()
			return
		}
	}
}

func (o *operations) add(run *running) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return false
	}
	if o.running == nil {
		o.running = make(map[string]*running)
	}
	o.running[run.ID] = run
	o.ended.Add(1)
	return true
}

func (o *operations) remove(run *running) {
	run.cancel()
	o.mu.Lock()
	delete(o.running, run.ID)
	o.mu.Unlock()
	close(run.done)
	o.ended.Done()
}

func (o *operations) get(id string) *running {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running[id]
}

// cancel cancels what runs, and lets nothing begin any more.
func (o *operations) cancel() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	for _, run := range o.running {
		run.cancel()
	}
}

// wait waits for what runs to end, and reports whether it has before ctx does.
func (o *operations) wait(ctx context.Context) bool {
	ended := make(chan struct{})
	go func() {
		o.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// counted counts the pages that pass.
type counted struct {
	transfer.JobSetSource
	pages *atomic.Int64
}

// Read implements [transfer.JobSetSource].
func (c counted) Read(v transfer.JobSetVisitor) error {
	c.pages.Store(0)
	return c.JobSetSource.Read(counter{v, c.pages})
}

type counter struct {
	transfer.JobSetVisitor
	pages *atomic.Int64
}

// Page implements [transfer.JobSetVisitor].
func (c counter) Page(set int, page *transfer.Page) error {
	c.pages.Add(1)
	return c.JobSetVisitor.Page(set, page)
}

// createStructure creates a job set from an explicit structure. Of that only
// the levels and the content items count.
func (s *Server) createStructure(_ olrest.Route, w http.ResponseWriter, r *http.Request) error {
	if err := checkMedia(r); err != nil {
		return err
	}
	set, err := s.Spool.New()
	if err != nil {
		return err
	}
	begun := false
	defer func() {
		if !begun {
			_ = set.Close() // it holds nothing that is needed
		}
	}()
	structure := &structureSink{Spool: set, most: s.MaxPages}
	document := s.document(w, r)
	if err := olrest.ReadJobSet(document, structure); err != nil {
		return document.refuse(w, err)
	}
	missing, err := s.Store.MissingItem(r.Context(), set)
	if err != nil {
		return err
	}
	if missing != 0 {
		return platen.NotFoundError(platen.Ref{Kind: platen.ContentItem, ID: missing})
	}
	begun = true
	return s.begin(w, r, set, structure.pages)
}

// A structureSink leaves out what an explicit structure does not say.
type structureSink struct {
	*spool.Spool
	most                    int64 // of each of these
	nodes, documents, pages int64
}

// count counts one more.
func (s *structureSink) count(what *int64) error {
	if *what++; *what > s.most {
		return tooManyPages(s.most)
	}
	return nil
}

func tooManyPages(most int64) error {
	return platen.Errorf(platen.TooLarge, "the job set would have more than %d pages, which is the most of one operation: create several", most)
}

// End ends what has begun last.
func (s *structureSink) End(platen.ID, [2]platen.List) error {
	return errors.Join(s.count(&s.nodes), s.Spool.End(0, [2]platen.List{}))
}

// Page adds a page.
func (s *structureSink) Page(page *transfer.Page) error {
	return errors.Join(s.count(&s.pages), s.Spool.Page(&transfer.Page{Item: page.Item}))
}

// Document ends a document.
func (s *structureSink) Document(platen.ID, [2]platen.List) error {
	return errors.Join(s.count(&s.documents), s.Spool.Document(0, [2]platen.List{}))
}

// createDefault creates a job set from content sets: one job of one job
// segment, with a document set for each content set and in it a document for
// each content item.
func (s *Server) createDefault(route olrest.Route, w http.ResponseWriter, r *http.Request) error {
	var ids []platen.ID
	if route.Kind == platen.ContentSet {
		ref, err := pathRef(r, route.Kind)
		if err != nil {
			return err
		}
		ids = []platen.ID{ref.ID}
	} else {
		var err error
		if ids, err = body(s, w, r, olrest.ReadIdentifiersBody); err != nil {
			return err
		}
	}
	pages, err := s.defaultPages(r, route, ids)
	if err != nil {
		return err
	}
	return s.begin(w, r, defaultSet{context.WithoutCancel(r.Context()), s.Store, ids}, pages)
}

// defaultPages returns how many pages the job set of content sets has. It
// takes a bounded time.
func (s *Server) defaultPages(r *http.Request, route olrest.Route, ids []platen.ID) (pages int64, err error) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), s.Timeouts.Find, errSlowSets)
	defer cancel()
	for _, id := range ids {
		contents, err := s.Store.Contents(ctx, platen.Ref{Kind: platen.ContentSet, ID: id})
		if platen.ErrorCode(err) == platen.NotFound {
			unknown := platen.Errorf(platen.NotFound, "the specified Content Set refers to a missing resource: content set %d not found", id)
			if route.Kind == 0 {
				unknown.Code = platen.Invalid
			}
			unknown.Param = id.String()
			return 0, unknown
		}
		if err != nil {
			return 0, errors.Join(context.Cause(ctx), err)
		}
		if pages += contents.Count; pages > s.MaxPages {
			return 0, tooManyPages(s.MaxPages)
		}
	}
	return pages, nil
}

var errSlowSets = platen.Errorf(platen.Unavailable, "to look the content sets up took too long: name fewer of them")

// A defaultSet is the job set of content sets that no preset arranges.
type defaultSet struct {
	ctx   context.Context
	store storage.Sets
	sets  []platen.ID
}

// Close implements [io.Closer].
func (d defaultSet) Close() error { return nil }

// The nodes above the document sets.
const defaultSegment = 2

// Nodes implements [transfer.JobSetSource].
func (d defaultSet) Nodes() []transfer.Node {
	nodes := []transfer.Node{{Kind: platen.JobSet, Parent: -1}, {Kind: platen.Job}, {Kind: platen.JobSegment, Parent: 1}}
	for range d.sets {
		nodes = append(nodes, transfer.Node{Kind: platen.DocumentSet, Parent: defaultSegment})
	}
	return nodes
}

// Given implements [transfer.JobSetSource].
func (d defaultSet) Given() platen.Run { return platen.Run{} }

// Read implements [transfer.JobSetSource].
func (d defaultSet) Read(v transfer.JobSetVisitor) error {
	for i, id := range d.sets {
		contents, err := d.store.Contents(d.ctx, platen.Ref{Kind: platen.ContentSet, ID: id})
		if err != nil {
			return err
		}
		set := defaultSegment + 1 + i
		for block, err := range contents.Blocks {
			if err != nil {
				return err
			}
			for _, content := range block {
				page := transfer.Page{Item: content.Item, Record: content.Record}
				if err := v.Page(set, &page); err != nil {
					return err
				}
				if err := v.Document(&transfer.SourceDocument{Set: set}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Server) createPreset(_ olrest.Route, _ http.ResponseWriter, r *http.Request) error {
	preset := r.PathValue("preset")
	err := platen.Errorf(platen.NotFound, "job preset %.80q not found: platen has no file store and knows no presets; without one, POST the ids of content sets to …/jobcreation/default, or a Job Set Structure to …/jobcreation", preset)
	err.Param = preset
	return err
}

func (s *Server) operations(_ olrest.Route, w http.ResponseWriter, r *http.Request) error {
	stored, err := s.Store.Operations(r.Context())
	if err != nil {
		return err
	}
	list := make([]olrest.RunningOperation, len(stored))
	for i, operation := range stored {
		list[i] = olrest.RunningOperation{Operation: operation, Doing: "Creating"}
		if run := s.operating.get(operation.ID); run != nil {
			list[i].Percent = run.percent()
		}
	}
	olrest.ReplyOperations(w, list)
	return nil
}

func (s *Server) progress(_ olrest.Route, w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("operation")
	run := s.operating.get(id) // first: it may end meanwhile
	operation, err := s.Store.Operation(r.Context(), id)
	if err != nil {
		return err
	}
	percent := operation.Percent
	if run != nil {
		percent = run.percent()
	}
	olrest.ReplyProgress(w, percent, !operation.Ended.IsZero())
	return nil
}

func (s *Server) result(_ olrest.Route, w http.ResponseWriter, r *http.Request) error {
	operation, err := s.Store.Operation(r.Context(), r.PathValue("operation"))
	if err != nil {
		return err
	}
	switch {
	case operation.Ended.IsZero():
		err := platen.Errorf(platen.NotFound, "operation %s is still running: it has no result yet", operation.ID)
		err.Param = operation.ID
		return err
	case operation.Result == 0:
		err := platen.Errorf(platen.Failed, "the operation failed: %s", operation.Message)
		err.Param = operation.ID
		return err
	}
	olrest.ReplyText(w, operation.Result.String())
	return nil
}

// cancel stops an operation. It is forgotten only after it has ended, so that
// there is nothing of it when this is answered.
func (s *Server) cancel(_ olrest.Route, w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("operation")
	if run := s.operating.get(id); run != nil {
		run.cancel()
		select {
		case <-run.done:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	} else {
		return s.cancelElsewhere(w, r, id)
	}
	operation, err := s.Store.Operation(r.Context(), id)
	if err != nil {
		return err
	}
	if operation.Result != 0 {
		return endedError(operation)
	}
	if err := s.Store.ForgetOperation(r.Context(), id); err != nil {
		return err
	}
	s.logChange(r.Context(), "operation cancelled", "operation", id)
	olrest.ReplyCancelled(w)
	return nil
}

// cancelElsewhere stops an operation that another server runs, or none: it
// can no longer store what it makes, and the server that runs it soon notices.
func (s *Server) cancelElsewhere(w http.ResponseWriter, r *http.Request, id string) error {
	operation, err := s.Store.Operation(r.Context(), id)
	if err != nil {
		return err
	}
	if operation.Ended.IsZero() {
		err := s.Store.CancelOperation(r.Context(), id)
		if err == nil {
			s.logChange(r.Context(), "operation cancelled", "operation", id)
			olrest.ReplyCancelled(w)
			return nil
		}
		if platen.ErrorCode(err) != platen.NotFound {
			return err
		}
		if operation, err = s.Store.Operation(r.Context(), id); err != nil { // it has ended meanwhile
			return err
		}
	}
	return endedError(operation)
}

func endedError(operation platen.Operation) error {
	err := platen.Errorf(platen.NotFound, "operation %s has ended; there is nothing left to cancel", operation.ID)
	if operation.Result != 0 {
		err.Message += ": it made job set " + operation.Result.String()
	}
	err.Param = operation.ID
	return err
}
