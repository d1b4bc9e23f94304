// Package storage is what a store of entities does, an interface for each
// concern; internal/sqlstore implements them, internal/storetest is the contract in
// code.
//
// What a store has acknowledged is on disk. Its errors are [*platen.Error];
// each method names the codes that it adds to Internal and Unavailable. All
// methods may be called at once from many goroutines.
package storage

import "errors"

// ErrIndexBehind is in the error of what ended while it waited for the index to be
// brought up to date with what was written.
var ErrIndexBehind = errors.New("the index is behind")

// A Store has all of them: a server needs each.
type Store interface {
	Lists
	Sets
	Entities
	Records
	Searcher
	Lister
	Importer
	Exporter
	Operations
	Users
	Changes
	Webhooks
	BulkUpdater
	Retention
	Views
	Intake
	Certificates
	Maintenance
}
