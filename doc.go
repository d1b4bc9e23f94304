// Package platen is the vocabulary that the Go client and the server share:
// the kinds of entities, their identifiers, their lists of names and values,
// data records, searches, statistics, operations, and the errors. It imports
// the standard library only.
//
// # Entities
//
//	data set ──< data record
//	content set ──< content item ── one data record
//	job set ──< job ──< job segment ──< document set ──< document ──< document page ── content item
//
// Each entity has an [ID] that is unique among all kinds. Most carry one or
// two lists of names and values: properties and metadata, see [Facet].
//
// # Where things are
//
// The client package speaks to a server with the types of this package. What
// only the server needs is in internal: storage says what a store does and
// sqlstore does it in SQL, transfer has the vocabulary of imports and exports,
// olrest the wire format, server the HTTP server, auth the credentials.
package platen
