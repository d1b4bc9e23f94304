package client

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// nativeRequest returns a request to a route of platen's own API. what is in its
// path, "" for nothing.
func nativeRequest(action olrest.Action, what string) *request {
	r := newRequest(action, 0, 0)
	if r.route.Parameter() != "" {
		r = r.with(what)
	}
	r.query = make(url.Values)
	return r
}

// number returns a number as a path has it.
func number(n int64) string { return strconv.FormatInt(n, 10) }

// set sets a parameter of the query, unless it is empty.
func (r *request) set(name, value string) *request {
	if value != "" {
		r.query.Set(name, value)
	}
	return r
}

// setTime sets a parameter of the query to a time, unless it is zero.
func (r *request) setTime(name string, at time.Time) *request {
	if at.IsZero() {
		return r
	}
	return r.set(name, at.Format(time.RFC3339Nano))
}

// sending sets the body to a value of platen's own API.
func (r *request) sending(value any) *request {
	body, err := olrest.EncodeNative(value)
	if err != nil {
		err = platen.Errorf(platen.Invalid, "it can not be sent: %v", err)
	}
	return r.json(body, err)
}

// get does a request of platen's own API and returns its answer.
func get[T any](ctx context.Context, c *Client, r *request) (T, error) {
	return decoded(ctx, c, r, olrest.ReadNative[T])
}

// largestPage is how many elements a page may have at most.
const largestPage = 1000

// pagesOf returns an iterator over a list of platen's own API. One page is in memory.
// Whoever goes on after the first one, which is as large as the server likes, gets
// larger ones, unless the request says how large they are.
func pagesOf[T any](ctx context.Context, c *Client, build func() *request) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		r := build()
		size := cmp.Or(r.query.Get("pageSize"), strconv.Itoa(largestPage))
		for {
			page, err := decoded(ctx, c, r, olrest.ReadNativePage[T])
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, element := range page.Elements {
				if !yield(element, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			r.query.Del("position") // the token has it
			r.set("pageToken", page.Next).set("pageSize", size)
		}
	}
}

// Name returns the name of a value in a list as filters, orders, fields and updates
// of platen's own API have it, such as properties.shift; with quotes if need be.
func Name(facet platen.Facet, name string) string { return olrest.NameText(facet, name) }

// Quote returns a text in quotes, as a filter compares with it.
func Quote(text string) string { return olrest.QuoteText(text) }

// KindName returns the name of a kind in platen's own API, such as jobset.
func KindName(kind platen.Kind) string { return olrest.KindName(kind) }

// Entity returns what there is to know of an entity of any kind. NotFound: there is
// none. (GET /api/v1/entities/{id})
func (c *Client) Entity(ctx context.Context, id platen.ID) (Entity, error) {
	return get[Entity](ctx, c, nativeRequest(olrest.ReadEntity, id.String()))
}

// A Listing asks for the entities of a kind.
type Listing struct {
	Kind     platen.Kind
	Filter   string // as https://google.aip.dev/160 has them; "": all
	OrderBy  string // such as "updateTime desc"; "": by identifier
	Fields   string // what is wanted of each, such as "id,properties.shift"; "": all
	PageSize int    // how many are asked for at once, 1 to 1000; 0: 100, and then 1000
}

func (l Listing) request() *request {
	r := nativeRequest(olrest.ListEntities, "").set("kind", olrest.KindName(l.Kind)).
		set("filter", l.Filter).set("orderBy", l.OrderBy).set("fields", l.Fields)
	if l.PageSize > 0 {
		r.set("pageSize", strconv.Itoa(l.PageSize))
	}
	return r
}

// ListSeq yields the entities of a listing. Entities that come or go meanwhile neither
// move nor double the others. Invalid: the filter, the order or the fields are not
// understood; the message says at which character. (GET /api/v1/entities)
func (c *Client) ListSeq(ctx context.Context, listing Listing) iter.Seq2[Entity, error] {
	return pagesOf[Entity](ctx, c, listing.request)
}

// EstimateTotal returns about how many entities a listing has. It is exact if they fit
// on one page, or if a comparison of the filter that few entities fulfil finds them;
// otherwise it is as many of all of the kind as of those that the server looked at for
// one page, so a larger PageSize makes a better estimate. Invalid: as in ListSeq. (GET
// /api/v1/entities)
func (c *Client) EstimateTotal(ctx context.Context, listing Listing) (int64, error) {
	listing.Fields = "id" // the rest is not read
	page, err := get[struct {
		Total int64 `json:"totalEstimate"`
	}](ctx, c, listing.request())
	return page.Total, err
}

// ChildrenSeq yields what an entity of any kind contains, in its order, from a position
// on: 0 is the first, [platen.MaxID] the last that can be asked for. NotFound: there is
// no such entity. Invalid: there can be no such position, or it is a document, whose
// pages [Client.EntityPagesSeq] yields. (GET /api/v1/entities/{id}/children)
func (c *Client) ChildrenSeq(ctx context.Context, id platen.ID, position int64) iter.Seq2[Child, error] {
	return pagesOf[Child](ctx, c, func() *request {
		return nativeRequest(olrest.EntityChildren, id.String()).set("position", number(position))
	})
}

