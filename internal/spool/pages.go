package spool

import (
	"encoding/binary"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// The flags of a page.
const (
	pageRecord   = 1 << iota // its data record follows
	pageDetails              // page details follow
	pageSame                 // the page details of the page before
	pageIdentity             // id, properties and metadata follow
)

// lastPage is what a page is written as the difference to.
type lastPage struct {
	item, record platen.ID // of the page before
	details      []byte    // of the page before that had any
}

// pages are a file of document pages, or of content items, which are written
// as pages.
type pages struct {
	file
	last lastPage
}

// page adds a page that belongs to a node.
func (p *pages) page(node int, page *transfer.Page) error {
	var flags byte
	if page.Record != 0 {
		flags |= pageRecord
	}
	if page.Details != nil {
		flags |= pageDetails
		if string(page.Details) == string(p.last.details) {
			flags ^= pageDetails | pageSame
		}
	}
	if page.ID != 0 || page.Lists[0] != nil || page.Lists[1] != nil {
		flags |= pageIdentity
	}
	b := p.entry(entryPage)
	b = binary.AppendUvarint(b, uint64(node))
	b = append(b, flags)
	b = binary.AppendVarint(b, int64(p.given(page.Item)-p.last.item))
	p.last.item = page.Item
	if page.Record != 0 {
		b = binary.AppendVarint(b, int64(p.given(page.Record)-p.last.record))
		p.last.record = page.Record
	}
	if flags&pageDetails != 0 {
		b = appendText(b, page.Details)
		p.last.details = append(p.last.details[:0], page.Details...)
	}
	if flags&pageIdentity != 0 {
		b = appendIdentity(b, p.given(page.ID), page.Lists)
	}
	return p.write(b)
}

// page reads a page back, without its node. It is good until the next one.
func (r *reader) page(last *lastPage) (page transfer.Page) {
	flags := r.byte()
	last.item += platen.ID(r.varint())
	page.Item = last.item
	if flags&pageRecord != 0 {
		last.record += platen.ID(r.varint())
		page.Record = last.record
	}
	if flags&pageDetails != 0 {
		last.details = r.bytes(textBuffer, r.uvarint())
	}
	if flags&(pageDetails|pageSame) != 0 {
		page.Details = last.details
	}
	if flags&pageIdentity != 0 {
		page.ID, page.Lists = r.identity()
	}
	return page
}
