package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/transfer"
)

// An Operation creates a job set while its client does other things. Its
// methods may be called at once from many goroutines.
type Operation struct {
	ID string // by which the server knows it

	client *Client
}

// Operation returns the operation of an identifier, which another client may
// have begun. Nothing is sent; whether there is one, Progress says.
func (c *Client) Operation(id string) *Operation { return &Operation{ID: id, client: c} }

// A Structure is a job set as it is to be created: jobs of job segments of
// document sets of documents, which are content items.
type Structure []JobStructure

// The levels of a [Structure].
type (
	JobStructure         []JobSegmentStructure
	JobSegmentStructure  []DocumentSetStructure
	DocumentSetStructure []DocumentStructure
	DocumentStructure    []platen.ID
)

// CreateJobSet begins to create a job set of a structure. NotFound: a content
// item does not exist. (Job Creation Service, POST)
func (c *Client) CreateJobSet(ctx context.Context, structure Structure) (*Operation, error) {
	return c.begin(ctx, newRequest(olrest.CreateStructure, 0, 0).json(structure.encode()))
}

// CreateJobSetOf begins to create a job set of content sets: one job of one job
// segment, with a document set for each content set and in it a document for
// each content item. NotFound: a content set does not exist. Invalid: there is
// none. (Job Creation Service, POST default)
func (c *Client) CreateJobSetOf(ctx context.Context, contentSets ...platen.ID) (*Operation, error) {
	if len(contentSets) == 1 {
		return c.begin(ctx, entityRequest(olrest.CreateDefault, platen.Ref{Kind: platen.ContentSet, ID: contentSets[0]}, 0))
	}
	return c.begin(ctx, newRequest(olrest.CreateDefault, 0, 0).json(olrest.AppendIdentifiers(nil, contentSets, nil)))
}

// CreateJobSetWith begins to create a job set of content sets as a job preset
// says, which is named by file or by identifier. Parameters are its runtime
// parameters: each is a string, bool, int, int64, float64 or json.Number. nil
// is none. NotFound: the preset or a content set does not exist; platen has no
// presets. (Job Creation Service, POST {configId})
func (c *Client) CreateJobSetWith(ctx context.Context, preset string, contentSets []platen.ID, parameters map[string]any) (*Operation, error) {
	r := newRequest(olrest.CreatePreset, 0, 0).with(preset)
	if len(contentSets) > 0 || len(parameters) > 0 {
		r = r.json(olrest.AppendIdentifiers(nil, contentSets, parameters))
	}
	return c.begin(ctx, r)
}

func (c *Client) begin(ctx context.Context, r *request) (*Operation, error) {
	operation := &Operation{client: c}
	err := c.do(ctx, r, func(response *http.Response) (err error) {
		operation.ID, err = olrest.ReadAccepted(response)
		return err
	})
	if err != nil {
		return nil, err
	}
	return operation, nil
}

// encode returns the structure as a Job Set Structure.
func (s Structure) encode() ([]byte, error) {
	var b bytes.Buffer
	w := olrest.NewJobSetWriter(&b)
	element := func(kind platen.Kind, item platen.ID) {
		_ = w.Write(&transfer.Element{Kind: kind, Page: transfer.Page{Item: item}}) // a bytes.Buffer takes all
	}
	element(platen.JobSet, 0)
	for _, job := range s {
		element(platen.Job, 0)
		for _, segment := range job {
			element(platen.JobSegment, 0)
			for _, set := range segment {
				element(platen.DocumentSet, 0)
				for _, document := range set {
					element(platen.Document, 0)
					for _, item := range document {
						element(platen.DocumentPage, item)
					}
				}
			}
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// An OperationStatus is an operation that is running.
type OperationStatus struct {
	ID      string
	Type    string // the service that runs it, such as JobCreationRestService
	Doing   string // what it does now, for people
	Started time.Time
	Percent int // how far it is, 0 to 100
}

// Operations returns all operations that are running, whoever began them. (Job
// Creation Service, GET getOperations)
func (c *Client) Operations(ctx context.Context) ([]OperationStatus, error) {
	running, err := decoded(ctx, c, newRequest(olrest.Operations, 0, 0), olrest.ReadOperations)
	if err != nil {
		return nil, err
	}
	list := make([]OperationStatus, len(running))
	for i, o := range running {
		list[i] = OperationStatus{ID: o.ID, Type: o.Type, Doing: o.Doing, Started: o.Started, Percent: o.Percent}
	}
	return list, nil
}

// Progress returns how far the operation is, 0 to 100, and whether it has
// ended, well or not. NotFound: the server knows no such operation. (Job
// Creation Service, GET getProgress)
func (o *Operation) Progress(ctx context.Context) (percent int, done bool, err error) {
	err = o.do(ctx, olrest.Progress, func(r io.Reader) (err error) {
		percent, done, err = olrest.ReadProgress(r)
		return err
	})
	return percent, done, err
}

// Result returns the job set that the operation has created. NotFound: it has
// not ended, or the server knows no such operation. Failed: it ended without
// creating one; the message says why. (Job Creation Service, POST getResult)
func (o *Operation) Result(ctx context.Context) (jobSet platen.ID, err error) {
	err = o.do(ctx, olrest.Result, func(r io.Reader) (err error) {
		jobSet, err = olrest.ReadResult(r)
		return err
	})
	if shown, ok := errors.AsType[*platen.Error](err); ok {
		_ = olrest.ResultError(shown, o.ID)
	}
	return jobSet, err
}

// Cancel stops the operation: it creates nothing, and the server forgets it.
// NotFound: it has ended, or the server knows no such operation. (Job Creation
// Service, POST cancel)
func (o *Operation) Cancel(ctx context.Context) error {
	return o.do(ctx, olrest.Cancel, func(io.Reader) error { return nil })
}

func (o *Operation) do(ctx context.Context, action olrest.Action, read func(io.Reader) error) error {
	return o.client.do(ctx, newRequest(action, 0, 0).with(o.ID), func(response *http.Response) error {
		return read(response.Body)
	})
}

// How often Wait asks: soon at first, then less and less often.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// Wait waits until the operation has ended, and returns the job set that it
// has created. It asks the server 20 ms after the beginning, then less and
// less often, every two seconds in the end. It goes on while the server is
// Unavailable, waiting as long as that says. Some servers forget an operation
// once it has ended: for them Wait asks for the result all the same. When ctx
// ends, Wait does, too, with the error of ctx; the operation goes on, unless
// it is cancelled. Other errors are those of Progress and Result.
func (o *Operation) Wait(ctx context.Context) (platen.ID, error) {
	for poll := firstPoll; ; poll = min(poll*3/2, lastPoll) {
		_, done, err := o.Progress(ctx)
		if done || platen.ErrorCode(err) == platen.NotFound {
			jobSet, failed := o.Result(ctx)
			if failed == nil {
				return jobSet, nil
			}
			if done {
				err = failed
			}
		}
		wait := poll
		if err != nil {
			shown, ok := errors.AsType[*platen.Error](err)
			if !ok || shown.Code != platen.Unavailable {
				return 0, err
			}
			wait = max(poll, shown.RetryAfter)
		}
		if !sleep(ctx, wait) {
			return 0, ctx.Err()
		}
	}
}