// EntityPagesSeq yields the pages of a document, which are the content items that it
// shows, in their order, from a position on, as in ChildrenSeq; of a content item the one
// page that it is. NotFound: there is no such entity. Invalid: its kind has no pages of
// its own, or there can be no such position. (GET /api/v1/entities/{id}/pages)
func (c *Client) EntityPagesSeq(ctx context.Context, id platen.ID, position int64) iter.Seq2[EntityPage, error] {
	return pagesOf[EntityPage](ctx, c, func() *request {
		return nativeRequest(olrest.EntityPages, id.String()).set("position", number(position))
	})
}

// NamesSeq yields the names that lists of a kind have, by list and name: what filters
// and orders can name, as [Name] returns it. Names of more than 512 bytes are left out.
// One that no entity has any longer may be among them until the next clean-up, and those
// of a large import may be missing for a while. Invalid: there is no such kind. (GET
// /api/v1/names)
func (c *Client) NamesSeq(ctx context.Context, kind platen.Kind) iter.Seq2[ListName, error] {
	return pagesOf[ListName](ctx, c, func() *request {
		return nativeRequest(olrest.ListNames, "").set("kind", olrest.KindName(kind))
	})
}

// Intake returns what came in by the hour or day, as the Unit of the query says: it is
// [time.Hour], which 0 is, or 24 of them. Without To it is up to the end of the hour, or
// of the day in UTC, that is now; without From it has 24 hours, or 30 days. Invalid: the
// Unit is another one, From is not before To, or there would be more than
// [platen.MaxIntakeParts] parts. (GET /api/v1/intake)
func (c *Client) Intake(ctx context.Context, query platen.IntakeQuery) (Intake, error) {
	unit, err := olrest.IntakeUnit(query.Unit)
	r := nativeRequest(olrest.ReadIntake, "").set("unit", unit).setTime("from", query.From).setTime("to", query.To)
	return get[Intake](ctx, c, r.json(nil, err))
}

// ListTagged returns a list of an entity of any kind, with the tag that a change can
// demand: see [Client.Replace] and [BulkEntity]. NotFound: there is no such entity.
// MethodNotAllowed, Invalid: its kind has no such list. (GET
// /api/v1/entities/{id}/properties, metadata and fields)
func (c *Client) ListTagged(ctx context.Context, id platen.ID, facet platen.Facet) (pairs []platen.NameValue, tag platen.Tag, err error) {
	r := newRequest(olrest.ReadListAt, 0, facet).with(id.String())
	err = c.do(ctx, r, func(response *http.Response) error {
		tag, _ = olrest.AnswerTag(response)
		pairs, err = olrest.ReadPairs(response.Body)
		return err
	})
	return pairs, tag, err
}

// ListAt returns a list of an entity of any kind as it was at a time. NotFound: there was
// no such entity then, or is none. Gone: the log of changes does not go back as far.
// Invalid: the time has not come yet, or is zero. MethodNotAllowed, Invalid: as in
// ListTagged. (GET /api/v1/entities/{id}/properties, metadata and fields with readTime)
func (c *Client) ListAt(ctx context.Context, id platen.ID, facet platen.Facet, at time.Time) ([]platen.NameValue, error) {
	r := newRequest(olrest.ReadListAt, 0, facet).with(id.String())
	r.query = url.Values{"readTime": {at.Format(time.RFC3339Nano)}} // also if it is zero, which is no time: the list as it is was not meant
	return decoded(ctx, c, r, olrest.ReadPairs)
}

// DeleteEntity deletes a set by its identifier alone. It can be undeleted until it is
// removed for good. If revision is not "", it is done only if the [Entity] has that
// Revision still: nothing of the set or in it has changed. NotFound: there is no such
// entity. Changed: it has another revision. Invalid: it is no set. (DELETE
// /api/v1/entities/{id})
func (c *Client) DeleteEntity(ctx context.Context, id platen.ID, revision string) error {
	return c.deleteMatching(ctx, nativeRequest(olrest.DeleteEntity, id.String()).matching(revision))
}

// Undelete takes back the deletion of a set. NotFound: there is no such set, or no
// longer. Conflict: it is not deleted, or can not come back. (POST /api/v1/entities/{id}/undelete)
func (c *Client) Undelete(ctx context.Context, id platen.ID) (Ref, error) {
	return get[Ref](ctx, c, nativeRequest(olrest.Undelete, id.String()))
}

// DeletedSeq yields the sets that are deleted and still kept. (GET /api/v1/deleted)
func (c *Client) DeletedSeq(ctx context.Context) iter.Seq2[DeletedSet, error] {
	return pagesOf[DeletedSet](ctx, c, func() *request { return nativeRequest(olrest.ListDeleted, "") })
}

