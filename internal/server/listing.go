package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/olrest"
)

// listEntities answers with a page of the entities of a kind.
func (s *Server) listEntities(w *response, r *http.Request, _ target) error {
	listing, err := olrest.ReadListing(r.URL.Query())
	if err != nil {
		return err
	}
	if err := s.permit(w, r, platen.Viewer, listing.Kinds()); err != nil {
		return err
	}
	return s.replyListing(w, r, listing, s.Store.ListPage)
}

// replyListing answers with a page of a listing, which read reads.
func (s *Server) replyListing(w *response, r *http.Request, listing *olrest.Listing, read readPage) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeouts.Find)
	defer cancel()
	page, err := s.listPage(ctx, &listing.Listing, read)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &platen.Error{
			Code: platen.Unavailable,
			Message: "the listing waited longer than " + s.Timeouts.Find.String() +
				" for its turn, or for the index to be brought up to date with what was written: try again",
			Err: err,
		}
	}
	if err != nil {
		return err
	}
	size := 0
	for _, e := range page.Entities {
		for _, list := range e.Lists {
			size += len(list)
		}
	}
	if err := s.hold(w, int64(2*size)); err != nil { // the lists, and the answer
		return err
	}
	return listing.ReplyListing(w, page)
}

// readPage reads a page of a listing.
type readPage func(context.Context, *platen.Listing) (*platen.ListingPage, error)

// listPage reads a page in a slot of the searches.
func (s *Server) listPage(ctx context.Context, listing *platen.Listing, read readPage) (*platen.ListingPage, error) {
	if err := s.take(admission.Searches); err != nil {
		return nil, err
	}
	defer s.slots[admission.Searches].Give(1)
	return read(ctx, listing)
}
