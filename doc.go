// Package platen is the vocabulary that every other package of the project
// shares: the kinds of entities, their identifiers, their name/value lists,
// the errors, and the [Store] that keeps them. It imports the standard
// library only.
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
// The wire format is in internal/olrest, the HTTP server in internal/server,
// credentials in internal/auth, the SQL in internal/sqlstore. The client
// package speaks to a server with the types of this package.
package platen