// Update sets and removes names in lists of many entities, in one transaction that is
// one change, or by an operation if that is asked for or there is more than one
// transaction may hold. Changed: an entity has another tag than it was to have.
// NotFound: an entity that is named does not exist. Invalid: it is not understood, or an
// entity has no such list. TooLarge: it names more than [platen.MaxBulkIDs] entities, or
// has tags and is more than one transaction may hold. (POST /api/v1/updates)
func (c *Client) Update(ctx context.Context, update BulkUpdate) (updated Updated, err error) {
	err = c.do(ctx, nativeRequest(olrest.UpdateMany, "").sending(update), func(response *http.Response) (err error) {
		if olrest.Waits(response) {
			updated.Operation = new(OperationState)
			*updated.Operation, err = olrest.ReadNative[OperationState](response.Body)
			return err
		}
		updated, err = olrest.ReadNative[Updated](response.Body)
		return err
	})
	return updated, err
}

// PreviewUpdate returns what an update would do. Errors are those of Update.
func (c *Client) PreviewUpdate(ctx context.Context, update BulkUpdate) (Updated, error) {
	type plain BulkUpdate // with its own MarshalJSON it would be sent as an update
	r := nativeRequest(olrest.UpdateMany, "").sending(struct {
		plain
		ValidateOnly bool `json:"validateOnly"`
	}{plain(update), true})
	r.reads = true
	return get[Updated](ctx, c, r)
}

// HistorySeq yields the changes of an entity and, of a set, of what is in it; the newest
// first. NotFound: there is no such entity. (GET /api/v1/entities/{id}/history)
func (c *Client) HistorySeq(ctx context.Context, id platen.ID) iter.Seq2[Change, error] {
	return pagesOf[Change](ctx, c, func() *request { return nativeRequest(olrest.EntityHistory, id.String()) })
}

// Change returns a change with all that it changed. NotFound: there is none, or it is
// no longer kept. (GET /api/v1/changes/{change})
func (c *Client) Change(ctx context.Context, change int64) (Change, error) {
	return get[Change](ctx, c, nativeRequest(olrest.ReadChange, number(change)))
}

// Revert puts back what was before a change, and returns the change that this is.
// NotFound: as in Change. Conflict: what it would put back has changed since, which force
// does all the same, name by name; or there is nothing to put back. TooLarge: it is too
// large to be put back at once. (POST /api/v1/changes/{change}/revert)
func (c *Client) Revert(ctx context.Context, change int64, force bool) (int64, error) {
	made, err := get[Change](ctx, c, nativeRequest(olrest.RevertChange, number(change)).sending(map[string]bool{"force": force}))
	return made.ID, err
}

// OperationStates returns the operations that run, and up to ended of those that have
// ended in the last 24 hours, the last one first; ended is 0 to 1000. (GET
// /api/v1/operations)
func (c *Client) OperationStates(ctx context.Context, ended int) ([]OperationState, error) {
	return collect(pagesOf[OperationState](ctx, c, func() *request {
		return nativeRequest(olrest.ListOperations, "").set("ended", strconv.Itoa(ended))
	}))
}

// OperationState returns what is known of an operation. NotFound: there is none, or it
// ended long ago. (GET /api/v1/operations/{operation})
func (c *Client) OperationState(ctx context.Context, id string) (OperationState, error) {
	return get[OperationState](ctx, c, nativeRequest(olrest.ReadOperation, id))
}

// CancelOperation stops an operation, and returns what it has done. NotFound: it has
// ended, or there is none. (POST /api/v1/operations/{operation}/cancel)
func (c *Client) CancelOperation(ctx context.Context, id string) (OperationState, error) {
	return get[OperationState](ctx, c, nativeRequest(olrest.CancelOperation, id))
}

// WaitOperation waits until an operation has ended, and calls progress with each state
// that it sees, unless that is nil. It asks as often as [Operation.Wait], and goes on
// while the server is Unavailable or, but for the first time, Unreachable. Failed: the
// operation has failed or was cancelled; what it has done is in the state.
func (c *Client) WaitOperation(ctx context.Context, id string, progress func(OperationState)) (OperationState, error) {
	for poll := firstPoll; ; poll = min(poll*3/2, lastPoll) {
		state, err := c.OperationState(ctx, id)
		code := platen.ErrorCode(err)
		if err != nil && code != platen.Unavailable && (code != platen.Unreachable || poll == firstPoll) {
			return state, err
		}
		if err == nil {
			if progress != nil {
				progress(state)
			}
			switch state.State {
			case "running":
			case "done":
				return state, nil
			default:
				return state, platen.Errorf(platen.Failed, "the operation %s is %s: %s", id, state.State, state.Error)
			}
		}
		if !sleep(ctx, max(poll, retryAfter(err))) {
			return state, ctx.Err()
		}
	}
}
